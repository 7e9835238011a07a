"""LoopExecutor: attempts in the engine's own loop."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Coroutine
from functools import partial
from types import CoroutineType
from typing import Final

from ergon.adapters.executors.failures import as_failure
from ergon.adapters.executors.invocation import tell_to_stop
from ergon.adapters.executors.lingering import PATIENCE, Lingering
from ergon.adapters.executors.streams import current_context
from ergon.errors import Timeout
from ergon.ports import Call

_HINT: Final = "It was cancelled and goes on: with `run_on: process` the step runs where it can be ended."
_TURNS: Final = 3
"""Turns of the loop in which an action that lets itself be cancelled has ended."""


class LoopExecutor:
    """Awaits async actions in the loop that runs the engine. Each call is awaited in a task of its own."""

    def __init__(self, *, patience: float = PATIENCE) -> None:
        """Make one; `idle` waits `patience` seconds for an action that ignores being cancelled."""
        self._lingering = Lingering(patience)
        self._limited: set[asyncio.Task[object]] = set()

    def execute(self, call: Call) -> Coroutine[object, object, object]:
        """Run an attempt and give its output; raises what it raised, or `Timeout`."""
        return _run(call) if call.timeout is None else self._run_limited(call, call.timeout)

    def idle(self, run: str, step: str) -> Awaitable[bool]:
        """Wait until no earlier attempt of the step still runs; gives whether that is so."""
        return self._lingering.idle(run, step)

    async def close(self) -> None:
        """Cancel what runs under a limit; the rest runs in the tasks of its callers."""
        for task in list(self._limited):
            task.cancel()

    async def _run_limited(self, call: Call, limit: float) -> object:
        """Run an attempt in a task of its own, which is left behind if it does not end when cancelled."""
        loop = asyncio.get_running_loop()
        gate = loop.create_future()
        timer = loop.call_later(limit, _open, gate)
        task = loop.create_task(_run(call))
        task.add_done_callback(partial(_open, gate))
        self._limited.add(task)
        try:
            await gate
        except asyncio.CancelledError:
            self._leave(call, task)
            raise
        finally:
            timer.cancel()
            self._limited.discard(task)
        if task.done():
            return task.result()
        self._leave(call, task)
        for _ in range(_TURNS):
            if not task.done():
                await asyncio.sleep(0)
        raise Timeout(seconds=limit, hint="" if task.done() else _HINT)

    def _leave(self, call: Call, task: asyncio.Task[object]) -> None:
        if not task.done():
            task.cancel()
            self._lingering.add(call.context)
            task.add_done_callback(lambda _: self._lingering.remove(call.context))
            tell_to_stop(call.context)
        task.add_done_callback(_forget)


def _open(gate: asyncio.Future[None], _task: object = None) -> None:
    if not gate.done():
        gate.set_result(None)


async def _run(call: Call) -> object:
    token = current_context.set(call.context)
    try:
        result = call.handler.call(call.context, call.inputs)
        if type(result) is CoroutineType or isinstance(result, Awaitable):
            result = await result
    except asyncio.CancelledError as error:
        if not _is_cancelled():
            raise as_failure(error) from error
        tell_to_stop(call.context)
        raise
    except (SystemExit, KeyboardInterrupt) as error:  # either would end the loop
        raise as_failure(error) from error
    except GeneratorExit as error:
        if error.__traceback__ is None or error.__traceback__.tb_next is None:  # this coroutine is closed
            raise
        raise as_failure(error) from error
    finally:
        try:  # noqa: SIM105  # contextlib.suppress would cost as much as all the rest
            current_context.reset(token)
        except ValueError:  # the coroutine is closed from outside its task
            pass
    if _is_cancelled():  # the action swallowed it
        raise asyncio.CancelledError
    return result


def _is_cancelled() -> bool:
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


def _forget(task: asyncio.Task[object]) -> None:
    """Look at a late failure, so that asyncio does not complain of it."""
    if not task.cancelled():
        task.exception()
