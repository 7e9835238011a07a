"""Faults of a text, found before there is a document to name places in."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

_BREAK: Final = re.compile(r"\r\n|\r|\n")


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault at a line and column that count from 0; `facts` fill the sentence of its code."""

    code: str
    line: int
    column: int
    facts: dict[str, str]
    hint: str = ""


class Stopped(Exception):  # noqa: N818  # it ends the reading, with a fault that is reported
    """The text cannot be read any further."""

    def __init__(self, fault: Fault) -> None:
        super().__init__()
        self.fault = fault


def place_of(text: str, index: int) -> tuple[int, int]:
    """Give the line and column, from 0, of an index into a text."""
    line, start = 0, 0
    for found in _BREAK.finditer(text, 0, index):
        line, start = line + 1, found.end()
    return line, index - start
