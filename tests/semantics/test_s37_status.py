"""S37, S38: status, its table, and the fold."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.semantics import deeds
from tests.semantics.deeds import fail_step, flaky_step, gate_step, give_step

import ergon
from ergon.app import Options
from ergon.engine.selection import Selection
from ergon.model.apply import apply, fold
from ergon.model.events import Event
from ergon.model.moves import IllegalTransition
from ergon.model.states import (
    RUN_TRANSITIONS,
    STEP_TRANSITIONS,
    Frame,
    RunState,
    RunStatus,
    StepStatus,
)
from ergon.testing.clock import FakeClock
from ergon.testing.folding import differences, folded, journal_faults
from ergon.testing.runs import Bench, BenchRun

SOURCE = Path(ergon.__file__).parent
STATE_FILES = {"model/apply.py", "model/again.py", "model/moves.py"}
ASSIGNERS = {("model/moves.py", "move"), ("model/moves.py", "move_run")}
"""The two places that assign the status of a run or a step."""
Transition = tuple[str, str]


# ---- one place that assigns ----------------------------------------------------------------------------------


def assignments() -> Iterator[tuple[str, str, str]]:
    """Give (file, function, what) of every assignment to an attribute `status`, stores' records excepted."""
    for file in SOURCE.rglob("*.py"):
        name = file.relative_to(SOURCE).as_posix()
        if name.startswith("adapters/stores/"):
            continue  # rows of tables, which follow the events
        for function in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
                for node in ast.walk(function):
                    yield from ((name, function.name, what) for what in _assigned(node))


def _assigned(node: ast.AST) -> Iterator[str]:
    targets = node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AugAssign) else []
    for target in targets:
        for each in target.elts if isinstance(target, ast.Tuple) else [target]:
            if isinstance(each, ast.Attribute) and each.attr == "status":
                yield ast.unparse(each.value)


def test_s37_nothing_else_assigns_a_status() -> None:
    found = {(file, function) for file, function, what in assignments() if what in ("state", "step", "child", "run")}
    assert found == ASSIGNERS
    others = {what for file, _, what in assignments() if file not in STATE_FILES}
    assert not others & {"body", "state.root", "live.state"}


def test_s37_the_sets_are_the_rules() -> None:
    assert {status.value for status in RunStatus} == {
        "queued",
        "running",
        "paused",
        "waiting",
        "interrupted",
        "succeeded",
        "partial",
        "failed",
        "cancelled",
    }
    assert {status.value for status in StepStatus} == {
        "pending",
        "running",
        "waiting",
        "succeeded",
        "failed",
        "skipped",
        "cancelled",
    }
    assert set(RUN_TRANSITIONS) == set(RunStatus)
    assert set(STEP_TRANSITIONS) == set(StepStatus)


def test_s37_a_transition_that_is_not_in_the_table_is_refused(bench: Bench) -> None:
    run = bench.run([give_step("one")])
    with pytest.raises(IllegalTransition, match="step one: succeeded → failed"):
        apply(run.state, Event(run.id, 99, 0.0, "step_failed", "one", data={"error": {}}))
    with pytest.raises(IllegalTransition, match="succeeded → paused"):
        apply(run.state, Event(run.id, 99, 0.0, "run_paused"))


# ---- every transition of the table is used -------------------------------------------------------------------


def transitions(run: BenchRun) -> tuple[set[Transition], set[Transition]]:
    """Fold a run's journal event by event, and give the changes of status of the run and of its steps."""
    events = run.events()
    graph = run.bench.app.graph(str(events[0].data["definition"]))
    state = RunState(run=run.id, frame=Frame(graph=graph), graph_of=run.bench.app.graph)
    runs: set[Transition] = set()
    steps: set[Transition] = set()
    status, before = "queued", dict[int, tuple[object, str]]()
    for event in events:
        apply(state, event)
        if state.status.value != status:
            runs.add((status, state.status.value))
            status = state.status.value
        for step in state.steps.values():
            was = before.get(id(step), (step, "pending"))[1]
            if was != step.status.value:
                steps.add((was, step.status.value))
            elif event.step == step.path and event.type == "step_waiting" and was == "waiting":
                steps.add(("waiting", "waiting"))
            before[id(step)] = (step, step.status.value)
    return runs, steps


def test_s37_every_transition_of_the_table_is_used(timed: Bench, clock: FakeClock) -> None:
    runs: set[Transition] = set()
    steps: set[Transition] = set()
    for run in scenarios(timed, clock):
        run.checked()
        found = transitions(run)
        runs |= found[0]
        steps |= found[1]
    assert runs == {(a.value, b.value) for a, after in RUN_TRANSITIONS.items() for b in after}
    assert steps == {(a.value, b.value) for a, after in STEP_TRANSITIONS.items() for b in after}


def nap(id: str, **keys: object) -> deeds.Step:
    return {"id": id, "uses": "core.sleep", "with": {"seconds": 10}, **keys}


def scenarios(bench: Bench, clock: FakeClock) -> Iterator[BenchRun]:
    yield from plain_ends(bench)
    yield from ends_of_waits(bench, clock)
    yield from interruptions(bench, clock)
    yield from resumptions(bench, clock)
    yield from queues(bench)


def plain_ends(bench: Bench) -> Iterator[BenchRun]:
    yield bench.run([give_step("a"), give_step("off", enabled=False), give_step("bad", "{{ x }}", when="nothing")])
    yield bench.run(
        [fail_step("a", optional=True), {"id": "c", "choose": [{"when": False, "steps": [give_step("x")]}]}]
    )
    yield bench.run([fail_step("a", retry=2), gate_step("held")])
    document = {"name": "parts", "steps": [give_step("a", 1), give_step("b", "{{ steps.a.output }}")]}
    bench.run(document)
    yield bench.run(document, options=Options(selection=Selection(only=["b"])))


def ends_of_waits(bench: Bench, clock: FakeClock) -> Iterator[BenchRun]:
    for step in (
        nap("a"),
        {"id": "a", "uses": "wait.for", "with": {"signal": "s", "timeout": 10}},
        fail_step("a", inputs={"times": 1}, retry={"attempts": 2, "delay": 10}),
        {"id": "a", "until": "loop.index == 1", "max_iterations": 2, "every": 10, "steps": [give_step("x")]},
    ):
        for others in ([], [fail_step("b", optional=True)]):
            run = bench.start([step, *others])
            clock.advance(20)
            yield run.wait()
    run = bench.start(
        [
            {"id": "a", "uses": "wait.for", "with": {"signal": "s", "timeout": 10}, "on_error": {"step": "instead"}},
            give_step("instead"),
        ]
    )
    clock.advance(10)
    yield run.wait()
    run = bench.start([nap("a"), give_step("b", needs=["a"])])
    clock.advance(10)
    yield run.wait()
    run = bench.start([nap("a")])
    bench.settle()
    run.send("cancel")
    yield run.wait()


def interruptions(bench: Bench, clock: FakeClock) -> Iterator[BenchRun]:
    for command in ("pause", "interrupt"):
        for step in (gate_step("a"), nap("a")):
            run = bench.start([step, give_step("b", needs=["a"])])
            bench.settle()
            if command == "pause":
                run.send("pause")
                bench.settle()
                bench.gates["a"].open()
                run.wait()
            else:
                run.interrupt(at_once=True)
            bench.gates.forget("a")
            resumed = bench.resume(run.id)
            bench.settle()
            bench.gates["a"].open()
            clock.advance(20)
            yield resumed.wait()
            bench.gates.forget("a")


def resumptions(bench: Bench, clock: FakeClock) -> Iterator[BenchRun]:
    fan = {"id": "fan", "for_each": [1], "steps": [flaky_step("x")], "on_item_error": "continue"}
    yield bench.run([fan, give_step("after", needs=["fan"])]).retry()
    run = bench.run(
        [{"id": "block", "parallel": [flaky_step("x"), gate_step("a")]}, give_step("s", "{{ steps.block.output }}")]
    )
    deeds.MENDED.add("x")
    bench.gates["a"].open()
    yield run.resume()
    bench.gates.forget("a")
    run = bench.start([{"id": "block", "parallel": [gate_step("a")]}])
    bench.settle()
    run.send("cancel")
    run.wait()
    bench.gates["a"].open()
    yield run.resume()
    yield from taken_over(bench, clock)
    deeds.MENDED.clear()
    run = bench.run({"settings": {"on_failure": "pause"}, "steps": [flaky_step("x")]})
    yield run.resume()


def taken_over(bench: Bench, clock: FakeClock) -> Iterator[BenchRun]:
    """Runs whose owner died while they ran or waited, and that are retried."""
    finish = {"on_failure": "finish"}
    for held in (nap("a"), gate_step("a")):
        bench.gates.forget("a")
        run = bench.start({"settings": finish, "steps": [flaky_step("y"), held]})
        bench.settle()
        bench.engine.call(lambda run=run: bench.engine._live[run.id].fail(SystemError("killed")))  # type: ignore[misc]
        bench.until(lambda run=run: bench.store.owner(run.id) is None)  # type: ignore[misc]
        bench.gates["a"].open()
        resumed = bench.resume(run.id, how="retry")
        clock.advance(20)
        yield resumed.wait()
    run = bench.start({"settings": finish, "steps": [flaky_step("y"), nap("a")]})
    bench.settle()
    run.interrupt()
    resumed = bench.resume(run.id, how="retry")
    clock.advance(20)
    yield resumed.wait()


def queues(bench: Bench) -> Iterator[BenchRun]:
    bench.gates.forget("a")
    document = {"name": "only", "settings": {"max_runs": 1}, "steps": [gate_step("a")]}
    first = bench.start(document)
    bench.settle()
    cancelled, paused = bench.start(document), bench.start(document)
    cancelled.send("cancel")
    paused.send("pause")
    yield cancelled.wait()
    yield paused.wait()
    bench.gates["a"].open()
    yield first.wait()
    yield paused.resume()


# ---- S38 -----------------------------------------------------------------------------------------------------


def test_s38_the_comparison_sees_every_difference(bench: Bench) -> None:
    fan = {"id": "fan", "for_each": [1, 2], "steps": [give_step("x", "{{ item }}")]}
    run = bench.run([fan, give_step("set", 1)])
    events = run.events()
    graph = bench.app.graph(str(events[0].data["definition"]))
    twin = folded(run.state, graph, events)
    assert differences(run.state, twin) == []
    twin.steps["fan[1].x"].output = "3"
    assert differences(run.state, twin) == ["step fan[1].x.output: '2' and '3'"]
    assert differences(run.state, folded(run.state, graph, events[:-1]))
    bodies = folded(run.state, graph, events).steps["fan"].bodies
    assert bodies is not None
    assert bodies[0].status == "succeeded"


def test_s38_the_fold_is_the_same_in_parts(bench: Bench) -> None:
    run = bench.run([fail_step("a", retry=2, on_error={"continue": 1}), give_step("b", "{{ steps.a.output }}")])
    events = run.events()
    graph = bench.app.graph(str(events[0].data["definition"]))
    for place in range(len(events)):
        state = folded(run.state, graph, events[:place])
        assert differences(fold(state, events[place:]), run.state) == []


def test_s38_a_journals_own_faults_are_seen() -> None:
    events = [Event("r", 1, 0.0, "a", data={"x": (1,)}), Event("r", 3, 0.0, "b", value="NaN")]
    faults = journal_faults(events)
    assert len(faults) == 3
