"""A bench for workflows: runs them on a real engine, in memory, and checks every run's journal (S38).

For the tests of an engine, of actions, and of whole workflows::

    with Bench(tmp_path) as bench:
        run = bench.run([{"id": "one", "uses": "core.noop", "with": {"value": 1}}])
        assert run.output("one") == 1
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Final

from ergon.adapters.artifacts.memory import MemoryArtifacts
from ergon.adapters.stores.memory import MemoryStore
from ergon.adapters.vaults.memory import MemoryVault
from ergon.app import App, Options, Source
from ergon.engine.engine import Engine
from ergon.engine.handle import Handle
from ergon.engine.recovery import How
from ergon.model.events import Event
from ergon.model.outputs import output_text
from ergon.model.records import ErrorRecord
from ergon.model.states import RunState, StepState
from ergon.model.workflow import Workflow
from ergon.ports import ArtifactStore, Signal, Store
from ergon.settings import Settings
from ergon.testing.clock import FakeClock
from ergon.testing.folding import differences, folded, journal_faults
from ergon.testing.gates import Gates

_PATIENCE: Final = 30.0
"""Seconds after which something that was waited for will not come any more."""
_LOOK_EVERY: Final = 0.002

Document = Mapping[str, object] | Sequence[Mapping[str, object]] | Workflow
"""A workflow's document, or just its steps."""


class Bench:
    """Runs workflows in a folder, kept in memory unless other parts are given."""

    def __init__(
        self,
        folder: Path,
        *,
        clock: FakeClock | None = None,
        store: Store | None = None,
        artifacts: ArtifactStore | None = None,
        secrets: Mapping[str, str] | None = None,
        concurrency: int = 8,
        runs: int = 10,
    ) -> None:
        """Make a bench.

        Args:
            folder: The workspace, and the folder of the workflows.
            clock: A clock that the test moves; the system's if absent.
            store: Where the journals are kept.
            artifacts: Where artifacts are kept.
            secrets: What the vault gives, by name.
            concurrency: Actions at once in a run.
            runs: Runs at once.
        """
        settings = Settings(concurrency=concurrency, runs=runs)
        self.folder = folder
        self.clock = clock
        self.store: Store = MemoryStore() if store is None else store
        self.app = App(home=folder / ".ergon", workspace=folder, settings=settings)
        self.app.store = self.store
        self.app.artifacts = MemoryArtifacts() if artifacts is None else artifacts
        self.app.vault = MemoryVault(secrets or {})
        self.signals: list[Signal] = []
        """What actions showed and did not journal: progress, output, log lines, signals of their own."""
        self.facts: list[Event] = []
        """What subscribers were told, in the order in which they were."""
        self._seen = threading.Condition()
        self._number = 0
        self.gates = Gates(folder)
        """Where the actions `bench.gate` and `bench.thread_gate` wait."""
        if clock is not None:
            self.app.clock = clock
            clock.settle = self.settle
        self.engine.bus.subscribe(self._see)

    @property
    def engine(self) -> Engine:
        """The engine."""
        return self.app.engine()

    def _see(self, what: Event | Signal) -> None:
        with self._seen:
            if isinstance(what, Signal):
                self.signals.append(what)
            else:
                self.facts.append(what)
            self._number += 1
            self._seen.notify_all()

    # ---- runs ----------------------------------------------------------------------------------------------------

    def start(
        self,
        document: Document,
        parameters: Mapping[str, object] | None = None,
        *,
        file: Path | None = None,
        options: Options | None = None,
    ) -> BenchRun:
        """Start a run; returns when its creation is committed."""
        source = Source(workflow_of(document), file)
        return BenchRun(self, self.app.start(source, parameters or {}, options=options))

    def run(
        self,
        document: Document,
        parameters: Mapping[str, object] | None = None,
        *,
        file: Path | None = None,
        options: Options | None = None,
    ) -> BenchRun:
        """Start a run and wait until it is at rest."""
        return self.start(document, parameters, file=file, options=options).wait()

    def resume(self, run: str, *, document: Document | None = None, how: How = "resume") -> BenchRun:
        """Go on with a run, by an edited document if one is given; the run may be over already."""
        file = None
        if document is not None:
            file = self.folder / "edited.ergon.json"
            file.write_text(workflow_of(document).model_dump_json(by_alias=True, exclude_unset=True), encoding="utf-8")
        resumed = self.app.resume(run, how=how, file=file)
        if isinstance(resumed, RunState):
            handle = Handle(resumed)
            handle.rest(None)
            return BenchRun(self, handle)
        return BenchRun(self, resumed)

    def until(self, holds: Callable[[], bool], what: str = "") -> None:
        """Wait until something holds; raises TimeoutError naming it if it does not within half a minute."""
        deadline = time.monotonic() + _PATIENCE
        while True:
            seen = self._number
            if holds():
                return
            if time.monotonic() > deadline:
                raise TimeoutError(f"it did not come to this: {what or holds}")
            with self._seen:
                if seen == self._number:
                    self._seen.wait(_LOOK_EVERY)

    def settle(self) -> None:
        """Wait until nothing goes on in any run but waits, and attempts that stand at a gate."""
        self.until(lambda: self.engine.busy() <= self.gates.waiting, "all is quiet")

    # ---- life ----------------------------------------------------------------------------------------------------

    def close(self) -> None:
        """Open all gates, interrupt what runs, and close the store."""
        self.gates.open_all()
        self.app.close()

    def __enter__(self) -> Bench:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class BenchRun:
    """One run of a bench."""

    def __init__(self, bench: Bench, handle: Handle) -> None:
        self.bench = bench
        self.handle = handle

    # ---- looking -------------------------------------------------------------------------------------------------

    @property
    def id(self) -> str:
        """The run's id."""
        return self.handle.run

    @property
    def state(self) -> RunState:
        """The run's live state, or the one that it had when it came to rest."""
        return self.handle.state

    @property
    def status(self) -> str:
        """The run's status."""
        return self.state.status.value

    @property
    def error(self) -> ErrorRecord | None:
        """Why the run failed."""
        return self.state.error

    def step(self, path: str) -> StepState:
        """Give a step instance."""
        return self.state.steps[path]

    def status_of(self, path: str) -> str:
        """Give the status of a step instance."""
        return self.step(path).status.value

    @property
    def statuses(self) -> dict[str, str]:
        """The statuses of all step instances, by path."""
        return {path: step.status.value for path, step in self.state.steps.items()}

    def output(self, path: str) -> Any:  # Any: a step's output is anything
        """Give a step's output, loaded; raises KeyError if it has none."""
        text = output_text(self.state, self.step(path))
        if text is None:
            raise KeyError(path)
        return self._decoded(text)

    @property
    def outputs(self) -> Any:  # Any: as above
        """The run's outputs, loaded; None if it has none."""
        return None if self.state.outputs is None else self._decoded(self.state.outputs)

    def _decoded(self, text: str) -> object:
        values = self.bench.app.values
        return values.decode_deep(values.decode(text))

    def events(self, type: str = "", step: str | None = None) -> list[Event]:
        """Give the run's committed events, of one type and one step if they are given."""
        events = self.bench.store.events(self.id)
        return [each for each in events if type in ("", each.type) and step in (None, each.step)]

    def signals(self, type: str = "") -> list[Signal]:
        """Give what the run's actions showed, of one type if it is given."""
        return [each for each in self.bench.signals if each.run == self.id and type in ("", each.type)]

    # ---- going on ------------------------------------------------------------------------------------------------

    def wait(self) -> BenchRun:
        """Wait until the run is at rest, and check its journal; raises what ended it if that was no event."""
        if not self.handle.wait(_PATIENCE):
            raise TimeoutError(f"run {self.id} is still {self.status}: {self.statuses}")
        if self.handle.error is not None:
            raise self.handle.error
        return self.checked()

    def until(self, holds: Callable[[], bool], what: str = "") -> BenchRun:
        """Wait until something holds."""
        self.bench.until(holds, what)
        return self

    def until_step(self, path: str, status: str) -> BenchRun:
        """Wait until a step instance has a status, on disk."""
        return self.until(lambda: self._committed(path) == status, f"step {path} is {status}")

    def _committed(self, path: str) -> str:
        return next((each.status for each in self.bench.store.steps(self.id) if each.path == path), "")

    def checked(self) -> BenchRun:
        """Compare the run's state with its journal, folded anew, and with the store's records (S38)."""
        events = self.events()
        graph = self.bench.app.graph(str(events[0].data["definition"]))
        faults = journal_faults(events) + differences(self.state, folded(self.state, graph, events))
        record = self.bench.store.run(self.id)
        if record.status != self.status:
            faults.append(f"the store says that the run is {record.status}, its state {self.status}")
        if record.rested != self.state.rested:
            faults.append(f"the store says that the run rested {record.rested} s, its state {self.state.rested} s")
        for each in self.bench.store.steps(self.id):
            step = self.state.steps.get(each.path)
            if step is not None and (each.status, each.attempts) != (step.status.value, step.attempt):
                faults.append(f"the store says {each}, the state {step.status} after {step.attempt} attempts")
        if faults:
            raise AssertionError(f"run {self.id}: " + "\n".join(faults))
        return self

    def resume(self, *, document: Document | None = None) -> BenchRun:
        """Go on with the run and wait until it is at rest."""
        return self.bench.resume(self.id, document=document).wait()

    def retry(self, *, document: Document | None = None) -> BenchRun:
        """Run what failed again, and wait until the run is at rest."""
        return self.bench.resume(self.id, document=document, how="retry").wait()

    def send(self, kind: str, *, value: object = None, actor: str = "", **data: object) -> None:
        """Leave a command for the run: pause, cancel, signal or answer."""
        self.bench.app.send(self.id, kind, data=data, value=value, actor=actor)

    def interrupt(self, *, at_once: bool = False) -> BenchRun:
        """Stop the run at its next boundary, or at once, and wait until it is at rest."""
        self.bench.engine.interrupt(at_once=at_once, reason="the test", run=self.id)
        return self.wait()

    def __repr__(self) -> str:
        return f"<BenchRun {self.id} {self.status}: {self.statuses}>"


def workflow_of(document: Document) -> Workflow:
    """Make a workflow of a document, or of its steps alone."""
    if isinstance(document, Workflow):
        return document
    if not isinstance(document, Mapping):
        document = {"steps": list(document)}
    return Workflow.model_validate({"ergon": 1, "name": "bench", **document})
