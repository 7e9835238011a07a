"""Places: where in a template's text something stands. Jinja knows the line only."""

from __future__ import annotations

import re
from typing import Final

from jinja2.environment import Environment
from jinja2.exceptions import TemplateSyntaxError
from jinja2.lexer import ignored_tokens

_WORD: Final = re.compile(r"(?<![\w.])[^\W\d]\w*")
_NEAR: Final = 50
"""Words of one name that are looked at for the best: a text of many of them must not take their square."""


class Places:
    """The words of a text, handed out once each."""

    def __init__(self, source: str) -> None:
        self._lines = source.split("\n")
        self._words: dict[int, dict[str, list[int]]] = {}

    def column(self, line: int, word: str) -> int:
        """Give the column of a word's first occurrence in a line; 1 if it is not there."""
        found = self._line(line).find(word) if word else -1
        return found + 1 if found >= 0 else 1

    def take(self, line: int, name: str, after: str) -> int:
        """Give the column of a name not given before, best one that `after` follows; 1 if there is none."""
        text = self._line(line)
        if line not in self._words:
            self._words[line] = {}
            for match in _WORD.finditer(text):
                self._words[line].setdefault(match[0], []).append(match.start())
        places = self._words[line].get(name)
        if not places:
            return 1
        near = places[:_NEAR]
        best = next((p for p in near if after and text.startswith(after, p + len(name))), places[0])
        places.remove(best)
        return best + 1

    def _line(self, line: int) -> str:
        return self._lines[line - 1] if 0 < line <= len(self._lines) else ""


def token_offsets(environment: Environment, source: str, state: str | None) -> tuple[list[int], str]:
    """Give the offsets of a text's tokens and of where they end, and why they end there or ''."""
    offsets: list[int] = []
    end, reason = 0, ""
    try:
        for _line, kind, value in environment.lexer.tokeniter(source, None, None, state):
            start = source.find(value, end)
            if kind not in ignored_tokens and kind not in ("raw_begin", "raw_end"):
                offsets.append(start)
            end = start + len(value)
    except TemplateSyntaxError as error:
        reason = error.message or ""
    return [*offsets, end], reason


def place_of(source: str, offset: int) -> tuple[int, int]:
    """Give the line and column of an offset in a text."""
    before = source[: max(offset, 0)]
    return before.count("\n") + 1, len(before) - before.rfind("\n")
