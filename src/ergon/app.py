"""The composition root: builds the parts and puts them together; the only module that knows every room."""

from __future__ import annotations

import functools
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, cast

from ergon.adapters.clocks.system import SystemClock
from ergon.adapters.doors import adapter
from ergon.engine.engine import Engine, Equipment
from ergon.engine.handle import Handle
from ergon.engine.history import History
from ergon.engine.logs import Lines, LogLine, LogWriter
from ergon.engine.means import OpenedChild
from ergon.engine.plan import Plan, plan_of
from ergon.engine.pruning import prune
from ergon.engine.recovery import How
from ergon.engine.request import Options, Source, Told, created_data, new_id
from ergon.engine.resuming import Ready, Resuming
from ergon.engine.secrets import secrets_by_name
from ergon.engine.selection import Selection, check_names, select
from ergon.engine.values import Values
from ergon.engine.workspace import Workspace, find_home
from ergon.errors import NotPossible, WorkflowInvalid
from ergon.model.definitions import definition_hash, definition_text
from ergon.model.directives import Child
from ergon.model.events import Event
from ergon.model.graph import Graph, compile_graph
from ergon.model.policies import Durability
from ergon.model.records import Command, Pruned, RunRecord
from ergon.model.states import ENDED, Frame, RunState
from ergon.model.workflow import Workflow
from ergon.settings import Settings, load_settings, unknown_variables, user_settings_file

if TYPE_CHECKING:
    import asyncio

    from ergon.actions.catalog import ActionCatalog
    from ergon.loading.loader import Loaded
    from ergon.ports import ArtifactStore, Clock, Executor, Kernels, Store, Subscriber, Vault

HOME_NAME: Final = ".ergon"
_LOOK_EVERY: Final = 0.02
"""Seconds between looks at a process that has just been started."""


class App:
    """Everything that one workspace needs, made when it is first used."""

    def __init__(self, *, home: Path, workspace: Path, settings: Settings) -> None:
        """`home` is the state's folder; it is made when something is written."""
        self.settings = settings
        self.workspace = Workspace(root=workspace, home=home, allowed=settings.allow_paths)
        self.clock: Callable[[asyncio.AbstractEventLoop], Clock] = SystemClock
        """What makes the clock of an engine's loop."""
        self._lock = threading.RLock()
        self._engines: dict[bool, Engine] = {}
        self._catalogs: dict[str, ActionCatalog] = {}
        self._graphs: dict[str, Graph] = {}

    # ---- parts ---------------------------------------------------------------------------------------------------

    @functools.cached_property
    def store(self) -> Store:
        """The store of the workspace's runs."""
        url = self.settings.store or f"sqlite:///{self.workspace.home / 'runs.db'}"
        return cast("Store", adapter("ergon.stores", "store", url))

    @functools.cached_property
    def scratch(self) -> Store:
        """The store of runs with durability off, which lasts as long as the process."""
        return cast("Store", adapter("ergon.stores", "store", "memory:"))

    @functools.cached_property
    def artifacts(self) -> ArtifactStore:
        """Where artifacts lie."""
        url = self.settings.artifacts or f"file://{self.workspace.home / 'artifacts'}"
        return cast("ArtifactStore", adapter("ergon.artifacts", "artifact store", url))

    @functools.cached_property
    def values(self) -> Values:
        """Encodes and decodes values."""
        from ergon.adapters.codecs.standard import CODECS

        return Values(self.artifacts, CODECS)

    @functools.cached_property
    def vault(self) -> Vault:
        """Gives secrets."""
        return cast("Vault", adapter("ergon.vaults", "vault", self.settings.vault))

    @functools.cached_property
    def kernels(self) -> Kernels:
        """Gives Jupyter kernels, as `settings.kernel` has it."""
        from ergon.adapters.kernels.choice import kernels

        return kernels(self.settings.kernel)

    @functools.cached_property
    def _resuming(self) -> Resuming:
        return Resuming(
            load=self.load,
            compiled=self.prepared,
            catalog=self.catalog,
            workspace=self.workspace,
            values=self.values,
            arguments=self._arguments,
        )

    @staticmethod
    def _arguments(workflow: Workflow, given: Mapping[str, object]) -> dict[str, object]:
        from ergon.loading.arguments import parameters_from

        return parameters_from(workflow, given, from_text=False)

    def catalog(self, folder: str | Path) -> ActionCatalog:
        """Give the actions that workflows of a folder can use."""
        from ergon.actions.catalog import ActionCatalog

        key = str(folder)
        with self._lock:
            if key not in self._catalogs:
                self._catalogs[key] = ActionCatalog(Path(folder) if key else None)
            return self._catalogs[key]

    def engine(self, *, durable: bool = True) -> Engine:
        """Give the engine of this process, for runs that are kept or for runs that are not."""
        with self._lock:
            if durable not in self._engines:
                self._engines[durable] = self._make_engine(self.store if durable else self.scratch)
            return self._engines[durable]

    def _make_engine(self, store: Store) -> Engine:
        from importlib.metadata import version

        facts = {"pid": os.getpid(), "host": socket.gethostname(), "ergon": version("jupyter-ergon")}
        engine = Engine(
            Equipment(
                store=store,
                values=self.values,
                vault=self.vault,
                catalog=self.catalog,
                executors=self._executors,
                kernels=self.kernels,
                clock=self.clock,
                workspace=self.workspace,
                open_child=self._open_child,
                facts=facts,
                concurrency=self.settings.concurrency,
                overrules=self.settings.outranks_workflow("concurrency"),
                runs=self.settings.runs,
            )
        )
        if store is not self.scratch:
            engine.bus.subscribe(LogWriter(self.workspace.logs))
        return engine

    def _executors(self, loop: object) -> Mapping[str, Executor]:
        from ergon.adapters.executors import streams
        from ergon.adapters.executors.loop import LoopExecutor
        from ergon.adapters.executors.process import ProcessExecutor
        from ergon.adapters.executors.thread import ThreadExecutor

        streams.install()
        return {
            "loop": LoopExecutor(),
            "thread": ThreadExecutor(max(32, self.settings.concurrency * self.settings.runs)),
            "process": ProcessExecutor(self.settings.processes),
        }

    # ---- workflows -----------------------------------------------------------------------------------------------

    def check(self, file: Path) -> Loaded:
        """Read and check a workflow file; runs nothing and imports nothing that it names."""
        from ergon.loading.loader import load_file

        return load_file(file, catalog=self.catalog(os.path.dirname(os.path.realpath(file))))

    def load(self, file: Path) -> Source:
        """Read a workflow file; raises `WorkflowInvalid` with all diagnostics."""
        loaded = self.check(file)
        if loaded.workflow is None or not loaded.ok:
            raise WorkflowInvalid(diagnostics=loaded.diagnostics, file=str(file))
        return Source(loaded.workflow, Path(os.path.realpath(file)))

    def read_parameters(self, file: Path) -> dict[str, object]:
        """Read parameters from a YAML or JSON file; raises `ParameterInvalid`."""
        from ergon.loading.arguments import read_parameters

        return read_parameters(file)

    def checked(self, workflow: Workflow, *, folder: Path | None = None) -> Source:
        """Check a workflow that was made in Python; raises `WorkflowInvalid`."""
        from ergon.loading.loader import check_workflow

        place = folder or self.workspace.root
        found = check_workflow(workflow, folder=place, catalog=self.catalog(place))
        if any(d.severity == "error" for d in found):
            raise WorkflowInvalid(diagnostics=found)
        return Source(workflow)

    def graph(self, sha256: str) -> Graph:
        """Give the compiled graph of a definition that a run kept."""
        with self._lock:
            if sha256 not in self._graphs:
                text = self._definition(sha256)
                self._graphs[sha256] = compile_graph(Workflow.model_validate_json(text), sha256=sha256)
            return self._graphs[sha256]

    def _definition(self, sha256: str) -> str:
        try:
            return self.store.definition(sha256)
        except KeyError:
            return self.scratch.definition(sha256)

    def prepared(self, workflow: Workflow) -> tuple[Graph, str]:
        """Compile a workflow, once, and give it with its definition's canonical text."""
        text = definition_text(workflow)
        sha256 = definition_hash(text)
        with self._lock:
            if sha256 not in self._graphs:
                self._graphs[sha256] = compile_graph(workflow, sha256=sha256)
            return self._graphs[sha256], text

    # ---- runs ----------------------------------------------------------------------------------------------------

    def start(
        self,
        source: Source,
        parameters: Mapping[str, object],
        *,
        from_text: bool | Collection[str] = False,
        options: Options | None = None,
    ) -> Handle:
        """Start a run; returns when it is on disk. Raises `ParameterInvalid`, `NotPossible`."""
        state, told = self._new_run(source, parameters, from_text, options or Options())
        return self.engine(durable=told["durability"] != "off").start(state, **told)

    def start_elsewhere(
        self, source: Source, parameters: Mapping[str, object], *, options: Options | None = None
    ) -> str:
        """Start a run in a process of its own, which outlives this one; gives the run's id when it is on disk."""
        state, told = self._new_run(source, parameters, False, options or Options())
        if told["durability"] == "off":
            raise NotPossible(what="run in a process of its own", reason="a run with durability off is kept nowhere")
        self.engine().create(state.run, **told)
        self.workspace.logs.mkdir(parents=True, exist_ok=True)
        command = [sys.executable, "-m", "ergon", "resume", state.run, "--json"]
        with (self.workspace.logs / f"{state.run}.process.log").open("ab") as log:
            child = subprocess.Popen(
                command,
                cwd=self.workspace.root,
                env={**os.environ, "ERGON_HOME": str(self.workspace.home)},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        threading.Thread(target=child.wait, name="ergon-child", daemon=True).start()
        self._wait_for_owner(state.run, child, Path(log.name))
        return state.run

    def _wait_for_owner(self, run: str, child: subprocess.Popen[bytes], log: Path) -> None:
        """Wait until a process has taken a run over; raises `NotPossible` if it ends without."""
        while self.store.owner(run) is None:
            if child.poll() is not None:
                if self.store.run(run).status in ENDED:
                    return
                raise NotPossible(
                    what=f"run {run} in a process of its own", reason="the process ended", hint=f"See {log}."
                )
            time.sleep(_LOOK_EVERY)

    def plan(
        self,
        source: Source,
        parameters: Mapping[str, object],
        *,
        from_text: bool | Collection[str] = False,
        options: Options | None = None,
    ) -> Plan:
        """Say what `start` would start; nothing is run. Raises what `start` raises."""
        state, told = self._new_run(source, parameters, from_text, options or Options())
        return plan_of(state.frame.graph, told["created"], told["parameters"])

    def _new_run(
        self, source: Source, parameters: Mapping[str, object], from_text: bool | Collection[str], options: Options
    ) -> tuple[RunState, Told]:
        from ergon.loading.arguments import parameters_from

        workflow = source.workflow
        given = parameters_from(workflow, parameters, from_text=from_text)
        graph, text = self.prepared(workflow)
        check_names(graph, [*options.enable, *options.disable])
        created = created_data(source, graph, options, workspace=self.workspace.root)
        if options.selection:
            created |= select(graph, options.selection, self._earlier(workflow.name))
        self.catalog(source.folder(self.workspace.root)).refresh()
        state = RunState(run=new_id(), frame=Frame(graph=graph), graph_of=self.graph)
        told = Told(
            created=created,
            parameters=self.values.encode(given),
            definition=text,
            durability=options.durability or self._durability(workflow),
        )
        return state, told

    def _durability(self, workflow: Workflow) -> Durability:
        """Give what holds: the workflow's own, unless something from outside its files says otherwise (S57)."""
        own = None if self.settings.outranks_workflow("durability") else workflow.settings.durability
        return own or self.settings.durability

    def _earlier(self, workflow: str) -> Callable[[str], tuple[str, str] | None]:
        return lambda path: self.store.latest_output(workflow, path)

    def _open_child(self, child: Child, folder: str) -> OpenedChild:
        """Load, check and compile a child workflow; called in a thread of the engine."""
        from ergon.loading.arguments import parameters_from

        source = self.load(Path(folder) / child.path)
        graph, text = self.prepared(source.workflow)
        given = secrets_by_name(source.workflow, child.parameters)
        parameters = parameters_from(source.workflow, given, from_text=False)
        return OpenedChild(
            sha256=graph.sha256,
            text=text,
            name=source.workflow.name,
            parameters=self.values.encode(parameters),
            folder=str(source.folder(self.workspace.root)),
            file=str(source.file or ""),
        )

    def resume(self, reference: str, *, how: How = "resume", file: Path | None = None) -> Handle | RunState:
        """Go on with a run, or run its failed steps again; gives its state where there is nothing to do (S50).

        The run goes on by `file`, or by its own file as it is now, or else by the definition that it kept: what the
        edit did not touch keeps its result (S51). Raises `RunOwned`, `WorkflowInvalid`.
        """
        record = self.record(reference)
        handle = self.handle(record.id)
        if handle is not None and not handle.leaves(timeout=10):
            return handle
        return self._take_up(record, lambda state: self._resuming.plan(state, how, file))

    def cancel(self, reference: str, *, actor: str = "") -> Handle | RunState | None:
        """Cancel a run: by the process that has it (gives None), or here if none has (gives its handle)."""
        record = self.send(reference, "cancel", actor=actor)
        if self._store_of(record.id).owner(record.id) is not None:
            return None
        return self._take_up(record, lambda state: lambda live: None)  # the command is in its inbox

    def _take_up(self, record: RunRecord, plan: Callable[[RunState], Ready | None]) -> Handle | RunState:
        """Own a run and go on with it by a plan; gives its state where the plan is that there is nothing to do."""
        store = self._store_of(record.id)
        lease = store.claim(record.id)
        try:
            state = self.history(record.id).state(record)
            ready = plan(state)
        except BaseException:
            lease.release()
            raise
        if ready is None:
            lease.release()
            return state
        kept = self._durability(state.frame.graph.workflow)
        return self.engine(durable=store is self.store).adopt(state, (), lease, durability=kept, ready=ready)

    # ---- looking -------------------------------------------------------------------------------------------------

    def handle(self, run: str) -> Handle | None:
        """Give the handle of a run that this process has."""
        for engine in self._engines.values():
            if (found := engine.handle(run)) is not None:
                return found
        return None

    def watch(self, run: str, subscriber: Subscriber) -> Callable[[], None]:
        """Call a subscriber with what happens in a run that this process has; gives what ends it."""
        for engine in self._engines.values():
            if engine.live(run):
                return engine.bus.subscribe(subscriber, run=run)
        return lambda: None

    def interrupt(self, *, at_once: bool, reason: str) -> None:
        """Stop all runs of this process at their next boundary, or at once; they can be resumed."""
        for engine in self._engines.values():
            engine.interrupt(at_once=at_once, reason=reason)

    def record(self, reference: str) -> RunRecord:
        """Give a run's record by id, unique prefix, or `last`; raises `RunNotFound`."""
        if self._engines.get(False) is not None:
            for record in self.scratch.runs():
                if record.id == reference:
                    return record
        return self.store.run(reference)

    def _store_of(self, run: str) -> Store:
        if self._engines.get(False) is not None and any(r.id == run for r in self.scratch.runs()):
            return self.scratch
        return self.store

    def state(self, reference: str) -> RunState:
        """Fold a run's journal, as far as it is on disk."""
        record = self.record(reference)
        return self.history(record.id).state(record)

    def history(self, run: str = "") -> History:
        """Give what tells about a run, or about all that are kept."""
        store = self._store_of(run)
        return History(store=store, values=self.values, workspace=self.workspace, graph=self.graph)

    def events(self, reference: str, *, after: int = 0) -> list[Event]:
        """Give the facts of a run that are on disk."""
        record = self.record(reference)
        return self._store_of(record.id).events(record.id, after=after)

    # ---- commands ------------------------------------------------------------------------------------------------

    def send(
        self,
        reference: str,
        kind: str,
        *,
        data: Mapping[str, object] | None = None,
        value: object = None,
        actor: str = "",
    ) -> RunRecord:
        """Leave a command for whoever owns a run: pause, cancel, signal or answer (S45)."""
        record = self.record(reference)
        if record.status in ENDED:
            raise NotPossible(what=f"{kind} run {record.id}", reason=f"it has ended ({record.status})")
        command = Command(
            kind=kind,  # type: ignore[arg-type]  # the callers are the four methods of the doors
            run=record.id,
            data=data or {},
            value=self.values.encode(value) if kind in ("signal", "answer") else None,
            actor=actor,
        )
        self._store_of(record.id).send(command)
        return record

    def prune(self, *, before: float | None, keep: int) -> Pruned:
        """Forget runs that ended before a time (UTC seconds), but of each workflow the newest `keep` (S49)."""
        return prune(self.store, self.artifacts, self.workspace, before=before, keep=keep)

    def close(self) -> None:
        """Interrupt what runs, and close the store."""
        for engine in self._engines.values():
            engine.close()
        for part in self.__dict__.keys() & {"kernels", "store"}:
            getattr(self, part).close()


def open_app(
    folder: Path | None = None,
    *,
    settings: Settings | None = None,
    profile: str = "",
    overrides: Sequence[str] = (),
) -> App:
    """Open the workspace of a folder, or of the working directory; raises `SettingInvalid`.

    `profile` and `overrides` (`name=value`) are those of a command line (S57).
    """
    home, workspace = find_home(folder)
    if settings is None:
        settings = load_settings(workspace, profile=profile, overrides=overrides)
    return App(home=home, workspace=workspace, settings=settings)


def workflow_schema() -> dict[str, Any]:  # Any: JSON Schema
    """Give the JSON Schema of workflow files."""
    from ergon.loading.schema import workflow_schema

    return workflow_schema()


__all__ = [
    "App",
    "How",
    "Lines",
    "LogLine",
    "Options",
    "Plan",
    "Selection",
    "Source",
    "find_home",
    "open_app",
    "unknown_variables",
    "user_settings_file",
    "workflow_schema",
]
