"""S25 to S29: blocks."""

from __future__ import annotations

from typing import Any

import pytest
from tests.semantics.deeds import fail_step, flaky_step, gate_step, give_step, ran

from ergon.testing.clock import FakeClock
from ergon.testing.runs import Bench

Step = dict[str, Any]


def each(items: object, *steps: Step, **keys: object) -> Step:
    """Write a `for_each`."""
    return {"id": "fan", "for_each": items, "steps": list(steps), **keys}


# ---- S25 -----------------------------------------------------------------------------------------------------


def test_s25_a_block_may_say_its_output_evaluated_inside(bench: Bench) -> None:
    fan = each([1, 2], give_step("one", "{{ item }}"), give_step("two", 0), output="{{ steps.one.output * 10 }}")
    run = bench.run([fan])
    assert run.output("fan") == [10, 20]


def test_s25_without_it_the_output_is_that_of_the_step_written_last(bench: Bench) -> None:
    fan = each([1], give_step("one", "{{ steps.two.output }}"), give_step("two", 2), give_step("three", 3))
    assert bench.run([fan]).output("fan") == [3]


def test_s25_it_is_null_if_that_step_was_skipped(bench: Bench) -> None:
    fan = each([1, 2], give_step("one", 1), give_step("last", "{{ item }}", when="item == 2"))
    assert bench.run([fan]).output("fan") == [None, 2]


def test_s25_an_output_template_that_fails_fails_the_block(bench: Bench) -> None:
    run = bench.run([each([1], give_step("one", 1), output="{{ steps.one.output.x }}")])
    assert run.status_of("fan") == "failed"
    assert run.error is not None
    assert run.error.type == "TemplateFailed"


def test_s25_a_large_output_template_is_stored_apart(bench: Bench) -> None:
    run = bench.run([each([1], give_step("one", 1), output="{{ 'ab' * 50000 }}")])
    assert len(run.output("fan")[0]) == 100_000


def test_s25_blocks_hold_no_slot(bench: Bench) -> None:
    deep: Step = give_step("leaf", 7)
    for level in range(6):
        deep = {"id": f"level{level}", "for_each": [1], "steps": [deep]}
    run = bench.run({"settings": {"concurrency": 1}, "steps": [deep]})
    assert run.output("level5") == [[[[[[7]]]]]]


# ---- S26 -----------------------------------------------------------------------------------------------------


def test_s26_outputs_in_the_order_of_the_items(bench: Bench) -> None:
    fan = each("{{ range(20) }}", give_step("one", "{{ item * item }}"))
    assert bench.run([fan]).output("fan") == [n * n for n in range(20)]


def test_s26_a_mapping_gives_items_of_key_and_value(bench: Bench) -> None:
    run = bench.run([each({"a": 1, "b": [2]}, give_step("one", "{{ [item.key, item.value] }}"))])
    assert run.output("fan") == [["a", 1], ["b", [2]]]


@pytest.mark.parametrize("value", ["some text", None, 5])
def test_s26_text_null_and_numbers_are_an_error(bench: Bench, value: object) -> None:
    run = bench.run([give_step("source", value), each("{{ steps.source.output }}", give_step("one"))])
    assert run.status_of("fan") == "failed"
    assert run.error is not None
    assert "a list or a mapping is needed" in run.error.message


def test_s26_an_empty_list_gives_an_empty_list(bench: Bench) -> None:
    run = bench.run([each([], give_step("one")), give_step("seen", "{{ steps.fan.output }}")])
    assert run.output("seen") == []
    assert run.status == "succeeded"


def test_s26_an_item_that_fails_stops_the_others_with_its_error(bench: Bench) -> None:
    inner = {
        "id": "pick",
        "choose": [
            {"when": "item == 'bad'", "steps": [fail_step("no", inputs={"message": "number two"}, needs=[])]},
            {"otherwise": True, "steps": [gate_step("held")]},
        ],
    }
    run = bench.start([each(["a", "bad", "c"], inner, concurrency=2)]).wait()
    assert run.status_of("fan") == "failed"
    assert run.error is not None
    assert run.error.message == "number two"
    assert run.status_of("fan[0].pick.held") == "cancelled"
    assert "fan[2].pick" not in run.statuses
    assert run.state.failed_step == "fan"


def test_s26_continue_puts_null_there_and_the_run_is_partial(bench: Bench) -> None:
    check = {"id": "check", "uses": "core.assert", "with": {"that": "item % 2 == 0"}}
    fan = each([0, 1, 2, 3], check, give_step("one", "{{ item }}", needs=["check"]), on_item_error="continue")
    run = bench.run([fan, give_step("failed", "{{ steps.fan.failed }}"), give_step("after", needs=["fan"])])
    assert run.output("fan") == [0, None, 2, None]
    assert run.output("failed") == [1, 3]
    assert run.status_of("fan") == "succeeded"
    assert run.status_of("after") == "succeeded"
    assert run.status == "partial"


def test_s26_continue_with_uses_on_the_block(bench: Bench) -> None:
    fan = {
        "id": "fan",
        "for_each": [1, 2, 3],
        "on_item_error": "continue",
        "uses": "core.assert",
        "with": {"that": "item != 2"},
    }
    run = bench.run([fan, give_step("failed", "{{ steps.fan.failed }}")])
    assert run.output("fan") == [True, None, True]
    assert run.output("failed") == [1]
    assert run.status == "partial"


def test_s26_concurrency_of_the_block(bench: Bench) -> None:
    run = bench.start([each("{{ range(6) }}", gate_step("held"), concurrency=2)])
    bench.until(lambda: bench.gates["held"].waiting == 2, "two at the gate")
    bench.settle()
    assert sum(status == "running" for path, status in run.statuses.items() if "." in path) == 2
    assert len([path for path in run.statuses if "." in path]) == 2
    bench.gates["held"].open()
    assert run.wait().status == "succeeded"


def test_s26_instances_are_made_as_slots_come_free(bench: Bench) -> None:
    run = bench.start({"settings": {"concurrency": 3}, "steps": [each("{{ range(10000) }}", gate_step("held"))]})
    bench.until(lambda: bench.gates["held"].waiting == 3, "three at the gate")
    bench.settle()
    assert len(run.statuses) <= 1 + 4
    run.send("cancel")
    run.wait()
    assert len(run.statuses) <= 1 + 4


def test_s26_instances_of_a_plain_for_each_too(bench: Bench) -> None:
    fan = {"id": "fan", "for_each": "{{ range(10000) }}", "uses": "bench.gate", "with": {"name": "held"}}
    run = bench.start({"settings": {"concurrency": 3}, "steps": [fan]})
    bench.until(lambda: bench.gates["held"].waiting == 3, "three at the gate")
    bench.settle()
    assert len(run.statuses) == 1 + 3
    run.send("cancel")
    run.wait()


def test_s26_items_that_wait_hold_no_slot(timed: Bench, clock: FakeClock) -> None:
    fan = each("{{ range(50) }}", {"id": "nap", "uses": "core.sleep", "with": {"seconds": 10}})
    run = timed.start({"settings": {"concurrency": 2}, "steps": [fan]})
    clock.advance(10)
    assert run.wait().status == "succeeded"


def test_s26_a_skipped_item_gives_null(bench: Bench) -> None:
    fan = {"id": "fan", "for_each": [1, 2], "uses": "trial.give", "with": {"value": "{{ steps.off.output }}"}}
    run = bench.run([give_step("off", 1, enabled=False), fan])
    assert run.output("fan") == [None, None]
    assert run.statuses == {"off": "skipped", "fan": "succeeded", "fan[0]": "skipped", "fan[1]": "skipped"}


def test_s26_a_list_of_artifacts_is_held_by_reference(bench: Bench) -> None:
    big = ["x" * 30_000, "y" * 30_000, "z" * 30_000]
    fan = each("{{ steps.source.output }}", give_step("one", "{{ item[0] }}{{ item | length }}"))
    run = bench.run([give_step("source", big), fan])
    assert run.output("fan") == ["x30000", "y30000", "z30000"]


# ---- S27 -----------------------------------------------------------------------------------------------------


def loop(*steps: Step, **keys: object) -> Step:
    """Write a loop."""
    return {"id": "loop", "max_iterations": 5, "steps": list(steps), **keys}


def test_s27_while_is_tested_before_each_iteration(bench: Bench) -> None:
    body = give_step("one", "{{ [loop.index, loop.last] }}")
    run = bench.run([loop(body, **{"while": "loop.index < 3 and (loop.last is none or loop.last[0] < 2)"})])
    assert run.output("loop") == [2, [1, [0, None]]]
    assert [event.data for event in run.events("loop_tested")] == [
        {"index": 0, "again": True},
        {"index": 1, "again": True},
        {"index": 2, "again": True},
        {"index": 3, "again": False},
    ]


def test_s27_while_may_run_no_iteration(bench: Bench) -> None:
    run = bench.run([loop(give_step("one"), **{"while": False}), give_step("seen", "{{ steps.loop.output }}")])
    assert run.output("seen") is None


def test_s27_until_is_tested_after_each_iteration_and_sees_the_steps(bench: Bench) -> None:
    run = bench.run([loop(give_step("one", "{{ loop.index * 2 }}"), until="steps.one.output >= 4")])
    assert run.output("loop") == 4
    assert "loop[2].one" in run.statuses


@pytest.mark.parametrize("test", [{"while": True}, {"until": False}])
def test_s27_needing_one_more_than_the_most_fails(bench: Bench, test: dict[str, object]) -> None:
    run = bench.run([loop(give_step("one", "{{ loop.index }}"), **test)])
    assert run.error is not None
    assert run.error.type == "LoopLimit"
    assert [path for path in run.statuses if "." in path] == [f"loop[{n}].one" for n in range(5)]


@pytest.mark.parametrize("test", [{"while": "loop.index < 5"}, {"until": "loop.index == 4"}])
def test_s27_needing_just_the_most_is_well(bench: Bench, test: dict[str, object]) -> None:
    assert bench.run([loop(give_step("one", "{{ loop.index }}"), **test)]).output("loop") == 4


def test_s27_every_is_the_time_from_start_to_start(timed: Bench, clock: FakeClock) -> None:
    nap = {"id": "nap", "uses": "core.sleep", "with": {"seconds": 4}}
    run = timed.start([loop(nap, until="loop.index == 2", every=10)])
    clock.advance(60)
    run.wait()
    opened = [event.at - run.events("run_started")[0].at for event in run.events("body_opened")]
    assert opened == pytest.approx([0, 10, 20])


def test_s27_an_iteration_longer_than_every_is_followed_at_once(timed: Bench, clock: FakeClock) -> None:
    nap = {"id": "nap", "uses": "core.sleep", "with": {"seconds": 15}}
    run = timed.start([loop(nap, until="loop.index == 2", every=10)])
    clock.advance(60)
    run.wait()
    opened = [event.at - run.events("run_started")[0].at for event in run.events("body_opened")]
    assert opened == pytest.approx([0, 15, 30])


def test_s27_break_ends_the_loop_after_the_iteration(bench: Bench) -> None:
    run = bench.run(
        [
            loop(
                {"id": "enough", "when": "loop.index == 1", "uses": "core.break"},
                give_step("after", "{{ loop.index }}", needs=["enough"]),
                **{"while": True},
            )
        ]
    )
    assert run.output("loop") == 1
    assert run.status_of("loop[1].after") == "succeeded"
    assert run.status == "succeeded"


def test_s27_break_inside_a_block_inside_the_loop(bench: Bench) -> None:
    inner = {"id": "pick", "choose": [{"when": "loop.index == 2", "steps": [{"id": "stop", "uses": "core.break"}]}]}
    run = bench.run([loop(inner, give_step("last", "{{ loop.index }}", needs=["pick"]), **{"while": True})])
    assert run.output("loop") == 2


def test_s27_break_outside_of_a_loop_fails(bench: Bench) -> None:
    run = bench.run([{"id": "stop", "uses": "core.break"}])
    assert run.error is not None
    assert "no `while` or `until` loop" in run.error.message


def test_s27_a_loop_of_one_action(bench: Bench) -> None:
    repeat = {
        "id": "loop",
        "while": "loop.index < 3",
        "max_iterations": 3,
        "uses": "trial.give",
        "with": {"value": "{{ loop.index }}"},
    }
    run = bench.run([repeat])
    assert run.output("loop") == 2
    assert [path for path in run.statuses if "[" in path] == ["loop[0]", "loop[1]", "loop[2]"]


def test_s27_a_failure_in_an_iteration_fails_the_loop(bench: Bench) -> None:
    run = bench.run([loop(fail_step("one"), **{"while": True})])
    assert run.status_of("loop") == "failed"
    assert len(run.events("body_opened")) == 1


# ---- S28 -----------------------------------------------------------------------------------------------------


def choose(value: object, *branches: Step) -> list[Step]:
    return [give_step("x", value), {"id": "route", "choose": list(branches)}]


HOT: Step = {"when": "steps.x.output > 30", "steps": [give_step("hot", "hot")]}
WARM: Step = {"when": "steps.x.output > 10", "steps": [give_step("warm", "warm")]}
COLD: Step = {"otherwise": True, "steps": [give_step("cold", "cold")]}


@pytest.mark.parametrize(("value", "taken"), [(40, "hot"), (20, "warm"), (0, "cold")])
def test_s28_the_first_that_holds_is_taken(bench: Bench, value: int, taken: str) -> None:
    run = bench.run(choose(value, HOT, WARM, COLD))
    assert run.output("route") == taken
    expected = {f"route.{each}": "succeeded" if each == taken else "skipped" for each in ("hot", "warm", "cold")}
    assert {path: status for path, status in run.statuses.items() if "." in path} == expected


def test_s28_no_match_skips_the_block_and_what_reads_it(bench: Bench) -> None:
    run = bench.run([*choose(0, HOT, WARM), give_step("data", "{{ steps.route.output }}")])
    assert run.statuses["route"] == "skipped"
    assert run.statuses["data"] == "skipped"
    assert run.statuses["route.hot"] == "skipped"
    assert run.status == "succeeded"


def test_s28_a_typo_in_a_branch_is_an_error(bench: Bench) -> None:
    run = bench.run(choose(0, {"when": "steps.x.outptu > 1", "steps": [give_step("one")]}))
    assert run.status_of("route") == "failed"


# ---- S29 -----------------------------------------------------------------------------------------------------


def race(*steps: Step, **keys: object) -> Step:
    return {"id": "race", "wait_for": "any", "parallel": list(steps), **keys}


def test_s29_all_gives_a_mapping(bench: Bench) -> None:
    run = bench.run([{"id": "both", "parallel": [give_step("a", 1), give_step("b", [2])]}])
    assert run.output("both") == {"a": 1, "b": [2]}


def test_s29_a_failure_fails_all(bench: Bench) -> None:
    run = bench.run([{"id": "both", "parallel": [gate_step("held"), fail_step("bad")]}])
    assert run.statuses == {"both": "failed", "both.held": "cancelled", "both.bad": "failed"}


def test_s29_the_first_success_wins_and_the_rest_are_cancelled(bench: Bench) -> None:
    run = bench.run([race(gate_step("held"), give_step("quick", "won")), give_step("seen", "{{ steps.race.output }}")])
    assert run.output("seen") == "won"
    assert run.status_of("race.held") == "cancelled"
    assert run.events("race_won")[0].data == {"winner": "quick"}
    assert run.status == "succeeded"


def test_s29_one_that_finishes_meanwhile_is_cancelled_too(bench: Bench) -> None:
    """Both end in the same turn of the engine; the one that the journal has first wins."""
    run = bench.start([race(gate_step("a", "A", gate="both"), gate_step("b", "B", gate="both"))])
    bench.until(lambda: bench.gates["both"].waiting == 2, "both at the gate")
    bench.gates["both"].open()
    run.wait()
    succeeded = [event.step for event in run.events("step_succeeded")]
    assert succeeded == ["race.a", "race"]
    assert run.output("race") == "A"
    assert run.status_of("race.b") == "cancelled"


def test_s29_the_first_in_the_journal_wins_whatever_the_order_in_the_file(bench: Bench) -> None:
    run = bench.start([race(gate_step("a", "A", gate="late"), gate_step("b", "B", gate="soon"))])
    bench.until(lambda: bench.gates.waiting == 2, "both at their gates")
    for name in ("soon", "late"):
        bench.engine.call(bench.gates[name].open)
    assert run.wait().output("race") == "B"


def test_s29_the_rest_are_cancelled_also_those_that_follow_from_one_of_them(bench: Bench) -> None:
    chain = [give_step("one"), give_step("two", needs=["one"]), give_step("three", needs=["two"])]
    run = bench.run([race(*chain)])
    assert (run.status_of("race.two"), run.status_of("race.three")) == ("cancelled", "cancelled")


def test_s29_one_that_could_not_run_anyway_is_skipped_by_what_it_needs_outside(bench: Bench) -> None:
    reads = give_step("reads", "{{ steps.off.output }}", needs=["one"])
    run = bench.run([give_step("off", enabled=False), race(give_step("one"), reads)])
    assert run.status_of("race.reads") == "skipped"


def test_s29_what_the_winner_goes_on_from_makes_the_run_partial(bench: Bench) -> None:
    """S22, S26: a race hides who lost it, and not what failed inside the one that won."""
    fan = {"id": "fan", "for_each": [1], "on_item_error": "continue", "steps": [fail_step("x")]}
    assert bench.run([race(fan)]).status == "partial"
    both = {"id": "both", "parallel": [fail_step("y", optional=True), give_step("z")]}
    assert bench.run([race(both)]).status == "partial"
    lost = fail_step("lost", optional=True)
    assert bench.run([race(lost, give_step("won", needs=["lost"]))]).status == "succeeded"


def test_s29_one_failure_does_not_decide(bench: Bench) -> None:
    run = bench.start([race(fail_step("bad"), gate_step("good", 1))])
    run.until_step("race.bad", "failed")
    bench.gates["good"].open()
    run.wait()
    assert run.output("race") == 1
    assert run.status == "succeeded"


def test_s29_it_fails_only_if_all_fail(bench: Bench) -> None:
    run = bench.run([race(fail_step("a", inputs={"message": "first"}), fail_step("b"))])
    assert run.status_of("race") == "failed"
    assert run.error is not None
    assert run.error.message == "first"


def test_s29_it_fails_if_all_fail_optional_ones_too(bench: Bench) -> None:
    run = bench.run([race(fail_step("a", optional=True), fail_step("b", optional=True))])
    assert run.status_of("race") == "failed"


def test_s29_a_race_of_which_nothing_ran_is_skipped(bench: Bench) -> None:
    run = bench.run([race(give_step("a", enabled=False)), give_step("data", "{{ steps.race.output }}")])
    assert run.status_of("race") == "skipped"
    assert run.status_of("data") == "skipped"


def test_s29_blocks_race_too(bench: Bench) -> None:
    slow = {"id": "slow", "for_each": [1, 2], "steps": [gate_step("held")]}
    quick = {"id": "quick", "parallel": [give_step("x", 1)]}
    run = bench.run([race(slow, quick)])
    assert run.output("race") == {"x": 1}
    assert run.status_of("race.slow") == "cancelled"
    assert run.status_of("race.slow[0].held") == "cancelled"


def test_s29_a_stubborn_thread_that_finishes_late_changes_nothing(bench: Bench) -> None:
    stubborn = {"id": "slow", "uses": "bench.thread_gate", "with": {"name": "slow", "value": "S", "stubborn": True}}
    run = bench.start([race(stubborn, gate_step("quick", "Q"))])
    bench.until(lambda: bench.gates.waiting == 2, "both run")
    bench.gates["quick"].open()
    run.wait()
    assert run.output("race") == "Q"
    bench.gates["slow"].open()
    bench.settle()
    assert run.checked().status_of("race.slow") == "cancelled"


def test_s29_a_success_behind_a_retry_wins(bench: Bench) -> None:
    run = bench.run([race(fail_step("shaky", inputs={"times": 2}, retry=3), fail_step("bad"))])
    assert run.output("race") == 3
    assert ran(run.id, "race.shaky") == 3


def test_blocks_nest_in_every_way(bench: Bench) -> None:
    inner = loop(
        {
            "id": "pick",
            "choose": [
                {"when": "loop.index == 0", "steps": [race(give_step("r", "{{ item }}"))]},
                {"otherwise": True, "steps": [each([1, 2], give_step("deep", "{{ item }}"), **{"id": "in"})]},
            ],
        },
        until="loop.index == 1",
    )
    run = bench.run([each(["a", "b"], inner, flaky_step("never", when=False), output="{{ steps.loop.output }}")])
    assert run.output("fan") == [[1, 2], [1, 2]]
