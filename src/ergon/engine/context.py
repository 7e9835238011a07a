"""The context that the engine gives to an action (S56)."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Literal, Protocol

from ergon.engine.processes import process_start_time
from ergon.engine.redaction import Redactor, StreamRedactor
from ergon.engine.values import Values
from ergon.model.states import StepState
from ergon.ports import Context, Kernels, Signal


class RunServices(Protocol):
    """What a context asks of the run that it belongs to."""

    run: str
    epoch: int
    workflow: str
    actor: str
    workspace: Path
    values: Values
    kernels: Kernels

    def folder_of(self, step: StepState) -> Path:
        """Give the folder that a step's relative paths start from."""

    def output_folder(self, step: StepState) -> Path:
        """Make and give a step's own folder beside the artifacts."""

    def resolve(self, step: StepState, path: str | Path) -> Path:
        """Resolve a path inside the workspace and its allow-list."""

    def signal(self, signal: Signal) -> None:
        """Show something; from any thread."""

    def secret(self, name: str) -> str:
        """Give a secret."""

    def redactor(self) -> Redactor:
        """Give what hides the secrets used so far."""

    def record(self, step: StepState, type: str, data: Mapping[str, object], value: str | None) -> None:
        """Journal a fact about a running step; from another thread, it is on disk when this returns."""

    def note(self, step: StepState, type: str, data: Mapping[str, object]) -> None:
        """Journal a fact about a running step, from any thread, without waiting for it."""


class RunContext(Context):
    """The context of one attempt. Most actions use little of it, so it is made of little."""

    __slots__ = ("_callbacks", "_cancelled", "_services", "_state", "_streams", "attempt", "lines", "step")

    def __init__(self, services: RunServices, state: StepState) -> None:
        self._services = services
        self._state = state
        self.step = state.path
        self.attempt = state.attempt
        self.lines = 0
        """Lines that the attempt has logged and printed; the journal keeps their number (S40)."""
        self._cancelled = False
        self._callbacks: list[Callable[[], None]] | None = None
        self._streams: dict[str, StreamRedactor] | None = None

    @property
    def run(self) -> str:  # type: ignore[override]  # a property saves storing it per attempt
        return self._services.run

    @property
    def epoch(self) -> int:  # type: ignore[override]  # as above
        return self._services.epoch

    @property
    def workflow(self) -> str:  # type: ignore[override]  # as above
        return self._services.workflow

    @property
    def actor(self) -> str:  # type: ignore[override]  # as above
        return self._services.actor

    @property
    def workspace(self) -> Path:  # type: ignore[override]  # as above
        return self._services.workspace

    @property
    def folder(self) -> Path:  # type: ignore[override]  # as above
        return self._services.folder_of(self._state)

    @property
    def idempotency_key(self) -> str:  # type: ignore[override]  # as above
        return f"{self._services.run}:{self.step}"

    @property
    def kernels(self) -> Kernels:
        return self._services.kernels

    @property
    def cancelled(self) -> bool:
        return self._cancelled

    def cancel(self) -> None:
        """Tell the attempt to stop."""
        with _CANCELLING:
            self._cancelled = True
            callbacks, self._callbacks = self._callbacks, None
        for callback in callbacks or ():
            callback()

    def on_cancel(self, callback: Callable[[], None]) -> None:
        with _CANCELLING:
            if not self._cancelled:
                self._callbacks = [*(self._callbacks or ()), callback]
                return
        callback()

    def log(self, message: str, level: Literal["debug", "info", "warning", "error"] = "info") -> None:
        text = self._services.redactor().text(str(message))
        self.lines += 1
        self._show("log", {"level": level, "text": text})

    def write(self, text: str, stream: Literal["stdout", "stderr"] = "stdout") -> None:
        if self._streams is None:
            self._streams = {}
        redactor = self._streams.get(stream)
        if redactor is None:
            redactor = self._streams[stream] = self._services.redactor().stream()
        self.lines += text.count("\n")
        if shown := redactor.feed(text):
            self._show("output", {"stream": stream, "text": shown})

    def finish(self) -> None:
        """Write what a redactor still holds back, when the attempt has ended."""
        if self._streams is None:
            return
        for stream, redactor in self._streams.items():
            if shown := redactor.flush():
                self._show("output", {"stream": stream, "text": shown})
        self._streams = None

    def progress(self, fraction: float | None, text: str = "") -> None:
        self._show("progress", {"fraction": fraction, "text": self._services.redactor().text(text)})

    def emit(self, type: str, data: Mapping[str, object]) -> None:
        self._show(type, self._services.redactor().data(data))

    def note(self, type: str, data: Mapping[str, object]) -> None:
        self._services.note(self._state, type, self._services.redactor().data(data))

    def _show(self, type: str, data: Mapping[str, object]) -> None:
        services = self._services
        services.signal(Signal(services.run, self.step, self.attempt, type, data))

    def artifact(self, data: bytes | Path, *, type: str = "bytes", name: str = "") -> object:
        services = self._services
        return services.values.keep(data, type=type, name=name, redactor=services.redactor())

    def secret(self, name: str) -> str:
        return self._services.secret(name)

    def redacted(self, data: Mapping[str, object]) -> Mapping[str, object]:
        return self._services.redactor().data(data)

    def path(self, relative: str | Path, *, write: bool = False) -> Path:
        return self._services.resolve(self._state, relative)

    def output_folder(self) -> Path:
        return self._services.output_folder(self._state)

    def once(self, key: str, function: Callable[[], object]) -> object:
        known = (self._state.once or {}).get(key)
        values = self._services.values
        if known is None:
            known = values.encode(function(), redactor=self._services.redactor())
            self._services.record(self._state, "once_recorded", {"key": key}, known)
        return values.decode_deep(values.decode(known))

    def process_started(self, pid: int) -> None:
        started = process_start_time(pid)
        if started is not None:
            self._services.record(self._state, "process_started", {"pid": pid, "started": started}, None)


_CANCELLING = threading.Lock()
"""One lock for all contexts: it is held for an instant, when something is cancelled."""
