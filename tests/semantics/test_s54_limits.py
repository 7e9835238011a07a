"""S54: how many runs of a workflow go on at once in a process, and which begins next."""

from __future__ import annotations

import pytest
from tests.semantics.deeds import gate_step, give_step

from ergon.adapters.stores.sqlite import SqliteStore
from ergon.app import Options
from ergon.model.policies import Durability
from ergon.model.records import Command, Priority
from ergon.testing.runs import Bench, BenchRun


def only(**settings: object) -> dict[str, object]:
    """Write a workflow of which one run goes on at a time."""
    return {"name": "only", "settings": {"max_runs": 1, **settings}, "steps": [gate_step("a")]}


def begun(*runs: BenchRun) -> list[bool]:
    """Say which runs have begun."""
    return [bool(run.events("run_started")) for run in runs]


def in_order(*runs: BenchRun) -> list[str]:
    """Give the ids of runs in the order in which they began."""
    return [run.id for run in sorted(runs, key=lambda run: run.events("run_started")[0].at)]


@pytest.mark.parametrize("durability", ["off", "process"])
def test_s54_a_run_waits_until_one_of_its_workflow_has_ended(bench: Bench, durability: Durability) -> None:
    """Those with durability off count among themselves: they are kept in another store."""
    bench.app.__dict__["scratch"] = bench.store
    options = Options(durability=durability)
    first, second = (bench.start(only(), options=options) for _ in range(2))
    other = bench.run({"name": "other", "steps": [give_step("a")]}, options=options)
    assert other.status == "succeeded"
    first.until_step("a", "running")
    assert begun(first, second) == [True, False]
    assert second.status == "queued"
    bench.gates["a"].open()
    for run in (first, second):
        assert run.wait().status == "succeeded"


def test_s54_the_next_one_begins_by_priority(bench: Bench) -> None:
    first = bench.start(only())
    bench.settle()
    priorities: list[Priority] = ["deferred", "scheduled", "immediate", "scheduled"]
    runs = [bench.start(only(), options=Options(priority=priority)) for priority in priorities]
    bench.settle()
    bench.gates["a"].open()
    for run in (first, *runs):
        run.wait()
    assert in_order(first, *runs) == [first.id, runs[2].id, runs[1].id, runs[3].id, runs[0].id]


def test_s54_allow_lets_any_number_begin(bench: Bench) -> None:
    runs = [bench.start(only(overlap="allow")) for _ in range(3)]
    bench.until(lambda: bench.gates.waiting == 3)
    bench.gates["a"].open()
    for run in runs:
        run.wait()


def test_s54_skip_ends_the_new_run_with_its_reason(bench: Bench) -> None:
    first = bench.start(only(overlap="skip"))
    bench.settle()
    second = bench.start(only(overlap="skip")).wait()
    assert (second.status, second.state.reason) == ("cancelled", "another run of the workflow was under way")
    assert begun(second) == [False]
    bench.gates["a"].open()
    first.wait()
    assert bench.run(only(overlap="skip")).status == "succeeded"


def test_s54_cancel_ends_the_older_ones_those_that_wait_included(bench: Bench) -> None:
    first = bench.start(only(overlap="queue"))
    bench.settle()
    second = bench.start(only(overlap="queue"))
    bench.settle()
    third = bench.start(only(overlap="cancel"))
    assert first.wait().status == "cancelled"
    assert (second.wait().status, second.state.reason) == ("cancelled", "a newer run of the workflow was started")
    bench.until(lambda: begun(third) == [True])
    bench.gates["a"].open()
    assert third.wait().status == "succeeded"
    assert bench.store.commands() == []


def test_s54_a_run_that_gives_way_keeps_what_is_to_run_always(bench: Bench) -> None:
    """The second cancel of a person drops it; that of newer runs does not (S36)."""
    always = gate_step("tidy", needs=[{"step": "a", "on": "always"}])
    document = {"name": "only", "settings": {"max_runs": 1, "overlap": "cancel"}, "steps": [gate_step("a"), always]}
    first = bench.start(document)
    bench.settle()
    later = [bench.start(document) for _ in range(2)]
    first.until_step("tidy", "running")
    bench.settle()
    bench.store.send(Command("cancel", first.id, data={"gives_way": True}))
    bench.settle()
    bench.gates["tidy"].open()
    assert first.wait().status == "cancelled"
    assert first.status_of("tidy") == "succeeded"
    bench.gates["a"].open()
    assert later[1].wait().status == "succeeded"
    assert later[0].wait().status == "cancelled"


def test_s54_who_waits_for_a_place_can_be_cancelled_paused_and_interrupted(bench: Bench) -> None:
    first = bench.start(only())
    bench.settle()
    cancelled, paused, interrupted, last = (bench.start(only()) for _ in range(4))
    bench.settle()
    cancelled.send("cancel")
    paused.send("pause")
    assert (cancelled.wait().status, paused.wait().status) == ("cancelled", "paused")
    bench.engine.interrupt(at_once=False, reason="the test", run=interrupted.id)
    assert interrupted.handle.wait(30)
    assert bench.store.owner(interrupted.id) is None
    bench.gates["a"].open()
    for run in (first, last):
        assert run.wait().status == "succeeded"
    assert bench.resume(interrupted.id).wait().status == "succeeded"
    assert paused.resume().status == "succeeded"


def test_s54_the_limit_of_the_process_holds_beside_that_of_the_workflow(bench: Bench) -> None:
    with Bench(bench.folder, runs=2) as small:
        first, second = (small.start(only()) for _ in range(2))
        others = [small.start({"name": "other", "steps": [gate_step("b")]}) for _ in range(2)]
        small.until(lambda: small.gates.waiting == 2)
        assert begun(first, second, *others) == [True, False, True, False]
        small.gates["b"].open()
        for run in others:
            run.wait()
        small.gates["a"].open()
        for run in (first, second):
            run.wait()


def test_s54_a_child_workflow_takes_no_place(bench: Bench) -> None:
    (bench.folder / "child.ergon.yaml").write_text(
        "ergon: 1\nname: only\nsettings: {max_runs: 1}\nsteps:\n  - {id: x, uses: core.noop, with: {value: 1}}\n"
    )
    first = bench.start(only())
    bench.settle()
    parent = bench.run([{"id": "call", "uses": "workflow.run", "with": {"path": "child.ergon.yaml"}}])
    assert parent.status == "succeeded"
    bench.gates["a"].open()
    first.wait()


def test_s54_two_engines_on_one_home_share_the_place(bench: Bench) -> None:
    url = f"sqlite:///{bench.folder}/home/runs.db"
    with Bench(bench.folder, store=SqliteStore(url)) as one, Bench(bench.folder, store=SqliteStore(url)) as two:
        first = one.start(only())
        one.until(lambda: two.gates.waiting == 1)  # the later bench of a folder has its gates
        second = two.start(only())
        two.settle()
        assert begun(first, second) == [True, False]
        two.gates["a"].open()
        for run in (first, second):
            assert run.wait().status == "succeeded"
