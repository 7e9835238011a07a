"""Running a part of a workflow: to here, from here, only these (S53)."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from ergon.engine.earlier import Earlier
from ergon.errors import NotPossible, StepUnknown
from ergon.model.expressions import Reference
from ergon.model.graph import STEP_FACTS, Graph, Node, references_of

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


def select(graph: Graph, selection: Selection, earlier: Earlier) -> dict[str, object]:
    """Give what `run_created` records of a selection: outputs to replay, and steps to leave out.

    With them goes what the part reads of left-out steps beside their outputs (`facts`), and of what `core.set` wrote
    (`state`). Raises `StepUnknown`, and `NotPossible` where an output is needed that no earlier run has.
    """
    nodes = graph.root.nodes
    chosen = _chosen(graph, selection)
    if not chosen:
        raise NotPossible(what="run this part", reason="no step lies in it")
    reads = _reads(graph, chosen)
    replay: dict[str, str] = {}
    origins: dict[str, str] = {}
    for name in reads.outputs:
        found = earlier.output(name)
        if found is not None:
            origins[name], replay[name] = found
        elif name in reads.required:
            raise NotPossible(
                what="run this part",
                reason=f"it reads the output of step '{name}', which no earlier run has",
                hint=f"Run the whole workflow once, or add it with `--only {name}`.",
            )
    left_out = [n.id for n in nodes if n.index not in chosen and n.id not in replay]
    known = {name: earlier.facts(name, origins.get(name, "")) for name in reads.facts}
    told: dict[str, object] = {"replay": replay, "replayed_from": origins, "leave_out": left_out}
    more = {"facts": {name: facts for name, facts in known.items() if facts}, "state": earlier.written(reads.state)}
    return told | {key: value for key, value in more.items() if value}


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
    _check_stand_ins(graph, chosen)
    # What stands in for a step belongs to it: it runs if that fails (S31).
    return chosen | {nodes[i].stand_in for i in chosen if nodes[i].stand_in >= 0}


def _check_stand_ins(graph: Graph, chosen: set[int]) -> None:
    nodes = graph.root.nodes
    for index in sorted(chosen):
        served = nodes[index].serves
        if served >= 0 and served not in chosen:
            raise NotPossible(
                what="run this part",
                reason=f"'{nodes[index].id}' stands in for '{nodes[served].id}', and runs only when that fails",
                hint=f"Name '{nodes[served].id}', which brings it along.",
            )


def _index(graph: Graph, name: str) -> int:
    index = graph.root.by_id.get(name)
    if index is None:
        if (block := _block_of(graph, name)) is not None:
            raise NotPossible(
                what="run this part",
                reason=f"step '{name}' lies inside '{block}', which runs as a whole",
                hint=f"Name '{block}'.",
            )
        raise _unknown(name, graph.root.by_id, graph)
    return index


def _block_of(graph: Graph, name: str) -> str | None:
    """Give the outermost block that a step lies in."""
    path = _NUMBERS.sub("", name)
    return next((p.partition(".")[0] for p, node in graph.nodes() if path in (p, node.id)), None)


# ---- what a part reads -----------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Reads:
    """What the steps of a part read of what is not in it, at any depth; names in the order of the steps."""

    outputs: dict[str, None] = field(default_factory=dict)
    required: set[str] = field(default_factory=set)
    """The outputs that a step cannot do without."""
    facts: dict[str, None] = field(default_factory=dict)
    state: dict[str, None] = field(default_factory=dict)


def _reads(graph: Graph, chosen: set[int]) -> _Reads:
    """Collect what a part reads. Inner ids hide no outer ones (S24), so an id says which step it is."""
    nodes, reads = graph.root.nodes, _Reads()
    outside = {node.id for node in nodes if node.index not in chosen}
    for index in sorted(chosen):
        needed = nodes[index].serves not in chosen  # a stand-in may never be asked
        for node in _with_inner(nodes[index]):
            for reference in references_of(node):
                _note(reference, outside, reads, needed=needed)
    return reads


def _note(reference: Reference, outside: set[str], reads: _Reads, *, needed: bool) -> None:
    path = reference.path
    if reference.root == "state" and path:
        reads.state[str(path[0])] = None
    elif reference.root == "steps" and path and path[0] in outside:
        name = str(path[0])
        if len(path) > 1 and path[1] in STEP_FACTS:
            reads.facts[name] = None
            return
        reads.outputs[name] = None
        if needed and not reference.lenient:
            reads.required.add(name)


def _with_inner(node: Node) -> Iterator[Node]:
    yield node
    for body in node.bodies:
        for inner in body.nodes:
            yield from _with_inner(inner)


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
