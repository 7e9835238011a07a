"""What every executor must do (S33, S35, S54, S56)."""

from __future__ import annotations

import abc
import asyncio
import contextlib
import time
import traceback
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import ClassVar

import pytest
import pytest_asyncio

from ergon.actions.action import Action
from ergon.adapters.executors import streams
from ergon.errors import ActionFailed, PathRefused, Timeout
from ergon.model.directives import Wait
from ergon.model.values import Artifact
from ergon.ports import Call, Context, Executor
from ergon.testing.context import FakeContext
from ergon.testing.contracts import probes

_LONG = 30.0
"""A limit that nothing here reaches."""


def action(function: Callable[..., object]) -> Action:
    """Make an action of a function in a module."""
    return Action(function, name=f"{function.__module__}:{function.__qualname__}")


async def until(condition: Callable[[], object], *, seconds: float = 20.0) -> None:
    """Wait for something that happens in another thread or process."""
    limit = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < limit, "it did not happen in time"
        await asyncio.sleep(0.002)


async def started(context: FakeContext) -> None:
    """Wait until a probe says that it runs."""
    await until(lambda: ("started", {}) in context.emitted)


@contextlib.contextmanager
def routed() -> Iterator[None]:
    """Route what actions print; pytest puts its own streams in place before each phase of a test."""
    streams.install()
    try:
        yield
    finally:
        streams.uninstall()


@pytest.mark.asyncio(loop_scope="class")
class ExecutorContract(abc.ABC):
    """Subclass as `TestMine` and say how to make an executor. The tests share one: processes take long to start."""

    is_async: ClassVar[bool] = False
    """Whether actions that wait must be async here."""

    @classmethod
    @abc.abstractmethod
    def make(cls) -> Executor:
        """Make an executor."""

    @pytest_asyncio.fixture(scope="class", loop_scope="class")
    @classmethod
    async def executor(cls) -> AsyncIterator[Executor]:
        """Give an executor that is closed after the last test."""
        executor = cls.make()
        yield executor
        await executor.close()

    @pytest.fixture
    def context(self, tmp_path: Path) -> FakeContext:
        """Give a context in memory."""
        return FakeContext(tmp_path, secrets={"TOKEN": "a secret"})

    def _hang(self) -> Action:
        return action(probes.hang_async if self.is_async else probes.hang)

    def _linger(self) -> Action:
        return action(probes.linger_async if self.is_async else probes.linger)

    # ---- outcomes

    async def test_the_output_comes_back(self, executor: Executor, context: Context) -> None:
        value = {"list": [1, 2.5, None, "ä"], "bytes": b"\x00"}
        assert await executor.execute(Call(action(probes.echo), {"value": value}, context)) == value

    async def test_a_directive_is_an_output(self, executor: Executor, context: Context) -> None:
        assert await executor.execute(Call(action(probes.directive), {}, context)) == Wait(seconds=3.0, output="later")

    async def test_a_failure_is_itself_and_says_where(self, executor: Executor, context: Context) -> None:
        with pytest.raises(ValueError, match="no good") as caught:
            await executor.execute(Call(action(probes.fail), {"message": "no good"}, context))
        trace = "".join(traceback.format_exception(caught.value))
        assert "in fail" in trace
        assert "probes.py" in trace

    @pytest.mark.parametrize("limit", [None, _LONG])
    @pytest.mark.parametrize("function", [probes.raise_special, probes.raise_special_later])
    async def test_nothing_that_an_action_raises_is_more_than_a_failure(
        self, executor: Executor, context: Context, function: Callable[..., object], limit: float | None
    ) -> None:
        for kind in probes.RAISED:
            call = Call(action(function), {"kind": kind}, context, limit)
            (error,) = await asyncio.gather(executor.execute(call), return_exceptions=True)
            assert isinstance(error, Exception)
            # Of a coroutine that raises StopIteration, Python itself makes a RuntimeError.
            assert type(error).__name__ in {kind, "RuntimeError" if kind == "StopIteration" else kind}
            assert await executor.execute(Call(action(probes.echo), {"value": 1}, context)) == 1

    async def test_many_calls_get_their_own_outputs(self, executor: Executor, context: Context) -> None:
        calls = [Call(action(probes.echo), {"value": number}, context, _LONG) for number in range(100)]
        outputs = await asyncio.gather(*[executor.execute(call) for call in calls])
        assert outputs == list(range(100))

    # ---- limits and cancels

    async def test_a_limit_ends_the_attempt_at_once(self, executor: Executor, context: FakeContext) -> None:
        """S33, S35: the attempt ends, and its action is told."""
        before = time.monotonic()
        with pytest.raises(Timeout) as caught:
            await executor.execute(Call(self._hang(), {}, context, 0.05))
        assert caught.value.seconds == 0.05
        assert time.monotonic() - before < 10
        assert context.cancelled

    async def test_a_limit_that_is_not_reached_means_nothing(self, executor: Executor, context: FakeContext) -> None:
        assert await executor.execute(Call(action(probes.echo), {"value": 1}, context, 5.0)) == 1
        assert not context.cancelled

    async def test_a_cancel_ends_the_attempt_at_once(self, executor: Executor, context: FakeContext) -> None:
        task = asyncio.ensure_future(executor.execute(Call(self._hang(), {}, context, _LONG)))
        await started(context)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert context.cancelled
        assert await executor.idle(context.run, context.step)

    async def test_a_cancel_without_a_limit(self, executor: Executor, context: FakeContext) -> None:
        task = asyncio.ensure_future(executor.execute(Call(self._hang(), {}, context)))
        await started(context)
        task.cancel()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert context.cancelled

    async def test_a_cancel_before_the_start_calls_nothing(self, executor: Executor, context: FakeContext) -> None:
        task = asyncio.ensure_future(executor.execute(Call(action(probes.report), {}, context, _LONG)))
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await executor.execute(Call(action(probes.echo), {"value": 1}, context))
        assert context.logged == []

    async def test_a_cancel_at_any_moment_gives_the_output_or_is_a_cancel(
        self, executor: Executor, context: FakeContext
    ) -> None:
        """Whoever is first wins, and nothing is left behind."""
        await executor.execute(Call(action(probes.echo), {"value": 0}, context))
        for turns in range(40):
            call = Call(action(probes.echo), {"value": 7}, context, _LONG if turns % 2 else None)
            task = asyncio.ensure_future(executor.execute(call))
            for _ in range(turns // 4):
                await asyncio.sleep(0.0001 if turns % 3 else 0)
            task.cancel()
            (end,) = await asyncio.gather(task, return_exceptions=True)
            assert end == 7 or isinstance(end, asyncio.CancelledError)
        assert await executor.idle(context.run, context.step)
        assert await executor.execute(Call(action(probes.echo), {"value": 8}, context)) == 8

    async def test_a_callback_that_fails_changes_nothing(self, executor: Executor, context: FakeContext) -> None:
        function = probes.with_bad_callback_async if self.is_async else probes.with_bad_callback
        task = asyncio.ensure_future(executor.execute(Call(action(function), {}, context, _LONG)))
        await started(context)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert context.cancelled

    # ---- what is left behind

    async def test_what_never_ran_is_idle(self, executor: Executor) -> None:
        assert await executor.idle("run-1", "nothing")

    async def test_a_late_end_is_waited_for_and_dropped(self, executor: Executor, context: FakeContext) -> None:
        """S35: a retry waits for the work that was given up; what it gives in the end is nobody's."""
        with pytest.raises(Timeout):
            await executor.execute(Call(self._linger(), {"seconds": 0.3}, context, 0.05))
        other = asyncio.ensure_future(executor.idle(context.run, "another step"))
        assert await other
        assert await executor.idle(context.run, context.step)
        assert await executor.execute(Call(action(probes.echo), {"value": 2}, context)) == 2

    async def test_closing_ends_what_runs(self, context: FakeContext) -> None:
        executor = self.make()
        task = asyncio.ensure_future(executor.execute(Call(self._hang(), {}, context, _LONG)))
        await started(context)
        await executor.close()
        with pytest.raises(asyncio.CancelledError):
            await asyncio.wait_for(task, 10)
        assert context.cancelled
        await executor.close()

    # ---- the context

    async def test_the_context_is_of_the_attempt(self, executor: Executor, context: FakeContext) -> None:
        """S56."""
        said = await executor.execute(Call(action(probes.report), {}, context))
        assert said == f"run-1 step 1 1 test {context.idempotency_key}"
        assert context.logged == [("warning", "a line")]
        assert context.written["stdout"] == "written\n"
        assert context.progressed == [(0.5, "half")]
        assert context.emitted == [("mine", {"n": 1})]
        assert context.noted == [("mine_noted", {"n": 2})]

    async def test_the_context_gives_what_is_asked(self, executor: Executor, context: FakeContext) -> None:
        """S56."""
        given = await executor.execute(Call(action(probes.ask), {}, context))
        assert isinstance(given, dict)
        assert given["secret"] == "a secret"
        assert given["path"] == context.workspace.resolve() / "a" / "b.txt"
        assert given["folder"] == context.output_folder()
        assert isinstance(given["artifact"], Artifact)
        assert context.artifacts[given["artifact"].sha256] == b"bytes"
        assert context.artifacts[given["file"].sha256] == b"made"

    async def test_the_context_refuses_as_itself(self, executor: Executor, context: FakeContext) -> None:
        with pytest.raises(PathRefused) as caught:
            await executor.execute(Call(action(probes.escape), {}, context))
        assert caught.value.path == "../../outside"

    async def test_once_is_once(self, executor: Executor, context: FakeContext) -> None:
        """S56."""
        call = Call(action(probes.once), {"value": "made"}, context)
        assert await executor.execute(call) == ["made", "made", 1]
        again = Call(action(probes.once), {"value": "new"}, context)
        assert await executor.execute(again) == ["made", "made", 0]
        assert context.logged == [("info", "making")]

    async def test_a_once_that_fails_keeps_nothing(self, executor: Executor, context: FakeContext) -> None:
        with pytest.raises(ValueError, match="inside"):
            await executor.execute(Call(action(probes.once_failing), {}, context))
        assert context.journal == {}

    # ---- what it prints

    async def test_what_it_prints_is_its_own(
        self, executor: Executor, context: FakeContext, capfd: pytest.CaptureFixture[str]
    ) -> None:
        with routed():
            await executor.execute(Call(action(probes.say), {"text": "hé"}, context))
        assert context.written == {"stdout": "hé\n", "stderr": "hé!\n"}
        assert capfd.readouterr() == ("", "")

    async def test_attempts_print_apart(self, executor: Executor, tmp_path: Path) -> None:
        contexts = [FakeContext(tmp_path, step=f"step-{number}") for number in range(3)]
        function = probes.say_around_a_pause
        calls = [
            Call(action(function), {"text": context.step}, context, None if context.step == "step-1" else _LONG)
            for context in contexts
        ]
        with routed():
            await asyncio.gather(*[executor.execute(call) for call in calls])
        assert [context.written["stdout"] for context in contexts] == [f"{context.step}\n" * 2 for context in contexts]

    async def test_an_action_says_that_it_failed(self, executor: Executor, context: FakeContext) -> None:
        """The errors that workflows name keep their class and their facts."""
        with pytest.raises(ActionFailed) as caught:
            await executor.execute(Call(action(probes.say_no), {}, context))
        assert (caught.value.message, caught.value.hint) == ("No.", "Ask again.")
