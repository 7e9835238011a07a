"""The engine's thread: whoever has something done in it gets an answer."""

from __future__ import annotations

import asyncio
import threading

import pytest

from ergon.engine.thread import LoopThread
from ergon.errors import NotPossible
from ergon.testing.journals import wait_until


def _no_preparation(loop: asyncio.AbstractEventLoop) -> None:
    """Prepare nothing."""


async def _nothing() -> None:
    """Do nothing at the end."""


def _thread() -> LoopThread:
    return LoopThread(name="trial", prepare=_no_preparation, shut=_nothing)


def test_a_call_gives_its_result_or_its_error() -> None:
    thread = _thread()
    thread.start()
    assert thread.call(lambda: 7) == 7
    with pytest.raises(ZeroDivisionError):
        thread.call(lambda: 1 // 0)
    assert thread.forbid()
    thread.end(10)


def test_who_comes_after_the_end_is_told_so() -> None:
    thread = _thread()
    thread.start()
    assert thread.forbid()
    assert not thread.forbid()
    thread.end(10)
    thread.post(lambda: pytest.fail("it has ended"))
    with pytest.raises(NotPossible, match="the engine is closed"):
        thread.call(lambda: 1)
    with pytest.raises(NotPossible, match="the engine is closed"):
        thread.start()


def test_a_thread_that_was_closed_before_it_started_never_starts() -> None:
    thread = _thread()
    assert not thread.forbid()
    with pytest.raises(NotPossible):
        thread.start()


def test_what_its_preparation_raises_is_told_to_all_who_start_it() -> None:
    def prepare(loop: asyncio.AbstractEventLoop) -> None:
        raise OSError("no disk")

    thread = LoopThread(name="trial", prepare=prepare, shut=_nothing)
    for _ in range(2):
        with pytest.raises(OSError, match="no disk"):
            thread.start()
    assert not thread.forbid()


def test_a_call_that_comes_in_the_loops_last_round_is_answered() -> None:
    """It is in the loop's queue and never gets its turn, because the loop stops in the round before."""
    answers: list[BaseException] = []
    did: list[bool] = []

    def late() -> None:
        with pytest.raises(NotPossible) as caught:
            thread.call(lambda: did.append(True))
        answers.append(caught.value)

    caller = threading.Thread(target=late)

    def last_round() -> None:
        caller.start()
        wait_until(lambda: len(thread._calls) == 1, "the call is in the queue")

    async def shut() -> None:
        asyncio.get_running_loop().call_soon(last_round)

    thread = LoopThread(name="trial", prepare=_no_preparation, shut=shut)
    thread.start()
    assert thread.forbid()
    thread.end(60)
    caller.join(60)
    assert not caller.is_alive()
    assert len(answers) == 1
    assert did == []
