"""Positions: from a path in a document, such as `("steps", 3, "with", "path")`, to line and column."""

from __future__ import annotations

from ergon.loading.alignment import Alignment
from ergon.loading.nodes import MappingNode, Node, ScalarNode, SequenceNode

Path = tuple[str | int, ...]


class Positions:
    """Where the keys and values of a document stand; lines and columns count from 1."""

    __slots__ = ("_last", "_root", "_text")

    def __init__(self, text: str, root: Node) -> None:
        self._text, self._root = text, root
        self._last: Alignment | None = None

    def value(self, path: Path) -> tuple[int, int]:
        """Give the place of a value, or of the nearest one around it that is there."""
        node, _, _ = self._find(path)
        return node.line + 1, node.column + 1

    def key(self, path: Path) -> tuple[int, int]:
        """Give the place of a value's key; that of the value where it stands in a list."""
        node, holder, depth = self._find(path)
        last = path[depth - 1] if depth else None
        if isinstance(holder, MappingNode) and isinstance(last, str):
            line, column = holder.keys[last]
            return line + 1, column + 1
        return node.line + 1, node.column + 1

    def inside(self, path: Path, line: int, column: int) -> tuple[int, int]:
        """Give the place of a line and column (from 1) of a text that is the value at a path."""
        node, _, _ = self._find(path)
        if not isinstance(node, ScalarNode) or not isinstance(node.value, str):
            return node.line + 1, node.column + 1
        if self._last is None or self._last.node is not node:
            self._last = Alignment(self._text, node)
        line, column = self._last.place(line, column)
        return line + 1, column + 1

    def partial(self, path: Path) -> bool:
        """Say whether a part of what stands at a path, or all of it, was left out because it is at fault itself."""
        node, _, _ = self._find(path)
        return isinstance(node, MappingNode | SequenceNode) and node.partial

    def _find(self, path: Path) -> tuple[Node, Node | None, int]:
        """Give the deepest node on a path, what holds it, and how much of the path leads to it."""
        node: Node = self._root
        holder: Node | None = None
        for depth, part in enumerate(path):
            inner: Node | None = None
            if isinstance(node, MappingNode) and isinstance(part, str):
                inner = node.items.get(part)
            elif isinstance(node, SequenceNode) and isinstance(part, int) and part < len(node.items):
                inner = node.items[part]
            if inner is None:
                return node, holder, depth
            node, holder = inner, node
        return node, holder, len(path)
