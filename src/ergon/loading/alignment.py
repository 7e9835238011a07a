"""Alignment: from a character of a scalar's value to the place in the text that it was written at."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator
from itertools import islice
from typing import Final

from ergon.loading.nodes import ScalarNode

_PROPERTIES: Final = re.compile(r"(?:[&!]\S*\s+)+")
_ESCAPE: Final = re.compile(r"\\(x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|(?:\r\n|\r|\n)[ \t]*|.)", re.S)
_SURROGATES: Final = re.compile(r"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}")
_HEADER: Final = re.compile(r"[|>][^\r\n]*(?:\r\n|\r|\n)")
_BREAK: Final = re.compile(r"\r\n|\r|\n")
_BLANKS: Final = " \t\r\n"
_MAX_LENGTH: Final = 200_000
"""Characters of a value that are followed; no template is longer."""


class Alignment:
    """A scalar's value beside its source, followed once."""

    def __init__(self, text: str, node: ScalarNode) -> None:
        self.node = node
        source = text[node.start : node.end]
        self._value = node.value if isinstance(node.value, str) else ""
        self._indexes = list(islice(_indexes(source, self._value, node.style), _MAX_LENGTH))
        self._breaks = [found.end() for found in _BREAK.finditer(source)]
        self._lines = [0, *(found.end() for found in re.finditer("\n", self._value))]

    def place(self, line: int, column: int) -> tuple[int, int]:
        """Give the line and column in the text, from 0, of a line and column in the value, from 1."""
        start = self._lines[min(line, len(self._lines)) - 1]
        offset = max(0, min(start + column - 1, len(self._indexes) - 1))
        index = self._indexes[offset] if self._indexes else 0
        down = bisect_right(self._breaks, index)
        if not down:
            return self.node.line, self.node.column + index
        return self.node.line + down, index - self._breaks[down - 1]


def _indexes(source: str, value: str, style: str) -> Iterator[int]:
    """Give for each character of a value, in order, the index in the source that it was written at."""
    properties = _PROPERTIES.match(source)
    begin = properties.end() if properties is not None else 0
    if style == '"':
        return _escaped(source, begin + 1)
    if style == "'":
        begin += 1
    elif style:
        header = _HEADER.match(source, begin)
        begin = header.end() if header is not None else begin
    return _unescaped(source, begin, value)


def _unescaped(source: str, at: int, value: str) -> Iterator[int]:
    """Value and source differ in white space and in doubled quotes only."""
    for character in value:
        if character.isspace():
            yield at
            if at < len(source) and source[at] == character:
                at += 1
            continue
        found = source.find(character, at)
        if found < 0:
            return
        yield found
        at = found + 1


def _escaped(source: str, at: int) -> Iterator[int]:
    """Escapes and folded lines count as what they decode to."""
    while at < len(source) - 1:
        character = source[at]
        if character == "\\":
            end, decoded = _escape(source, at)
        elif character in _BLANKS:
            end, decoded = _white_space(source, at)
        else:
            end, decoded = at + 1, 1
        for _ in range(decoded):
            yield at
        at = end


def _escape(source: str, at: int) -> tuple[int, int]:
    """Give the end of an escape and how many characters it decodes to: an escaped line break is none."""
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
    while end < len(source) and source[end] in _BLANKS:
        end += 1
    breaks = len(_BREAK.findall(source, at, end))
    if not breaks:
        return at + 1, 1
    return end, max(1, breaks - 1)
