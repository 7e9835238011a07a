"""S25, S29: what a block says of its output."""

from __future__ import annotations

from typing import Any

import pytest
from tests.semantics.deeds import fail_step, gate_step, give_step

from ergon.testing.runs import Bench

Step = dict[str, Any]


@pytest.mark.parametrize("output", [None, 5, "text", {"a": [None]}])
def test_s25_an_output_without_templates_is_that_value(bench: Bench, output: object) -> None:
    run = bench.run([{"id": "block", "parallel": [give_step("one", 1)], "output": output}])
    assert run.output("block") == output


def test_s25_each_kind_of_block_may_say_its_output(bench: Bench) -> None:
    one = give_step("one", 1)
    output = "{{ [steps.one.output] }}"
    blocks: dict[str, Step] = {
        "fan": {"for_each": ["a"], "steps": [one], "output": output},
        "loop": {"until": True, "max_iterations": 1, "steps": [one], "output": output},
        "route": {"choose": [{"otherwise": True, "steps": [one]}], "output": output},
        "both": {"parallel": [one], "output": output},
        "race": {"parallel": [one], "wait_for": "any", "output": output},
    }
    run = bench.run([{"id": name, **keys} for name, keys in blocks.items()])
    assert {name: run.output(name) for name in blocks} == {
        "fan": [[1]],
        "loop": [1],
        "route": [1],
        "both": [1],
        "race": [1],
    }


def test_s29_the_output_that_a_race_says_goes_over_the_winners(bench: Bench) -> None:
    steps = [give_step("quick", 2), gate_step("held")]
    output = "{{ steps.quick.output * 10 }}{{ steps.held.output | default('') }}"
    run = bench.run([{"id": "race", "wait_for": "any", "parallel": steps, "output": output}])
    assert run.output("race") == "20"
    assert run.events("race_won")[0].data == {"winner": "quick"}


def test_s29_a_race_whose_output_cannot_be_made_fails(bench: Bench) -> None:
    steps = [give_step("quick", 2), gate_step("held")]
    run = bench.run([{"id": "race", "wait_for": "any", "parallel": steps, "output": "{{ steps.quick.output.no }}"}])
    assert run.status_of("race") == "failed"
    assert run.error is not None
    assert run.error.type == "TemplateFailed"


def test_s25_without_an_output_a_chosen_branch_gives_its_last_step(bench: Bench) -> None:
    steps = [give_step("one", 1), give_step("two", 2), fail_step("bad", optional=True)]
    route = {"id": "route", "choose": [{"when": True, "steps": steps}]}
    last = {"id": "other", "choose": [{"when": True, "steps": steps[:2]}]}
    run = bench.run([route, last])
    assert (run.output("route"), run.output("other")) == (None, 2)
