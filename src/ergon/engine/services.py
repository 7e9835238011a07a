"""What the actions of one run may use: paths, secrets, logs, artifacts, and a way into the journal."""

from __future__ import annotations

import contextlib
import re
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import Final

from ergon.engine.bus import Bus
from ergon.engine.evaluator import Evaluator
from ergon.engine.journal import Journal
from ergon.engine.redaction import Redactor
from ergon.engine.values import Values
from ergon.engine.workspace import Workspace
from ergon.errors import ErgonError, NotPossible, TemplateFailed
from ergon.model.events import Event
from ergon.model.policies import Durability
from ergon.model.secrets import mask
from ergon.model.states import Frame, StepState
from ergon.ports import Kernels, Signal, Vault

NO_SECRETS: Final[Mapping[str, str]] = {}
_UNSAFE = re.compile(r"[^A-Za-z0-9._\[\]-]")


class Services:
    """The services of one run; safe to use from the threads of its actions."""

    def __init__(
        self,
        *,
        run: str,
        epoch: int,
        workflow: str,
        actor: str,
        durability: Durability,
        workspace: Workspace,
        values: Values,
        vault: Vault,
        kernels: Kernels,
        bus: Bus,
        secrets: Mapping[str, str] = NO_SECRETS,
    ) -> None:
        """`secrets` are those that the workflow names, as far as the vault has them: hidden from the start."""
        self.run = run
        self.epoch = epoch
        self.workflow = workflow
        self.actor = actor
        self.durability = durability
        self.values = values
        self.kernels = kernels
        self._workspace = workspace
        self.workspace = workspace.root
        self._vault = vault
        self._bus = bus
        self._secrets = dict(secrets)
        self._redactor = Redactor(self._secrets)
        self._lock = threading.Lock()
        self._journal: Journal | None = None
        self._post: Callable[[Callable[[], None]], None] | None = None
        self._thread = 0
        self._writing: set[Future[None]] = set()
        self._closed = False

    def attach(self, journal: Journal, post: Callable[[Callable[[], None]], None]) -> None:
        """Give it the run's journal; called in the engine's loop."""
        self._journal = journal
        self._post = post
        self._thread = threading.get_ident()

    def close(self) -> None:
        """End it with its run: whoever waits for a fact to be on disk, or comes later, is told that it cannot be."""
        with self._lock:
            self._closed = True
            waiting = list(self._writing)
        for future in waiting:
            if not future.done():
                future.set_exception(self._over())

    def _over(self) -> NotPossible:
        return NotPossible(what=f"journal something for run {self.run}", reason="the run has come to rest")

    # ---- paths ---------------------------------------------------------------------------------------------------

    def folder_of(self, step: StepState) -> Path:
        """Give the folder that a step's relative paths start from (S11)."""
        return Path(step.body.frame.folder or self.workspace)

    def resolve(self, step: StepState, path: str | Path) -> Path:
        """Resolve a path; raises `PathRefused` outside the workspace and its allow-list."""
        return self._workspace.resolve(path, folder=self.folder_of(step))

    def output_folder(self, step: StepState) -> Path:
        """Make and give a step's own folder beside the artifacts."""
        folder = self._workspace.outputs / self.run / _UNSAFE.sub("_", step.path)
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    # ---- secrets -------------------------------------------------------------------------------------------------

    def secret(self, name: str) -> str:
        """Give a secret, and hide its value from now on (S48)."""
        with self._lock:
            if name not in self._secrets:
                self._secrets = {**self._secrets, name: self._vault.get(name)}
                self._redactor = Redactor(self._secrets)
            return self._secrets[name]

    def hide(self, names: Iterable[str]) -> None:
        """Hide the secrets that a child workflow names; one that the vault has not is an error where it is used."""
        for name in names:
            with contextlib.suppress(ErgonError):
                self.secret(name)

    def redactor(self) -> Redactor:
        """Give what hides the secrets that are known so far."""
        return self._redactor

    # ---- what is shown and kept ----------------------------------------------------------------------------------

    def signal(self, signal: Signal) -> None:
        """Show something that is not journaled."""
        self._bus.signal(signal)

    def publish(self, events: Sequence[Event]) -> None:
        """Show facts that are on disk."""
        self._bus.publish(events)

    def record(self, step: StepState, type: str, data: Mapping[str, object], value: str | None) -> None:
        """Journal a fact about a running step; from another thread, it is on disk when this returns."""
        journal, post = self._journal, self._post
        assert journal is not None
        assert post is not None
        attempt = step.attempt
        if threading.get_ident() == self._thread:
            if self._closed:
                raise self._over()
            journal.emit(type, step.path, attempt, data, value)
            post(_nothing)
            return
        written: Future[None] = Future()
        with self._lock:
            if self._closed:
                raise self._over()
            self._writing.add(written)

        def emit() -> None:
            if not step.settled and step.attempt == attempt:
                journal.emit(type, step.path, attempt, data, value)
            journal.after(lambda: written.set_result(None))

        post(emit)
        try:
            written.result()
        finally:
            with self._lock:
                self._writing.discard(written)

    def note(self, step: StepState, type: str, data: Mapping[str, object]) -> None:
        """Journal a fact about a running step, without waiting for it; one that comes after its end is dropped."""
        journal, post, attempt = self._journal, self._post, step.attempt
        assert journal is not None
        assert post is not None

        def emit() -> None:
            if not self._closed and not step.settled and step.attempt == attempt:
                journal.emit(type, step.path, attempt, data)

        post(emit)

    # ---- evaluation that ends in a stored form -------------------------------------------------------------------

    def variables(self, evaluator: Evaluator, frame: Frame) -> tuple[str, Exception | None]:
        """Resolve a workflow's variables, each after those that it reads (S17)."""
        try:
            return self.values.encode(resolve_variables(evaluator, frame)), None
        except ErgonError as error:
            return "{}", error


def resolve_variables(evaluator: Evaluator, frame: Frame) -> dict[str, object]:
    """Evaluate variables in the order in which they read one another; raises `TemplateFailed`."""
    done: dict[str, object] = {}
    names = evaluator.names(None, frame=frame, extra={"variables": done})
    for name, source in frame.graph.variables.items():
        value = evaluator.reader.values.decode_deep(source.evaluate(names))
        if mask(value) is not value:
            reason = f"the variable '{name}' would hold a secret, which is never kept"
            raise TemplateFailed(source=name, reason=reason, hint="Read the secret in the step that needs it.")
        done[name] = value
    return done


def _nothing() -> None:
    """Take a turn."""
