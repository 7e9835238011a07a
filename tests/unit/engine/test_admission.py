"""Which queued run begins next (S54)."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ergon.engine.admission import WEIGHT, Admission, Ticket
from ergon.model.records import Priority

MANY: Final = 10_000
_compared = 0


@dataclass(slots=True, eq=False)
class Counted(Ticket):
    """A ticket that counts how often it is compared."""

    def __lt__(self, other: Ticket) -> bool:
        global _compared  # noqa: PLW0603  (a heap gives it no other place)
        _compared += 1
        return Ticket.__lt__(self, other)


def _ticket(run: str, at: float = 0.0, priority: Priority = "immediate", **more: object) -> Ticket:
    return Counted(run, str(more.pop("workflow", "flow")), priority, at, **more)  # type: ignore[arg-type]


def _drained(admission: Admission) -> list[str]:
    order: list[str] = []
    while (ticket := admission.next()) is not None:
        order.append(ticket.run)
        admission.leave(ticket.run)
    return order


tickets = st.lists(st.tuples(st.integers(0, 900), st.sampled_from(sorted(WEIGHT)), st.booleans()), max_size=30)


@given(tickets)
def test_s54_runs_begin_by_when_they_were_queued_and_by_their_priority(
    drawn: list[tuple[int, Priority, bool]],
) -> None:
    admission = Admission(limit=1)
    for number, (at, priority, _) in enumerate(drawn):
        admission.add(_ticket(str(number), at, priority))
    gone = {str(number) for number, (_, _, leaves) in enumerate(drawn) if leaves}
    for run in gone:
        admission.leave(run)
    ranked = sorted((at + WEIGHT[priority], number) for number, (at, priority, _) in enumerate(drawn))
    assert _drained(admission) == [str(number) for _, number in ranked if str(number) not in gone]
    assert len(admission) == 0


@pytest.mark.parametrize("max_runs", [None, 1])
def test_s54_ten_thousand_queued_runs_cost_a_few_comparisons_each(max_runs: int | None) -> None:
    global _compared
    _compared, admission, order = 0, Admission(limit=10), list[str]()
    times = random.Random(0).sample(range(MANY), MANY)
    for number, at in enumerate(times):
        admission.add(_ticket(str(number), at, max_runs=max_runs))
    for number in range(0, MANY, 2):
        admission.leave(str(number))
    while (ticket := admission.next()) is not None:
        if ticket.needs_place:
            assert admission.granted(ticket)
        order.append(ticket.run)
        admission.leave(ticket.run)
    assert order == [str(number) for _, number in sorted((at, n) for n, at in enumerate(times) if n % 2)]
    assert _compared < MANY * 60


def test_s54_no_more_than_the_limit_begin_and_those_that_ask_count() -> None:
    admission = Admission(limit=2)
    for run in "abc":
        admission.add(_ticket(run, max_runs=1, workflow=run))
    asking = [admission.next(), admission.next(), admission.next()]
    assert [ticket.run for ticket in asking if ticket is not None] == ["a", "b"]
    assert asking[0] is not None
    assert asking[1] is not None
    assert admission.granted(asking[0])
    assert admission.refused(asking[1])
    assert [ticket.run for ticket in [admission.next()] if ticket is not None] == ["c"]
    assert admission.next() is None


def test_s54_who_waits_for_a_place_keeps_no_other_workflow_waiting() -> None:
    admission = Admission(limit=1)
    admission.add(_ticket("a", 0, max_runs=1))
    admission.add(_ticket("b", 1, max_runs=1))
    admission.add(_ticket("c", 2, workflow="another"))
    first = admission.next()
    assert first is not None
    assert first.run == "a"
    assert admission.refused(first)
    following = admission.next()
    assert following is not None
    assert following.run == "c"
    assert admission.next() is None
    admission.leave("c")
    assert admission.next() is None, "only a change lets the line ask again"
    admission.retry()
    assert admission.next() is first


def test_s54_a_change_while_a_run_asks_lets_it_ask_again() -> None:
    admission = Admission(limit=5)
    admission.add(_ticket("a", max_runs=1))
    ticket = admission.next()
    assert ticket is not None
    admission.retry()
    assert admission.next() is None
    assert admission.refused(ticket)
    assert admission.next() is ticket
    assert admission.refused(ticket)
    assert admission.next() is None


def test_s54_a_better_one_asks_though_the_line_is_blocked() -> None:
    admission = Admission(limit=5)
    admission.add(_ticket("late", 0, "deferred", max_runs=1))
    late = admission.next()
    assert late is not None
    admission.refused(late)
    admission.add(_ticket("later", 1, "deferred", max_runs=1))
    assert admission.next() is None
    admission.add(_ticket("early", 2, max_runs=1))
    early = admission.next()
    assert early is not None
    assert early.run == "early"


def test_s54_an_answer_for_a_run_that_left_counts_no_more() -> None:
    admission = Admission(limit=5)
    admission.add(_ticket("a", max_runs=1))
    ticket = admission.next()
    assert ticket is not None
    admission.leave("a")
    admission.add(_ticket("a", max_runs=1))
    assert not admission.granted(ticket)
    assert not admission.refused(ticket)
    again = admission.next()
    assert again is not None
    assert again is not ticket


def test_s54_who_got_its_place_at_once_waits_for_the_processs_limit() -> None:
    admission = Admission(limit=1)
    admission.add(_ticket("a"))
    assert admission.next() is not None
    skipping = _ticket("b", max_runs=1, overlap="skip")
    admission.add(skipping)
    admission.ask_now(skipping)
    assert admission.next() is None
    assert not admission.granted(skipping)
    assert admission.next() is None
    admission.leave("a")
    assert admission.next() is skipping
