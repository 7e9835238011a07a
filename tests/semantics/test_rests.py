"""Durations of runs and steps that rested on their way: the time for which nobody worked on them is none of them."""

from __future__ import annotations

from tests.semantics.deeds import MENDED, flaky_step, gate_step, give_step

from ergon.model.report import Document
from ergon.testing.clock import FakeClock
from ergon.testing.runs import Bench, BenchRun

WEEKEND = 2 * 86_400.0


def told(run: BenchRun) -> tuple[Document, float | None]:
    """Give a run's document, and its seconds as a list tells them; both are to say the same of the run."""
    history = run.bench.app.history(run.id)
    record = run.bench.store.run(run.id)
    document = history.document(record)
    assert history.summary(record)["duration_s"] == document["duration_s"]
    return document, document["duration_s"]


def test_a_run_that_was_interrupted_counts_what_it_was_worked_on(timed: Bench, clock: FakeClock) -> None:
    run = timed.start([give_step("a"), {"id": "wait", "uses": "wait.for", "with": {"duration": 100}, "needs": ["a"]}])
    run.until_step("wait", "waiting")
    clock.advance(30)
    run.interrupt()
    clock.advance(WEEKEND)
    assert told(run)[1] == 30
    again = timed.resume(run.id)
    again.until_step("wait", "waiting")
    clock.advance(WEEKEND)
    document, seconds = told(again.wait())
    # The wait was due on Saturday, so it ended at once; it is as long as it was looked after.
    assert (document["status"], seconds) == ("succeeded", 30)
    assert document["steps"]["wait"]["duration_s"] == 30
    assert timed.store.statistics("bench").mean_s == 30


def test_a_step_that_was_cut_off_counts_from_its_first_start(timed: Bench, clock: FakeClock) -> None:
    run = timed.start([gate_step("held")])
    run.until_step("held", "running")
    clock.advance(10)
    run.interrupt(at_once=True)
    clock.advance(WEEKEND)
    again = timed.resume(run.id)
    again.until_step("held", "running")
    clock.advance(5)
    timed.gates["held"].open()
    document, seconds = told(again.wait())
    assert seconds == 15
    assert document["steps"]["held"] | {"duration_s": 15, "attempts": 2} == document["steps"]["held"]


def test_a_step_that_failed_and_runs_again_counts_from_its_new_start(timed: Bench, clock: FakeClock) -> None:
    fan = {"id": "fan", "for_each": [1], "steps": [gate_step("x"), flaky_step("y", name="y", needs=["x"])]}
    run = timed.start([fan])
    run.until_step("fan[0].x", "running")
    clock.advance(10)
    timed.gates["x"].open()
    assert told(run.wait())[1] == 10
    clock.advance(WEEKEND)
    MENDED.add("y")
    document, seconds = told(run.resume())
    assert seconds == 10
    assert {path: step["duration_s"] for path, step in document["steps"].items()} == {
        "fan": 10,
        "fan[0].x": 10,
        "fan[0].y": 0,
    }
    assert timed.store.statistics("bench").maximum_s == 10


def test_a_paused_run_stands_still(timed: Bench, clock: FakeClock) -> None:
    run = timed.start([gate_step("a"), give_step("b", needs=["a"])])
    run.until_step("a", "running")
    clock.advance(4)
    run.send("pause")
    run.until(lambda: bool(run.state.pausing))
    timed.gates["a"].open()
    assert run.wait().status == "paused"
    clock.advance(WEEKEND)
    assert told(run)[1] == 4
    document, seconds = told(run.resume())
    assert (document["status"], seconds) == ("succeeded", 4)
    assert document["steps"]["b"]["duration_s"] == 0


def test_what_never_began_has_no_duration(timed: Bench) -> None:
    document = {"settings": {"max_runs": 1}, "steps": [gate_step("a")]}
    first = timed.start(document)
    first.until_step("a", "running")
    second = timed.start(document)
    second.send("cancel")
    assert told(second.wait())[1] is None
    timed.gates["a"].open()
    first.wait()
    assert timed.store.statistics("bench").executions == 2
