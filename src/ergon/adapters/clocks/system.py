"""The system's clock."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Final

from ergon.ports import Timer

_LONGEST: Final = 24 * 3600.0
"""Event loops do not take delays of years; a longer wait is cut into days."""


class SystemClock:
    """Wall time by `time.time`, limits by the event loop's monotonic clock."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self.now: Callable[[], float] = time.time
        self.monotonic: Callable[[], float] = time.monotonic

    def call_later(self, delay: float, callback: Callable[[], None]) -> Timer:
        """Call back in the loop after `delay` seconds."""
        if delay <= _LONGEST:
            return self._loop.call_later(delay, callback)
        return _LongTimer(self._loop, delay, callback)


class _LongTimer:
    """A timer for longer than an event loop takes."""

    def __init__(self, loop: asyncio.AbstractEventLoop, delay: float, callback: Callable[[], None]) -> None:
        self._loop = loop
        self._due = loop.time() + delay
        self._callback = callback
        self._timer = loop.call_later(_LONGEST, self._again)

    def _again(self) -> None:
        left = self._due - self._loop.time()
        if left <= _LONGEST:
            self._timer = self._loop.call_later(max(0.0, left), self._callback)
        else:
            self._timer = self._loop.call_later(_LONGEST, self._again)

    def cancel(self) -> None:
        """Drop the call."""
        self._timer.cancel()
