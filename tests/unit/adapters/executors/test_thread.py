"""ThreadExecutor: its pool, and what becomes of threads that were given up."""

from __future__ import annotations

import asyncio
import contextvars
import gc
import subprocess
import sys
import threading
import time
import weakref
from collections.abc import Callable
from pathlib import Path

import pytest

from ergon.actions.action import Action
from ergon.adapters.executors.handoff import Attempt, Mailbox
from ergon.adapters.executors.thread import ThreadExecutor
from ergon.errors import NotPossible, Timeout
from ergon.ports import Call, Context
from ergon.testing.context import FakeContext
from ergon.testing.contracts import probes
from ergon.testing.contracts.executor import started, until


def call_of(function: Callable[..., object], context: Context, limit: float | None = None, **inputs: object) -> Call:
    return Call(Action(function, name="tests:probe"), inputs, context, limit)


def pool_threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "ergon-action"]


@pytest.fixture
def context(tmp_path: Path) -> FakeContext:
    return FakeContext(tmp_path)


# ---- limits --------------------------------------------------------------------------------------------------


async def test_a_limit_starts_when_the_thread_does(context: FakeContext) -> None:
    """S54: what waits for a thread does not run out of time."""
    executor = ThreadExecutor(1)
    gate = threading.Event()
    first = asyncio.ensure_future(executor.execute(call_of(gate.wait, context)))
    second = asyncio.ensure_future(executor.execute(call_of(probes.echo, context, 0.05, value=2)))
    await asyncio.sleep(0.2)
    assert not second.done()
    gate.set()
    assert await first is True
    assert await second == 2
    await executor.close()


async def test_the_timeout_names_the_way_out(context: FakeContext) -> None:
    """S35"""
    executor = ThreadExecutor(1)
    with pytest.raises(Timeout, match="`run_on: process`"):
        await executor.execute(call_of(probes.hang, context, 0.01))
    await executor.close()


async def test_an_abandoned_thread_takes_no_slot(context: FakeContext) -> None:
    """S35"""
    executor = ThreadExecutor(1, patience=0.05)
    gate = threading.Event()
    with pytest.raises(Timeout):
        await executor.execute(call_of(gate.wait, context, 0.01))
    before = len(pool_threads())
    assert await executor.execute(call_of(probes.echo, context, value=1)) == 1
    assert not await executor.idle(context.run, context.step)
    gate.set()
    assert await executor.idle(context.run, context.step)
    await until(lambda: len(pool_threads()) < before + 1)
    await executor.close()
    await until(lambda: not pool_threads())


async def test_limits_and_ends_at_the_same_moment_leave_the_pool_whole(context: FakeContext) -> None:
    executor = ThreadExecutor(3)

    def work() -> str:
        time.sleep(0.001)
        return "done"

    calls = [executor.execute(call_of(work, context, 0.001 + n % 7 * 0.0001)) for n in range(300)]
    ends = await asyncio.gather(*calls, return_exceptions=True)
    assert {type(end) for end in ends} <= {str, Timeout}
    assert await executor.idle(context.run, context.step)
    await until(lambda: len(pool_threads()) <= 3)
    gate = threading.Barrier(4)
    waiting = [asyncio.ensure_future(executor.execute(call_of(gate.wait, context))) for _ in range(3)]
    await until(lambda: gate.n_waiting == 3)  # three threads are there, and no fourth
    fourth = asyncio.ensure_future(executor.execute(call_of(probes.echo, context, value=4)))
    await asyncio.sleep(0.01)
    assert not fourth.done()
    await asyncio.to_thread(gate.wait)
    await asyncio.gather(*waiting)
    assert await fourth == 4
    await executor.close()


# ---- the pool ------------------------------------------------------------------------------------------------


async def test_it_grows_on_demand_and_no_further_than_its_limit(context: FakeContext) -> None:
    """S54: the pool is as large as the limits."""
    executor = ThreadExecutor(4)
    before = len(pool_threads())
    for _ in range(20):
        await executor.execute(call_of(probes.echo, context, value=1))
    assert len(pool_threads()) == before + 1
    gate = threading.Event()
    calls = [asyncio.ensure_future(executor.execute(call_of(gate.wait, context))) for _ in range(20)]
    await asyncio.sleep(0)
    assert len(pool_threads()) == before + 4
    gate.set()
    await asyncio.gather(*calls)
    await executor.close()


async def test_a_large_limit_is_used_for_calls_that_take_their_time(context: FakeContext) -> None:
    """S54"""
    executor = ThreadExecutor(1000)
    together = threading.Barrier(150, timeout=60)
    await asyncio.gather(*[executor.execute(call_of(together.wait, context)) for _ in range(150)])
    await executor.close()


async def test_a_large_limit_makes_no_crowd_for_quick_calls(context: FakeContext) -> None:
    executor = ThreadExecutor(5000)
    before = len(pool_threads())
    call = call_of(probes.echo, context, value=1)
    await asyncio.gather(*[executor.execute(call) for _ in range(3000)])
    assert len(pool_threads()) - before < 500
    await executor.close()


async def test_a_system_that_gives_no_more_threads_is_made_do_with(
    context: FakeContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    executor = ThreadExecutor(8)
    assert await executor.execute(call_of(probes.echo, context, value=1)) == 1

    def refuse(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    outputs = await asyncio.gather(*[executor.execute(call_of(probes.echo, context, value=n)) for n in range(9)])
    assert outputs == list(range(9))
    await executor.close()
    with pytest.raises(RuntimeError, match="no more threads"):
        await ThreadExecutor(1).execute(call_of(probes.echo, context, value=1))


async def test_what_waits_when_the_system_gives_no_thread_runs_when_it_does(
    context: FakeContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    executor = ThreadExecutor(1)
    gate = threading.Event()
    first = asyncio.ensure_future(executor.execute(call_of(gate.wait, context, 0.05)))
    second = asyncio.ensure_future(executor.execute(call_of(probes.echo, context, value=2)))
    await asyncio.sleep(0)
    refused: list[threading.Thread] = []
    with monkeypatch.context() as patched:

        def refuse(thread: threading.Thread) -> None:
            refused.append(thread)
            raise RuntimeError("can't start new thread")

        patched.setattr(threading.Thread, "start", refuse)
        with pytest.raises(Timeout):
            await first
        await until(lambda: len(refused) > 2)
        assert not second.done()
    assert await second == 2
    gate.set()
    await executor.close()


async def test_context_variables_go_with_the_call(context: FakeContext) -> None:
    variable = contextvars.ContextVar("variable", default="unset")

    def read_and_set() -> str:
        found = variable.get()
        variable.set("set in the thread")
        return found

    executor = ThreadExecutor(1)
    variable.set("set outside")
    assert await executor.execute(call_of(read_and_set, context)) == "set outside"
    assert variable.get() == "set outside"
    assert await executor.execute(call_of(read_and_set, context)) == "set outside"
    await executor.close()


async def test_an_async_action_gets_a_loop_of_its_own_and_can_be_cancelled(context: FakeContext) -> None:
    executor = ThreadExecutor(1)
    seen: list[object] = []

    async def work(ctx: Context) -> None:
        seen.append(asyncio.get_running_loop())
        ctx.emit("started", {})
        try:
            await asyncio.sleep(3600)
        finally:
            seen.append("cleaned up")

    task = asyncio.ensure_future(executor.execute(call_of(work, context)))
    await started(context)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await executor.idle(context.run, context.step)
    assert seen[0] is not asyncio.get_running_loop()
    assert seen[1:] == ["cleaned up"]
    await executor.close()


# ---- memory and wake-ups ---------------------------------------------------------------------------------------


async def test_a_failure_leaves_no_cycle_behind(context: FakeContext) -> None:
    class Big:
        pass

    def fail(value: object) -> None:
        raise ValueError("no")

    executor = ThreadExecutor(1)
    gc.collect()
    gc.disable()
    try:
        value = Big()
        seen = weakref.ref(value)
        task = asyncio.ensure_future(executor.execute(call_of(fail, context, value=value)))
        del value
        with pytest.raises(ValueError, match="no"):
            await task
        del task
        await until(lambda: seen() is None, seconds=5)
    finally:
        gc.enable()
        await executor.close()


class CountingLoop(asyncio.SelectorEventLoop):
    """Counts how often another thread wakes it."""

    woken = 0

    def call_soon_threadsafe(self, *arguments: object, **named: object) -> asyncio.Handle:
        self.woken += 1
        return super().call_soon_threadsafe(*arguments, **named)  # type: ignore[arg-type, type-var, unused-ignore]


def test_results_that_come_together_wake_the_loop_once(context: FakeContext) -> None:
    loop = CountingLoop()
    taken: list[Attempt] = []
    mailbox = Mailbox(loop, taken.append)
    call = call_of(probes.echo, context, value=1)
    attempts = [Attempt(call, loop.create_future()) for _ in range(100)]
    for attempt in attempts:
        mailbox.post(attempt)
    assert loop.woken == 1
    loop.run_until_complete(asyncio.sleep(0))
    assert taken == attempts
    mailbox.post(attempts[0])
    assert loop.woken == 2
    loop.run_until_complete(asyncio.sleep(0))
    assert len(taken) == 101
    loop.close()
    mailbox.post(attempts[0])  # nobody is there any more


# ---- ends ----------------------------------------------------------------------------------------------------


async def test_closing_gives_up_what_waits_and_what_runs(context: FakeContext) -> None:
    executor = ThreadExecutor(1)
    gate = threading.Event()
    running = asyncio.ensure_future(executor.execute(call_of(gate.wait, context)))
    waiting = asyncio.ensure_future(executor.execute(call_of(probes.report, context)))
    await asyncio.sleep(0)
    before = time.monotonic()
    await executor.close()
    assert time.monotonic() - before < 5
    for task in (running, waiting):
        with pytest.raises(asyncio.CancelledError):
            await task
    gate.set()
    await until(lambda: not pool_threads())
    assert context.logged == []
    with pytest.raises(NotPossible, match="closed"):
        await executor.execute(call_of(probes.echo, context, value=1))


def test_a_thread_that_outlives_its_loop_harms_nobody(context: FakeContext) -> None:
    executor = ThreadExecutor(1)
    gate = threading.Event()

    async def main() -> None:
        with pytest.raises(Timeout):
            await executor.execute(call_of(gate.wait, context, 0.01))

    asyncio.run(main())
    (thread,) = pool_threads()
    gate.set()
    thread.join(10)
    assert not thread.is_alive()


PROGRAM = """
import asyncio, sys
from pathlib import Path
from ergon.actions.action import Action
from ergon.adapters.executors.thread import ThreadExecutor
from ergon.errors import Timeout
from ergon.ports import Call
from ergon.testing.context import FakeContext
from ergon.testing.contracts import probes

async def main():
    executor = ThreadExecutor(2)
    for step in ("one", "two", "three"):
        context = FakeContext(Path("."), step=step)
        call = Call(Action(probes.linger, name="x:linger"), {"seconds": 600.0}, context, 0.05)
        try:
            await executor.execute(call)
        except Timeout:
            print("given up", step)
    asyncio.ensure_future(executor.execute(call))
    await asyncio.sleep(0.01)

asyncio.run(main())
"""


def test_abandoned_threads_do_not_delay_the_exit_of_the_process() -> None:
    """S35"""
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.split("\n")[:3] == ["given up one", "given up two", "given up three"]
