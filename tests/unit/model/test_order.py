"""The waves in which the steps of a workflow can run."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ergon.model.graph import compile_graph
from ergon.model.order import levels, waves
from ergon.model.workflow import Workflow


def graph_of(*steps: dict[str, Any]) -> Any:
    return compile_graph(Workflow.model_validate({"ergon": 1, "name": "w", "steps": list(steps)}))


def step(id: str, *needs: str, **more: object) -> dict[str, Any]:
    return {"id": id, "uses": "core.noop", "needs": list(needs), **more}


def test_a_workflow_without_steps_has_no_waves() -> None:
    assert waves(graph_of()) == []


def test_the_order_of_the_text_means_nothing() -> None:
    steps = (step("d", "b", "c"), step("b", "a"), step("c", "a"), step("a"))
    assert waves(graph_of(*steps)) == [["a"], ["b", "c"], ["d"]]


def test_references_and_stand_ins_are_edges_too() -> None:
    steps = (
        step("a", on_error={"step": "spare"}),
        step("spare"),
        step("b", **{"with": {"value": "{{ steps.a.output }}"}}),
        step("c", when="steps.b.status == 'failed'"),
    )
    assert waves(graph_of(*steps)) == [["a"], ["spare", "b"], ["c"]]


def test_the_steps_inside_a_block_have_waves_of_their_own() -> None:
    block = {"id": "fan", "for_each": [1, 2], "steps": [step("y", "x"), step("x")]}
    graph = graph_of(step("a"), block)
    assert waves(graph) == [["a", "fan"]]
    inner = graph.root.nodes[1].bodies[0]
    assert [[node.id for node in wave] for wave in levels(inner)] == [["x"], ["y"]]


def test_steps_that_wait_for_one_another_are_named() -> None:
    with pytest.raises(ValueError, match="wait for one another: b, c"):
        waves(graph_of(step("a"), step("b", "c"), step("c", "b")))


@given(st.lists(st.sets(st.integers(0, 12), max_size=4), max_size=13))
def test_every_step_stands_in_the_first_wave_after_all_that_it_waits_for(edges: list[set[int]]) -> None:
    needs = [{before for before in found if before < number} for number, found in enumerate(edges)]
    graph = graph_of(*(step(f"s{n}", *(f"s{b}" for b in sorted(found))) for n, found in enumerate(needs)))
    wave_of = {id: number for number, wave in enumerate(waves(graph)) for id in wave}
    assert len(wave_of) == len(needs)
    for number, found in enumerate(needs):
        latest = max((wave_of[f"s{before}"] for before in found), default=-1)
        assert wave_of[f"s{number}"] == latest + 1
