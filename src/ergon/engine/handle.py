"""The handle of a run that an engine has: what other threads use to look at it and to wait for it."""

from __future__ import annotations

import threading
from collections.abc import Callable

from ergon.model.states import STOPPED, RunState


class Handle:
    """A run of this process, queued, live, or at rest."""

    def __init__(self, state: RunState) -> None:
        self.state = state
        self.error: BaseException | None = None
        """Why the run could not be written any more, if that is how it left the engine."""
        self._rest = threading.Event()
        self._lock = threading.Lock()
        self._callbacks: list[Callable[[], None]] = []

    @property
    def run(self) -> str:
        """The run's id."""
        return self.state.run

    @property
    def at_rest(self) -> bool:
        """Whether the engine has let go of the run: it ended, paused, or was interrupted."""
        return self._rest.is_set()

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until the run is at rest; gives whether it is. `timeout` in seconds."""
        return self._rest.wait(timeout)

    def leaves(self, timeout: float) -> bool:
        """Say whether the engine is letting go of the run, and wait until it has: its last event is made by now."""
        return self.state.status in STOPPED and self._rest.wait(timeout)

    def when_at_rest(self, callback: Callable[[], None]) -> None:
        """Call back once when the run is at rest, from the engine's thread (at once if it already is)."""
        with self._lock:
            if not self._rest.is_set():
                self._callbacks.append(callback)
                return
        callback()

    def rest(self, error: BaseException | None) -> None:
        """Say that the engine has let go of the run."""
        with self._lock:
            self.error = error
            self._rest.set()
            callbacks, self._callbacks = self._callbacks, []
        for callback in callbacks:
            callback()
