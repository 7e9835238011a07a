"""Attempts that end before they have begun (S36)."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any, cast

from ergon.engine.attempts import Attempts, Outcome
from ergon.model.states import StepState


def _attempts(reported: list[Outcome]) -> Attempts:
    unused: Any = None
    return Attempts(
        run="r",
        loop=asyncio.get_running_loop(),
        pool=unused,
        catalog=unused,
        executors=unused,
        evaluator=cast(Any, SimpleNamespace(reader=SimpleNamespace(values=None))),
        caching=unused,
        services=unused,
        report=lambda outcome, last: reported.append(outcome),
    )


def _step() -> StepState:
    unused: Any = None
    return StepState(path="a", node=unused, body=unused, attempt=1)


async def test_one_that_is_cancelled_before_its_start_is_on_disk_says_so() -> None:
    reported: list[Outcome] = []
    attempts, step = _attempts(reported), _step()
    attempts.expect(step)
    attempts.cancel(step, "a race was won")
    attempts.launch(step)
    assert [outcome.cancelled for outcome in reported] == ["a race was won"]
    assert not attempts.running()


async def test_one_that_is_cancelled_in_the_turn_in_which_it_is_launched_says_so() -> None:
    """A task that is cancelled before its first step never enters its coroutine."""
    reported: list[Outcome] = []
    attempts, step = _attempts(reported), _step()
    attempts.expect(step)
    attempts.launch(step)
    attempts.cancel(step, "a race was won")
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert [outcome.cancelled for outcome in reported] == ["a race was won"]
    assert not attempts.running()
