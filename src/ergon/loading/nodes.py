"""Nodes: the tree of a document, in which every key and every value knows its place in the text."""

from __future__ import annotations

from typing import Final

from ergon.loading.scalars import Scalar

PLAIN: Final = ""


class Node:
    """A value: `line` and `column` count from 0, `start` and `end` are indexes into the text."""

    __slots__ = ("column", "end", "line", "start")

    def __init__(self, line: int, column: int, start: int, end: int) -> None:
        self.line, self.column, self.start, self.end = line, column, start, end


class ScalarNode(Node):
    """A text, number, boolean or null; `style` is `''`, `'`, `\"`, `|` or `>`."""

    __slots__ = ("style", "value")

    def __init__(self, value: Scalar, style: str, line: int, column: int, start: int, end: int) -> None:
        self.value, self.style = value, style
        self.line, self.column, self.start, self.end = line, column, start, end


class SequenceNode(Node):
    """A list; `partial` says that an item had to be left out."""

    __slots__ = ("items", "partial")

    def __init__(self, items: list[Node], line: int, column: int, start: int, end: int) -> None:
        self.items, self.partial = items, False
        self.line, self.column, self.start, self.end = line, column, start, end


class MappingNode(Node):
    """A mapping; `keys` has the line and column of every key, `partial` says that one had to be left out."""

    __slots__ = ("items", "keys", "partial")

    def __init__(
        self,
        items: dict[str, Node],
        keys: dict[str, tuple[int, int]],
        line: int,
        column: int,
        start: int,
        end: int,
    ) -> None:
        self.items, self.keys, self.partial = items, keys, False
        self.line, self.column, self.start, self.end = line, column, start, end


def plain(node: Node) -> object:
    """Give the value that a node stands for, aliases expanded."""
    if isinstance(node, ScalarNode):
        return node.value
    if isinstance(node, MappingNode):
        return {key: plain(value) for key, value in node.items.items()}
    if isinstance(node, SequenceNode):
        return [plain(value) for value in node.items]
    raise TypeError(type(node).__name__)
