"""LoopExecutor: what it adds to an await, which is next to nothing."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Callable
from pathlib import Path

import pytest

from ergon.actions.action import Action
from ergon.adapters.executors.loop import LoopExecutor
from ergon.adapters.executors.streams import current_context
from ergon.errors import Timeout
from ergon.ports import Call, Context
from ergon.testing.context import FakeContext
from ergon.testing.contracts import probes
from ergon.testing.contracts.executor import started


def call_of(function: Callable[..., object], context: Context, limit: float | None = None, **inputs: object) -> Call:
    return Call(Action(function, name="tests:probe"), inputs, context, limit)


@pytest.fixture
def context(tmp_path: Path) -> FakeContext:
    return FakeContext(tmp_path)


async def test_without_a_limit_an_action_runs_in_its_callers_task(context: FakeContext) -> None:
    async def who() -> object:
        return asyncio.current_task(), current_context.get()

    found = await LoopExecutor().execute(call_of(who, context))
    assert found == (asyncio.current_task(), context)
    assert current_context.get() is None


async def test_an_action_that_swallows_a_cancel_is_cancelled_all_the_same(context: FakeContext) -> None:
    task = asyncio.ensure_future(LoopExecutor().execute(call_of(probes.linger_async, context, seconds=0.05)))
    await started(context)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_an_action_that_ignores_its_limit_lingers(context: FakeContext) -> None:
    """S35"""
    executor = LoopExecutor(patience=0.02)
    gate = asyncio.Event()

    async def stubborn() -> None:
        while not gate.is_set():
            try:
                await gate.wait()
            except asyncio.CancelledError:
                continue

    with pytest.raises(Timeout, match="goes on: with `run_on: process`"):
        await executor.execute(call_of(stubborn, context, 0.01))
    assert not await executor.idle(context.run, context.step)
    gate.set()
    assert await executor.idle(context.run, context.step)


async def test_an_action_that_ends_at_its_limit_needs_no_advice(context: FakeContext) -> None:
    with pytest.raises(Timeout) as caught:
        await LoopExecutor().execute(call_of(probes.hang_async, context, 0.01))
    assert caught.value.hint == ""


async def test_a_late_failure_is_not_complained_of(context: FakeContext) -> None:
    complaints: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, found: complaints.append(found))
    executor = LoopExecutor()

    async def fail_late() -> None:
        try:
            await asyncio.sleep(3600)
        finally:
            raise ValueError("late")

    with pytest.raises(Timeout):
        await executor.execute(call_of(fail_late, context, 0.01))
    assert await executor.idle(context.run, context.step)
    gc.collect()
    await asyncio.sleep(0)
    assert complaints == []


def test_an_attempt_that_never_ended_can_be_collected(context: FakeContext) -> None:
    """A loop that is closed over its tasks leaves their coroutines to be closed from outside."""
    work = LoopExecutor().execute(call_of(probes.hang_async, context))

    async def begin() -> None:
        work.send(None)

    asyncio.run(begin())
    work.close()
    assert context.emitted == [("started", {})]
    assert not context.cancelled
