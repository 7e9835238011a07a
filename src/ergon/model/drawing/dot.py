"""Graphviz: a workflow's graph in the DOT language."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from ergon.model.drawing.outline import Link, LinkStyle, Region, Shape, outline
from ergon.model.graph import Graph

_STYLES: Final[dict[LinkStyle, str]] = {
    "order": "",
    "data": "penwidth=1.6",
    "wait": "style=dotted",
    "always": "style=dashed",
    "failure": 'style=dashed, color="#c62828", fontcolor="#c62828"',
}
_HEAD: Final = """digraph workflow {
  compound=true; rankdir=TB; nodesep=0.35; ranksep=0.5; fontname="Helvetica";
  node [shape=box, style="rounded", fontname="Helvetica", fontsize=11];
  edge [fontname="Helvetica", fontsize=9, color="#5f6b7a"];"""


def dot(graph: Graph) -> str:
    """Give a workflow as a Graphviz digraph."""
    region = outline(graph)
    shapes = {shape.key: shape for shape in _shapes(region)}
    return "\n".join([_HEAD, *_region(region, shapes, 1), "}"]) + "\n"


def _shapes(region: Region) -> Iterator[Shape]:
    for shape in region.shapes:
        yield shape
        for inner in shape.regions:
            yield from _shapes(inner)


def _region(region: Region, shapes: dict[str, Shape], depth: int) -> Iterator[str]:
    for shape in region.shapes:
        yield from _shape(shape, shapes, depth)
    for link in region.links:
        yield "  " * depth + _link(link, shapes)


def _shape(shape: Shape, shapes: dict[str, Shape], depth: int) -> Iterator[str]:
    pad = "  " * depth
    label = "\n".join(part for part in (shape.title, shape.detail) if part)
    if not shape.regions:
        more = ", peripheries=2" if shape.repeated else ""
        style = ', style="rounded,dashed"' if not shape.enabled else ""
        yield f"{pad}{_quoted(shape.key)} [label={_quoted(label)}{more}{style}];"
        return
    yield f"{pad}subgraph {_quoted('cluster_' + shape.key)} {{"
    yield f'{pad}  label={_quoted(label)}; style="rounded"; color="#8f83c7"; fontsize=11;'
    for number, region in enumerate(shape.regions):
        if region.label:
            yield f"{pad}  subgraph {_quoted(f'cluster_{shape.key}_{number}')} {{"
            yield f'{pad}    label={_quoted(region.label)}; style="rounded,dashed"; fontsize=10;'
            yield from _region(region, shapes, depth + 2)
            yield f"{pad}  }}"
        else:
            yield from _region(region, shapes, depth + 1)
    yield f"{pad}}}"


def _link(link: Link, shapes: dict[str, Shape]) -> str:
    """A line to a cluster ends, in Graphviz, at a node inside and is clipped at the cluster's border."""
    source, target = shapes[link.source], shapes[link.target]
    facts = [_STYLES[link.style]] if _STYLES[link.style] else []
    if link.label:
        facts.append(f"label={_quoted(link.label)}")
    if source.regions:
        facts.append(f"ltail={_quoted('cluster_' + source.key)}")
    if target.regions:
        facts.append(f"lhead={_quoted('cluster_' + target.key)}")
    ends = f"{_quoted(_anchor(source, last=True).key)} -> {_quoted(_anchor(target, last=False).key)}"
    return f"{ends} [{', '.join(facts)}];" if facts else f"{ends};"


def _anchor(shape: Shape, *, last: bool) -> Shape:
    while shape.regions:
        shape = shape.regions[-1].shapes[-1] if last else shape.regions[0].shapes[0]
    return shape


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'
