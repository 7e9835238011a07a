"""S30 to S33: what a failure does to the rest, stand-ins, validation, retry."""

from __future__ import annotations

import itertools
import threading
from typing import Any

import pytest
from tests.semantics import deeds
from tests.semantics.deeds import fail_step, flaky_step, gate_step, give_step, ran

from ergon.testing.clock import FakeClock
from ergon.testing.runs import Bench

Step = dict[str, Any]


def workflow(policy: str, *steps: Step, **keys: object) -> dict[str, object]:
    """Write a workflow with an `on_failure`."""
    return {"settings": {"on_failure": policy, **keys}, "steps": list(steps)}


# ---- S30 -----------------------------------------------------------------------------------------------------


def test_s30_stop_cancels_what_runs_and_starts_nothing_more(bench: Bench) -> None:
    run = bench.run([gate_step("held"), fail_step("bad"), give_step("after_held", needs=["held"])])
    assert run.statuses == {"held": "cancelled", "bad": "failed", "after_held": "cancelled"}
    assert run.status == "failed"
    assert run.state.failed_step == "bad"


def test_s30_stop_still_runs_what_waits_for_a_settled_step_on_failure_or_always(bench: Bench) -> None:
    run = bench.run(
        [
            fail_step("bad"),
            gate_step("held"),
            give_step("handler", needs=[{"step": "bad", "on": "failure"}]),
            give_step("clean", needs=[{"step": "bad", "on": "always"}]),
            give_step("follows", needs=["handler"]),
            give_step("reads", "{{ steps.clean.output }}"),
            give_step("clean_held", needs=[{"step": "held", "on": "always"}]),
            give_step("other", needs=["held"]),
        ]
    )
    assert run.statuses == {
        "bad": "failed",
        "held": "cancelled",
        "handler": "succeeded",
        "clean": "succeeded",
        "follows": "succeeded",
        "reads": "succeeded",
        "clean_held": "succeeded",
        "other": "cancelled",
    }


def test_s30_a_step_that_the_failure_already_keeps_from_running_is_skipped(bench: Bench) -> None:
    run = bench.run([fail_step("bad"), give_step("needs_it", needs=["bad"]), give_step("two", needs=["needs_it"])])
    assert run.status_of("needs_it") == "skipped"


def test_s30_finish_lets_independent_branches_go_on(bench: Bench) -> None:
    run = bench.start(workflow("finish", gate_step("held"), fail_step("bad"), give_step("after", needs=["held"])))
    run.until_step("bad", "failed")
    bench.gates["held"].open()
    run.wait()
    assert run.statuses == {"held": "succeeded", "bad": "failed", "after": "succeeded"}
    assert run.status == "failed"


def test_s30_pause_pauses_for_a_person_and_a_resume_runs_the_failed_step_again(bench: Bench) -> None:
    run = bench.run(workflow("pause", flaky_step("bad"), give_step("after", needs=["bad"])))
    assert run.status == "paused"
    assert "bad" in run.state.reason
    deeds.MENDED.add("bad")
    again = run.resume()
    assert again.status == "succeeded"
    assert again.step("bad").attempt == 2


def test_s30_pause_lets_what_runs_end(bench: Bench) -> None:
    run = bench.start(workflow("pause", gate_step("held"), fail_step("bad"), give_step("after", needs=["held"])))
    run.until_step("bad", "failed")
    bench.gates["held"].open()
    run.wait()
    assert run.statuses == {"held": "succeeded", "bad": "failed", "after": "pending"}
    assert run.status == "paused"


def test_s30_pause_inside_a_block(bench: Bench) -> None:
    fan = {"id": "fan", "for_each": [1, 2], "steps": [flaky_step("one", "{{ item }}", name="one")]}
    run = bench.run(workflow("pause", fan, give_step("after", "{{ steps.fan.output }}")))
    assert run.status == "paused"
    deeds.MENDED.add("one")
    assert run.resume().output("after") == [1, 2]


def made(id: str, value: object = None, **keys: object) -> Step:
    return {"id": id, "uses": "trial.make", "with": {"value": value}, **keys}


def test_s30_rollback_undoes_last_first_and_says_what_could_not_be_undone(bench: Bench) -> None:
    run = bench.run(
        workflow(
            "rollback",
            made("one", 1),
            made("two", "stuck", needs=["one"]),
            {
                "id": "fan",
                "needs": ["two"],
                "for_each": [10, 20],
                "concurrency": 1,
                "steps": [made("in", "{{ item }}")],
            },
            give_step("plain", needs=["fan"]),
            fail_step("bad", needs=["plain"]),
        )
    )
    assert deeds.UNDONE == [("fan[1].in", 20), ("fan[0].in", 10), ("one", 1)]
    assert run.status == "failed"
    undone = {event.step: (event.data["ok"], event.data["reason"]) for event in run.events("step_undone")}
    assert undone == {
        "plain": (False, "the action has no undo"),
        "fan[1].in": (True, ""),
        "fan[0].in": (True, ""),
        "two": (False, "OSError: it is stuck"),
        "one": (True, ""),
    }


def test_s30_what_was_undone_is_done_again_after_a_resume(bench: Bench) -> None:
    run = bench.run(workflow("rollback", made("one", 1), flaky_step("bad", needs=["one"])))
    deeds.MENDED.add("bad")
    again = run.resume()
    assert again.status == "succeeded"
    assert ran(run.id, "one") == 2
    assert again.state.undone == []


def test_s30_rollback_undoes_nothing_of_a_cached_step(bench: Bench) -> None:
    bench.run([made("one", 1, cache=True)])
    bench.run(workflow("rollback", made("one", 1, cache=True), fail_step("bad", needs=["one"])))
    assert deeds.UNDONE == []


def test_s30_rollback_is_interrupted_at_a_boundary_and_goes_on(bench: Bench) -> None:
    first, go_on = threading.Event(), threading.Event()
    deeds.HOLD_UNDO = (first, go_on)
    run = bench.start(
        workflow("rollback", made("one", 1), made("two", 2, needs=["one"]), fail_step("x", needs=["two"]))
    )
    assert first.wait(10)
    bench.engine.interrupt(at_once=False, reason="the test", run=run.id)
    deeds.HOLD_UNDO = None
    go_on.set()
    run.wait()
    assert (run.status, deeds.UNDONE) == ("interrupted", [("two", 2)])
    again = run.resume()
    assert (again.status, deeds.UNDONE) == ("failed", [("two", 2), ("one", 1)])


# ---- S31 -----------------------------------------------------------------------------------------------------


def test_s31_continue_counts_as_succeeded_and_keeps_the_error(bench: Bench) -> None:
    run = bench.run(
        [
            fail_step("bad", retry=2, on_error={"continue": [7]}),
            give_step("reads", "{{ steps.bad.output }}"),
            give_step("error", "{{ steps.bad.error.message }}"),
            give_step("handler", needs=[{"step": "bad", "on": "failure"}]),
        ]
    )
    assert run.status == "succeeded"
    assert run.output("reads") == [7]
    assert run.output("error") == "no"
    assert run.status_of("handler") == "skipped"
    assert ran(run.id, "bad") == 2
    assert run.step("bad").origin == "continued"


def test_s31_continue_with_null(bench: Bench) -> None:
    run = bench.run([fail_step("bad", on_error={"continue": None}), give_step("reads", "{{ steps.bad.output }}")])
    assert run.output("reads") is None
    assert run.status == "succeeded"


def test_s31_a_stand_in_gives_its_output_and_may_read_the_error(bench: Bench) -> None:
    run = bench.run(
        [
            fail_step("bad", on_error={"step": "instead"}),
            give_step("instead", "for {{ steps.bad.error.type }}"),
            give_step("reads", "{{ steps.bad.output }}"),
        ]
    )
    assert run.output("reads") == "for ActionFailed"
    assert run.statuses == {"bad": "succeeded", "instead": "succeeded", "reads": "succeeded"}
    assert run.step("bad").error is not None
    assert run.step("bad").origin == "stand_in"
    assert run.status == "succeeded"


def test_s31_a_stand_in_is_skipped_when_not_needed(bench: Bench) -> None:
    run = bench.run(
        [
            give_step("good", 1, on_error={"step": "instead"}),
            give_step("instead", 2),
            give_step("reads", "{{ steps.good.output }}"),
        ]
    )
    assert run.statuses == {"good": "succeeded", "instead": "skipped", "reads": "succeeded"}
    assert run.output("reads") == 1


def test_s31_if_the_stand_in_fails_it_fails(bench: Bench) -> None:
    run = bench.run(
        [
            fail_step("bad", inputs={"message": "first"}, on_error={"step": "instead"}),
            fail_step("instead", inputs={"message": "second"}),
            give_step("handler", needs=[{"step": "bad", "on": "failure"}]),
        ]
    )
    assert run.status == "failed"
    assert run.status_of("bad") == "failed"
    assert run.status_of("handler") == "succeeded"
    error = run.step("bad").error
    assert error is not None
    assert error.message == "first"


def test_s31_a_stand_in_that_fails_fails_it_under_finish_too(bench: Bench) -> None:
    run = bench.run(workflow("finish", fail_step("bad", on_error={"step": "instead"}), fail_step("instead")))
    assert run.statuses == {"bad": "failed", "instead": "failed"}


def test_s31_a_stand_in_waits_for_its_own_edges(bench: Bench) -> None:
    run = bench.start(
        [
            fail_step("bad", on_error={"step": "instead"}),
            gate_step("source", 5),
            give_step("instead", "{{ steps.source.output }}"),
        ]
    )
    run.until_step("bad", "waiting")
    bench.settle()
    bench.gates["source"].open()
    assert run.wait().output("bad") == 5


def test_s31_a_block_may_have_a_stand_in(bench: Bench) -> None:
    fan = {"id": "fan", "for_each": [1], "steps": [fail_step("x")], "on_error": {"step": "instead"}}
    run = bench.run([fan, give_step("instead", [0]), give_step("reads", "{{ steps.fan.output }}")])
    assert run.output("reads") == [0]
    assert run.status == "succeeded"


def test_s31_inside_a_block(bench: Bench) -> None:
    steps = [fail_step("bad", on_error={"step": "instead"}), give_step("instead", "{{ item }}")]
    fan = {"id": "fan", "for_each": [1, 2], "steps": steps, "output": "{{ steps.bad.output }}"}
    assert bench.run([fan]).output("fan") == [1, 2]


def test_s31_survives_an_interruption_while_the_stand_in_runs(bench: Bench) -> None:
    run = bench.start([fail_step("bad", on_error={"step": "instead"}), gate_step("instead", 3)])
    run.until_step("instead", "running")
    run.interrupt(at_once=True)
    assert run.statuses == {"bad": "waiting", "instead": "pending"}
    bench.gates["instead"].open()
    again = run.resume()
    assert again.output("bad") == 3
    assert ran(run.id, "bad") == 1


# ---- S32 -----------------------------------------------------------------------------------------------------


def test_s32_an_error_fails_the_attempt_and_retry_applies(bench: Bench) -> None:
    rule = {"that": "output >= 3", "message": "only {{ output }}"}
    run = bench.run([{"id": "n", "uses": "trial.fail", "with": {"times": 0}, "validate": [rule], "retry": 5}])
    assert run.output("n") == 3
    failed: list[Any] = [event.data["error"] for event in run.events("attempt_failed")]
    assert [(error["type"], error["message"]) for error in failed] == [
        ("ValidatorFailed", "only 1"),
        ("ValidatorFailed", "only 2"),
    ]


def test_s32_rules_are_checked_in_order_and_warnings_are_events(bench: Bench) -> None:
    rules = [
        {"that": "output > 10", "severity": "warning", "message": "small"},
        {"that": "output > 20", "severity": "warning"},
        {"that": "output > 0", "message": "negative"},
    ]
    run = bench.run([give_step("n", 5, validate=rules)])
    assert run.status == "succeeded"
    warned = [event.data["message"] for event in run.events("step_warned")]
    assert warned == ["small", "The output does not hold: output > 20."]


def test_s32_without_a_message_the_error_names_the_rule(bench: Bench) -> None:
    run = bench.run([give_step("n", 5, validate=[{"that": "output > 10"}])])
    assert run.error is not None
    assert (run.error.type, run.error.family) == ("ValidatorFailed", "validation")
    assert "output > 10" in run.error.message


def test_s32_blocks_are_validated_too(bench: Bench) -> None:
    fan = {"id": "fan", "for_each": [1, 2], "steps": [give_step("x", "{{ item }}")]}
    good = bench.run([{**fan, "validate": [{"that": "output | sum == 3"}]}])
    bad = bench.run([{**fan, "validate": [{"that": "output | sum == 4"}]}])
    assert (good.status, bad.status) == ("succeeded", "failed")
    assert bad.error is not None
    assert bad.error.type == "ValidatorFailed"


def test_s32_a_cached_result_is_taken_only_if_it_passes(bench: Bench) -> None:
    bench.run([give_step("n", 5, cache=True)])
    run = bench.run([give_step("n", 5, cache=True, validate=[{"that": "output < 3"}])])
    assert run.status == "failed"
    assert ran(run.id, "n") == 1


# ---- S33 -----------------------------------------------------------------------------------------------------


def test_s33_attempts_count_all_in_all(bench: Bench) -> None:
    run = bench.run([fail_step("bad", retry=3)])
    assert ran(run.id, "bad") == 3
    assert run.step("bad").attempt == 3
    assert run.error is not None
    assert run.error.attempt == 3


@pytest.mark.parametrize(
    ("policy", "waits"),
    [
        ({"delay": 2}, [2, 2, 2]),
        ({"delay": 2, "backoff": "linear"}, [2, 4, 6]),
        ({"delay": 2, "backoff": "exponential"}, [2, 4, 8]),
        ({"delay": 2, "backoff": "exponential", "max_delay": 5}, [2, 4, 5]),
        ({"delay": "{{ parameters.pause }}"}, [3, 3, 3]),
    ],
)
def test_s33_backoff(timed: Bench, clock: FakeClock, policy: dict[str, object], waits: list[float]) -> None:
    run = timed.start(
        {
            "parameters": [{"name": "pause", "default": "3s"}],
            "steps": [fail_step("bad", retry={"attempts": 4, **policy})],
        }
    )
    clock.advance(60)
    run.wait()
    begun = [event.at for event in run.events("step_started")]
    assert [b - a for a, b in itertools.pairwise(begun)] == pytest.approx(waits)


def test_s33_jitter_takes_up_to_its_share_off(timed: Bench, clock: FakeClock) -> None:
    retry = {"attempts": 6, "delay": 10, "jitter": 0.5}
    run = timed.start([fail_step("bad", retry=retry)])
    clock.advance(60)
    run.wait()
    begun = [event.at for event in run.events("step_started")]
    waits = [b - a for a, b in itertools.pairwise(begun)]
    assert all(5 <= wait <= 10 for wait in waits)
    assert len({round(wait, 6) for wait in waits}) > 1


def test_s33_only_named_types_are_retried(bench: Bench) -> None:
    steps = [
        fail_step("value", inputs={"type": "ValueError"}, retry={"attempts": 3, "on": ["ValueError"]}),
        fail_step("key", inputs={"type": "KeyError"}, retry={"attempts": 3, "on": ["ValueError", "Timeout"]}),
    ]
    run = bench.run(workflow("finish", *steps))
    assert ran(run.id, "value") == 3
    assert ran(run.id, "key") == 1


def test_s33_a_retry_template_that_fails_is_the_steps_error(bench: Bench) -> None:
    run = bench.run([fail_step("bad", retry={"attempts": 3, "delay": "{{ parameters.nothing }}"})])
    assert run.status == "failed"
    assert run.error is not None
    assert run.error.type == "TemplateFailed"
    assert ran(run.id, "bad") == 1


def test_s33_timeout_of_an_attempt(bench: Bench) -> None:
    run = bench.run([gate_step("held", timeout=0.05, retry=2)])
    assert run.status == "failed"
    assert run.error is not None
    assert (run.error.type, run.error.attempt) == ("Timeout", 2)
    assert "0.05" in run.error.message


def test_s33_a_timeout_may_be_a_template(bench: Bench) -> None:
    document = {"parameters": [{"name": "limit", "default": "50ms"}], "steps": []}
    for step in (gate_step("held"), {"id": "block", "parallel": [gate_step("held")]}):
        run = bench.run({**document, "steps": [{**step, "timeout": "{{ parameters.limit }}"}]})
        assert run.error is not None
        assert run.error.type == "Timeout"


def test_s33_a_blocks_timeout_template_that_fails_is_the_blocks_error(bench: Bench) -> None:
    run = bench.run([{"id": "block", "timeout": "{{ parameters.nothing }}", "parallel": [give_step("a")]}])
    assert run.error is not None
    assert run.error.type == "TemplateFailed"


@pytest.mark.parametrize(
    "block",
    [
        {"parallel": [gate_step("held"), give_step("done")]},
        {"for_each": [1, 2], "steps": [gate_step("held")]},
        {"while": True, "max_iterations": 3, "steps": [gate_step("held")]},
        {"while": True, "max_iterations": 3, "every": 1000, "steps": [give_step("quick")]},
        {"choose": [{"otherwise": True, "steps": [gate_step("held")]}]},
        {"for_each": [1], "steps": [{"id": "nap", "uses": "core.sleep", "with": {"seconds": 1000}}]},
    ],
    ids=lambda block: str(next(iter(block))),
)
def test_s33_timeout_of_a_block(timed: Bench, clock: FakeClock, block: Step) -> None:
    run = timed.start([{"id": "block", "timeout": 30, **block}])
    clock.advance(29)
    assert run.status_of("block") in ("running", "waiting")
    clock.advance(1)
    run.wait()
    assert run.error is not None
    assert (run.error.type, run.error.message) == ("Timeout", "The block took longer than its limit of 30 s.")
    assert "running" not in run.statuses.values()


def test_s33_timeout_of_a_run(timed: Bench, clock: FakeClock) -> None:
    steps = [gate_step("held"), give_step("clean", needs=[{"step": "held", "on": "always"}]), gate_step("other")]
    run = timed.start({"settings": {"timeout": 60}, "steps": steps})
    clock.advance(60)
    run.wait()
    assert run.status == "failed"
    assert run.error is not None
    assert run.error.type == "Timeout"
    assert run.statuses == {"held": "cancelled", "clean": "succeeded", "other": "cancelled"}


def test_s33_a_run_that_timed_out_has_its_limit_afresh(timed: Bench, clock: FakeClock) -> None:
    run = timed.start({"settings": {"timeout": 60}, "steps": [gate_step("held", 1)]})
    clock.advance(60)
    run.wait()
    clock.advance(1000)
    timed.gates["held"].open()
    assert run.resume().status == "succeeded"


FAMILIES = [
    (give_step("x", "{{ nothing }}"), "TemplateFailed", "validation"),
    ({"id": "x", "uses": "core.sleep", "with": {"seconds": "{{ 'abc' }}"}}, "InputInvalid", "validation"),
    (fail_step("x", inputs={"type": "ZeroDivisionError"}), "ZeroDivisionError", "execution"),
    (fail_step("x", inputs={"type": "ModuleNotFoundError"}), "ModuleNotFoundError", "dependency"),
    (fail_step("x"), "ActionFailed", "execution"),
    ({"id": "x", "uses": "no.such"}, "ActionUnknown", "configuration"),
    ({"id": "x", "uses": "python.run", "with": {"code": "lambda: 1"}}, "NotStorable", "validation"),
    ({"id": "x", "uses": "file.read", "with": {"path": "/etc/passwd"}}, "PathRefused", "configuration"),
    (give_step("x", "{{ secrets.NONE }}"), "SecretMissing", "configuration"),
]


@pytest.mark.parametrize(("step", "type_", "family"), FAMILIES, ids=[each[1] for each in FAMILIES])
def test_s33_error_types_are_stable_names_of_a_family(bench: Bench, step: Step, type_: str, family: str) -> None:
    run = bench.run([step])
    assert run.status == "failed"
    assert run.error is not None
    assert (run.error.type, run.error.family) == (type_, family)
