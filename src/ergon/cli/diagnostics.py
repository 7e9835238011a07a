"""Diagnostics as a compiler shows them: the place, the sentence, the line of the file and a caret."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Final, Protocol, TextIO

from ergon.cli.terminal import paint
from ergon.errors import DiagnosticLike
from ergon.model.diagnostics import Diagnostic

_COLOURS: Final = {"error": "red", "warning": "yellow", "note": "cyan"}
_WORD: Final = re.compile(r"[^\s,{}\[\]:]+(?::[^\s,{}\[\]:]+)*")
_LONGEST_LINE: Final = 160


class Sources(Protocol):
    """Gives the lines of a file that was read."""

    def __call__(self, file: str) -> Sequence[str]: ...


def read_lines(file: str) -> Sequence[str]:
    """Give the lines of a file, none if it cannot be read."""
    try:
        return Path(file).read_text(encoding="utf-8-sig").splitlines()
    except (OSError, ValueError):
        return ()


def show_diagnostics(diagnostics: Sequence[DiagnosticLike], *, stream: TextIO, sources: Sources = read_lines) -> None:
    """Write diagnostics, each with the line that it is about."""
    lines: dict[str, Sequence[str]] = {}
    for found in diagnostics:
        if not isinstance(found, Diagnostic):
            print(found, file=stream)
            continue
        if found.file not in lines:
            lines[found.file] = sources(found.file)
        for line in _told(found, lines[found.file], stream):
            print(line, file=stream)
    print(count(diagnostics), file=stream)


def count(diagnostics: Sequence[DiagnosticLike]) -> str:
    """Say how many there are of each severity."""
    found = Counter(d.severity for d in diagnostics)
    parts = [f"{n} {name}{'s' if n > 1 else ''}" for name in _COLOURS if (n := found[name])]
    return ", ".join(parts)


def _told(found: Diagnostic, lines: Sequence[str], stream: TextIO) -> list[str]:
    colour = _COLOURS[found.severity]
    place = f"{found.file}:{found.line}:{found.column}: " if found.file else ""
    told = [f"{paint(place, 'bold', stream)}{paint(f'{found.severity} {found.code}', colour, stream)}: {found.message}"]
    if 0 < found.line <= len(lines) and lines[found.line - 1].strip():
        told += _quoted(lines[found.line - 1], found.line, found.column, colour, stream)
    if found.hint:
        told.append(f"      {paint('hint:', 'cyan', stream)} {found.hint}")
    return [*told, ""]


def _quoted(line: str, number: int, column: int, colour: str, stream: TextIO) -> list[str]:
    """Give the line with a caret under the column, which counts from 1; what is far to the right is cut off."""
    start = max(0, column - _LONGEST_LINE // 2) if len(line) > _LONGEST_LINE else 0
    shown = "".join(c if c.isprintable() else " " for c in line[start : start + _LONGEST_LINE])
    at = min(max(0, column - 1 - start), len(shown))
    word = _WORD.match(shown, at)
    width = max(1, _width(word[0] if word else ""))
    caret = " " * _width(shown[:at]) + "^" + "~" * (width - 1)
    return [
        f"{paint(f'{number:5} |', 'dim', stream)} {shown}",
        f"{paint('      |', 'dim', stream)} {paint(caret, colour, stream)}",
    ]


def _width(text: str) -> int:
    """Give the columns that a text takes."""
    return sum(0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)
