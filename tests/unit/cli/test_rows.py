"""Which steps are worth a line: at most a screenful, and the telling ones first."""

from __future__ import annotations

import pytest
from tests.journals import Journal, error, noop

from ergon.cli.rows import Row, counts, done_of, rows, share_done
from ergon.model import events as e
from ergon.model.states import RunState, StepStatus


def shown(state: RunState, room: int = 30) -> list[str]:
    active = [s for s in state.steps.values() if s.status in (StepStatus.RUNNING, StepStatus.WAITING)]
    return [told(row) for row in rows(state, active, room=room)]


def told(row: Row) -> str:
    return "  " * row.depth + row.label


def fan(count: int, *, busy: int = 0, done: int = 0, failed: int = 0) -> Journal:
    """Make a run whose block has items that are done, that failed, and that are busy."""
    journal = Journal(noop("a"), {"id": "fan", "for_each": [1], "steps": [noop("x")]}, noop("b"))
    journal.ran("a").add(e.STEP_STARTED, "fan", 0, {"count": count}, str(list(range(count))))
    for index in range(done + failed + busy):
        journal.add(e.BODY_OPENED, f"fan[{index}]", 0, {"owner": "fan", "index": index})
        journal.add(e.STEP_STARTED, f"fan[{index}].x", 1)
        if index < done:
            journal.add(e.STEP_SUCCEEDED, f"fan[{index}].x", 1, value="1")
            journal.add(e.BODY_CLOSED, f"fan[{index}]", 0, {"owner": "fan", "index": index, "status": "succeeded"})
        elif index < done + failed:
            journal.add(e.STEP_FAILED, f"fan[{index}].x", 1, {"error": error("no")})
    return journal


def test_a_run_that_has_not_begun_shows_nothing() -> None:
    assert rows(RunState("r", Journal().state.frame, graph_of=lambda sha256: Journal().graph), [], room=5) == []


def test_of_a_running_block_what_runs_and_what_failed_is_shown() -> None:
    assert shown(fan(9, done=3, failed=1, busy=2).state) == ["a", "fan", "  [3].x", "  [4].x", "  [5].x", "b"]


def test_a_block_that_succeeded_is_one_line() -> None:
    journal = fan(1, done=1).add(e.STEP_SUCCEEDED, "fan", 0, {"gathers": "items"})
    assert shown(journal.state) == ["a", "fan", "b"]


def test_of_a_short_branch_all_steps_are_shown() -> None:
    journal = Journal({"id": "both", "parallel": [noop("p"), noop("q")]})
    journal.add(e.STEP_STARTED, "both").add(e.BODY_OPENED, "both", 0, {"owner": "both"}).ran("both.p")
    assert shown(journal.state) == ["both", "  p", "  q"]


@pytest.mark.parametrize("room", [1, 3, 5, 8, 13, 21, 34])
def test_never_more_than_a_screenful(room: int) -> None:
    state = fan(200, done=20, failed=3, busy=60).state
    assert len(shown(state, room)) <= room


def test_the_longest_block_is_shortened_and_says_so() -> None:
    lines = shown(fan(200, busy=60).state, 10)
    assert lines[:2] == ["a", "fan"]
    assert lines[-2:] == ["  … 54 running", "b"]
    assert len(lines) == 10


def test_what_failed_is_shown_before_what_runs() -> None:
    lines = shown(fan(200, failed=2, busy=60).state, 8)
    assert lines[2:4] == ["  [0].x", "  [1].x"]


def test_many_steps_to_come_are_folded_at_the_end_and_many_done_at_the_beginning() -> None:
    steps = [noop(f"s{number}") for number in range(40)]
    journal = Journal(*steps)
    for number in range(20):
        journal.ran(f"s{number}")
    journal.add(e.STEP_STARTED, "s20", 1)
    lines = shown(journal.state, 10)
    assert lines[0].startswith("… ")
    assert lines[0].endswith(" succeeded")
    assert "s20" in lines
    assert lines[-1] == "… 19 pending"
    assert len(lines) == 10


# ---- how far ---------------------------------------------------------------------------------------


def test_a_for_each_knows_how_many_items_are_done() -> None:
    state = fan(9, done=3, failed=1, busy=2).state
    assert done_of(state.steps["fan"]) == (3, 9)
    assert done_of(state.steps["a"]) is None


def test_the_share_done_counts_the_items() -> None:
    assert share_done(fan(8, done=4, busy=1).state) == pytest.approx(5 / 10)
    assert share_done(Journal().state) == 0.0
    assert share_done(Journal().ended("succeeded").state) == 1.0


def test_an_action_that_says_how_far_it_is_counts_by_that() -> None:
    journal = Journal(noop("a"), noop("b")).add(e.STEP_STARTED, "a", 1)
    assert share_done(journal.state, {"a": 0.5}) == 0.25


def test_actions_are_counted_by_status() -> None:
    found = counts(fan(9, done=3, failed=1, busy=2).state)
    assert found == {"succeeded": 4, "failed": 1, "running": 2, "pending": 1}
