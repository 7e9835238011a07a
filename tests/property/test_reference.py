"""Random workflows: the engine comes to the end that a reference interpreter of the rules comes to, whatever happens.

A failing example is printed as the YAML of its workflow, to be saved and replayed (`python -m tests.property.replay`).
"""

from __future__ import annotations

import copy
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import pytest
import yaml
from hypothesis import HealthCheck, given, note, settings
from hypothesis import strategies as st
from tests.property import play
from tests.property.documents import documents
from tests.property.reference import End, interpret
from tests.property.tape import Order, Tape

from ergon.model.apply import fold
from ergon.model.states import Frame, RunState
from ergon.ports import Change
from ergon.testing.folding import differences
from ergon.testing.runs import Bench, BenchRun, workflow_of

Document = dict[str, Any]
_SLOW: Final = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much]
_IN_CI: Final = bool(os.environ.get("CI"))
"""There the examples are always the same: what fails a change is then the change. Everywhere else they are new."""
_SETTINGS: Final = settings(derandomize=_IN_CI, deadline=None, suppress_health_check=_SLOW)
_STRETCHES: Final = [pytest.param(1, id="short"), pytest.param(50, id="long", marks=pytest.mark.long)]
_PLACES: Final = st.floats(0, 1, exclude_max=True)
stretch: Final = pytest.mark.parametrize("stretch", _STRETCHES)


def examples(number: int) -> settings:
    """Ask for so many examples."""
    return settings(_SETTINGS, max_examples=number)


def show(document: Document) -> None:
    """Print a workflow if it is that of a failing example."""
    text = yaml.safe_dump({"ergon": 1, "name": "example", **document}, sort_keys=False, allow_unicode=True)
    note(text)


def assert_ends(run: BenchRun, end: End, *, attempts: bool) -> None:
    """Compare what became of a run with what had to become of it."""
    assert run.statuses == {path: settled.status for path, settled in end.steps.items()}
    outputs = {path: run.output(path) for path, settled in end.steps.items() if settled.output}
    assert outputs == {path: settled.value for path, settled in end.steps.items() if settled.output}
    assert (run.status, run.outputs) == (end.status, end.outputs)
    if attempts:
        assert {path: run.step(path).attempt for path in end.steps} == {p: s.attempts for p, s in end.steps.items()}


@stretch
def test_it_ends_as_the_rules_say(tmp_path: Path, stretch: int) -> None:
    """S19 to S33: statuses, outputs and attempts of every step, status and outputs of the run."""
    with Bench(tmp_path) as bench:

        @examples(120 * stretch)
        @given(documents())
        def holds(document: Document) -> None:
            show(document)
            bench.app.checked(workflow_of(document))
            play.PLAYED.clear()
            run = bench.run(document)
            assert_ends(run, interpret(document), attempts=True)
            assert _attempts(run) == play.PLAYED

        holds()


def _attempts(run: BenchRun) -> dict[str, int]:
    steps = [s for s in run.state.steps.values() if s.node.step.uses == "property.play" and s.attempt]
    return {step.path: step.attempt for step in steps}


@stretch
def test_its_journal_folds_to_its_state(tmp_path: Path, stretch: int) -> None:
    """S38: in one go, and event by event from any point on."""
    with Bench(tmp_path) as bench:

        @examples(30 * stretch)
        @given(documents(), _PLACES)
        def holds(document: Document, place: float) -> None:
            show(document)
            run = bench.run(document)
            events = run.events()
            cut = int(place * len(events))
            graph = bench.app.graph(str(events[0].data["definition"]))
            state = fold(RunState(run.id, Frame(graph), run.state.graph_of), events[:cut])
            assert differences(run.state, fold(state, events[cut:])) == []

        holds()


@stretch
def test_it_may_be_killed_after_any_commit(tmp_path: Path, stretch: int) -> None:
    """S42: a new engine brings it to the same end, and runs nothing again whose success was committed."""

    @examples(30 * stretch)
    @given(documents(), st.lists(_PLACES, min_size=1, max_size=2))
    def holds(document: Document, places: Sequence[float]) -> None:
        show(document)
        end, tape = interpret(document), _taped(tmp_path, document)
        for place in places:
            before = tape.cut(place)
            tape = Tape(before)
            with Bench(tmp_path, store=tape) as bench:
                play.PLAYED.clear()
                assert_ends(bench.resume(before[0].run).wait(), end, attempts=False)
                assert not _succeeded(before) & play.PLAYED.keys()

    holds()


def _taped(folder: Path, document: Document) -> Tape:
    tape = Tape()
    with Bench(folder, store=tape) as bench:
        bench.run(document)
    return tape


def _succeeded(changes: Sequence[Change]) -> set[str]:
    return {event.step for change in changes for event in change.events if event.type == "step_succeeded"}


@stretch
def test_it_may_be_paused_and_resumed(tmp_path: Path, stretch: int) -> None:
    """S36: at any commit, and nothing that had succeeded runs again."""

    @examples(30 * stretch)
    @given(documents(), st.sets(st.integers(1, 30), min_size=1, max_size=3))
    def holds(document: Document, commits: set[int]) -> None:
        show(document)
        tape = Tape(orders=dict.fromkeys(commits, "pause"))
        with Bench(tmp_path, store=tape) as bench:
            run = bench.run(document)
            for _ in range(1 + len(commits)):
                if run.status != "paused":
                    break
                before = _succeeded(tape.changes)
                play.PLAYED.clear()
                run = run.resume()
                assert not before & play.PLAYED.keys()
            assert_ends(run, interpret(document), attempts=False)

    holds()


@stretch
def test_it_may_be_cancelled_and_resumed(tmp_path: Path, stretch: int) -> None:
    """S36, S50: once or twice, at any commit."""

    @examples(30 * stretch)
    @given(documents(), st.sets(st.integers(1, 30), min_size=1, max_size=3))
    def holds(document: Document, commits: set[int]) -> None:
        show(document)
        orders: dict[int, Order] = dict.fromkeys(commits, "cancel")
        with Bench(tmp_path, store=Tape(orders=orders)) as bench:
            run = bench.run(document)
            for _ in range(1 + len(commits)):
                run = run.resume() if run.status == "cancelled" else run
            assert_ends(run, interpret(document), attempts=False)

    holds()


@stretch
def test_an_edit_that_changes_nothing_runs_nothing_again(tmp_path: Path, stretch: int) -> None:
    """S51: descriptions, labels and layout are no change; a step that failed is taken up, and what follows from it."""

    @examples(30 * stretch)
    @given(documents(), _PLACES)
    def holds(document: Document, place: float) -> None:
        show(document)
        before = _taped(tmp_path, document).cut(place)
        with Bench(tmp_path, store=Tape(before)) as bench:
            play.PLAYED.clear()
            run = bench.resume(before[0].run, document=_edited(document)).wait()
            assert_ends(run, interpret(document), attempts=False)
            types = {event.type for change in before for event in change.events}
            if not types & {"step_failed", "step_cancelled"}:
                assert not _succeeded(before) & play.PLAYED.keys()

    holds()


def _edited(document: Document) -> Document:
    edited = copy.deepcopy(document)
    for number, step in enumerate(_steps(edited["steps"])):
        step |= {"description": f"Step {number}", "annotations": {"seen": True}}
    return {**edited, "description": "The same.", "layout": {"nodes": {"s1": [40, 80]}}}


def _steps(steps: Sequence[Document]) -> Iterator[Document]:
    for step in steps:
        yield step
        for key in ("steps", "parallel"):
            yield from _steps(step.get(key, ()))
        for branch in step.get("choose", ()):
            yield from _steps(branch["steps"])
