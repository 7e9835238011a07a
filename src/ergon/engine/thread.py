"""The engine's thread: an event loop of its own, in which others have things done."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from typing import TypeVar

from ergon.errors import NotPossible

_T = TypeVar("_T")


class LoopThread:
    """An event loop in a daemon thread that starts when it is first needed.

    Who has something done in it always gets an answer: a result, an error, or `NotPossible` once it has ended.
    """

    def __init__(
        self,
        *,
        name: str,
        prepare: Callable[[asyncio.AbstractEventLoop], None],
        shut: Callable[[], Coroutine[object, object, None]],
    ) -> None:
        """`prepare` is called in the thread before the loop runs, `shut` in the loop when it is to end."""
        self._name = name
        self._prepare = prepare
        self._shut = shut
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._starting = threading.Lock()
        self._ready = threading.Event()
        self._fault: BaseException | None = None
        self._closed = False
        self._door = threading.Lock()
        self._ended = False
        self._calls: set[Future[object]] = set()

    @property
    def loop(self) -> asyncio.AbstractEventLoop:
        """The loop; it must have been started."""
        assert self._loop is not None
        return self._loop

    @property
    def started(self) -> bool:
        """Whether there is a loop, running or ended."""
        return self._loop is not None and self._fault is None

    def start(self) -> None:
        """Start the thread if it does not run; raises `NotPossible` when it is closed, or what `prepare` raised."""
        with self._starting:
            if self._closed:
                raise closed()
            if self._thread is None:
                self._thread = threading.Thread(target=self._main, name=self._name, daemon=True)
                self._thread.start()
                self._ready.wait()
        if self._fault is not None:
            raise self._fault

    def call(self, function: Callable[[], _T]) -> _T:
        """Call a function in the loop and give its result; from any thread but its own."""
        future: Future[_T] = Future()

        def run() -> None:
            try:
                future.set_result(function())
            except BaseException as error:  # handed to the caller whole
                future.set_exception(error)

        with self._door:
            if self._ended:
                raise closed()
            self._calls.add(future)  # type: ignore[arg-type]  # only ever given an exception from here
            self.loop.call_soon_threadsafe(run)
        try:
            return future.result()
        finally:
            self._calls.discard(future)

    def post(self, function: Callable[[], None]) -> None:
        """Call a function in the loop soon; it is dropped when the loop has ended."""
        with self._door:
            if not self._ended and self._loop is not None:
                self._loop.call_soon_threadsafe(function)

    def forbid(self) -> bool:
        """Let nobody start the thread any more; gives whether it runs and is still to be ended."""
        with self._starting:
            first, self._closed = not self._closed, True
            return first and self.started

    def end(self, timeout: float) -> None:
        """End the loop and the thread; `timeout` in seconds is for what does not stop."""
        self.post(self.loop.stop)
        if self._thread is not None:
            self._thread.join(timeout)

    def _main(self) -> None:
        loop = asyncio.new_event_loop()
        asyncio.set_event_loop(loop)
        try:
            self._prepare(loop)
        except BaseException as error:  # handed to whoever asked for the thread
            self._fault = error
            loop.close()
            return
        finally:
            self._loop = loop
            self._ready.set()
        try:
            loop.run_forever()
        finally:
            loop.run_until_complete(self._shut())
            self._answer_all()
            loop.close()

    def _answer_all(self) -> None:
        """Tell those whose call came too late; from here on nobody gets in."""
        with self._door:
            self._ended = True
            calls = list(self._calls)
        for future in calls:
            if not future.done():
                future.set_exception(closed())


def closed() -> NotPossible:
    """Give the error of who comes too late."""
    return NotPossible(what="start or resume a run", reason="the engine is closed")
