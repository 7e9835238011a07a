"""S34: a wall clock that jumps changes nothing within a process, and after a resume due times hold."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from tests.semantics import deeds
from tests.semantics.deeds import fail_step, gate_step, give_step

from ergon.testing.clock import FakeClock
from ergon.testing.runs import Bench, BenchRun

HOUR, DAY = 3600.0, 86_400.0
JUMPS = pytest.mark.parametrize("jump", [-HOUR, DAY], ids=["back an hour", "forward a day"])
NAP = {"id": "nap", "uses": "core.sleep", "with": {"seconds": 4}}

Document = list[dict[str, Any]] | dict[str, Any]


def loop(*steps: dict[str, Any], every: float = 100) -> dict[str, Any]:
    return {"id": "loop", "until": "loop.index == 1", "max_iterations": 3, "every": every, "steps": list(steps)}


def begins(path: str, attempt: int = 0) -> Callable[[BenchRun], bool]:
    """Say that a step has begun, by a certain attempt if one is given."""
    return lambda run: path in run.statuses and run.step(path).attempt >= attempt


def ends(run: BenchRun) -> bool:
    """Say that a run is over."""
    return run.state.ended


HUNDRED: list[tuple[str, Document, Callable[[BenchRun], bool]]] = [
    ("wait", [{"id": "a", "uses": "wait.for", "with": {"duration": 100}}], ends),
    ("signal", [{"id": "a", "uses": "wait.for", "with": {"signal": "go", "timeout": 100}}], ends),
    (
        "backoff",
        [fail_step("a", inputs={"times": 1}, retry={"attempts": 2, "delay": 100, "backoff": "fixed"})],
        begins("a", 2),
    ),
    ("every", [loop(give_step("x"))], begins("loop[1].x")),
    ("every after a nap", [loop(NAP, give_step("x", needs=["nap"]))], begins("loop[1].nap")),
    ("limit of a block", [{"id": "a", "timeout": 100, "parallel": [gate_step("g")]}], ends),
    ("limit of the run", {"settings": {"timeout": 100}, "steps": [gate_step("g")]}, ends),
]
"""What happens a hundred seconds after the run was started."""
all_of_them = pytest.mark.parametrize(
    ("document", "happened"), [pytest.param(*rest, id=name) for name, *rest in HUNDRED]
)


@JUMPS
@pytest.mark.parametrize("after", [1, 60])
@all_of_them
def test_s34_within_a_process_a_jump_changes_nothing(
    timed: Bench, clock: FakeClock, document: Document, happened: Callable[[BenchRun], bool], jump: float, after: int
) -> None:
    run = timed.start(document)
    clock.advance(after)
    clock.jump(jump)
    clock.advance(99 - after)
    assert not happened(run), run
    clock.advance(1)
    timed.settle()
    assert happened(run), run
    timed.gates["g"].open()
    clock.advance(300)
    run.wait()


@all_of_them
def test_s34_after_a_resume_what_became_due_by_the_clock_is_due(
    timed: Bench, clock: FakeClock, document: Document, happened: Callable[[BenchRun], bool]
) -> None:
    """Due times are in the journal. Time limits do not count what the run rested (S36)."""
    run = timed.start(document)
    clock.advance(60)
    run.interrupt(at_once=True)
    clock.jump(DAY)
    run = timed.resume(run.id)
    if happened is ends and not timed.store.waits(run.id):
        clock.advance(39)
        assert not happened(run), run
        clock.advance(1)
    clock.advance(0)
    timed.settle()
    assert happened(run), run
    timed.gates["g"].open()
    clock.advance(300)
    run.wait()


@pytest.mark.parametrize(
    "document", [HUNDRED[0][1], HUNDRED[2][1], HUNDRED[3][1]], ids=[HUNDRED[0][0], HUNDRED[2][0], HUNDRED[3][0]]
)
def test_s34_after_a_resume_on_a_clock_that_was_set_back_the_due_time_holds(
    timed: Bench, clock: FakeClock, document: Document
) -> None:
    run = timed.start(document)
    clock.advance(60)
    (due,) = [wait.due for wait in timed.store.waits(run.id)]
    run.interrupt()
    clock.jump(-HOUR)
    run = timed.resume(run.id)
    assert due is not None
    clock.advance(due - clock.now() - 1)
    assert [wait.due for wait in timed.store.waits(run.id)] == [due]
    clock.advance(1.5)
    timed.settle()
    assert [wait.due for wait in timed.store.waits(run.id)] == []
    clock.advance(300)
    run.wait()


def test_s30_what_ended_last_is_undone_first_whatever_the_clock_says(timed: Bench, clock: FakeClock) -> None:
    deeds.UNDONE.clear()
    made = [{"id": name, "uses": "trial.make", "with": {"value": name}} for name in "abc"]
    steps = [made[0], gate_step("g", needs=["a"]), {**made[1], "needs": ["g"]}, {**made[2], "needs": ["b"]}]
    bad = fail_step("bad", needs=["c"])
    run = timed.start({"settings": {"on_failure": "rollback"}, "steps": [*steps, bad]})
    timed.settle()
    clock.jump(-HOUR)
    timed.gates["g"].open()
    assert run.wait().status == "failed"
    assert [value for _, value in deeds.UNDONE] == ["c", "b", "a"]


def test_s30_the_step_that_failed_first_is_named_whatever_the_clock_says(timed: Bench, clock: FakeClock) -> None:
    late = {"id": "late", "uses": "trial.gated_failure", "with": {"name": "g"}}
    run = timed.start({"settings": {"on_failure": "finish"}, "steps": [late, fail_step("first")]})
    run.until_step("first", "failed")
    clock.jump(-HOUR)
    timed.gates["g"].open()
    run.wait()
    assert run.state.failed_step == "first"
