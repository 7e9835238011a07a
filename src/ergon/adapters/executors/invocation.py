"""Invocation: calling an action in the thread at hand, to its end, and telling it to stop."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Mapping
from functools import partial

from ergon.adapters.executors.streams import current_context
from ergon.ports import ActionHandler, Context


def invoke(handler: ActionHandler, context: Context, inputs: Mapping[str, object]) -> object:
    """Call an action and give its output; an async one gets a loop of its own."""
    token = current_context.set(context)
    try:
        result = handler.call(context, inputs)
        if isinstance(result, Awaitable):
            return asyncio.run(_to_its_end(result, context))
        return result
    finally:
        current_context.reset(token)


async def _to_its_end(work: Awaitable[object], context: Context) -> object:
    """Await the work; telling its context to stop cancels it."""
    task = asyncio.current_task()
    assert task is not None
    context.on_cancel(partial(_cancel, asyncio.get_running_loop(), task))
    return await work


def _cancel(loop: asyncio.AbstractEventLoop, task: asyncio.Task[object]) -> None:
    with contextlib.suppress(RuntimeError):  # the loop is closed: the work has ended
        loop.call_soon_threadsafe(task.cancel)


def tell_to_stop(context: Context) -> None:
    """Tell an attempt to stop; what its own callbacks raise is a line in its log."""
    try:
        context.cancel()
    except Exception as error:  # callbacks are anybody's code
        context.log(f"A callback of on_cancel failed: {error!r}", "warning")
