"""ThreadExecutor: attempts in threads of this process, which can be told to stop but not made to (S35)."""

from __future__ import annotations

import asyncio
import contextvars
import threading
from functools import partial
from queue import SimpleQueue
from typing import ClassVar, Final

from ergon.adapters.executors.handoff import Attempt, Handoff
from ergon.adapters.executors.invocation import invoke
from ergon.adapters.executors.lingering import PATIENCE

_AT_ONCE: Final = 64
"""Threads that are started as soon as a call has none; beyond that, only for calls that take their time."""
_REVIEW: Final = 0.004
"""Seconds between looks at whether more threads would help."""
_QUICK: Final = 0.002
"""Seconds up to which a call keeps the interpreter busy rather than waits: more threads would not help it."""

_Job = tuple[Attempt, contextvars.Context]


class ThreadExecutor(Handoff):
    """Runs attempts in its own pool of daemon threads.

    `concurrent.futures` joins its threads when the process exits; these delay nothing. A thread whose attempt
    was given up no longer counts, so another takes its place, and it ends when its action does.
    """

    timeout_hint: ClassVar[str] = (
        "A Python thread cannot be ended from outside: with `run_on: process` the step runs where it can."
    )

    def __init__(self, limit: int, *, patience: float = PATIENCE) -> None:
        """Make a pool.

        Args:
            limit: Threads at most; it grows on demand.
            patience: Seconds that `idle` waits for an abandoned thread.
        """
        super().__init__(patience=patience)
        self._limit = limit
        self._jobs: SimpleQueue[_Job | None] = SimpleQueue()
        # Only the loop's thread changes these, so they need no lock.
        self._threads = 0
        self._pending = 0
        self._settled = 0
        self._worked = 0.0
        self._review: asyncio.TimerHandle | None = None

    async def close(self) -> None:
        """Tell every action to stop and give the threads up, without waiting for them."""
        self._leave_all()
        if self._review is not None:
            self._review.cancel()
        for _ in range(self._threads):
            self._jobs.put(None)
        self._threads = 0

    # ---- in the loop

    def _submit(self, attempt: Attempt) -> None:
        if not self._threads:
            self._grow(1)
            if not self._threads:
                raise RuntimeError("the system gives no more threads")
        self._pending += 1
        self._jobs.put((attempt, contextvars.copy_context()))
        if self._pending > self._threads:
            self._consider()

    def _left(self, attempt: Attempt) -> None:
        self._pending -= 1
        if attempt.state == "abandoned":
            self._threads -= 1
            if self._pending > self._threads and not self._closed:
                self._grow(1)
                if not self._threads and self._review is None:
                    self._look_again()

    def _ended(self, attempt: Attempt) -> None:
        if attempt.state == "finished":
            self._pending -= 1
            self._settled += 1
            self._worked += attempt.seconds

    def _consider(self) -> None:
        """Start a thread for a call that has none, or see later whether it still has none."""
        if self._threads < min(self._limit, _AT_ONCE):
            self._grow(1)
        elif self._threads < self._limit and self._review is None:
            self._look_again()

    def _look_again(self) -> None:
        self._settled, self._worked = 0, 0.0
        self._review = asyncio.get_running_loop().call_later(_REVIEW, self._grow_if_slow)

    def _grow_if_slow(self) -> None:
        """Start more threads if calls wait and those that ended since the last look were not quick."""
        self._review = None
        waiting = self._pending - self._threads
        if waiting <= 0 or self._threads >= self._limit:
            return
        if self._worked >= self._settled * _QUICK:
            self._grow(min(waiting, self._limit - self._threads, _AT_ONCE))
        self._look_again()

    def _grow(self, number: int) -> None:
        for _ in range(number):
            thread = threading.Thread(target=self._work, name="ergon-action", daemon=True)
            try:
                thread.start()
            except RuntimeError:  # the system gives no more: those that there are do the work
                return
            self._threads += 1

    # ---- in a thread

    def _work(self) -> None:
        while self._work_once():
            pass

    def _work_once(self) -> bool:
        """Work on the next attempt; gives whether the thread is still of the pool."""
        job = self._jobs.get()
        if job is None:
            return False
        attempt, variables = job
        if not attempt.begin():
            return True
        call = attempt.call
        stays = attempt.work(partial(variables.run, invoke, call.handler, call.context, call.inputs))
        mailbox = self._mailbox
        assert mailbox is not None
        mailbox.post(attempt)
        return stays
