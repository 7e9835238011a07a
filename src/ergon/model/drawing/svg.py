"""SVG: a workflow's graph as a picture that needs no script and no other tool."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from html import escape
from typing import Final

from ergon.model.drawing.layers import Point
from ergon.model.drawing.outline import Link, LinkStyle, outline
from ergon.model.drawing.placing import (
    BRANCH_HEADER,
    DETAIL_SIZE,
    HEADER,
    ICON,
    INSET,
    PADDING,
    TITLE_SIZE,
    PlacedRegion,
    PlacedShape,
    place,
    text_width,
)
from ergon.model.graph import Graph

_MARGIN: Final = 16.0
_FONT: Final = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif"
_INK: Final = "#1f2733"
_QUIET: Final = "#5d6878"
_COLOURS: Final = {
    "notebook": "#d9660a",
    "file": "#2f7d3b",
    "data": "#7b3fa8",
    "http": "#0a73b7",
    "shell": "#3d4a57",
    "function": "#2f62b5",
    "python": "#2f62b5",
    "workflow": "#0d7f86",
    "wait": "#8c6a00",
    "core": "#5b6c7d",
    "": "#6a5bb5",
}
_SIGNS: Final = {
    "function": "ƒ",
    "python": "ƒ",
    "shell": "$",
    "for_each": "⟳",
    "while": "↻",
    "choose": "?",
    "parallel": "≡",
}
_LINES: Final[dict[LinkStyle, tuple[str, str]]] = {
    "order": ("#8692a3", ""),
    "data": ("#4b7cc4", ""),
    "wait": ("#a4adba", "2 4"),
    "always": ("#8692a3", "6 4"),
    "failure": ("#c8483f", "6 4"),
}


def svg(graph: Graph) -> str:
    """Give a workflow as an SVG document; its texts are escaped, and its ids do not clash with those of another."""
    placed = place(outline(graph))
    width, height = placed.width + 2 * _MARGIN, placed.height + 2 * _MARGIN
    name = graph.workflow.title or graph.workflow.name
    mark = "e" + hashlib.sha256(f"{graph.sha256}{name}{width}{height}".encode()).hexdigest()[:8]
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height:.0f}" width="{width:.0f}" '
        f'height="{height:.0f}" role="img" font-family="{escape(_FONT)}" style="max-width: 100%; height: auto">',
        f"<title>{escape(name)}</title>",
        f"<defs>{''.join(_arrowheads(mark))}</defs>",
        *_region(placed, _MARGIN, _MARGIN, mark),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _arrowheads(mark: str) -> Iterator[str]:
    for style, (colour, _) in _LINES.items():
        yield (
            f'<marker id="{mark}-{style}" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" '
            f'orient="auto"><path d="M0 .8 7.4 4 0 7.2z" fill="{colour}"/></marker>'
        )


def _region(placed: PlacedRegion, x: float, y: float, mark: str) -> Iterator[str]:
    for link, points in placed.lines:
        yield from _line(link, [(px + x, py + y) for px, py in points], mark)
    for shape in placed.shapes:
        yield from _shape(shape, x + shape.x, y + shape.y, mark)


# ---- lines ---------------------------------------------------------------------------------------------------


def _line(link: Link, points: list[Point], mark: str) -> Iterator[str]:
    colour, dashes = _LINES[link.style]
    dashed = f' stroke-dasharray="{dashes}"' if dashes else ""
    yield (
        f'<path d="{_curve(points)}" fill="none" stroke="{colour}" stroke-width="1.5"{dashed} '
        f'marker-end="url(#{mark}-{link.style})"/>'
    )
    if link.label:
        yield from _pill(link.label, _middle(points), colour)


def _curve(points: list[Point]) -> str:
    (x, y), *rest = points
    parts = [f"M{x:.1f} {y:.1f}"]
    for next_x, next_y in rest:
        bend = (next_y - y) / 2
        parts.append(f"C{x:.1f} {y + bend:.1f} {next_x:.1f} {next_y - bend:.1f} {next_x:.1f} {next_y:.1f}")
        x, y = next_x, next_y
    return " ".join(parts)


def _middle(points: list[Point]) -> Point:
    if len(points) % 2:
        return points[len(points) // 2]
    (ax, ay), (bx, by) = points[len(points) // 2 - 1], points[len(points) // 2]
    return (ax + bx) / 2, (ay + by) / 2


def _pill(text: str, at: Point, colour: str) -> Iterator[str]:
    width = text_width(text, DETAIL_SIZE) + 10
    x, y = at
    yield (
        f'<rect x="{x - width / 2:.1f}" y="{y - 8:.1f}" width="{width:.1f}" height="16" rx="8" fill="#fff" '
        f'stroke="{colour}" stroke-width=".8"/>'
    )
    yield _text(text, x, y + 3.6, DETAIL_SIZE, colour, anchor="middle")


# ---- shapes --------------------------------------------------------------------------------------------------


def _shape(placed: PlacedShape, x: float, y: float, mark: str) -> Iterator[str]:
    shape = placed.shape
    faded = "" if shape.enabled else ' opacity=".45"'
    yield f"<g{faded}><title>{escape(_tooltip(placed))}</title>"
    if shape.regions:
        yield from _block(placed, x, y, mark)
    else:
        yield from _card(placed, x, y)
    yield "</g>"


def _tooltip(placed: PlacedShape) -> str:
    shape = placed.shape
    return "\n".join(part for part in (f"{shape.key}: {shape.detail}", shape.description) if part)


def _card(placed: PlacedShape, x: float, y: float) -> Iterator[str]:
    width, height = placed.width, placed.height
    colour = _colour(placed)
    if placed.shape.repeated:
        for shift in (6.0, 3.0):
            yield _box(x + shift, y + shift, width, height, "#fff", "#c9d1dc")
    dashes = ' stroke-dasharray="5 3"' if placed.shape.optional else ""
    yield _box(x, y, width, height, "#fff", "#b6c0cd", extra=dashes)
    yield from _words(placed, x, y + height / 2, colour)


def _block(placed: PlacedShape, x: float, y: float, mark: str) -> Iterator[str]:
    colour = _colour(placed)
    yield _box(x, y, placed.width, placed.height, "#f7f6fc", "#bdb4e3", radius=11)
    yield from _words(placed, x, y + HEADER / 2 + 4, colour)
    for number, (region, left, top) in enumerate(placed.regions):
        if region.region.label:
            middle = x + left + region.width / 2
            yield _text(region.region.label, middle, y + top - BRANCH_HEADER / 2 + 5, DETAIL_SIZE, colour, "middle")
        if number:
            line = x + left - INSET - max(0.0, _overhang(region))
            yield (
                f'<path d="M{line:.1f} {y + HEADER + 8:.1f}V{y + placed.height - 10:.1f}" stroke="#cfc8ec" '
                f'stroke-dasharray="3 4"/>'
            )
        yield from _region(region, x + left, y + top, mark)


def _overhang(region: PlacedRegion) -> float:
    """By how much a branch's label is wider than what stands below it, on one side."""
    return (text_width(region.region.label, DETAIL_SIZE) + PADDING - region.width) / 2


def _words(placed: PlacedShape, x: float, middle: float, colour: str) -> Iterator[str]:
    shape = placed.shape
    sign = _SIGNS.get(shape.kind) or _SIGNS.get(shape.family) or shape.family[:1].upper()
    left = x + PADDING
    yield (
        f'<rect x="{left:.1f}" y="{middle - ICON / 2:.1f}" width="{ICON:g}" height="{ICON:g}" rx="7" '
        f'fill="{colour}" fill-opacity=".14"/>'
    )
    yield _text(sign, left + ICON / 2, middle + 4.8, 14, colour, "middle", bold=True)
    left += ICON + PADDING
    if not shape.detail:
        yield _text(shape.title, left, middle + 4.4, TITLE_SIZE, _INK, bold=True)
        return
    yield _text(shape.title, left, middle - 2, TITLE_SIZE, _INK, bold=True)
    yield _text(shape.detail, left, middle + 12, DETAIL_SIZE, _QUIET)


def _colour(placed: PlacedShape) -> str:
    return _COLOURS.get(placed.shape.family, "#2f62b5")


def _box(
    x: float, y: float, width: float, height: float, fill: str, stroke: str, *, radius: float = 9, extra: str = ""
) -> str:
    return (
        f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}" rx="{radius:g}" fill="{fill}" '
        f'stroke="{stroke}"{extra}/>'
    )


def _text(text: str, x: float, y: float, size: float, colour: str, anchor: str = "start", *, bold: bool = False) -> str:
    weight = ' font-weight="600"' if bold else ""
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size:g}" fill="{colour}" text-anchor="{anchor}"{weight}>'
        f"{escape(text)}</text>"
    )
