"""Aside: work that has an event loop and a thread of its own, so that the engine's loop stays free."""

from __future__ import annotations

import asyncio
import contextvars
import threading
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

_T = TypeVar("_T")


async def aside(work: Callable[[], Coroutine[Any, Any, _T]], *, name: str) -> _T:
    """Run a coroutine in a thread with a loop of its own; gives what it gives, raises what it raises.

    Cancelling this cancels the coroutine there, and waits until it has ended.
    """
    loop = asyncio.get_running_loop()
    ended: asyncio.Future[_T] = loop.create_future()
    started = threading.Event()
    inner: list[tuple[asyncio.AbstractEventLoop, asyncio.Task[_T]]] = []

    async def main() -> _T:
        task = asyncio.current_task()
        assert task is not None
        inner.append((asyncio.get_running_loop(), task))
        started.set()
        return await work()

    def settle(result: _T | None, error: BaseException | None) -> None:
        if ended.done():
            return
        if error is None:
            ended.set_result(result)  # type: ignore[arg-type]  # without an error there is a result
        elif isinstance(error, asyncio.CancelledError):
            ended.cancel()
        else:
            ended.set_exception(error)

    def body() -> None:
        result, error = None, None
        try:
            result = asyncio.run(main())
        except BaseException as raised:  # it is raised where it is awaited
            error = raised
        started.set()
        if not loop.is_closed():
            loop.call_soon_threadsafe(settle, result, error)

    context = contextvars.copy_context()
    threading.Thread(target=context.run, args=(body,), name=name, daemon=True).start()
    while True:
        try:
            return await asyncio.shield(ended)
        except asyncio.CancelledError:
            if ended.done():
                raise
            started.wait()
            for inner_loop, task in inner:
                if not inner_loop.is_closed():
                    inner_loop.call_soon_threadsafe(task.cancel)
            await _settled(ended)
            raise


async def _settled(ended: asyncio.Future[_T]) -> None:
    """Wait until the work has ended, however it does."""
    await asyncio.wait([ended])
    if not ended.cancelled():
        ended.exception()  # looked at, so that asyncio does not complain of it
