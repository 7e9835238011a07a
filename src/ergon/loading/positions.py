"""Positions: from a path in a document, such as `("steps", 3, "with", "path")`, to line and column."""

from __future__ import annotations

import re
from typing import Final

from ergon.loading.faults import place_of
from ergon.loading.nodes import MappingNode, Node, ScalarNode, SequenceNode

Path = tuple[str | int, ...]
_PROPERTIES: Final = re.compile(r"(?:[&!]\S*\s+)+")
_ESCAPE: Final = re.compile(r"\\(x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|(?:\r\n|\r|\n)[ \t]*|.)", re.S)
_SURROGATES: Final = re.compile(r"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}")
_HEADER: Final = re.compile(r"[|>][^\r\n]*(?:\r\n|\r|\n)")
_BREAKS: Final = re.compile(r"\r\n|\r|\n")


class Positions:
    """Where the keys and values of a document stand; lines and columns count from 1."""

    __slots__ = ("_root", "_text")

    def __init__(self, text: str, root: Node) -> None:
        self._text, self._root = text, root

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
        if not isinstance(node, ScalarNode) or not isinstance(node.value, str) or not node.value:
            return node.line + 1, node.column + 1
        index = self._index(node, node.value, _offset(node.value, line, column))
        down, column = place_of(self._text, index, node.start)
        return node.line + down + 1, column + 1 + (0 if down else node.column)

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

    def _index(self, node: ScalarNode, value: str, offset: int) -> int:
        """Find the character of the source that became the character at `offset` of the value."""
        source = self._text[node.start : node.end]
        skipped = _PROPERTIES.match(source)
        begin = skipped.end() if skipped is not None else 0
        if node.style == '"':
            return node.start + _in_escaped(source, begin + 1, offset)
        if node.style == "'":
            begin += 1
        elif node.style:
            header = _HEADER.match(source, begin)
            begin = header.end() if header is not None else begin
        return node.start + _aligned(source, begin, value, offset)


def _offset(value: str, line: int, column: int) -> int:
    """Give the index of a line and column, from 1, of a decoded text."""
    start = 0
    for _ in range(line - 1):
        end = value.find("\n", start)
        if end < 0:
            break
        start = end + 1
    return max(0, min(start + column - 1, len(value) - 1))


def _aligned(source: str, begin: int, value: str, offset: int) -> int:
    """Follow value and source side by side: they differ in white space and in doubled quotes only."""
    at = begin
    for index in range(offset + 1):
        character = value[index]
        if character.isspace():
            if at < len(source) and source[at] == character:
                at += 1
            continue
        found = source.find(character, at)
        if found < 0:
            break
        at = found + 1
    return max(begin, at - 1)


def _in_escaped(source: str, begin: int, offset: int) -> int:
    """Walk over the source of a text in double quotes, escapes and folded lines counted as they decode."""
    at, index = begin, 0
    while index < offset and at < len(source):
        character = source[at]
        if character == "\\":
            at, decoded = _escape(source, at)
            index += decoded
        elif character in " \t\r\n":
            at, decoded = _white_space(source, at)
            index += decoded
        else:
            at += 1
            index += 1
    return min(at, len(source) - 1)


def _escape(source: str, at: int) -> tuple[int, int]:
    pair = _SURROGATES.match(source, at)
    if pair is not None:
        return pair.end(), 1
    found = _ESCAPE.match(source, at)
    if found is None:
        return at + 1, 1
    return found.end(), 0 if found[1][0] in "\r\n" else 1


def _white_space(source: str, at: int) -> tuple[int, int]:
    """Give the end of a run of white space and how many characters it decodes to: a single break is a space."""
    end = at
    while end < len(source) and source[end] in " \t\r\n":
        end += 1
    breaks = len(_BREAKS.findall(source, at, end))
    if not breaks:
        return at + 1, 1
    return end, max(1, breaks - 1)
