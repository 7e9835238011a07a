"""Mermaid: a workflow's graph as text that GitHub, JupyterLab and many wikis draw."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from ergon.model.drawing.outline import LinkStyle, Region, Shape, outline
from ergon.model.graph import Graph

_ARROWS: Final[dict[LinkStyle, tuple[str, str]]] = {
    "order": ("-->", "-- {} -->"),
    "data": ("==>", "== {} ==>"),
    "wait": ("-.->", "-. {} .->"),
    "always": ("-.->", "-. {} .->"),
    "failure": ("-.->", "-. {} .->"),
}
_ESCAPES: Final = str.maketrans(
    {
        "#": "#35;",
        '"': "#quot;",
        "<": "#lt;",
        ">": "#gt;",
        "&": "#amp;",
        "`": "#96;",
        "|": "#124;",
        "\\": "#92;",
        "[": "#91;",
        "]": "#93;",
    }
)


def mermaid(graph: Graph) -> str:
    """Give a workflow as a Mermaid flowchart."""
    region = outline(graph)
    names = {key: f"s{number}" for number, key in enumerate(_keys(region))}
    lines = ["flowchart TD", *_region(region, names, 1)]
    return "\n".join(lines) + "\n"


def _keys(region: Region) -> Iterator[str]:
    for shape in region.shapes:
        yield shape.key
        for inner in shape.regions:
            yield from _keys(inner)


def _region(region: Region, names: dict[str, str], depth: int) -> Iterator[str]:
    pad = "  " * depth
    for shape in region.shapes:
        yield from _shape(shape, names, depth)
    for link in region.links:
        plain, labelled = _ARROWS[link.style]
        arrow = labelled.format(f'"{_escape(link.label)}"') if link.label else plain
        yield f"{pad}{names[link.source]} {arrow} {names[link.target]}"


def _shape(shape: Shape, names: dict[str, str], depth: int) -> Iterator[str]:
    pad, name = "  " * depth, names[shape.key]
    detail = shape.detail if shape.detail != shape.title else ""
    text = "<br/>".join(_escape(part) for part in (shape.title, detail) if part)
    if not shape.regions:
        opening, closing = ("[[", "]]") if shape.repeated else ("([", "])") if shape.optional else ("[", "]")
        yield f'{pad}{name}{opening}"{text}"{closing}'
        return
    yield f'{pad}subgraph {name}["{text}"]'
    for number, region in enumerate(shape.regions):
        if region.label:
            yield f'{pad}  subgraph {name}_{number}["{_escape(region.label)}"]'
            yield from _region(region, names, depth + 2)
            yield f"{pad}  end"
        else:
            yield from _region(region, names, depth + 1)
    yield f"{pad}end"


def _escape(text: str) -> str:
    return text.translate(_ESCAPES)
