"""S9, S16: templates in the policies of steps, and what is said where they give nonsense."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.semantics.deeds import bad_step, fail_step, failed, give_step, ran

from ergon.testing.clock import FakeClock
from ergon.testing.runs import Bench

Step = dict[str, Any]


@pytest.mark.parametrize("attempts", ["{{ parameters.n }}", "{{ parameters.n * 1.0 }}", "{{ parameters.n }} "])
def test_s16_attempts_may_be_a_template(bench: Bench, attempts: str) -> None:
    parameters = [{"name": "n", "type": "integer", "default": 3}]
    run = bench.run({"parameters": parameters, "steps": [fail_step("bad", retry={"attempts": attempts})]})
    assert ran(run.id, "bad") == 3


def test_s16_each_item_has_its_own_policies(bench: Bench) -> None:
    fan = fail_step("fan", for_each=[1, 2], on_item_error="continue", retry="{{ item }}")
    run = bench.run([fan])
    assert (ran(run.id, "fan[0]"), ran(run.id, "fan[1]")) == (1, 2)


@pytest.mark.parametrize(("delay", "seconds"), [("{{ '500ms' }}", 0.5), ("{{ 2 }}m", 120), ("{{ 10 }}", 10)])
def test_s9_a_template_gives_a_duration_or_seconds(timed: Bench, clock: FakeClock, delay: str, seconds: float) -> None:
    run = timed.start([fail_step("bad", inputs={"times": 1}, retry={"attempts": 2, "delay": delay})])
    clock.advance(200)
    run.wait()
    first, second = (event.at for event in run.events("step_started"))
    assert second - first == pytest.approx(seconds)


def test_s16_jitter_may_be_a_template(timed: Bench, clock: FakeClock) -> None:
    parameters = [{"name": "share", "type": "number", "default": 0.5}]
    retry = {"attempts": 2, "delay": 100, "jitter": "{{ parameters.share }}"}
    run = timed.start({"parameters": parameters, "steps": [fail_step("bad", inputs={"times": 1}, retry=retry)]})
    clock.advance(200)
    run.wait()
    first, second = (event.at for event in run.events("step_started"))
    assert 50 <= second - first < 100


@pytest.mark.parametrize(
    ("step", "message"),
    [
        (
            give_step("a", timeout="{{ 'soon' }}"),
            "Input 'timeout' of the step: a duration is a number of seconds or one like 500ms, 10s, 5m, 2h, 1d, "
            "not 'soon'.",
        ),
        (
            {"id": "a", "timeout": "{{ -1 }}", "parallel": [give_step("b")]},
            "Input 'timeout' of the step: a duration is between 0 and 100 years, not -1.",
        ),
        (
            fail_step("a", retry={"attempts": "{{ 'many' }}"}),
            "Input 'attempts' of the step: a whole number of attempts is needed, not 'many'.",
        ),
        (
            fail_step("a", retry={"attempts": "{{ true }}"}),
            "Input 'attempts' of the step: a whole number of attempts is needed, not True.",
        ),
        (
            fail_step("a", retry={"attempts": 2, "jitter": "{{ 1.5 }}"}),
            "Input 'jitter' of the step: a number from 0 to 1 is needed, not 1.5.",
        ),
        (
            fail_step("a", retry={"attempts": 2, "delay": "{{ [1] }}"}),
            "Input 'delay' of the step: a duration is a number of seconds or one like 500ms, 10s, 5m, 2h, 1d, not [1].",
        ),
    ],
)
def test_s16_a_policy_that_is_nonsense_is_named(bench: Bench, step: Step, message: str) -> None:
    run = bench.run([step])
    assert run.error is not None
    assert (run.error.type, run.error.message) == ("InputInvalid", message)


def test_s4_defaults_are_inherited_by_actions_at_every_depth_and_overridden(bench: Bench) -> None:
    steps = [
        fail_step("own", retry=1, optional=True),
        {"id": "fan", "for_each": [1], "steps": [fail_step("deep", optional=True)]},
        fail_step("plain", for_each=[1], on_item_error="continue"),
        {"id": "route", "choose": [{"when": True, "steps": [fail_step("chosen", optional=True)]}]},
        fail_step("none", retry=None, optional=True),
    ]
    run = bench.run({"defaults": {"retry": 2}, "steps": steps})
    paths = ("own", "fan[0].deep", "plain[0]", "route.chosen", "none")
    assert [ran(run.id, path) for path in paths] == [1, 2, 2, 2, 1]


def test_s16_a_name_may_be_a_template(bench: Bench) -> None:
    steps = [
        give_step("one", 1, name="Plain"),
        give_step("two", 2, name="Reads {{ steps.one.output }}"),
        give_step("fan", for_each=["a", "b"], name="Item {{ item }} of {{ parameters.city }}"),
        {"id": "block", "name": "{{ parameters.city }}", "parallel": [give_step("in", name="{{ 5 }}")]},
        {"id": "each", "name": "{{ 'x' * 500 }}", "for_each": [1], "steps": [give_step("in")]},
        give_step("off", name="{{ parameters.city }}", when="steps.one.output == 2"),
    ]
    run = bench.run({"parameters": [{"name": "city", "default": "Oslo"}], "steps": steps})
    assert {path: step.name for path, step in run.state.steps.items()} == {
        "one": "",
        "two": "Reads 1",
        "fan": "",
        "fan[0]": "Item a of Oslo",
        "fan[1]": "Item b of Oslo",
        "block": "Oslo",
        "block.in": "5",
        "each": "x" * 200,
        "each[0].in": "",
        "off": "",
    }
    assert [event.data["name"] for event in run.events("step_named", "two")] == ["Reads 1"]


def test_s14_a_name_that_is_undefined_fails_its_step(bench: Bench) -> None:
    block = {"id": "block", "name": "{{ parameters.no }}", "parallel": [give_step("in")]}
    run = bench.run(
        {"settings": {"on_failure": "finish"}, "steps": [give_step("one", name="{{ parameters.no }}"), block]}
    )
    assert run.statuses == {"one": "failed", "block": "failed"}
    for path in ("one", "block"):
        error = run.step(path).error
        assert error is not None
        assert error.type == "TemplateFailed"


def test_s16_a_name_is_kept_by_a_resume_and_hides_secrets(tmp_path: Path) -> None:
    with Bench(tmp_path, secrets={"KEY": "correct horse"}) as bench:
        named = give_step("named", 1, name="Opens {{ secrets.KEY }}")
        run = failed(bench, [named, {**bad_step(), "name": "Try {{ steps.named.output }}"}])
        run = run.resume()
        assert (run.step("named").name, run.step("bad").name) == ("Opens ***", "Try 1")
        assert ran(run.id, "named") == 1


def test_s16_code_is_never_a_template(bench: Bench) -> None:
    code = "f'{{item}} {item} {x[0]}' + '{{ parameters.no }}{% if %}'"
    step = {
        "id": "fan",
        "for_each": ["a"],
        "uses": "python.run",
        "with": {"code": code, "x": ["{{ item }}"], "item": 5},
    }
    run = bench.run([step, {**step, "id": "one", "for_each": [1]}])
    assert run.output("fan") == ["{item} 5 a{{ parameters.no }}{% if %}"]
    assert run.output("one") == ["{item} 5 1{{ parameters.no }}{% if %}"]
