"""Placing: how large each shape is, and where it stands; blocks around what is inside them."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from typing import Final

from ergon.model.drawing.layers import Point, arrange
from ergon.model.drawing.outline import Link, Region, Shape

CARD_HEIGHT: Final = 46.0
ICON: Final = 26.0
PADDING: Final = 10.0
HEADER: Final = 34.0
BRANCH_HEADER: Final = 22.0
INSET: Final = 16.0
"""Between a block's border and what is inside."""
TITLE_SIZE: Final = 13.0
DETAIL_SIZE: Final = 10.5
_NARROWEST: Final = 140.0
_NARROW: Final = frozenset("iljtfrI.,:;|!'()[]{} ")
_WIDE: Final = frozenset("mwMW@%")


@dataclass(frozen=True, slots=True)
class PlacedShape:
    """A shape with its upper left corner, relative to its region."""

    shape: Shape
    x: float
    y: float
    width: float
    height: float
    regions: tuple[tuple[PlacedRegion, float, float], ...] = ()
    """What is inside, each with its offset from the shape's corner."""


@dataclass(frozen=True, slots=True)
class PlacedRegion:
    """Shapes and lines with their places."""

    region: Region
    width: float
    height: float
    shapes: tuple[PlacedShape, ...]
    lines: tuple[tuple[Link, tuple[Point, ...]], ...]


def place(region: Region) -> PlacedRegion:
    """Place what a region holds, blocks and all."""
    sized = [_size(shape) for shape in region.shapes]
    number = {shape.key: index for index, shape in enumerate(region.shapes)}
    edges = [(number[link.source], number[link.target]) for link in region.links]
    arranged = arrange([(one.width, one.height) for one in sized], edges)
    shapes = tuple(
        PlacedShape(one.shape, x, y, one.width, one.height, one.regions)
        for one, (x, y) in zip(sized, arranged.corners, strict=True)
    )
    lines = tuple(zip(region.links, arranged.lines, strict=True))
    return PlacedRegion(region, arranged.width, arranged.height, shapes, lines)


def _size(shape: Shape) -> PlacedShape:
    words = max(text_width(shape.title, TITLE_SIZE, bold=True), text_width(shape.detail, DETAIL_SIZE))
    width = max(_NARROWEST, words + ICON + 3 * PADDING)
    if not shape.regions:
        return PlacedShape(shape, 0, 0, width, CARD_HEIGHT)
    inside: list[tuple[PlacedRegion, float, float]] = []
    x, tallest = INSET, 0.0
    for region in shape.regions:
        placed = place(region)
        head = BRANCH_HEADER if region.label else 0.0
        room = max(placed.width, text_width(region.label, DETAIL_SIZE) + PADDING)
        inside.append((placed, x + (room - placed.width) / 2, HEADER + head + INSET / 2))
        x += room + 2 * INSET
        tallest = max(tallest, placed.height + head)
    inner = x - INSET
    slack = max(0.0, (width - inner) / 2)
    moved = tuple((placed, left + slack, top) for placed, left, top in inside)
    return PlacedShape(shape, 0, 0, max(width, inner), HEADER + INSET / 2 + tallest + INSET, moved)


def text_width(text: str, size: float, *, bold: bool = False) -> float:
    """Estimate how wide a text of a sans-serif font is at most, in pixels."""
    total = 0.0
    for character in text:
        if character in _NARROW:
            total += 0.38
        elif character in _WIDE:
            total += 0.95
        elif unicodedata.east_asian_width(character) in "WF":
            total += 1.0
        else:
            total += 0.72 if character.isupper() else 0.62
    return total * size * (1.09 if bold else 1.0)
