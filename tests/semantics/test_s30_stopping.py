"""S30, S36: what becomes of the steps of a run that stops."""

from __future__ import annotations

from typing import Any

import pytest
from tests.semantics.deeds import fail_step, gate_step, give_step

from ergon.testing.runs import Bench


@pytest.mark.parametrize("order", [1, -1], ids=["as_they_follow", "reversed"])
def test_s30_what_a_stop_makes_of_a_step_does_not_depend_on_its_place_in_the_text(bench: Bench, order: int) -> None:
    """S10: who needs what failed is skipped, and what the stop kept from starting is cancelled, however far off."""
    steps = [
        fail_step("bad"),
        gate_step("held"),
        give_step("needs_it", needs=["bad"]),
        give_step("reads", "{{ steps.needs_it.output }}"),
        give_step("next", needs=["held"]),
        give_step("last", needs=["next"]),
    ]
    assert bench.run(steps[::order]).statuses == {
        "bad": "failed",
        "held": "cancelled",
        "needs_it": "skipped",
        "reads": "skipped",
        "next": "cancelled",
        "last": "cancelled",
    }


def test_s30_what_follows_from_a_handler_that_did_not_run_is_cancelled_throughout(bench: Bench) -> None:
    run = bench.run(
        [
            give_step("good"),
            give_step("handler", needs=[{"step": "good", "on": "failure"}]),
            fail_step("bad", needs=["handler"]),
            give_step("one", needs=["bad"]),
            give_step("two", needs=["one"]),
            give_step("three", needs=["two"]),
        ]
    )
    assert [run.status_of(each) for each in ("handler", "one", "two", "three")] == [
        "skipped",
        "skipped",
        "cancelled",
        "cancelled",
    ]


def test_s30_a_handler_is_retried_and_may_have_something_to_stand_in(bench: Bench) -> None:
    """S31, S33: it is a step like any other, though the run stops around it."""
    after = [{"step": "bad", "on": "failure"}]
    run = bench.run(
        [
            fail_step("bad"),
            fail_step("again", inputs={"times": 1}, needs=after, retry=2),
            fail_step("continues", needs=after, on_error={"continue": 7}),
            fail_step("helped", needs=after, on_error={"step": "instead"}),
            give_step("instead", 8),
        ]
    )
    assert (run.status_of("again"), run.step("again").attempt) == ("succeeded", 2)
    assert (run.output("continues"), run.output("helped")) == (7, 8)


@pytest.mark.parametrize(
    "keys", [{"inputs": {"times": 1}, "retry": 2}, {"on_error": {"continue": 7}}, {"on_error": {"step": "instead"}}]
)
def test_s36_what_always_runs_is_retried_and_stood_in_for_in_a_run_that_was_cancelled(
    bench: Bench, keys: dict[str, Any]
) -> None:
    always = [{"step": "held", "on": "always"}]
    run = bench.start([gate_step("held"), fail_step("clean", needs=always, **keys), give_step("instead", 8)])
    run.until_step("held", "running")
    run.send("cancel")
    assert run.wait().status_of("clean") == "succeeded"
