"""Handoff: how attempts go from the engine's loop to threads, and what became of them comes back."""

from __future__ import annotations

import abc
import asyncio
import contextlib
import threading
import time
from collections import deque
from collections.abc import Awaitable, Callable
from typing import ClassVar, Literal

from ergon.adapters.executors.failures import as_failure
from ergon.adapters.executors.invocation import tell_to_stop
from ergon.adapters.executors.lingering import PATIENCE, Lingering
from ergon.errors import NotPossible, Timeout
from ergon.ports import Call

State = Literal["queued", "running", "finished", "dropped", "abandoned"]
"""dropped: given up before it started; abandoned: given up while it ran."""


class Attempt:
    """One call on its way through a thread. The lock decides who was first: the work's end, or its limit."""

    __slots__ = ("_error", "_lock", "_value", "call", "future", "seconds", "started", "state", "timer")

    def __init__(self, call: Call, future: asyncio.Future[object]) -> None:
        self.call = call
        self.future = future
        self.state: State = "queued"
        self.started = 0.0
        """By the monotonic clock; from here the time limit counts."""
        self.seconds = 0.0
        """How long the work took."""
        self.timer: asyncio.TimerHandle | None = None
        self._lock = threading.Lock()
        self._value: object = None
        self._error: Exception | None = None

    # ---- in the thread

    def begin(self) -> bool:
        """Start the work; gives whether anybody still wants it."""
        with self._lock:
            if self.state != "queued":
                return False
            self.state = "running"
        self.started = time.monotonic()
        return True

    def work(self, function: Callable[[], object]) -> bool:
        """Do the work, whatever it raises; gives whether anybody still wants what became of it."""
        try:
            self._value = function()
        except BaseException as error:  # an action must not end the thread that it was lent
            self._error = as_failure(error)
        self.seconds = time.monotonic() - self.started
        with self._lock:
            if self.state in ("abandoned", "dropped"):
                self._value = self._error = None
                return False
            self.state = "finished"
        return True

    # ---- in the loop

    def leave(self) -> State:
        """Give the attempt up, if it has not finished; gives its state."""
        with self._lock:
            if self.state == "queued":
                self.state = "dropped"
            elif self.state == "running":
                self.state = "abandoned"
            return self.state

    def left(self) -> float:
        """Give the seconds until its limit."""
        limit = self.call.timeout or 0.0
        return self.started + limit - time.monotonic() if self.started else limit

    def deliver(self) -> None:
        """Hand over what became of it."""
        if self.timer is not None:
            self.timer.cancel()
        # The attempt lets go of both, for an error holds the frames that hold the attempt.
        error, self._error = self._error, None
        future = self.future
        del self.future
        if future.done():
            return
        if error is None:
            future.set_result(self._value)
        else:
            future.set_exception(error)


class Mailbox:
    """Takes attempts back into the loop; those that end close together cost one wake-up."""

    def __init__(self, loop: asyncio.AbstractEventLoop, take: Callable[[Attempt], None]) -> None:
        self._loop = loop
        self._take = take
        self._ended: deque[Attempt] = deque()
        self._woken = False

    def post(self, attempt: Attempt) -> None:
        """Hand an attempt back, from its thread."""
        self._ended.append(attempt)
        if not self._woken:
            self._woken = True
            with contextlib.suppress(RuntimeError):  # the loop is closed: nobody wants it any more
                self._loop.call_soon_threadsafe(self._empty)

    def _empty(self) -> None:
        self._woken = False  # first, so that what is posted from here on wakes the loop again
        while self._ended:
            self._take(self._ended.popleft())


class Handoff(abc.ABC):
    """An executor whose attempts are worked on in threads. It belongs to the loop of its first call."""

    timeout_hint: ClassVar[str] = ""

    def __init__(self, *, patience: float = PATIENCE) -> None:
        self._lingering = Lingering(patience)
        self._active: set[Attempt] = set()
        self._mailbox: Mailbox | None = None
        self._closed = False

    async def execute(self, call: Call) -> object:
        """Run an attempt and give its output; raises what it raised, or `Timeout`."""
        if self._closed:
            raise NotPossible(what=f"run {call.handler.name}", reason="its executor is closed")
        loop = asyncio.get_running_loop()
        if self._mailbox is None:
            self._mailbox = Mailbox(loop, self._take)
        attempt = Attempt(call, loop.create_future())
        self._submit(attempt)
        self._active.add(attempt)
        if call.timeout is not None:
            attempt.timer = loop.call_later(call.timeout, self._expire, attempt)
        try:
            return await attempt.future
        except asyncio.CancelledError:
            self._leave(attempt)
            raise
        finally:
            del attempt  # an error holds this frame, which would hold the error

    def idle(self, run: str, step: str) -> Awaitable[bool]:
        """Wait until no earlier attempt of the step still runs; gives whether that is so."""
        return self._lingering.idle(run, step)

    def _expire(self, attempt: Attempt) -> None:
        """Look at an attempt whose limit may be reached: it counts from when the work started."""
        if (left := attempt.left()) > 0:
            loop = attempt.future.get_loop()
            attempt.timer = loop.call_later(left, self._expire, attempt)
        elif not attempt.future.done() and self._leave(attempt):
            limit = attempt.call.timeout or 0.0
            attempt.future.set_exception(Timeout(seconds=limit, hint=self.timeout_hint))

    def _leave(self, attempt: Attempt) -> bool:
        """Give an attempt up; gives whether it had not finished."""
        state = attempt.leave()
        if attempt not in self._active or state == "finished":
            return False
        self._active.discard(attempt)
        if attempt.timer is not None:
            attempt.timer.cancel()
        if state == "abandoned":
            self._lingering.add(attempt.call.context)
        self._left(attempt)
        tell_to_stop(attempt.call.context)
        return True

    def _take(self, attempt: Attempt) -> None:
        if attempt.state == "abandoned":
            self._lingering.remove(attempt.call.context)
        else:
            self._active.discard(attempt)
            attempt.deliver()
        self._ended(attempt)

    def _leave_all(self) -> None:
        """Give up whatever is under way; who waits for it is cancelled."""
        self._closed = True
        for attempt in list(self._active):
            if self._leave(attempt):
                attempt.future.cancel()

    @abc.abstractmethod
    def _submit(self, attempt: Attempt) -> None:
        """Pass an attempt to a thread, or queue it."""

    @abc.abstractmethod
    def _left(self, attempt: Attempt) -> None:
        """Account for an attempt that was given up (its state says how)."""

    @abc.abstractmethod
    def _ended(self, attempt: Attempt) -> None:
        """Account for an attempt whose thread is done with it, in time or late."""
