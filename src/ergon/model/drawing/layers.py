"""Layers: places boxes in rows so that lines run downward, cross little and stay short (after Sugiyama)."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

GAP_X: Final = 26.0
GAP_Y: Final = 46.0
_LANE: Final = 14.0
"""Width that a line takes where it passes a row."""
_SWEEPS: Final = 8
_STRAIGHTNESS: Final = 4.0
"""How much more a line of several rows wants to be straight than a line of one."""

Point = tuple[float, float]


@dataclass(slots=True, eq=False)
class _Item:
    """A box, or the place where a long line passes a row."""

    width: float
    height: float
    box: int
    """Number of the box; -1 for a passing line."""
    rank: int = 0
    x: float = 0.0
    """Of its middle."""
    y: float = 0.0
    above: list[_Item] = field(default_factory=list)
    below: list[_Item] = field(default_factory=list)
    place: int = 0
    """In its row."""


@dataclass(frozen=True, slots=True)
class Arranged:
    """Boxes with their upper left corners, and lines with the points that they go through."""

    corners: tuple[Point, ...]
    lines: tuple[tuple[Point, ...], ...]
    width: float
    height: float


def arrange(sizes: Sequence[tuple[float, float]], edges: Sequence[tuple[int, int]]) -> Arranged:
    """Place boxes of these widths and heights; a line that closes a circle is drawn upward."""
    items = [_Item(width, height, number) for number, (width, height) in enumerate(sizes)]
    _rank(items, edges)
    lines = [_chain(items[a], items[b]) for a, b in edges]
    everything = [*items, *(item for line in lines for item in line[1:-1])]
    rows: list[list[_Item]] = [[] for _ in range(1 + max((i.rank for i in items), default=-1))]
    for item in everything:
        rows[item.rank].append(item)
    _order(rows)
    _spread(rows)
    height = _stack(rows)
    left = min((i.x - i.width / 2 for i in everything), default=0.0)
    right = max((i.x + i.width / 2 for i in everything), default=0.0)
    for item in everything:
        item.x -= left
    corners = tuple((i.x - i.width / 2, i.y - i.height / 2) for i in items)
    return Arranged(corners, tuple(_points(line) for line in lines), right - left, height)


# ---- rows ----------------------------------------------------------------------------------------------------


def _rank(items: list[_Item], edges: Sequence[tuple[int, int]]) -> None:
    """Put each box in the row after the last of those that lead to it, and beginnings just before what they lead to."""
    following: list[list[int]] = [[] for _ in items]
    missing = [0] * len(items)
    for a, b in edges:
        following[a].append(b)
        missing[b] += 1
    ready = [number for number, count in enumerate(missing) if not count]
    beginnings = [number for number in ready if following[number]]
    while ready:
        number = ready.pop(0)
        for target in following[number]:
            items[target].rank = max(items[target].rank, items[number].rank + 1)
            missing[target] -= 1
            if not missing[target]:
                ready.append(target)
    for number in beginnings:
        items[number].rank = max(0, min(items[target].rank for target in following[number]) - 1)


def _chain(upper: _Item, lower: _Item) -> list[_Item]:
    """Join two boxes, through a place in every row between them."""
    step = 1 if lower.rank >= upper.rank else -1
    between = [_Item(_LANE, 0.0, -1, rank) for rank in range(upper.rank + step, lower.rank, step)]
    chain = [upper, *between, lower]
    for one, other in itertools.pairwise(chain):
        first, second = (one, other) if one.rank <= other.rank else (other, one)
        first.below.append(second)
        second.above.append(first)
    return chain


# ---- order in a row ------------------------------------------------------------------------------------------


def _order(rows: list[list[_Item]]) -> None:
    """Sort each row by the middle of what it is joined to, downward and upward, and keep the best that was found."""
    _number(rows)
    best, fewest = [list(row) for row in rows], _crossings(rows)
    for sweep in range(_SWEEPS):
        if not fewest:
            break
        down = sweep % 2 == 0
        for row in rows[1:] if down else reversed(rows[:-1]):
            row.sort(key=lambda item: _middle(item, item.above if down else item.below))
            for place, item in enumerate(row):
                item.place = place
        crossings = _crossings(rows)
        if crossings < fewest:
            best, fewest = [list(row) for row in rows], crossings
    rows[:] = best
    _number(rows)


def _number(rows: list[list[_Item]]) -> None:
    for row in rows:
        for place, item in enumerate(row):
            item.place = place


def _middle(item: _Item, joined: list[_Item]) -> float:
    return sum(other.place for other in joined) / len(joined) if joined else float(item.place)


def _crossings(rows: list[list[_Item]]) -> int:
    return sum(_inversions([t.place for i in row for t in sorted(i.below, key=lambda o: o.place)]) for row in rows)


def _inversions(places: list[int]) -> int:
    """Count pairs that stand in the wrong order, by a binary indexed tree."""
    tree = [0] * (max(places, default=0) + 2)
    count = 0
    for seen, place in enumerate(places):
        not_above, index = 0, place + 1
        while index:
            not_above += tree[index]
            index &= index - 1
        count += seen - not_above
        index = place + 1
        while index < len(tree):
            tree[index] += 1
            index += index & -index
    return count


# ---- places --------------------------------------------------------------------------------------------------


def _spread(rows: list[list[_Item]]) -> None:
    """Move boxes toward the middle of what they are joined to, as far as their neighbours let them."""
    for row in rows:
        x = 0.0
        for item in row:
            item.x = x + item.width / 2
            x += item.width + GAP_X
        for item in row:
            item.x -= (x - GAP_X) / 2
    for sweep in range(_SWEEPS):
        down = sweep % 2 == 0
        for row in rows if down else reversed(rows):
            wanted = [_wanted(item, item.above if down else item.below) for item in row]
            _settle(row, wanted)
    for row in rows:
        _settle(row, [_wanted(item, [*item.above, *item.below]) for item in row])


def _wanted(item: _Item, joined: list[_Item]) -> float:
    if not joined:
        return item.x
    weights = [_STRAIGHTNESS if item.box < 0 and other.box < 0 else 1.0 for other in joined]
    return sum(w * other.x for w, other in zip(weights, joined, strict=True)) / sum(weights)


def _settle(row: list[_Item], wanted: list[float]) -> None:
    """Give the places nearest to the wanted ones that keep order and distance (isotonic regression)."""
    offsets = [0.0]
    for left, right in itertools.pairwise(row):
        offsets.append(offsets[-1] + (left.width + right.width) / 2 + GAP_X)
    pools: list[tuple[float, int]] = []
    for want, offset in zip(wanted, offsets, strict=True):
        mean, count = want - offset, 1
        while pools and pools[-1][0] > mean:
            before, size = pools.pop()
            mean, count = (before * size + mean * count) / (size + count), size + count
        pools.append((mean, count))
    flat = [mean for mean, count in pools for _ in range(count)]
    for item, base, offset in zip(row, flat, offsets, strict=True):
        item.x = base + offset


def _stack(rows: list[list[_Item]]) -> float:
    y = 0.0
    for row in rows:
        height = max(item.height for item in row)
        for item in row:
            item.y = y + height / 2
            if item.box < 0:
                item.height = height
        y += height + GAP_Y
    return max(0.0, y - GAP_Y)


def _points(line: list[_Item]) -> tuple[Point, ...]:
    upper, lower = line[0], line[-1]
    sign = 1 if upper.rank <= lower.rank else -1
    inner = [(i.x, i.y + end * sign * i.height / 2) for i in line[1:-1] for end in (-1, 1)]
    return ((upper.x, upper.y + sign * upper.height / 2), *inner, (lower.x, lower.y - sign * lower.height / 2))
