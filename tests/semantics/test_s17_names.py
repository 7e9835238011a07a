"""S17, S18: the names that templates read, and `state`."""

from __future__ import annotations

import pytest
from tests.semantics.deeds import fail_step, give_step, ran

from ergon.testing.runs import Bench


def test_s17_parameters_variables_steps_run_trigger_and_env(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STAGE", "test")
    monkeypatch.setenv("HIDDEN", "no")
    seen = {
        "city": "{{ parameters.city }}",
        "folder": "{{ variables.folder }}",
        "output": "{{ steps.one.output.a }}",
        "status": "{{ steps.one.status }}",
        "attempts": "{{ steps.one.attempts }}",
        "error": "{{ steps.bad.error.type }}",
        "run": "{{ run.id }}",
        "workflow": "{{ run.workflow }}",
        "stage": "{{ env.STAGE }}",
        "trigger": "{{ trigger }}",
    }
    run = bench.run(
        {
            "parameters": [{"name": "city", "default": "Oslo"}],
            "variables": {"folder": "build/{{ variables.low }}", "low": "{{ parameters.city | lower }}"},
            "settings": {"env": ["STAGE"], "on_failure": "finish"},
            "steps": [give_step("one", {"a": 1}), fail_step("bad", optional=True), give_step("seen", seen)],
        }
    )
    assert run.output("seen") == {
        "city": "Oslo",
        "folder": "build/oslo",
        "output": 1,
        "status": "succeeded",
        "attempts": 1,
        "error": "ActionFailed",
        "run": run.id,
        "workflow": "bench",
        "stage": "test",
        "trigger": {},
    }


def test_s17_env_is_allow_listed(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HIDDEN", "no")
    run = bench.run([give_step("one", "{{ env.HIDDEN }}")])
    assert run.error is not None
    assert run.error.type == "TemplateFailed"


def test_s17_loop_and_item_of_nested_blocks(bench: Bench) -> None:
    inner = {
        "id": "inner",
        "for_each": "{{ row }}",
        "as": "cell",
        "steps": [give_step("one", "{{ [row | length, cell, loop.index, loop.last] }}")],
    }
    run = bench.run([{"id": "outer", "for_each": [[1], [2, 3]], "as": "row", "steps": [inner]}])
    assert run.output("outer") == [[[1, 1, 0, True]], [[2, 2, 0, False], [2, 3, 1, True]]]


def test_s17_a_plain_for_each_reads_item(bench: Bench) -> None:
    run = bench.run([{"id": "all", "for_each": ["a", "b"], "uses": "trial.give", "with": {"value": "{{ item }}!"}}])
    assert run.output("all") == ["a!", "b!"]


def test_s17_an_output_of_the_run_without_a_value_is_null_and_any_other_error_fails_it(bench: Bench) -> None:
    steps = [give_step("off", 1, enabled=False), give_step("one", 1)]
    run = bench.run({"steps": steps, "outputs": {"off": "{{ steps.off.output }}", "one": "{{ steps.one.output }}"}})
    assert run.outputs == {"off": None, "one": 1}
    run = bench.run({"steps": steps, "outputs": {"one": "{{ steps.one.output.nothing }}"}})
    assert run.status == "failed"
    assert run.error is not None
    assert run.error.type == "TemplateFailed"


@pytest.mark.parametrize("step", [give_step("gone", 1, enabled=False), fail_step("gone", optional=True)])
def test_s17_an_output_of_the_run_that_reads_into_a_missing_one_is_null(bench: Bench, step: dict[str, object]) -> None:
    run = bench.run({"steps": [step], "outputs": {"deep": ["{{ steps.gone.output.most[0] }}"], "text": "no template"}})
    assert run.status in ("succeeded", "partial")
    assert run.outputs == {"deep": [None], "text": "no template"}


def test_s17_a_variable_that_cannot_be_resolved_fails_the_run(bench: Bench) -> None:
    run = bench.run({"variables": {"a": "{{ parameters.nothing }}"}, "steps": [give_step("one")]})
    assert run.status == "failed"
    assert run.statuses == {"one": "pending"}


def test_s17_failed_lists_the_items_that_failed(bench: Bench) -> None:
    fan = {
        "id": "fan",
        "for_each": [0, 1, 2],
        "on_item_error": "continue",
        "steps": [{"id": "one", "uses": "core.assert", "with": {"that": "item != 1"}}],
    }
    run = bench.run([fan, give_step("seen", "{{ steps.fan.failed }}")])
    assert run.output("seen") == [1]


def test_s18_state_is_journaled_and_makes_no_edge(bench: Bench) -> None:
    run = bench.run(
        [
            {"id": "set", "uses": "core.set", "with": {"best": 42, "city": "Oslo"}},
            {"id": "again", "needs": ["set"], "uses": "core.set", "with": {"best": "{{ state.best + 1 }}"}},
            give_step("seen", "{{ state }}", needs=["again"]),
        ]
    )
    assert run.output("seen") == {"best": 43, "city": "Oslo"}
    assert run.output("set") == {"best": 42, "city": "Oslo"}
    assert run.output("again") == 43
    assert [event.data["name"] for event in run.events("state_set")] == ["best", "city", "best"]


def test_s18_a_step_that_reads_state_is_not_cached(bench: Bench) -> None:
    steps = [
        {"id": "set", "uses": "core.set", "with": {"n": 1}},
        give_step("reads", "{{ state.n }}", needs=["set"], cache=True),
        give_step("other", 1, cache=True),
    ]
    bench.run(steps)
    run = bench.run(steps)
    assert run.step("other").cached
    assert not run.step("reads").cached
    assert ran(run.id, "reads") == 1
    assert ran(run.id, "other") == 0


@pytest.mark.parametrize(
    "keys",
    [
        {"cache": {"key": "{{ state.n }}"}},
        {"cache": True, "validate": [{"that": "state.n == 1"}]},
        {"cache": True, "when": "state.n == 1"},
    ],
)
def test_s18_a_step_that_reads_state_in_another_key_is_not_cached_either(bench: Bench, keys: dict[str, object]) -> None:
    steps = [{"id": "set", "uses": "core.set", "with": {"n": 1}}, give_step("reads", 1, needs=["set"], **keys)]
    bench.run(steps)
    run = bench.run(steps)
    assert not run.step("reads").cached
    assert ran(run.id, "reads") == 1


def test_s18_items_that_read_state_are_not_cached(bench: Bench) -> None:
    fan = {"id": "fan", "needs": ["set"], "for_each": [1], "uses": "trial.give", "with": {"value": "{{ state.n }}"}}
    steps: list[dict[str, object]] = [{"id": "set", "uses": "core.set", "with": {"n": 1}}, {**fan, "cache": True}]
    bench.run(steps)
    assert not bench.run(steps).step("fan[0]").cached


def test_s18_two_runs_have_states_of_their_own(bench: Bench) -> None:
    bench.run([{"id": "set", "uses": "core.set", "with": {"n": 1}}])
    run = bench.run([give_step("reads", "{{ state.n | default('unset') }}")])
    assert run.output("reads") == "unset"
