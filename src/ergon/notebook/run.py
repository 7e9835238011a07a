"""A run as Python sees it: its status, steps and outputs, and what can be asked of it."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Generator, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from ergon.app import App
from ergon.engine.handle import Handle
from ergon.errors import RunFailed, StepUnknown
from ergon.model.events import Event
from ergon.model.outputs import output_text
from ergon.model.records import ErrorRecord
from ergon.model.report import step_duration
from ergon.model.states import RunState, RunStatus, StepState

_GOOD: Final = frozenset({RunStatus.SUCCEEDED, RunStatus.PARTIAL})
_AT_REST: Final = frozenset({*_GOOD, RunStatus.FAILED, RunStatus.CANCELLED, RunStatus.PAUSED, RunStatus.INTERRUPTED})
_LOOK_EVERY: Final = 0.05
"""Seconds between looks at a run that another process owns."""


@dataclass(frozen=True, slots=True)
class StepResult:
    """What became of one step instance."""

    path: str
    status: str
    attempts: int
    output: Any
    """The output, loaded; None if there is none."""
    error: ErrorRecord | None
    cached: bool
    duration_s: float | None
    """Seconds from its first start to its end, without the time for which the run rested; None until it has ended."""


class Run:
    """One run. What it tells is read from the live state if this process runs it, else from the journal."""

    def __init__(self, app: App, run: str) -> None:
        self._app = app
        self._handle: Handle | None = app.handle(run)
        self.id = run

    # ---- looking -------------------------------------------------------------------------------------------------

    @property
    def state(self) -> RunState:
        """The run's state now; of a live run it goes on changing."""
        handle = self._current()
        return handle.state if handle is not None else self._app.state(self.id)

    def _current(self) -> Handle | None:
        """Give the newest handle of this process, unless the run left it and went on elsewhere."""
        live = self._app.handle(self.id)
        if live is not None:
            self._handle = live
        elif self._handle is not None and self._handle.at_rest and not self._handle.state.ended:
            self._handle = None
        return self._handle

    @property
    def status(self) -> RunStatus:
        """What became of it so far; `interrupted` if its owner has died."""
        handle = self._current()
        if handle is not None:
            return handle.state.status
        return RunStatus(self._app.record(self.id).status)

    @property
    def outputs(self) -> dict[str, Any]:
        """The outputs, loaded; empty until the run has ended well."""
        text = self.state.outputs
        values = self._app.values
        loaded = values.decode_deep(values.decode(text)) if text is not None else {}
        return dict(loaded) if isinstance(loaded, Mapping) else {}

    @property
    def error(self) -> ErrorRecord | None:
        """Why the run failed, if it did."""
        return self.state.error

    def __getitem__(self, path: str) -> StepResult:
        """Give a step instance by its path, such as `clean` or `fan[2].clean`."""
        state = self.state
        step = state.steps.get(path)
        if step is None:
            raise StepUnknown(step=path, where=f"run {self.id}")
        return self._result(state, step)

    def __iter__(self) -> Iterator[StepResult]:
        state = self.state
        return iter([self._result(state, step) for step in list(state.steps.values())])

    def __len__(self) -> int:
        return len(self.state.steps)

    def _result(self, state: RunState, step: StepState) -> StepResult:
        text = output_text(state, step)
        values = self._app.values
        return StepResult(
            path=step.path,
            status=step.status.value,
            attempts=step.attempt,
            output=None if text is None else values.decode_deep(values.decode(text)),
            error=step.error,
            cached=step.cached,
            duration_s=step_duration(state, step),
        )

    def events(self, *, after: int = 0) -> list[Event]:
        """Give the facts of the journal that are on disk, in order."""
        return self._app.events(self.id, after=after)

    # ---- waiting -------------------------------------------------------------------------------------------------

    def wait(self, timeout: float | None = None) -> Run:
        """Wait until the run has ended, paused, or was interrupted; gives the run.

        `timeout` in seconds; raises `TimeoutError` after it, and `RunFailed` if the run failed or was cancelled.
        Interrupting the wait leaves the run alone.
        """
        deadline = None if timeout is None else time.monotonic() + timeout
        while not self.at_rest(self._left(deadline)):
            if deadline is not None and time.monotonic() >= deadline:
                raise TimeoutError(f"Run {self.id} is still {self.status.value} after {timeout:g} s.")
        return self._checked()

    def _left(self, deadline: float | None) -> float:
        return 0.5 if deadline is None else max(0.0, min(0.5, deadline - time.monotonic()))

    def at_rest(self, patience: float = 0.0) -> bool:
        """Say whether it has come to rest, waiting so many seconds for it at most."""
        handle = self._current()
        if handle is not None:
            return handle.wait(patience)
        if self.status in _AT_REST:
            return True
        threading.Event().wait(min(patience, _LOOK_EVERY))
        return self.status in _AT_REST

    def __await__(self) -> Generator[Any, None, Run]:
        return self._wait().__await__()

    async def _wait(self) -> Run:
        handle = self._current()
        if handle is None:
            while self.status not in _AT_REST:  # noqa: ASYNC110  # another process owns it: there is no event
                await asyncio.sleep(_LOOK_EVERY)
            return self._checked()
        loop = asyncio.get_running_loop()
        rested = asyncio.Event()
        handle.when_at_rest(lambda: _wake(loop, rested))
        await rested.wait()
        return self._checked()

    def _checked(self) -> Run:
        handle = self._handle
        if handle is not None and handle.error is not None:
            raise handle.error
        state = self.state
        status = self.status
        if status in (RunStatus.FAILED, RunStatus.CANCELLED):
            error = state.error
            raise RunFailed(
                run=self.id,
                status=status.value,
                step=state.failed_step,
                error_type=error.type if error else "",
                message=error.message if error else "",
            )
        return self

    # ---- asking --------------------------------------------------------------------------------------------------

    def pause(self) -> None:
        """Start nothing new; the run is paused when what runs has ended."""
        self._app.send(self.id, "pause")

    def cancel(self) -> None:
        """Cancel the run; a second time also what was to run always."""
        self._app.send(self.id, "cancel")

    def signal(self, name: str, data: object = None) -> None:
        """Send a signal to the steps that wait for it, or to the first that will."""
        self._app.send(self.id, "signal", data={"name": name}, value=data)

    def answer(self, step: str, answer: str = "value", value: object = None) -> None:
        """Answer a step that waits for a person: `retry`, `fail`, or a value as its output."""
        self._app.send(self.id, "answer", data={"step": step, "answer": answer}, value=value)

    def resume(self) -> Run:
        """Go on with the run if it is interrupted, paused, cancelled or failed."""
        self._app.resume(self.id)
        self._handle = self._app.handle(self.id)
        return self

    def retry(self) -> Run:
        """Run failed steps and items again, and what followed from them."""
        self._app.resume(self.id, how="retry")
        self._handle = self._app.handle(self.id)
        return self

    def __repr__(self) -> str:
        return f"<Run {self.id} {self.status.value}>"


def _wake(loop: asyncio.AbstractEventLoop, event: asyncio.Event) -> None:
    if not loop.is_closed():
        loop.call_soon_threadsafe(event.set)
