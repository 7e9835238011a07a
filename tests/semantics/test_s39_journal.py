"""S39 to S45: decisions, events, records, commits, ownership and commands."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.semantics import deeds
from tests.semantics.deeds import flaky_step, gate_step, give_step, ran

from ergon.app import Options
from ergon.errors import LeaseLost, NotPossible, RunOwned, StoreFull
from ergon.model.apply import apply
from ergon.model.events import Event
from ergon.model.records import Command
from ergon.testing.clock import FakeClock
from ergon.testing.runs import Bench
from ergon.testing.stores import TrialStore

Step = dict[str, Any]


@pytest.fixture
def store() -> TrialStore:
    return TrialStore()


@pytest.fixture
def slow(tmp_path: Path, store: TrialStore) -> Iterator[Bench]:
    """Give a bench whose store the test holds back and breaks."""
    with Bench(tmp_path, store=store) as bench:
        yield bench


# ---- S39 -----------------------------------------------------------------------------------------------------


def test_s39_parameters_variables_and_env_are_decided_at_the_start(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STAGE", "one")
    document = {
        "parameters": [{"name": "n", "type": "integer", "default": 1}],
        "variables": {"stage": "{{ env.STAGE }}"},
        "settings": {"env": ["STAGE"]},
        "steps": [
            gate_step("held"),
            give_step("seen", "{{ [parameters.n, variables.stage, env.STAGE] }}", needs=["held"]),
        ],
    }
    run = bench.start(document, {"n": 2})
    run.until_step("held", "running")
    run.interrupt(at_once=True)
    monkeypatch.setenv("STAGE", "two")
    bench.gates["held"].open()
    assert run.resume().output("seen") == [2, "one", "one"]
    assert run.events("run_created")[0].value == '{"n":2}'
    assert [event.value for event in run.events("variables_resolved")] == ['{"stage":"one"}']


def test_s39_the_outcome_of_when_is_not_decided_again(bench: Bench) -> None:
    """`state` has changed between the decision and the resume."""
    run = bench.start(
        [
            {"id": "set", "uses": "core.set", "with": {"n": 1}},
            gate_step("held", when="state.n == 1", needs=["set"]),
            {"id": "change", "uses": "core.set", "with": {"n": 2}, "needs": ["set"]},
        ]
    )
    run.until_step("held", "running")
    run.until_step("change", "succeeded")
    run.interrupt(at_once=True)
    bench.gates["held"].open()
    again = run.resume()
    assert again.statuses == {"set": "succeeded", "held": "succeeded", "change": "succeeded"}
    assert len(again.events("condition_evaluated")) == 1


def test_s39_the_branch_of_a_choose_is_not_chosen_again(bench: Bench) -> None:
    branches = [
        {"when": "state.n == 1", "steps": [gate_step("one")]},
        {"otherwise": True, "steps": [give_step("other")]},
    ]
    run = bench.start(
        [
            {"id": "set", "uses": "core.set", "with": {"n": 1}},
            {"id": "route", "choose": branches, "needs": ["set"]},
            {"id": "change", "uses": "core.set", "with": {"n": 2}, "needs": ["set"]},
        ]
    )
    run.until_step("route.one", "running")
    run.until_step("change", "succeeded")
    run.interrupt(at_once=True)
    bench.gates["one"].open()
    again = run.resume()
    assert again.status_of("route.one") == "succeeded"
    assert [event.data["branch"] for event in again.events("branch_chosen")] == [0]


def test_s39_the_list_of_a_for_each_is_not_made_again(bench: Bench) -> None:
    run = bench.start(
        [
            {"id": "set", "uses": "core.set", "with": {"list": ["a", "b"]}},
            {"id": "fan", "for_each": "{{ state.list }}", "steps": [gate_step("held", "{{ item }}")], "needs": ["set"]},
            {"id": "change", "uses": "core.set", "with": {"list": ["c"]}, "needs": ["set"]},
        ]
    )
    run.until_step("fan[0].held", "running")
    run.until_step("change", "succeeded")
    run.interrupt(at_once=True)
    bench.gates["held"].open()
    assert run.resume().output("fan") == ["a", "b"]


def test_s39_the_test_of_a_loop_is_not_made_again(bench: Bench) -> None:
    """A plain loop waits for a slot after its test said to go on, and then the answer would be another."""
    loop = {
        "id": "loop",
        "needs": ["set"],
        "until": "state.n == 2",
        "max_iterations": 3,
        "uses": "bench.gate",
        "with": {"name": "g{{ loop.index }}", "value": "{{ loop.index }}"},
    }
    set_, change = ({"id": id, "uses": "core.set", "with": {"n": n}} for id, n in (("set", 1), ("change", 2)))
    held = gate_step("held", needs=["set"])
    steps = [set_, loop, held, {**change, "needs": ["held"]}]
    run = bench.start({"settings": {"concurrency": 2}, "steps": steps})
    bench.until(lambda: bench.gates.waiting == 2)
    run.send("pause")
    run.until(lambda: bool(run.state.pausing))
    bench.gates["g0"].open()
    run.until(lambda: len(run.events("loop_tested")) == 1)
    bench.gates["held"].open()
    run.wait()
    again = bench.resume(run.id)
    again.until_step("change", "succeeded")
    bench.gates["g1"].open()
    again.wait()
    assert again.output("loop") == 1
    assert [event.data for event in again.events("loop_tested")] == [
        {"index": 0, "again": True},
        {"index": 1, "again": False},
    ]


def test_s39_the_winner_of_a_race_stays(bench: Bench) -> None:
    block = {"id": "race", "wait_for": "any", "parallel": [give_step("quick", 1), gate_step("held", 2)]}
    run = bench.start([block, gate_step("last", "{{ steps.race.output }}")])
    run.until_step("last", "running")
    run.interrupt(at_once=True)
    bench.gates["last"].open()
    bench.gates["held"].open()
    again = run.resume()
    assert again.output("last") == 1
    assert len(again.events("race_won")) == 1


# ---- S40 -----------------------------------------------------------------------------------------------------


def test_s40_unknown_types_survive_an_older_reader(bench: Bench) -> None:
    run = bench.run([give_step("one", 1)])
    state = run.state
    apply(state, Event(run.id, state.seq + 1, 5.0, "from_the_future", "one", data={"x": 1}, version=9))
    assert state.seq == len(run.events()) + 1
    assert run.status == "succeeded"


def test_s40_an_event_says_who_what_and_when(bench: Bench) -> None:
    options = Options(actor="ann", correlation="batch-7")
    run = bench.run([give_step("one", 1)], options=options)
    events = run.events()
    assert [event.seq for event in events] == list(range(1, len(events) + 1))
    assert all(event.run == run.id and event.version == 1 and event.at > 1e9 for event in events)
    assert events[0].actor == "ann"
    assert {event.correlation for event in events} == {"batch-7"}
    assert [(event.type, event.step, event.attempt) for event in events if event.step] == [
        ("step_started", "one", 1),
        ("step_succeeded", "one", 1),
    ]


def test_s40_signals_are_not_journaled_and_their_number_is(bench: Bench) -> None:
    code = "for n in range(5):\n    print('line', n)"
    run = bench.run([{"id": "say", "uses": "python.run", "with": {"code": code}}])
    assert "line 4" in "".join(str(signal.data.get("text")) for signal in run.signals("output"))
    assert not any("line" in str(event.data.get("text")) for event in run.events())
    assert [event.data for event in run.events("step_logged")] == [{"lines": 5}]


# ---- S41 -----------------------------------------------------------------------------------------------------


def test_s41_the_record_of_a_run(bench: Bench) -> None:
    document = {
        "version": "1.2",
        "tags": ["t"],
        "settings": {"concurrency": 3, "timeout": "1h"},
        "steps": [give_step("a")],
    }
    run = bench.run(document, options=Options(priority="deferred", actor="ann", trigger="nightly"))
    start = run.events("run_created")[0].data
    assert start["definition"] == run.state.frame.graph.sha256
    assert bench.store.definition(str(start["definition"]))
    expected = {"workflow": "bench", "version": "1.2", "priority": "deferred", "actor": "ann", "tags": ["t"]}
    assert {key: start[key] for key in expected} == expected
    assert start["trigger"] == {"name": "nightly"}
    assert start["settings"] == {"concurrency": 3, "timeout": 3600.0}
    record = bench.store.run(run.id)
    assert (record.priority, record.actor, record.trigger, record.tags) == ("deferred", "ann", "nightly", ("t",))


def test_s41_the_record_of_a_step(bench: Bench) -> None:
    run = bench.run([give_step("a", 1), give_step("b", "{{ steps.a.output }}!"), give_step("c", 3, cache=True)])
    step = run.step("b")
    assert step.inputs == '{"value":"1!"}'
    assert step.started_at is not None
    assert step.ended_at is not None
    assert step.started_at <= step.ended_at
    assert step.origin == "computed"
    again = bench.run([give_step("c", 3, cache=True)])
    assert (again.step("c").origin, again.step("c").cached) == ("cached", True)


def test_s41_an_error_keeps_its_traceback_and_the_inputs(bench: Bench) -> None:
    code = "def f(x):\n    return 1 / x\nf(x)"
    run = bench.run(
        [
            give_step("zero", 0),
            {"id": "bad", "uses": "python.run", "with": {"code": code, "x": "{{ steps.zero.output }}"}},
        ]
    )
    error = run.error
    assert error is not None
    assert error.type == "ZeroDivisionError"
    assert "Traceback" in error.traceback
    assert run.step("bad").inputs == '{"x":0}'


def test_s41_a_run_can_be_read_without_its_file(bench: Bench, tmp_path: Path) -> None:
    file = tmp_path / "flow.ergon.yaml"
    file.write_text("ergon: 1\nname: flow\nsteps:\n  - {id: a, uses: core.noop, with: {value: 1}}\n")
    source = bench.app.load(file)
    run = bench.run(source.workflow, file=file)
    file.unlink()
    bench.app._graphs.clear()
    assert bench.app.state(run.id).steps["a"].output == "1"


# ---- S42 -----------------------------------------------------------------------------------------------------


def test_s42_nothing_starts_until_what_it_depends_on_is_committed(slow: Bench, store: TrialStore) -> None:
    run = slow.start([gate_step("a"), give_step("b", needs=["a"]), give_step("c", needs=["b"])])
    slow.until(lambda: slow.gates.waiting == 1)
    store.hold()
    slow.gates["a"].open()
    slow.until(lambda: len(store.held) == 1)
    types = [(event.type, event.step) for event in store.held[0].events]
    assert ("step_succeeded", "a") in types
    assert ("step_started", "b") in types, "a chain is to cost one commit a step"
    assert run.status_of("b") == "running"
    assert ran(run.id, "b") == 0, "an action began before its start was on disk"
    assert ("step_succeeded", "a") not in [(event.type, event.step) for event in slow.facts]
    store.let_go(1)
    slow.until(lambda: len(store.held) == 1)
    assert ran(run.id, "b") == 1
    assert ("step_succeeded", "a") in [(event.type, event.step) for event in slow.facts]
    assert ran(run.id, "c") == 0
    store.let_go()
    run.wait()
    assert ran(run.id, "c") == 1


def test_s42_subscribers_see_a_fact_after_its_commit_and_in_order(bench: Bench) -> None:
    run = bench.run([give_step("a"), give_step("b", needs=["a"])])
    seen = [event for event in bench.facts if event.run == run.id]
    assert seen == run.events()[1:]


def test_s42_a_step_keeps_its_slot_until_its_outcome_is_committed(slow: Bench, store: TrialStore) -> None:
    run = slow.start({"settings": {"concurrency": 1}, "steps": [gate_step("a"), gate_step("b")]})
    slow.until(lambda: slow.gates["a"].waiting == 1)
    store.hold()
    slow.gates["a"].open()
    slow.until(lambda: len(store.held) == 1)
    assert slow.gates["b"].waiting == 0
    store.let_go()
    slow.until(lambda: slow.gates["b"].waiting == 1)
    slow.gates["b"].open()
    run.wait()


def test_s42_a_store_that_fails_ends_the_run_with_its_error_and_nothing_more_happens(
    slow: Bench, store: TrialStore
) -> None:
    run = slow.start([gate_step("a"), give_step("b", needs=["a"]), gate_step("c")])
    slow.until(lambda: slow.gates.waiting == 2)
    full = StoreFull(path="memory:", reason="is full")
    store.break_with(full)
    slow.gates["a"].open()
    assert run.handle.wait(10)
    assert run.handle.error is full
    slow.until(lambda: slow.gates.waiting == 0)
    assert ran(run.id, "b") == 0
    assert store.owner(run.id) is None
    assert store.run(run.id).status == "interrupted"
    store.break_with(None)
    slow.gates["c"].open()
    again = run.resume()
    assert again.status == "succeeded"


def test_s42_a_start_that_cannot_be_committed_raises_and_leaves_nothing(slow: Bench, store: TrialStore) -> None:
    slow.run([give_step("a")])
    store.break_with(StoreFull(path="memory:", reason="is full"))
    with pytest.raises(StoreFull):
        slow.start([give_step("a")])
    assert len(store.runs()) == 1
    store.break_with(None)
    assert slow.run([give_step("a")]).status == "succeeded"


def test_a_fault_of_the_engine_ends_the_run_and_spares_the_others(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = bench.start([gate_step("held")])
    run = bench.start([gate_step("a"), give_step("b", needs=["a"])])
    bench.until(lambda: bench.gates.waiting == 2)
    live = bench.engine._live[run.id]

    def broken(step: object) -> None:
        raise RuntimeError("a fault")

    monkeypatch.setattr(live.conductor, "_judge", broken)
    bench.gates["a"].open()
    assert run.handle.wait(10)
    assert isinstance(run.handle.error, RuntimeError)
    assert bench.store.owner(run.id) is None
    assert bench.store.run(run.id).status == "interrupted"
    bench.gates["held"].open()
    assert other.wait().status == "succeeded"
    assert run.resume().status == "succeeded"


def test_a_fault_in_an_effect_ends_the_run_too(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    run = bench.start([gate_step("a"), give_step("b", needs=["a"])])
    bench.until(lambda: bench.gates.waiting == 1)

    def broken(step: object) -> None:
        raise RuntimeError("a fault")

    monkeypatch.setattr(bench.engine._live[run.id].attempts, "launch", broken)
    bench.gates["a"].open()
    assert run.handle.wait(10)
    assert isinstance(run.handle.error, RuntimeError)


def test_a_subscriber_that_raises_is_dropped(bench: Bench) -> None:
    calls: list[object] = []

    def broken(what: object) -> None:
        calls.append(what)
        raise RuntimeError("a view")

    bench.engine.bus.subscribe(broken)
    assert bench.run([give_step("a")]).status == "succeeded"
    assert len(calls) == 1


def test_a_run_that_stands_still_is_a_fault_and_no_hang(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    run = bench.start([gate_step("a"), give_step("b", needs=["a"])])
    bench.until(lambda: bench.gates.waiting == 1)
    monkeypatch.setattr(bench.engine._live[run.id].scheduler, "settled", lambda step: None)
    bench.gates["a"].open()
    assert run.handle.wait(10)
    assert "stands still with ['b']" in str(run.handle.error)


# ---- S44 -----------------------------------------------------------------------------------------------------


def test_s44_a_process_whose_run_was_taken_over_writes_nothing_and_stops(slow: Bench, store: TrialStore) -> None:
    run = slow.start([gate_step("a"), give_step("b", needs=["a"])])
    slow.until(lambda: slow.gates.waiting == 1)
    before = len(store.events(run.id))
    lease = store.take_over(run.id)
    slow.gates["a"].open()
    assert run.handle.wait(10)
    assert isinstance(run.handle.error, LeaseLost)
    assert len(store.events(run.id)) == before
    assert ran(run.id, "b") == 0
    assert store.owner(run.id) is not None, "it must not give up what is no longer its own"
    lease.release()
    assert run.resume().status == "succeeded"


def test_s44_a_second_owner_is_refused(bench: Bench) -> None:
    run = bench.start([gate_step("a")])
    with pytest.raises(RunOwned):
        bench.store.claim(run.id)
    bench.gates["a"].open()
    run.wait()
    bench.store.claim(run.id).release()


def test_s44_each_takeover_raises_the_epoch(bench: Bench) -> None:
    run = bench.start([gate_step("a")])
    run.until_step("a", "running")
    run.interrupt(at_once=True)
    bench.gates["a"].open()
    again = run.resume()
    assert [event.data["epoch"] for event in again.events("run_started")] == [1, 2]
    assert again.state.epoch == 2


# ---- S45 -----------------------------------------------------------------------------------------------------


def test_s45_a_command_is_carried_out_once(bench: Bench) -> None:
    run = bench.start([gate_step("a"), {"id": "w", "uses": "wait.for", "with": {"signal": "x"}}])
    run.until(lambda: len(bench.store.waits(run.id)) == 1)
    for _ in range(3):
        run.send("signal", name="other", value=1)
    run.until(lambda: len(run.events("signal_received")) == 3)
    run.until(lambda: bench.store.commands(run.id) == [])
    run.send("cancel")
    run.wait()
    assert len(run.events("signal_received")) == 3


def test_s45_a_command_to_a_run_that_has_ended_is_refused(bench: Bench) -> None:
    run = bench.run([give_step("a")])
    with pytest.raises(NotPossible, match="it has ended"):
        run.send("cancel")


def test_s45_a_cancel_that_came_too_late_does_not_cancel_the_resume(bench: Bench) -> None:
    run = bench.run([flaky_step("bad")])
    bench.store.send(Command("cancel", run.id))
    bench.store.send(Command("pause", run.id))
    deeds.MENDED.add("bad")
    assert run.resume().status == "succeeded"
    assert bench.store.commands(run.id) == []


def test_s45_a_pause_that_was_sent_twice_does_not_pause_the_resume(bench: Bench) -> None:
    run = bench.start([gate_step("a"), give_step("b", needs=["a"])])
    run.until_step("a", "running")
    run.send("pause")
    run.until(lambda: bool(run.state.pausing))
    bench.gates["a"].open()
    run.wait()
    run.send("pause")
    assert run.resume().status == "succeeded"


def test_s45_commands_while_the_run_ends_are_left(slow: Bench, store: TrialStore) -> None:
    """Between its last event and the commit of that, a run takes in nothing more."""
    run = slow.start([gate_step("a"), {"id": "w", "uses": "wait.for", "with": {"signal": "go"}}])
    slow.until(lambda: len(store.waits(run.id)) == 1)
    run.send("pause")
    slow.until(lambda: bool(run.state.pausing))
    store.hold()
    slow.gates["a"].open()
    slow.until(lambda: run.status == "paused")
    run.send("signal", name="go", value=3)
    slow.until(lambda: slow.engine.call(lambda: True))
    store.let_go()
    run.wait()
    assert run.status_of("w") == "waiting"
    assert run.resume().output("w") == 3


def test_s45_an_unknown_step_is_answered_without_harm(bench: Bench, clock: FakeClock) -> None:
    run = bench.start([gate_step("a")])
    run.until_step("a", "running")
    run.send("answer", step="nobody", answer="retry")
    run.send("answer", step="a", answer="fail")
    run.until(lambda: bench.store.commands(run.id) == [])
    bench.gates["a"].open()
    assert run.wait().status == "succeeded"
