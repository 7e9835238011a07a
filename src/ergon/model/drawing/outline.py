"""The outline: what there is to draw of a graph, whatever it is drawn with."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

from ergon.model.graph import Body, Edge, Graph, Node
from ergon.model.workflow import Step, StepKind

LinkStyle = Literal["order", "data", "wait", "failure", "always"]

_TEMPLATE: Final = re.compile(r"\{\{.*?\}\}|\{%.*?%\}", re.DOTALL)
_LONGEST_LABEL: Final = 32
_STRENGTH: Final[tuple[LinkStyle, ...]] = ("wait", "order", "data", "always", "failure")


@dataclass(frozen=True, slots=True)
class Link:
    """A line from one shape to another of the same region."""

    source: str
    """Key of the shape that it comes from."""
    target: str
    style: LinkStyle
    label: str = ""


@dataclass(frozen=True, slots=True)
class Region:
    """Shapes that start together, and what leads from one to the other."""

    label: str
    """What a branch is taken for; empty where there is one region only."""
    shapes: tuple[Shape, ...]
    links: tuple[Link, ...]


@dataclass(frozen=True, slots=True)
class Shape:
    """A step as it is drawn."""

    key: str
    """Its path without item and iteration numbers, unique in the drawing."""
    id: str
    title: str
    detail: str
    """What it does: the action, or how the block runs what is inside."""
    kind: StepKind
    family: str
    """The action's namespace; `function` for a Python callable; empty for a block."""
    description: str = ""
    repeated: bool = False
    """Whether it is one action that runs for each item or iteration."""
    enabled: bool = True
    optional: bool = False
    regions: tuple[Region, ...] = ()


def outline(graph: Graph) -> Region:
    """Give what there is to draw of a workflow."""
    return _region(graph.root, "", "")


def _region(body: Body, prefix: str, label: str) -> Region:
    shapes = tuple(_shape(node, f"{prefix}.{node.id}" if prefix else node.id) for node in body.nodes)
    return Region(label, shapes, _links(body, shapes))


def _shape(node: Node, key: str) -> Shape:
    step = node.step
    repeated = any(body.leaf for body in node.bodies)
    regions = () if repeated else tuple(_region(b, key, _branch(node, b)) for b in node.bodies)
    return Shape(
        key=key,
        id=node.id,
        title=short(_TEMPLATE.sub("…", step.name) or node.id),
        detail=short(_detail(node)),
        kind=node.kind,
        family=_family(step.uses),
        description=step.description,
        repeated=repeated,
        enabled=step.enabled is not False,
        optional=step.optional,
        regions=regions,
    )


def _branch(node: Node, body: Body) -> str:
    if node.kind != "choose":
        return ""
    branch = node.step.choose[body.branch]
    return short(branch.label or ("otherwise" if branch.otherwise else f"when {branch.when}"))


def _detail(node: Node) -> str:
    step = node.step
    how = {"action": "", "choose": "choose", "parallel": "parallel"}.get(node.kind)
    if how is None:
        how = f"for each {step.as_ or 'item'}" if node.kind == "for_each" else _loop(step)
    if node.kind == "parallel" and step.wait_for == "any":
        how = "parallel, first to succeed"
    return ", ".join(part for part in (step.uses or "", how) if part)


def _loop(step: Step) -> str:
    return f"while {step.while_}" if step.while_ is not None else f"until {step.until}"


def _family(uses: str | None) -> str:
    if uses is None:
        return ""
    return "function" if ":" in uses else uses.partition(".")[0]


# ---- links ---------------------------------------------------------------------------------------------------


def _links(body: Body, shapes: tuple[Shape, ...]) -> tuple[Link, ...]:
    found: dict[tuple[int, int], tuple[LinkStyle, str]] = {}
    for node in body.nodes:
        for edge in node.edges:
            if edge.index >= 0:
                _strongest(found, (edge.index, node.index), _style(edge), _label(edge, node))
        if node.serves >= 0:
            found[node.serves, node.index] = ("failure", "stands in")
    return tuple(
        Link(shapes[a].key, shapes[b].key, style, label)
        for (a, b), (style, label) in found.items()
        if style != "wait" or not _goes_round(a, b, found)
    )


def _goes_round(a: int, b: int, found: Mapping[tuple[int, int], object]) -> bool:
    """Say whether other links lead from one step to another, so that one that only waits says nothing new."""
    following: dict[int, list[int]] = {}
    for one, other in found:
        if (one, other) != (a, b):
            following.setdefault(one, []).append(other)
    reached: set[int] = set()
    pending = [a]
    while pending:
        for number in following.get(pending.pop(), ()):
            if number == b:
                return True
            if number not in reached:
                reached.add(number)
                pending.append(number)
    return False


def _strongest(
    found: dict[tuple[int, int], tuple[LinkStyle, str]], ends: tuple[int, int], style: LinkStyle, label: str
) -> None:
    known, said = found.get(ends, ("wait", ""))
    stronger = max(known, style, key=_STRENGTH.index)
    found[ends] = (stronger, said or label)


def _style(edge: Edge) -> LinkStyle:
    if edge.kind != "order":
        return edge.kind
    return "order" if edge.on == "success" else edge.on


def _label(edge: Edge, node: Node) -> str:
    need = next((n for n in node.step.needs if n.step == edge.source), None)
    if edge.kind != "order" or need is None:
        return ""
    said = need.label or ("" if need.when is None else f"when {need.when}")
    on = "" if need.on == "success" else f"on {need.on}"
    return short(said or on)


def short(text: str) -> str:
    """Give a text on one line, cut where it is too long to be drawn."""
    flat = " ".join(text.split())
    return flat if len(flat) <= _LONGEST_LABEL else flat[: _LONGEST_LABEL - 1].rstrip() + "…"
