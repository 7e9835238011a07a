"""S50: resume and retry of failed, cancelled and partial runs."""

from __future__ import annotations

from typing import Any

import pytest
from tests.semantics import deeds
from tests.semantics.deeds import fail_step, flaky_step, gate_step, give_step, ran

from ergon.testing.clock import FakeClock
from ergon.testing.runs import Bench

Step = dict[str, Any]


def test_s50_a_failed_run_goes_on_where_it_failed(bench: Bench) -> None:
    steps = [give_step("a", 1), flaky_step("b", "{{ steps.a.output + 1 }}"), give_step("c", "{{ steps.b.output }}")]
    run = bench.run(steps)
    assert run.statuses == {"a": "succeeded", "b": "failed", "c": "skipped"}
    deeds.MENDED.add("b")
    again = run.resume()
    assert (again.id, again.status, again.output("c")) == (run.id, "succeeded", 2)
    assert (ran(run.id, "a"), ran(run.id, "b")) == (1, 2)
    assert again.step("b").error is None
    assert again.error is None
    assert again.state.failed_step == ""


def test_s50_attempts_count_on_and_the_budget_is_afresh(bench: Bench) -> None:
    run = bench.run([fail_step("a", inputs={"times": 4}, retry=3)])
    assert run.step("a").attempt == 3
    again = run.resume()
    assert again.status == "succeeded"
    assert again.output("a") == 5
    assert [event.attempt for event in again.events("step_started")] == [1, 2, 3, 4, 5]


def test_s50_backoff_begins_afresh_too(timed: Bench, clock: FakeClock) -> None:
    run = timed.start([fail_step("a", inputs={"times": 3}, retry={"attempts": 2, "delay": 10, "backoff": "linear"})])
    clock.advance(10)
    run.wait()
    resumed = timed.resume(run.id)
    clock.advance(10)
    resumed.wait()
    assert resumed.output("a") == 4


def test_s50_a_cancelled_run_goes_on(bench: Bench) -> None:
    run = bench.start([give_step("a"), gate_step("held", 1, needs=["a"]), give_step("b", "{{ steps.held.output }}")])
    run.until_step("held", "running")
    run.send("cancel")
    assert run.wait().status == "cancelled"
    bench.gates["held"].open()
    again = run.resume()
    assert again.status == "succeeded"
    assert ran(run.id, "a") == 1


def test_s50_one_that_succeeded_is_left_alone(bench: Bench) -> None:
    run = bench.run([give_step("a")])
    before = len(run.events())
    assert run.resume().status == "succeeded"
    assert run.retry().status == "succeeded"
    assert len(run.events()) == before


def test_s50_resume_of_a_partial_run_is_left_alone_and_retry_takes_it_up(bench: Bench) -> None:
    steps = [flaky_step("b", 1, optional=True), give_step("c", "{{ steps.b.output | default(0) }}"), give_step("d")]
    run = bench.run(steps)
    assert (run.status, run.output("c")) == ("partial", 0)
    before = len(run.events())
    assert run.resume().status == "partial"
    assert len(run.events()) == before
    deeds.MENDED.add("b")
    again = run.retry()
    assert (again.status, again.output("c")) == ("succeeded", 1)
    assert ran(run.id, "d") == 1


def items(policy: str) -> list[Step]:
    fan = {
        "id": "fan",
        "for_each": ["x", "y", "z"],
        "concurrency": 1,
        "on_item_error": policy,
        "steps": [give_step("a", "{{ item }}"), flaky_step("b", "{{ steps.a.output }}!", name="{{ item }}")],
    }
    return [fan, give_step("after", "{{ steps.fan.output }}")]


def test_s50_a_for_each_goes_on_with_the_items_that_succeeded(bench: Bench) -> None:
    deeds.MENDED.add("x")
    run = bench.run(items("stop"))
    assert run.status_of("fan") == "failed"
    deeds.MENDED.update("yz")
    again = run.resume()
    assert again.output("after") == ["x!", "y!", "z!"]
    assert [ran(run.id, f"fan[{n}].{s}") for n in range(3) for s in "ab"] == [1, 1, 1, 2, 1, 1]


def test_s50_retry_of_failed_items_and_of_what_followed_from_the_block(bench: Bench) -> None:
    deeds.MENDED.update("xz")
    run = bench.run([*items("continue"), give_step("beside")])
    assert (run.status, run.output("after")) == ("partial", ["x!", None, "z!"])
    deeds.MENDED.add("y")
    again = run.retry()
    assert (again.status, again.output("after")) == ("succeeded", ["x!", "y!", "z!"])
    assert [ran(run.id, f"fan[{n}].{s}") for n in range(3) for s in "ab"] == [1, 1, 1, 2, 1, 1]
    assert (ran(run.id, "after"), ran(run.id, "beside")) == (2, 1)


def test_s50_items_of_a_plain_for_each(bench: Bench) -> None:
    fan = {
        "id": "fan",
        "for_each": ["x", "y", "z"],
        "on_item_error": "continue",
        "uses": "trial.flaky",
        "with": {"name": "{{ item }}", "value": "{{ item }}"},
    }
    deeds.MENDED.update("xz")
    run = bench.run([fan])
    assert run.output("fan") == ["x", None, "z"]
    deeds.MENDED.add("y")
    again = run.retry()
    assert (again.status, again.output("fan")) == ("succeeded", ["x", "y", "z"])
    assert [ran(run.id, f"fan[{n}]") for n in range(3)] == [1, 2, 1]


def test_s50_a_cancelled_for_each_goes_on_with_the_items_that_succeeded(bench: Bench) -> None:
    """A leftover of the stop must not count against what succeeded before it."""
    gated = {"uses": "bench.gate", "with": {"name": "{{ item }}"}}
    bench.gates["a"].open()
    run = bench.start([{"id": "fan", "for_each": ["a", "b", "c"], "concurrency": 1, **gated}])
    run.until_step("fan[1]", "running")
    run.send("cancel")
    run.wait()
    bench.gates["b"].open()
    bench.gates["c"].open()
    again = run.resume()
    assert (again.status, again.statuses["fan"]) == ("succeeded", "succeeded")
    assert again.step("fan[0]").attempt == 1


LAST: list[Step] = [give_step("first"), gate_step("last", 1, needs=[{"step": "first", "on": "always"}])]


def test_s50_a_run_that_was_cancelled_while_its_last_step_came_to_its_end_just_ends(bench: Bench) -> None:
    run = bench.start({"steps": LAST, "outputs": {"one": "{{ steps.last.output }}"}})
    run.until_step("last", "running")
    run.send("cancel")
    run.until(lambda: bool(run.events("run_stopping")), "it is being cancelled")
    bench.gates["last"].open()
    assert (run.wait().status, run.status_of("last")) == ("cancelled", "succeeded")
    again = run.resume()
    assert (again.status, again.outputs, again.step("last").attempt) == ("succeeded", {"one": 1}, 1)


def test_s50_a_run_that_was_out_of_time_while_its_last_step_came_to_its_end_too(timed: Bench, clock: FakeClock) -> None:
    run = timed.start({"settings": {"timeout": 10}, "steps": LAST})
    run.until_step("last", "running")
    clock.advance(11)
    timed.gates["last"].open()
    assert (run.wait().status, run.status_of("last")) == ("failed", "succeeded")
    assert run.resume().status == "succeeded"


def test_s50_a_loop_goes_on_with_its_iteration(bench: Bench) -> None:
    loop = {
        "id": "loop",
        "while": "loop.index < 3",
        "max_iterations": 3,
        "steps": [give_step("a", "{{ loop.index }}"), flaky_step("b", name="n{{ loop.index }}", needs=["a"])],
    }
    deeds.MENDED.add("n0")
    run = bench.run([loop])
    assert run.status_of("loop[1].b") == "failed"
    deeds.MENDED.update(("n1", "n2"))
    again = run.resume()
    assert again.status == "succeeded"
    assert [ran(run.id, f"loop[{n}].a") for n in range(3)] == [1, 1, 1]


def test_s50_retry_of_an_earlier_iteration_runs_those_after_it_again(bench: Bench) -> None:
    loop = {
        "id": "loop",
        "while": "loop.index < 3",
        "max_iterations": 3,
        "steps": [
            flaky_step("b", 10, name="n{{ loop.index }}", optional=True),
            give_step("sum", "{{ (loop.last or 0) + (steps.b.output | default(0)) }}"),
        ],
    }
    deeds.MENDED.update(("n0", "n2"))
    run = bench.run([loop])
    assert (run.status, run.output("loop")) == ("partial", 20)
    deeds.MENDED.add("n1")
    again = run.retry()
    assert (again.status, again.output("loop")) == ("succeeded", 30)
    assert [ran(run.id, f"loop[{n}].b") for n in range(3)] == [1, 2, 2]


def test_s50_a_branch_goes_on(bench: Bench) -> None:
    taken = [give_step("a"), flaky_step("b", 1, needs=["a"])]
    branches = [{"when": False, "steps": [give_step("no")]}, {"otherwise": True, "steps": taken}]
    run = bench.run([{"id": "route", "choose": branches}, give_step("after", "{{ steps.route.output }}")])
    deeds.MENDED.add("b")
    again = run.resume()
    assert again.output("after") == 1
    assert ran(run.id, "route.a") == 1


def test_s50_a_race_that_was_won_is_left_alone(bench: Bench) -> None:
    race = {"id": "race", "wait_for": "any", "parallel": [give_step("good", 1), flaky_step("bad", 2)]}
    run = bench.run([race, flaky_step("other", 3, optional=True)])
    deeds.MENDED.update(("bad", "other"))
    again = run.retry()
    assert (again.status, again.output("race")) == ("succeeded", 1)
    assert ran(run.id, "race.good") == 1


@pytest.mark.parametrize("spared", [gate_step("after", 2), {**gate_step("after", 2), "validate": [{"that": False}]}])
def test_s50_a_race_that_was_won_before_a_cancel_stays_won(bench: Bench, spared: Step) -> None:
    """S39: also if a cancel came while what is to run always still ran in it."""
    runners = [give_step("good", 1), gate_step("slow"), {**spared, "needs": [{"step": "good", "on": "always"}]}]
    run = bench.start(
        [{"id": "race", "wait_for": "any", "parallel": runners}, give_step("next", "{{ steps.race.output }}")]
    )
    run.until_step("race.after", "running")
    run.send("cancel")
    run.until(lambda: run.state.stopping == "cancel")
    bench.gates["after"].open()
    assert run.wait().status == "cancelled"
    again = run.resume()
    assert (again.status, again.output("next")) == ("succeeded", 1)
    assert again.status_of("race.slow") == "cancelled"
    assert (ran(run.id, "race.good"), [event.data["winner"] for event in again.events("race_won")]) == (1, ["good"])


def test_s50_a_race_that_is_won_while_it_is_cancelled_stays_won(bench: Bench) -> None:
    """S29: the first success in the journal wins, whatever stops the race."""
    held = {**gate_step("held", 1), "needs": [{"step": "off", "on": "always"}]}
    runners = [{**give_step("off"), "enabled": False}, held, give_step("late", 2, needs=["held"])]
    run = bench.start([{"id": "race", "wait_for": "any", "parallel": runners}])
    run.until_step("race.held", "running")
    run.send("cancel")
    run.until(lambda: run.state.stopping == "cancel")
    bench.gates["held"].open()
    assert run.wait().status == "cancelled"
    again = run.resume()
    assert (again.status, again.output("race")) == ("succeeded", 1)
    assert (ran(run.id, "race.late"), again.status_of("race.late")) == (0, "cancelled")
    assert [event.data["winner"] for event in again.events("race_won")] == ["held"]


def test_s50_what_runs_only_because_of_a_cancel_wins_no_race(bench: Bench) -> None:
    """S23, S29: what is to run always does so while the run is cancelled, and again after the resume."""
    runners = [gate_step("held", 1), give_step("tidy", 2, needs=[{"step": "held", "on": "always"}])]
    run = bench.start([{"id": "race", "wait_for": "any", "parallel": runners}])
    run.until_step("race.held", "running")
    run.send("cancel")
    assert (run.wait().status, run.status_of("race.tidy")) == ("cancelled", "succeeded")
    bench.gates["held"].open()
    again = run.resume()
    assert (again.status, again.output("race"), ran(run.id, "race.tidy")) == ("succeeded", 1, 2)


def test_s50_a_race_that_was_lost_is_run_again(bench: Bench) -> None:
    race = {"id": "race", "wait_for": "any", "parallel": [flaky_step("a", 1), flaky_step("b", 2)]}
    run = bench.run([race])
    assert run.status == "failed"
    deeds.MENDED.add("b")
    assert run.resume().output("race") == 2


def test_s50_a_block_that_follows_from_what_runs_again_runs_again_whole(bench: Bench) -> None:
    """It was run although what it waits for had failed, and failed itself."""
    block = {
        "id": "block",
        "needs": [{"step": "a", "on": "always"}],
        "parallel": [give_step("seen", "{{ steps.a.output | default('none') }}"), flaky_step("b", needs=["seen"])],
    }
    run = bench.run({"settings": {"on_failure": "finish"}, "steps": [flaky_step("a", "some"), block]})
    assert run.output("block.seen") == "none"
    deeds.MENDED.update("ab")
    again = run.resume()
    assert (again.status, again.output("block.seen")) == ("succeeded", "some")


def test_s50_the_stand_in_of_a_failed_step_is_not_needed_the_next_time(bench: Bench) -> None:
    run = bench.run([flaky_step("a", 1, on_error={"step": "instead"}), flaky_step("instead", 2)])
    assert run.status == "failed"
    deeds.MENDED.add("a")
    again = run.resume()
    assert again.statuses == {"a": "succeeded", "instead": "skipped"}


def test_s50_a_failed_run_whose_variables_could_not_be_resolved(bench: Bench) -> None:
    document = {"variables": {"v": "{{ parameters.nothing }}"}, "steps": [give_step("a", "{{ variables.v }}")]}
    run = bench.run(document)
    assert run.resume().status == "failed"
    again = run.resume(document={**document, "variables": {"v": "now"}})
    assert (again.status, again.output("a")) == ("succeeded", "now")


def test_s50_twice_and_again(bench: Bench) -> None:
    run = bench.run([flaky_step("a"), flaky_step("b", needs=["a"]), flaky_step("c", needs=["b"])])
    for name in "abc":
        assert run.status == "failed"
        deeds.MENDED.add(name)
        run = run.resume()
    assert run.status == "succeeded"
    assert [run.step(name).attempt for name in "abc"] == [2, 2, 2]


def test_s50_once_is_kept_for_another_attempt_and_not_for_other_inputs(bench: Bench) -> None:
    step = {"id": "pay", "uses": "trial.once", "with": {"value": "{{ steps.a.output }}", "name": "pay"}}
    steps = [flaky_step("a", 1), step]
    deeds.MENDED.add("a")
    run = bench.run(steps)
    assert run.status_of("pay") == "failed"
    deeds.MENDED.add("pay")
    assert run.resume().output("pay") == 1
    assert deeds.ONCE == ["1"]
    deeds.MENDED.remove("pay")
    other = bench.run(steps)
    deeds.MENDED.add("pay")
    assert other.resume(document=[flaky_step("a", 2), step]).output("pay") == 2
    assert deeds.ONCE == ["1", "1", "2"]


def test_s50_a_block_that_waits_for_its_stand_in_is_left_to_it(bench: Bench) -> None:
    block = {"id": "block", "parallel": [fail_step("x")], "on_error": {"step": "instead"}}
    run = bench.run({"settings": {"on_failure": "pause"}, "steps": [block, give_step("instead", 3)]})
    assert (run.status, run.status_of("block")) == ("paused", "waiting")
    again = run.resume()
    assert (again.status, again.output("block"), again.step("block.x").attempt) == ("succeeded", 3, 1)
