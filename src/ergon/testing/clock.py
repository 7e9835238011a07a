"""A clock that a test moves: what waits for an hour is due at once."""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Callable
from concurrent.futures import Future
from typing import Final

START: Final = 1_760_000_000.0
"""When a fake clock begins, in seconds since 1970 UTC."""
_PATIENCE: Final = 60.0


class FakeClock:
    """Wall and monotonic time of one engine, which stand still until `advance` is called.

    Give it to a `Bench`, or as the `clock` of an engine's equipment. Its timers fire in the engine's loop, as those
    of the real clock do. Limits of attempts are not its business: executors measure those by the real one.
    """

    def __init__(self, start: float = START) -> None:
        self.settle: Callable[[], None] = _nothing
        """Called after each timer, so that what it set going is done, and has its own timers, before time moves on."""
        self._wall = start
        self._monotonic = 0.0
        self._timers: list[_FakeTimer] = []
        self._made = 0
        self._loop: asyncio.AbstractEventLoop | None = None

    def __call__(self, loop: asyncio.AbstractEventLoop) -> FakeClock:
        """Take the loop in which timers fire; gives itself."""
        self._loop = loop
        return self

    def now(self) -> float:
        """Give the wall time in seconds since 1970 UTC."""
        return self._wall

    def monotonic(self) -> float:
        """Give seconds that only `advance` moves."""
        return self._monotonic

    def call_later(self, delay: float, callback: Callable[[], None]) -> _FakeTimer:
        """Call back when time has moved on by `delay` seconds; must be called in the loop."""
        self._made += 1
        timer = _FakeTimer(self._monotonic + delay, self._made, callback)
        heapq.heappush(self._timers, timer)
        return timer

    def advance(self, seconds: float) -> None:
        """Move time on from outside the loop; timers fire one by one, each at its own time."""
        target = self._monotonic + seconds
        self.settle()
        while self._in_loop(lambda: self._fire_next(target)):
            self.settle()

    def jump(self, seconds: float) -> None:
        """Set the wall clock forward or back, as somebody who corrects it does; monotonic time stays."""
        self._wall += seconds

    @property
    def waiting(self) -> list[float]:
        """Seconds until each timer is due, soonest first."""
        return sorted(timer.due - self._monotonic for timer in self._timers if not timer.cancelled)

    def _fire_next(self, target: float) -> bool:
        """Move to the next timer that is due by `target` and fire it, or to `target`; gives whether there was one."""
        while self._timers and self._timers[0].cancelled:
            heapq.heappop(self._timers)
        if not self._timers or self._timers[0].due > target:
            self._move(target)
            return False
        timer = heapq.heappop(self._timers)
        self._move(max(timer.due, self._monotonic))
        timer.callback()
        return True

    def _move(self, monotonic: float) -> None:
        self._wall += monotonic - self._monotonic
        self._monotonic = monotonic

    def _in_loop(self, function: Callable[[], bool]) -> bool:
        if self._loop is None or self._loop.is_closed():
            return function()
        done: Future[bool] = Future()
        self._loop.call_soon_threadsafe(lambda: _into(done, function))
        return done.result(_PATIENCE)


class _FakeTimer:
    """A call that is due later, ordered by when and by which was made first."""

    __slots__ = ("callback", "cancelled", "due", "number")

    def __init__(self, due: float, number: int, callback: Callable[[], None]) -> None:
        self.due = due
        self.number = number
        self.callback = callback
        self.cancelled = False

    def cancel(self) -> None:
        """Drop the call."""
        self.cancelled = True

    def __lt__(self, other: _FakeTimer) -> bool:
        return (self.due, self.number) < (other.due, other.number)


def _into(done: Future[bool], function: Callable[[], bool]) -> None:
    try:
        done.set_result(function())
    except BaseException as error:  # handed to whoever moves the clock
        done.set_exception(error)


def _nothing() -> None:
    """Do nothing between timers."""
