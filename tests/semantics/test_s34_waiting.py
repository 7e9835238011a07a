"""S34 to S36: durable waits, threads that cannot be ended, cancel and pause."""

from __future__ import annotations

import threading
from datetime import UTC, datetime
from typing import Any

import pytest
from tests.semantics import deeds
from tests.semantics.deeds import fail_step, flaky_step, gate_step, give_step, ran

from ergon.testing.clock import FakeClock
from ergon.testing.runs import Bench

Step = dict[str, Any]


def wait_step(id: str = "wait", **inputs: object) -> Step:
    return {"id": id, "uses": "wait.for", "with": inputs}


# ---- S34 -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "step",
    [wait_step(duration="1h"), {"id": "wait", "uses": "core.sleep", "with": {"seconds": 3600}}],
    ids=["wait.for", "core.sleep"],
)
def test_s34_a_wait_is_journaled_with_its_due_time(timed: Bench, clock: FakeClock, step: Step) -> None:
    run = timed.start([step, give_step("after", needs=["wait"])])
    clock.advance(3599)
    assert run.status == "waiting"
    assert run.status_of("wait") == "waiting"
    begun = run.events("step_started")[0].at
    assert run.events("step_waiting")[0].data["due"] == begun + 3600
    assert [(wait.path, wait.due) for wait in timed.store.waits(run.id)] == [("wait", begun + 3600)]
    clock.advance(1)
    run.wait()
    assert run.status == "succeeded"
    assert run.events("step_started", "after")[0].at == begun + 3600


def test_s34_until_a_moment(timed: Bench, clock: FakeClock) -> None:
    moment = datetime.fromtimestamp(clock.now() + 500, UTC).isoformat()
    run = timed.start([wait_step(until=moment)])
    clock.advance(499)
    assert run.status_of("wait") == "waiting"
    clock.advance(1)
    assert run.wait().status == "succeeded"


def test_s34_a_moment_that_has_passed_is_no_wait(timed: Bench, clock: FakeClock) -> None:
    run = timed.start([wait_step(until=datetime.fromtimestamp(clock.now() - 5, UTC).isoformat())])
    clock.advance(0)
    assert run.wait().status == "succeeded"


def test_s34_after_a_resume_only_the_rest_is_waited(timed: Bench, clock: FakeClock) -> None:
    run = timed.start([wait_step(duration=100)])
    clock.advance(60)
    run.interrupt()
    clock.advance(30)
    run = timed.resume(run.id)
    clock.advance(9)
    assert run.status_of("wait") == "waiting"
    clock.advance(1)
    assert run.wait().status == "succeeded"


def test_s34_a_wait_that_became_due_meanwhile_ends_at_once(timed: Bench, clock: FakeClock) -> None:
    run = timed.start([wait_step(duration=100)])
    clock.advance(60)
    run.interrupt()
    clock.advance(1000)
    run = timed.resume(run.id)
    clock.advance(0)
    assert run.wait().status == "succeeded"


def test_s34_a_clock_that_jumps_changes_no_wait_within_a_process(timed: Bench, clock: FakeClock) -> None:
    run = timed.start([wait_step(duration=100)])
    clock.advance(1)
    clock.jump(5000)
    clock.advance(98)
    assert run.status_of("wait") == "waiting"
    clock.jump(-9000)
    clock.advance(1)
    assert run.wait().status == "succeeded"


def test_s34_a_signal_ends_the_wait_and_is_its_output(bench: Bench) -> None:
    run = bench.start([wait_step(signal="go"), give_step("seen", "{{ steps.wait.output.who }}")])
    run.until(lambda: run.status == "waiting")
    run.send("signal", name="go", value={"who": "me"}, actor="ann")
    run.wait()
    assert run.output("seen") == "me"
    assert run.events("signal_received")[0].actor == "ann"
    assert run.state.signals == {"go": []}


def test_s34_a_signal_that_came_before_the_wait_is_kept(bench: Bench) -> None:
    run = bench.start([gate_step("first"), {**wait_step(signal="go"), "needs": ["first"]}])
    run.until_step("first", "running")
    run.send("signal", name="go", value=1)
    run.send("signal", name="go", value=2)
    run.until(lambda: len(run.events("signal_received")) == 2)
    bench.gates["first"].open()
    run.wait()
    assert run.output("wait") == 1
    assert run.state.signals == {"go": ["2"]}


def test_s34_a_signal_wakes_all_who_wait_and_no_other(bench: Bench) -> None:
    waits = [wait_step("a", signal="go"), wait_step("b", signal="go"), wait_step("c", signal="stop")]
    run = bench.start([*waits, wait_step("d", duration=1000)])
    run.until(lambda: len(bench.store.waits(run.id)) == 4)
    run.send("signal", name="go", value=1)
    run.until_step("b", "succeeded")
    assert run.statuses == {"a": "succeeded", "b": "succeeded", "c": "waiting", "d": "waiting"}
    run.send("signal", name="", value=1)
    run.send("signal", name="stop")
    run.until_step("c", "succeeded")
    assert run.status_of("d") == "waiting"
    run.send("cancel")
    run.wait()


def test_s34_a_signal_that_was_sent_while_nobody_owned_the_run(bench: Bench) -> None:
    run = bench.start([wait_step(signal="go")])
    run.until(lambda: run.status == "waiting")
    run.interrupt()
    run.send("signal", name="go", value=5)
    assert run.resume().output("wait") == 5


def test_s34_a_wait_for_a_signal_may_have_a_limit(timed: Bench, clock: FakeClock) -> None:
    run = timed.start([wait_step(signal="go", timeout=50)])
    clock.advance(50)
    run.wait()
    assert run.error is not None
    assert run.error.type == "Timeout"
    assert "signal 'go'" in run.error.message


def test_s34_a_backoff_is_a_durable_wait(timed: Bench, clock: FakeClock) -> None:
    run = timed.start([fail_step("shaky", inputs={"times": 1}, retry={"attempts": 2, "delay": 100})])
    clock.advance(40)
    assert [(wait.path, wait.why) for wait in timed.store.waits(run.id)] == [("shaky", "backoff")]
    run.interrupt()
    clock.advance(10)
    run = timed.resume(run.id)
    clock.advance(49)
    assert run.step("shaky").attempt == 1
    clock.advance(1)
    assert run.wait().output("shaky") == 2


def test_s34_the_wait_of_a_loop_goes_on_after_a_resume(timed: Bench, clock: FakeClock) -> None:
    loop = {"id": "loop", "until": "loop.index == 1", "max_iterations": 3, "every": 100, "steps": [give_step("x")]}
    run = timed.start([loop])
    clock.advance(10)
    assert run.status_of("loop") == "waiting"
    run.interrupt()
    clock.advance(50)
    run = timed.resume(run.id)
    clock.advance(39)
    assert "loop[1].x" not in run.statuses
    clock.advance(1)
    run.wait()
    assert run.status == "succeeded"
    assert run.status_of("loop[1].x") == "succeeded"


def crash(bench: Bench, run_id: str) -> None:
    """Let a run look as if the process that owned it had died: the engine lets go of it and writes nothing."""
    bench.engine.call(lambda: bench.engine._live[run_id].fail(SystemError("killed")))
    bench.until(lambda: bench.store.owner(run_id) is None)


@pytest.mark.parametrize("policy", ["retry", "fail", "ask"])
def test_s34_what_a_resume_does_with_an_attempt_that_was_cut_off(bench: Bench, policy: str) -> None:
    run = bench.start([gate_step("held", 1, on_crash=policy), give_step("after", "{{ steps.held.output }}")])
    run.until(lambda: bench.gates["held"].waiting == 1)
    crash(bench, run.id)
    assert bench.store.run(run.id).status == "interrupted"
    bench.gates["held"].open()
    again = run.resume()
    if policy == "retry":
        assert again.status == "succeeded"
        assert again.step("held").attempt == 2
        assert len(again.events("attempt_lost")) == 1
    elif policy == "fail":
        assert again.status == "failed"
        assert again.error is not None
        assert again.error.type == "ProcessDied"
    else:
        assert again.status == "paused"
        assert again.status_of("held") == "waiting"
        assert "waits for an answer" in again.state.reason


@pytest.mark.parametrize(
    ("answer", "value", "status"), [("retry", None, "succeeded"), ("fail", None, "failed"), ("value", [9], "succeeded")]
)
def test_s34_people_answer(bench: Bench, answer: str, value: object, status: str) -> None:
    run = bench.start([gate_step("held", [1], on_crash="ask"), give_step("after", "{{ steps.held.output }}")])
    run.until(lambda: bench.gates["held"].waiting == 1)
    crash(bench, run.id)
    bench.gates["held"].open()
    paused = run.resume()
    paused.send("answer", step="held", answer=answer, value=value)
    again = paused.resume()
    assert again.status == status
    if status == "succeeded":
        assert again.output("after") == (value or [1])


def test_s34_on_crash_holds_for_an_attempt_that_a_second_interruption_cut_off(bench: Bench) -> None:
    run = bench.start([gate_step("held", 1, on_crash="ask"), gate_step("other", 2)])
    bench.until(lambda: bench.gates.waiting == 2)
    run.interrupt(at_once=True)
    assert run.status == "interrupted"
    for gate in ("held", "other"):
        bench.gates[gate].open()
    again = run.resume()
    assert again.status == "paused"
    assert again.statuses == {"held": "waiting", "other": "succeeded"}


# ---- S35 -----------------------------------------------------------------------------------------------------


def thread_step(
    id: str = "slow", *, gate: str = "", stubborn: bool = True, value: object = None, **keys: object
) -> Step:
    inputs = {"name": gate or id, "stubborn": stubborn, "value": value}
    return {"id": id, "uses": "bench.thread_gate", "with": inputs, **keys}


def test_s35_a_thread_at_its_limit_is_recorded_at_once_and_warned_of(bench: Bench) -> None:
    run = bench.run([thread_step(timeout=0.03)])
    assert run.error is not None
    assert run.error.type == "Timeout"
    assert bench.gates["slow"].waiting == 1
    warned = run.events("step_warned", "slow")
    assert "run_on: process" in str(warned[0].data["message"])
    bench.gates["slow"].open()


def test_s35_its_late_result_is_dropped(bench: Bench) -> None:
    run = bench.run([thread_step(timeout=0.03, value="late", on_error={"continue": "early"})])
    bench.gates["slow"].open()
    bench.until(lambda: bench.gates["slow"].waiting == 0)
    bench.settle()
    assert run.checked().output("slow") == "early"


def test_s35_the_thread_is_told(bench: Bench) -> None:
    bench.run([thread_step(stubborn=False, timeout=0.03, optional=True)])
    bench.until(lambda: bench.gates["slow"].waiting == 0)


def test_s35_a_retry_waits_for_the_old_thread(bench: Bench) -> None:
    run = bench.start([thread_step(timeout=0.05, retry={"attempts": 2})])
    run.until(lambda: run.step("slow").attempt == 2)
    assert bench.gates["slow"].waiting == 1
    bench.gates["slow"].open()
    assert run.wait().status == "succeeded"


def test_s35_a_cancelled_thread_that_goes_on_is_warned_of(bench: Bench) -> None:
    run = bench.start([thread_step()])
    bench.until(lambda: bench.gates["slow"].waiting == 1)
    run.send("cancel")
    run.wait()
    assert run.status_of("slow") == "cancelled"
    assert "run_on: process" in str(run.events("step_warned", "slow")[0].data["message"])


def test_s35_abandoned_threads_take_no_slot(bench: Bench) -> None:
    steps = [thread_step(f"slow{n}", gate="slow", timeout=0.02, optional=True) for n in range(12)]
    run = bench.run({"settings": {"concurrency": 2}, "steps": [*steps, give_step("after", 1)]})
    assert run.status == "partial"
    assert run.output("after") == 1
    assert bench.gates["slow"].waiting == 12


# ---- S36 -----------------------------------------------------------------------------------------------------


def cancelling() -> list[Step]:
    return [
        gate_step("held"),
        give_step("next", needs=["held"]),
        gate_step("clean", needs=[{"step": "held", "on": "always"}]),
        give_step("after_clean", needs=["clean"]),
        give_step("on_failure", needs=[{"step": "held", "on": "failure"}]),
    ]


def test_s36_cancel_still_runs_what_is_on_always(bench: Bench) -> None:
    run = bench.start(cancelling())
    run.until_step("held", "running")
    run.send("cancel", actor="ann")
    run.until_step("clean", "running")
    bench.gates["clean"].open()
    run.wait()
    assert run.status == "cancelled"
    assert run.statuses == {
        "held": "cancelled",
        "next": "cancelled",
        "clean": "succeeded",
        "after_clean": "cancelled",
        "on_failure": "cancelled",
    }
    assert run.events("run_stopping")[0].actor == "ann"


def test_s36_a_second_cancel_drops_that_too(bench: Bench) -> None:
    run = bench.start(cancelling())
    run.until_step("held", "running")
    run.send("cancel")
    run.until_step("clean", "running")
    run.send("cancel")
    run.wait()
    assert run.status == "cancelled"
    assert run.status_of("clean") == "cancelled"


def test_s36_cancel_reaches_every_depth_and_what_waits(bench: Bench) -> None:
    inner = {
        "id": "in",
        "parallel": [gate_step("held"), wait_step(duration=1000), fail_step("x", retry={"attempts": 2, "delay": 1000})],
    }
    run = bench.start([{"id": "fan", "for_each": [1, 2], "steps": [inner]}, wait_step("top", signal="never")])
    run.until(lambda: bench.gates["held"].waiting == 2 and len(bench.store.waits(run.id)) == 5)
    run.send("cancel")
    run.wait()
    assert run.status == "cancelled"
    assert set(run.statuses.values()) == {"cancelled"}


def test_s36_pause_starts_nothing_new(bench: Bench) -> None:
    run = bench.start([gate_step("held"), give_step("next", needs=["held"])])
    run.until_step("held", "running")
    run.send("pause", actor="ann")
    run.until(lambda: bool(run.state.pausing))
    bench.gates["held"].open()
    run.wait()
    assert (run.status, run.state.reason) == ("paused", "asked by ann")
    assert run.statuses == {"held": "succeeded", "next": "pending"}
    assert run.resume().status == "succeeded"
    assert ran(run.id, "next") == 1


def test_s36_pause_makes_no_further_attempt(bench: Bench) -> None:
    run = bench.start([{"id": "x", "uses": "trial.gated_failure", "with": {"name": "x"}, "retry": 3}])
    bench.until(lambda: bench.gates["x"].waiting == 1)
    run.send("pause")
    run.until(lambda: bool(run.state.pausing))
    bench.gates["x"].open()
    run.wait()
    assert (run.status, run.status_of("x"), run.step("x").attempt) == ("paused", "pending", 1)
    assert run.resume().step("x").attempt == 3


def test_s36_pause_of_a_waiting_run_and_its_waits(timed: Bench, clock: FakeClock) -> None:
    run = timed.start([wait_step(duration=100)])
    clock.advance(10)
    run.send("pause")
    run.wait()
    assert (run.status, run.status_of("wait")) == ("paused", "waiting")
    assert clock.waiting == []
    run = timed.resume(run.id)
    clock.advance(90)
    assert run.wait().status == "succeeded"


def test_s36_a_pause_survives_a_restart(bench: Bench) -> None:
    run = bench.start([gate_step("held"), give_step("next", needs=["held"])])
    run.until_step("held", "running")
    run.send("pause")
    run.until(lambda: bool(run.state.pausing))
    bench.gates["held"].open()
    run.wait()
    assert bench.store.run(run.id).status == "paused"
    assert bench.app.state(run.id).status.value == "paused"


def test_s36_limits_do_not_count_a_pause(timed: Bench, clock: FakeClock) -> None:
    block = {"id": "block", "timeout": 80, "parallel": [wait_step(signal="go")]}
    run = timed.start({"settings": {"timeout": 100}, "steps": [block]})
    clock.advance(70)
    run.send("pause")
    run.wait()
    clock.advance(5000)
    run = timed.resume(run.id)
    clock.advance(9)
    assert run.status_of("block") == "running"
    clock.advance(1)
    run.wait()
    assert run.error is not None
    assert run.error.message == "The block took longer than its limit of 80 s."


def test_s36_the_limit_of_a_run_does_not_count_a_pause(timed: Bench, clock: FakeClock) -> None:
    run = timed.start({"settings": {"timeout": 100}, "steps": [wait_step(signal="go")]})
    clock.advance(70)
    run.send("pause")
    run.wait()
    clock.advance(5000)
    run = timed.resume(run.id)
    clock.advance(29)
    assert run.status_of("wait") == "waiting"
    clock.advance(1)
    run.wait()
    assert run.error is not None
    assert (run.error.type, run.state.reason) == ("Timeout", "")


def test_s36_cancel_ends_a_pause_that_waits_for_what_runs(bench: Bench) -> None:
    run = bench.start(cancelling())
    run.until_step("held", "running")
    run.send("pause")
    run.until(lambda: bool(run.state.pausing))
    run.send("cancel")
    run.until_step("clean", "running")
    bench.gates["clean"].open()
    assert run.wait().status == "cancelled"


def test_s36_a_paused_run_that_was_cancelled_is_cancelled_when_it_is_resumed(bench: Bench) -> None:
    run = bench.start([gate_step("held"), give_step("next", needs=["held"])])
    run.until_step("held", "running")
    run.send("pause")
    run.until(lambda: bool(run.state.pausing))
    bench.gates["held"].open()
    run.wait()
    run.send("cancel")
    assert run.resume().status == "cancelled"


def test_s36_interrupted_once_at_a_boundary(bench: Bench) -> None:
    run = bench.start([gate_step("held", 1), give_step("next", "{{ steps.held.output }}")])
    run.until_step("held", "running")
    bench.engine.interrupt(at_once=False, reason="Ctrl-C")
    bench.settle()
    assert run.status == "running"
    bench.gates["held"].open()
    run.wait()
    assert (run.status, run.state.reason) == ("interrupted", "Ctrl-C")
    assert run.statuses == {"held": "succeeded", "next": "pending"}
    again = run.resume()
    assert again.output("next") == 1
    assert len(again.events("step_started", "held")) == 1


def test_s36_interrupted_twice_at_once(bench: Bench) -> None:
    run = bench.start([gate_step("held", 1), give_step("next", "{{ steps.held.output }}")])
    run.until_step("held", "running")
    bench.engine.interrupt(at_once=False, reason="Ctrl-C")
    bench.engine.interrupt(at_once=True, reason="Ctrl-C")
    run.wait()
    assert run.status == "interrupted"
    assert run.statuses == {"held": "pending", "next": "pending"}
    bench.gates["held"].open()
    again = run.resume()
    assert again.status == "succeeded"
    assert again.step("held").attempt == 2


def test_s36_an_interrupted_run_with_a_failure_comes_to_the_end_that_it_would_have_come_to(bench: Bench) -> None:
    steps = [flaky_step("bad"), gate_step("held"), give_step("after", needs=["held"])]
    run = bench.start({"settings": {"on_failure": "finish"}, "steps": steps})
    run.until_step("bad", "failed")
    run.interrupt(at_once=True)
    deeds.MENDED.add("bad")
    bench.gates["held"].open()
    again = run.resume()
    assert again.status == "failed"
    assert again.statuses == {"bad": "failed", "held": "succeeded", "after": "succeeded"}
    assert again.resume().status == "succeeded"


def test_s36_closing_the_engine_leaves_runs_that_can_be_resumed(bench: Bench) -> None:
    run = bench.start([thread_step(stubborn=False, value=1), wait_step(signal="go"), give_step("z", needs=["slow"])])
    run.until(lambda: bench.gates["slow"].waiting == 1 and len(bench.store.waits(run.id)) == 1)
    bench.engine.close()
    assert run.handle.wait(5)
    assert run.checked().status == "interrupted"
    assert "ergon-engine" not in {thread.name for thread in threading.enumerate()}
    bench.app._engines.clear()
    bench.gates["slow"].open()
    resumed = bench.resume(run.id)
    resumed.send("signal", name="go")
    assert resumed.wait().status == "succeeded"
