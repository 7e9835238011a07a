"""ProcessExecutor: attempts in processes that can be killed (S35)."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from typing import Final

from ergon.adapters.executors.child import GRACE
from ergon.adapters.executors.driver import Driver
from ergon.adapters.executors.guard import Guard
from ergon.adapters.executors.handoff import Attempt, Handoff
from ergon.adapters.executors.lingering import PATIENCE

_REST: Final = 30.0
"""Seconds that a process is kept for a next call of its run."""

_Owner = tuple[str, int]
"""A run and its epoch."""


class ProcessExecutor(Handoff):
    """Runs attempts in worker processes, each with a session of its own.

    A worker serves further calls of its run while it is clean; it is thrown away after a limit, a cancel or a
    crash, after a call that left threads, processes or another environment behind, and when it rests for long.
    """

    def __init__(self, limit: int, *, patience: float = PATIENCE, rest: float = _REST) -> None:
        """Make a pool without processes.

        Args:
            limit: Processes at most; those that are being killed do not count.
            patience: Seconds that `idle` waits for a process that is being killed.
            rest: Seconds that a process without work is kept.
        """
        super().__init__(patience=patience)
        self._limit = limit
        self._rest_limit = rest
        self._guard = Guard()
        self._waiting: deque[Attempt] = deque()
        self._busy: dict[Attempt, Driver] = {}
        self._resting: dict[Driver, tuple[_Owner, asyncio.TimerHandle]] = {}
        self._alive: set[Driver] = set()
        self._gone = asyncio.Event()

    async def close(self) -> None:
        """End every process, and wait until they are gone: a few seconds at most."""
        self._leave_all()
        for driver in list(self._resting):
            self._retire(driver)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(3 * GRACE):
                while self._alive:
                    self._gone.clear()
                    await self._gone.wait()
        self._guard.close()

    # ---- attempts

    def _submit(self, attempt: Attempt) -> None:
        if not self._place(attempt):
            self._waiting.append(attempt)

    def _left(self, attempt: Attempt) -> None:
        driver = self._busy.pop(attempt, None)
        if driver is None:
            self._waiting.remove(attempt)
            return
        if attempt.state == "abandoned" or self._closed:
            driver.stop()
        else:
            self._rest(driver, attempt)
        self._place_next()

    def _ended(self, attempt: Attempt) -> None:
        if attempt.state != "finished":
            return
        self._rest(self._busy.pop(attempt), attempt)
        self._place_next()

    def _place_next(self) -> None:
        while self._waiting:
            attempt = self._waiting[0]
            try:
                if not self._place(attempt):
                    return
            except RuntimeError as error:  # the system gives no thread, and nobody ends who could call again
                self._active.discard(attempt)
                attempt.future.set_exception(error)
            self._waiting.popleft()

    def _place(self, attempt: Attempt) -> bool:
        """Give an attempt to a process of its run, or to a new one; gives whether there was room."""
        driver = self._rested(_owner(attempt))
        if driver is None and len(self._busy) + len(self._resting) >= self._limit:
            if not self._resting:
                return False
            self._retire(next(iter(self._resting)))
        if driver is None:
            try:
                driver = self._new()
            except RuntimeError:
                if not self._busy:
                    raise
                return False
        self._busy[attempt] = driver
        driver.give(attempt)
        return True

    # ---- processes

    def _new(self) -> Driver:
        assert self._mailbox is not None
        loop = asyncio.get_running_loop()

        def ended(driver: Driver) -> None:
            with contextlib.suppress(RuntimeError):  # the loop is closed: nobody counts any more
                loop.call_soon_threadsafe(self._forget, driver)

        driver = Driver(self._guard, self._mailbox.post, ended)
        self._alive.add(driver)
        return driver

    def _forget(self, driver: Driver) -> None:
        self._alive.discard(driver)
        self._gone.set()

    def _rested(self, owner: _Owner) -> Driver | None:
        """Take a process of a run that has nothing to do."""
        for driver, (of, timer) in self._resting.items():
            if of == owner:
                timer.cancel()
                del self._resting[driver]
                return driver
        return None

    def _rest(self, driver: Driver, attempt: Attempt) -> None:
        loop = asyncio.get_running_loop()
        timer = loop.call_later(self._rest_limit, self._retire, driver)
        self._resting[driver] = _owner(attempt), timer

    def _retire(self, driver: Driver) -> None:
        _, timer = self._resting.pop(driver)
        timer.cancel()
        driver.retire()


def _owner(attempt: Attempt) -> _Owner:
    context = attempt.call.context
    return context.run, context.epoch
