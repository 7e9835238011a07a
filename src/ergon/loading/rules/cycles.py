"""Cycles: found in any graph in time that grows with its size, and named."""

from __future__ import annotations

from collections import deque
from collections.abc import Hashable, Iterator, Mapping, Sequence
from typing import Generic, TypeVar

Node = TypeVar("Node", bound=Hashable)


def cycles(edges: Mapping[Node, Sequence[Node]]) -> Iterator[list[Node]]:
    """Give one cycle of each knot of a graph, a short one, its first node again at its end."""
    order = {node: place for place, node in enumerate(edges)}
    for knot in Knots(edges).find():
        first = min(knot, key=order.__getitem__)
        if len(knot) > 1 or first in edges[first]:
            yield _shortest(edges, first, knot)


def _shortest(edges: Mapping[Node, Sequence[Node]], first: Node, knot: set[Node]) -> list[Node]:
    """Find the shortest way from a node back to itself inside its knot."""
    came: dict[Node, Node] = {}
    queue = deque([first])
    while queue:
        node = queue.popleft()
        for other in edges[node]:
            if other == first:
                way = [first, node]
                while node != first:
                    node = came[node]
                    way.append(node)
                return way[::-1]
            if other in knot and other not in came:
                came[other] = node
                queue.append(other)
    raise AssertionError("every node of a knot leads back to itself")


class Knots(Generic[Node]):
    """The strongly connected parts of a graph, by Tarjan's way with a stack of its own; sources come last."""

    def __init__(self, edges: Mapping[Node, Sequence[Node]]) -> None:
        self._edges = edges
        self._index: dict[Node, int] = {}
        self._low: dict[Node, int] = {}
        self._open: list[Node] = []
        self._is_open: set[Node] = set()
        self._work: list[tuple[Node, Iterator[Node]]] = []

    def find(self) -> Iterator[set[Node]]:
        """Give each part once, after all parts that its edges lead to."""
        for start in self._edges:
            if start not in self._index:
                self._enter(start)
            while self._work:
                node, rest = self._work[-1]
                other = next(rest, None)
                if other is None:
                    yield from self._leave(node)
                elif other not in self._index:
                    self._enter(other)
                elif other in self._is_open:
                    self._low[node] = min(self._low[node], self._index[other])

    def _enter(self, node: Node) -> None:
        self._index[node] = self._low[node] = len(self._index)
        self._open.append(node)
        self._is_open.add(node)
        self._work.append((node, iter(self._edges[node])))

    def _leave(self, node: Node) -> Iterator[set[Node]]:
        self._work.pop()
        if self._work:
            before = self._work[-1][0]
            self._low[before] = min(self._low[before], self._low[node])
        if self._low[node] != self._index[node]:
            return
        knot: set[Node] = set()
        while node not in knot:
            last = self._open.pop()
            self._is_open.discard(last)
            knot.add(last)
        yield knot
