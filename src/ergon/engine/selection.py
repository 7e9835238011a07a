"""Running a part of a workflow: to here, from here, only these (S53)."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from ergon.errors import NotPossible, StepUnknown
from ergon.model.graph import Graph, Node

_NUMBERS = re.compile(r"\[\d+\]")
"""The numbers of items and iterations in a path."""


@dataclass(frozen=True, slots=True)
class Selection:
    """Which steps of a workflow's outermost body run; all of them if nothing is named."""

    only: Sequence[str] = ()
    start: str = ""
    """`--from`: this step and what follows from it."""
    end: str = ""
    """`--to`: this step and what it follows from."""

    def __bool__(self) -> bool:
        return bool(self.only or self.start or self.end)


Earlier = Callable[[str], tuple[str, str] | None]


def select(graph: Graph, selection: Selection, earlier: Earlier) -> dict[str, object]:
    """Give what `run_created` records of a selection: outputs to replay, and steps to leave out.

    `earlier` gives (run, stored form) of a step's newest output. Raises `StepUnknown`, and `NotPossible` where an
    output is needed that no earlier run has.
    """
    nodes = graph.root.nodes
    chosen = _chosen(graph, selection)
    if not chosen:
        raise NotPossible(what="run this part", reason="no step lies in it")
    needed = {e.index: e.kind for i in chosen for e in nodes[i].edges if e.kind != "order" and e.index not in chosen}
    replay: dict[str, str] = {}
    origins: dict[str, str] = {}
    for index, kind in needed.items():
        name = nodes[index].id
        found = earlier(name)
        if found is not None:
            origins[name], replay[name] = found
        elif kind == "data":
            raise NotPossible(
                what="run this part",
                reason=f"it reads the output of step '{name}', which no earlier run has",
                hint=f"Run the whole workflow once, or add it with `--only {name}`.",
            )
    left_out = [n.id for n in nodes if n.index not in chosen and n.id not in replay]
    return {"replay": replay, "replayed_from": origins, "leave_out": left_out}


def check_names(graph: Graph, names: Iterable[str]) -> None:
    """Refuse ids and paths that no step of a workflow has, inside blocks or not; raises `StepUnknown`."""
    known = {name: None for path, node in graph.nodes() for name in (path, node.id)}
    for name in names:
        if name not in known and _NUMBERS.sub("", name) not in known:
            raise _unknown(name, known, graph)


def _chosen(graph: Graph, selection: Selection) -> set[int]:
    nodes = graph.root.nodes
    chosen = set(range(len(nodes)))
    if selection.only:
        chosen &= {_index(graph, name) for name in selection.only}
    if selection.start:
        chosen &= _reach(nodes, _index(graph, selection.start), lambda node: node.targets)
    if selection.end:
        chosen &= _reach(nodes, _index(graph, selection.end), lambda node: node.sources)
    return chosen


def _index(graph: Graph, name: str) -> int:
    index = graph.root.by_id.get(name)
    if index is None:
        raise _unknown(name, graph.root.by_id, graph)
    return index


def _unknown(name: str, known: Iterable[str], graph: Graph) -> StepUnknown:
    close = difflib.get_close_matches(name, known, 1)
    return StepUnknown(step=name, where=f"workflow '{graph.workflow.name}'", suggestion=close[0] if close else "")


def _reach(nodes: Sequence[Node], start: int, following: Callable[[Node], Iterable[int]]) -> set[int]:
    reached: set[int] = set()
    pending = [start]
    while pending:
        index = pending.pop()
        if index not in reached:
            reached.add(index)
            pending += following(nodes[index])
    return reached
