"""Compiled graphs are kept while they are used, and no longer than that."""

from __future__ import annotations

import gc

from ergon.engine.graphs import Graphs
from ergon.model.graph import Graph, compile_graph
from ergon.testing.runs import workflow_of


def _compiled(name: str) -> Graph:
    return compile_graph(workflow_of({"name": name, "steps": [{"id": "a", "uses": "core.noop"}]}), sha256=name)


def _given(graphs: Graphs, name: str, made: list[str]) -> Graph:
    def compiled() -> Graph:
        made.append(name)
        return _compiled(name)

    return graphs.get(name, compiled)


def test_a_graph_is_compiled_once_while_it_is_among_the_latest() -> None:
    graphs, made = Graphs(kept=2), list[str]()
    for name in ("a", "b", "a", "b", "a", "c", "a"):
        _given(graphs, name, made)
    assert made == ["a", "b", "c"]
    _given(graphs, "b", made)
    assert made == ["a", "b", "c", "b"]


def test_a_graph_that_a_run_holds_is_found_however_many_follow() -> None:
    graphs, made = Graphs(kept=2), list[str]()
    held = _given(graphs, "held", made)
    for number in range(10):
        _given(graphs, f"g{number}", made)
    assert _given(graphs, "held", made) is held
    assert made.count("held") == 1


def test_what_nobody_holds_is_forgotten() -> None:
    graphs = Graphs(kept=3)
    for number in range(100):
        _given(graphs, f"g{number}", [])
    gc.collect()
    assert len(graphs) == 3
