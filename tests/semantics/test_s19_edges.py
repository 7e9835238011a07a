"""S19 to S24: edges of order and data, what satisfies them, and scopes."""

from __future__ import annotations

from typing import Any

import pytest
from tests.semantics.deeds import fail_step, gate_step, give_step, ran

from ergon.testing.runs import Bench

Step = dict[str, Any]


def finish(*steps: Step, **keys: object) -> dict[str, object]:
    """Write a workflow in which a failure leaves other branches alone."""
    return {"settings": {"on_failure": "finish"}, "steps": list(steps), **keys}


# ---- S19 -----------------------------------------------------------------------------------------------------


def test_s19_all_edges_must_be_satisfied(bench: Bench) -> None:
    run = bench.run(
        finish(
            give_step("good"),
            fail_step("bad"),
            give_step("both", needs=["good", "bad"]),
            give_step("either", needs=["good", {"step": "bad", "on": "failure"}]),
        )
    )
    assert run.status_of("both") == "skipped"
    assert "bad" in run.step("both").reason
    assert run.status_of("either") == "succeeded"


def test_s19_when_on_an_edge_is_a_further_condition(bench: Bench) -> None:
    run = bench.run(
        [
            give_step("source", 5),
            give_step("large", needs=[{"step": "source", "when": "steps.source.output > 3"}]),
            give_step("small", needs=[{"step": "source", "when": "steps.source.output < 3"}]),
            give_step("never", needs=[{"step": "source", "when": False}]),
            give_step("always", needs=[{"step": "source", "when": True}]),
        ]
    )
    assert run.statuses == {
        "source": "succeeded",
        "large": "succeeded",
        "small": "skipped",
        "never": "skipped",
        "always": "succeeded",
    }
    assert run.status == "succeeded"


def test_s19_an_edge_waits_for_its_step(bench: Bench) -> None:
    run = bench.start([gate_step("first"), give_step("second", needs=["first"])])
    run.until_step("first", "running")
    assert run.status_of("second") == "pending"
    bench.gates["first"].open()
    run.wait()
    order = [event.step for event in run.events("step_started")]
    assert order == ["first", "second"]


# ---- S20 -----------------------------------------------------------------------------------------------------


def test_s20_a_reference_to_an_output_is_a_data_edge(bench: Bench) -> None:
    run = bench.run([give_step("b", "{{ steps.a.output }}"), give_step("a", 1)])
    assert run.output("b") == 1


@pytest.mark.parametrize(
    ("fact", "value"), [("status", "failed"), ("error.type", "ActionFailed"), ("attempts", 2), ("failed", [])]
)
def test_s20_a_reference_to_another_fact_is_an_order_edge_on_always(bench: Bench, fact: str, value: object) -> None:
    run = bench.run(finish(fail_step("bad", retry=2), give_step("seen", f"{{{{ steps.bad.{fact} }}}}")))
    assert run.output("seen") == value


@pytest.mark.parametrize(
    "text",
    ["{{ steps.bad.output | default('none') }}", "{{ 'some' if steps.bad.output is defined else 'none' }}"],
)
def test_s20_a_lenient_reference_waits_and_does_not_skip(bench: Bench, text: str) -> None:
    run = bench.run(finish(fail_step("bad", retry={"attempts": 2, "delay": 0.01}), give_step("seen", text)))
    assert run.output("seen") == "none"
    assert run.step("bad").attempt == 2


def test_s20_a_lenient_reference_reads_what_is_there(bench: Bench) -> None:
    run = bench.run([give_step("seen", "{{ steps.one.output | default('none') }}"), give_step("one", 1)])
    assert run.output("seen") == 1


def test_s20_a_reference_in_when_is_an_edge(bench: Bench) -> None:
    run = bench.run([give_step("seen", when="steps['a-b'].output == 1"), give_step("a-b", 1)])
    assert run.status_of("seen") == "succeeded"


# ---- S21 -----------------------------------------------------------------------------------------------------


def test_s21_a_skipped_step_satisfies_order_and_not_data(bench: Bench) -> None:
    run = bench.run(
        [
            give_step("off", 1, when="1 > 2"),
            give_step("order", needs=["off"]),
            give_step("data", "{{ steps.off.output }}"),
            give_step("after_data", needs=["data"]),
        ]
    )
    assert run.statuses == {"off": "skipped", "order": "succeeded", "data": "skipped", "after_data": "succeeded"}
    assert run.status == "succeeded"
    assert "does not hold: 1 > 2" in run.step("off").reason


@pytest.mark.parametrize("enabled", [False, "{{ parameters.on }}"])
def test_s21_a_step_that_is_not_enabled_is_skipped(bench: Bench, enabled: object) -> None:
    document = {
        "parameters": [{"name": "on", "type": "boolean", "default": False}],
        "steps": [give_step("one", enabled=enabled), give_step("two", needs=["one"])],
    }
    run = bench.run(document)
    assert run.statuses == {"one": "skipped", "two": "succeeded"}
    assert run.step("one").reason == "it is disabled"


# ---- S22 -----------------------------------------------------------------------------------------------------


def test_s22_a_failed_optional_step_stays_failed_and_the_run_is_partial(bench: Bench) -> None:
    run = bench.run(
        [
            fail_step("bad", optional=True),
            give_step("order", needs=["bad"]),
            give_step("data", "{{ steps.bad.output }}"),
            give_step("handler", needs=[{"step": "bad", "on": "failure"}]),
        ]
    )
    assert run.statuses == {"bad": "failed", "order": "succeeded", "data": "skipped", "handler": "succeeded"}
    assert run.status == "partial"


def test_s22_a_failed_step_satisfies_only_failure_and_always(bench: Bench) -> None:
    run = bench.run(
        finish(
            fail_step("bad"),
            give_step("order", needs=["bad"]),
            give_step("data", "{{ steps.bad.output }}"),
            give_step("failure", needs=[{"step": "bad", "on": "failure"}]),
            give_step("always", needs=[{"step": "bad", "on": "always"}]),
        )
    )
    assert run.statuses == {
        "bad": "failed",
        "order": "skipped",
        "data": "skipped",
        "failure": "succeeded",
        "always": "succeeded",
    }
    assert run.status == "failed"
    assert run.state.failed_step == "bad"


# ---- S23 -----------------------------------------------------------------------------------------------------


def test_s23_on_failure_fires_only_if_that_step_itself_failed(bench: Bench) -> None:
    run = bench.run(
        finish(
            fail_step("bad"),
            give_step("skipped", needs=["bad"]),
            give_step("handler", needs=[{"step": "skipped", "on": "failure"}]),
            give_step("fine"),
            give_step("unused", needs=[{"step": "fine", "on": "failure"}]),
        )
    )
    assert run.status_of("handler") == "skipped"
    assert run.status_of("unused") == "skipped"


def test_s23_on_failure_fires_after_the_last_attempt(bench: Bench) -> None:
    run = bench.run(finish(fail_step("bad", retry=3), give_step("handler", needs=[{"step": "bad", "on": "failure"}])))
    assert ran(run.id, "bad") == 3
    started = [(event.step, event.attempt) for event in run.events("step_started")]
    assert started == [("bad", 1), ("bad", 2), ("bad", 3), ("handler", 1)]


def test_s23_on_failure_does_not_fire_if_a_later_attempt_succeeds(bench: Bench) -> None:
    run = bench.run(
        [
            fail_step("shaky", inputs={"times": 1}, retry=2),
            give_step("handler", needs=[{"step": "shaky", "on": "failure"}]),
        ]
    )
    assert run.statuses == {"shaky": "succeeded", "handler": "skipped"}
    assert run.step("shaky").error is None


def test_s23_on_always_fires_for_a_skipped_step(bench: Bench) -> None:
    run = bench.run([give_step("off", enabled=False), give_step("clean", needs=[{"step": "off", "on": "always"}])])
    assert run.status_of("clean") == "succeeded"


def test_s23_on_always_fires_for_a_cancelled_step(bench: Bench) -> None:
    run = bench.start(
        [
            gate_step("held"),
            give_step("clean", needs=[{"step": "held", "on": "always"}]),
            give_step("next", needs=["held"]),
        ]
    )
    run.until_step("held", "running")
    run.send("cancel")
    run.wait()
    assert run.statuses == {"held": "cancelled", "clean": "succeeded", "next": "cancelled"}
    assert run.status == "cancelled"


# ---- S24 -----------------------------------------------------------------------------------------------------


def test_s24_a_block_waits_for_what_a_step_inside_reads(bench: Bench) -> None:
    block = {"id": "block", "parallel": [give_step("reads", "{{ steps.slow.output }}"), give_step("free", 2)]}
    run = bench.start([block, gate_step("slow", 1)])
    run.until_step("slow", "running")
    bench.settle()
    assert run.status_of("block") == "pending"
    bench.gates["slow"].open()
    assert run.wait().output("block") == {"reads": 1, "free": 2}


def test_s24_the_step_inside_is_skipped_and_not_the_block(bench: Bench) -> None:
    block = {"id": "block", "parallel": [give_step("reads", "{{ steps.off.output }}"), give_step("free", 2)]}
    run = bench.run([give_step("off", enabled=False), block])
    assert run.status_of("block") == "succeeded"
    assert run.output("block") == {"reads": None, "free": 2}
    assert run.status_of("block.reads") == "skipped"


def test_s24_a_failure_outside_skips_only_the_step_inside_that_needs_it(bench: Bench) -> None:
    inner = [give_step("reads", needs=["bad"]), give_step("free", 2)]
    run = bench.run(finish(fail_step("bad"), {"id": "block", "parallel": inner}))
    assert run.statuses == {
        "bad": "failed",
        "block": "succeeded",
        "block.reads": "skipped",
        "block.free": "succeeded",
    }


def test_s24_references_in_a_blocks_own_keys_are_edges_of_the_block(bench: Bench) -> None:
    fan = {"id": "fan", "for_each": "{{ steps.off.output }}", "steps": [give_step("one")]}
    run = bench.run([give_step("off", [1], enabled=False), fan])
    assert run.statuses == {"off": "skipped", "fan": "skipped"}


def test_s24_steps_inside_see_siblings_and_everything_around(bench: Bench) -> None:
    inner = {
        "id": "inner",
        "parallel": [
            give_step("first", "{{ steps.outer_one.output }}"),
            give_step("second", "{{ steps.first.output + steps.beside.output }}"),
        ],
    }
    block = {"id": "block", "parallel": [inner, give_step("beside", 10)]}
    run = bench.run([give_step("outer_one", 1), block])
    assert run.output("block") == {"inner": {"first": 1, "second": 11}, "beside": 10}


def test_s24_two_branches_of_two_blocks_may_have_the_same_ids(bench: Bench) -> None:
    blocks = [{"id": each, "parallel": [give_step("one", each)]} for each in ("a", "b")]
    run = bench.run([*blocks, give_step("both", "{{ [steps.a.output.one, steps.b.output.one] }}")])
    assert run.output("both") == ["a", "b"]


@pytest.mark.parametrize(
    "keys",
    [
        {"parallel": [give_step("one", 1)], "output": "{{ steps.off.output }}"},
        {"choose": [{"otherwise": True, "steps": [give_step("one", 1)]}], "output": "{{ steps.off.output }}"},
        {"until": "steps.off.output", "max_iterations": 2, "steps": [give_step("one", 1)]},
        {"while": "steps.off.output", "max_iterations": 2, "steps": [give_step("one", 1)]},
        {"timeout": "{{ steps.off.output }}", "parallel": [give_step("one", 1)]},
    ],
)
def test_s24_a_block_whose_own_key_reads_a_skipped_step_is_skipped(bench: Bench, keys: Step) -> None:
    run = bench.run([give_step("off", 1, enabled=False), {"id": "block", **keys}])
    assert run.statuses == {"off": "skipped", "block": "skipped"}


def test_s24_own_keys_that_are_evaluated_inside_may_cope(bench: Bench) -> None:
    keys = {"parallel": [give_step("one", 1)], "output": "{{ steps.off.output | default(steps.one.output) }}"}
    run = bench.run([give_step("off", 1, enabled=False), {"id": "block", **keys}])
    assert run.output("block") == 1


def test_s24_a_key_of_an_inner_block_that_reads_a_skipped_step_skips_that_block(bench: Bench) -> None:
    inner = {"id": "inner", "parallel": [give_step("one", 1)], "output": "{{ steps.off.output }}"}
    run = bench.run([give_step("off", 1, enabled=False), {"id": "block", "parallel": [inner, give_step("free", 2)]}])
    assert run.status_of("block.inner") == "skipped"
    assert run.output("block") == {"inner": None, "free": 2}


def test_s31_a_stand_in_that_is_a_block_reads_the_error_in_its_own_keys(bench: Bench) -> None:
    stand_in = {"id": "spare", "parallel": [give_step("one", 1)], "output": "{{ steps.bad.error.type }}"}
    run = bench.run([fail_step("bad", on_error={"step": "spare"}), stand_in])
    assert run.output("bad") == "ActionFailed"


def test_s24_a_rule_of_a_plain_for_each_is_decided_for_each_item(bench: Bench) -> None:
    fan = {"id": "fan", "for_each": [1, 2], "uses": "trial.give", "validate": [{"that": "steps.off.output"}]}
    run = bench.run([give_step("off", 1, enabled=False), fan])
    assert run.statuses == {"off": "skipped", "fan": "succeeded", "fan[0]": "skipped", "fan[1]": "skipped"}


@pytest.mark.parametrize(
    "keys",
    [
        {"timeout": "{{ steps.later.output }}s"},
        {"retry": {"attempts": "{{ steps.later.output }}", "delay": "{{ steps.later.output }}ms"}},
        {"enabled": "{{ steps.later.output }}"},
        {"cache": {"key": "{{ steps.later.output }}"}},
        {"validate": [{"that": "steps.later.output == 5", "message": "{{ steps.later.output }}"}]},
    ],
)
def test_s20_a_reference_in_any_key_of_a_step_is_an_edge(bench: Bench, keys: Step) -> None:
    run = bench.run([give_step("reads", 1, **keys), give_step("later", 5)])
    assert run.status == "succeeded"
    assert [event.step for event in run.events("step_started")] == ["later", "reads"]


def test_s20_a_lenient_read_of_the_outputs_copes_with_a_skipped_step(bench: Bench) -> None:
    outputs = {
        "given": "{{ steps.off.output | default(3) }}",
        "there": "{{ steps.off.output is defined }}",
        "mixed": ["{{ steps.off.output }}", "{{ steps.off.output | default(4) }}"],
    }
    run = bench.run({"steps": [give_step("off", 1, enabled=False)], "outputs": outputs})
    assert run.outputs == {"given": 3, "there": False, "mixed": [None, 4]}


# ---- blocks at either end ------------------------------------------------------------------------------------


def test_s22_a_failed_optional_block_is_like_a_failed_optional_step(bench: Bench) -> None:
    run = bench.run(
        [
            {"id": "block", "optional": True, "parallel": [fail_step("bad")]},
            give_step("order", needs=["block"]),
            give_step("data", "{{ steps.block.output }}"),
            give_step("handler", needs=[{"step": "block", "on": "failure"}]),
        ]
    )
    assert {path: run.status_of(path) for path in ("block", "order", "data", "handler")} == {
        "block": "failed",
        "order": "succeeded",
        "data": "skipped",
        "handler": "succeeded",
    }
    assert run.status == "partial"


def test_s23_on_failure_fires_for_a_block_that_failed(bench: Bench) -> None:
    block = {"id": "block", "for_each": [1], "steps": [fail_step("bad", inputs={"message": "inside"})]}
    run = bench.run(
        [block, give_step("handler", "{{ steps.block.error.message }}", needs=[{"step": "block", "on": "failure"}])]
    )
    assert run.output("handler") == "inside"


def test_s23_on_always_fires_for_a_loser_of_a_race(bench: Bench) -> None:
    clean = give_step("clean", "cleaned", needs=[{"step": "held", "on": "always"}])
    run = bench.run([{"id": "race", "wait_for": "any", "parallel": [gate_step("held"), give_step("quick", 1), clean]}])
    assert run.output("race") == 1
    assert (run.status_of("race.held"), run.output("race.clean")) == ("cancelled", "cleaned")
