"""The screen: lines at the end of a terminal that are written over in place; only what changed is written."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Final

_BEGIN: Final = "\x1b[?2026h"
_END: Final = "\x1b[?2026l"
"""Tell a terminal that can to show all in between at once."""
_HIDE: Final = "\x1b[?25l"
_SHOW: Final = "\x1b[?25h"
_STYLES: Final = re.compile(r"\x1b\[[0-9;]*m")


class Screen:
    """Draws frames. The cursor rests on the line below the frame."""

    def __init__(self, write: Callable[[str], object], *, columns: Callable[[], int]) -> None:
        self._write = write
        self._columns = columns
        self._width = columns()
        self._lines: list[str] = []
        self._hidden = False

    def draw(self, lines: Sequence[str], *, above: Sequence[str] = ()) -> None:
        """Show a frame; `above` is written before it, for good. No line may be wider than the terminal."""
        width = self._columns()
        parts = [_BEGIN]
        if not self._hidden:
            parts.append(_HIDE)
            self._hidden = True
        if above or width != self._width:
            parts.append(self._erase(width))
            parts += [f"{line}\r\n" for line in above]
            self._width = width
        parts += self._changes(lines)
        parts.append(_END)
        self._lines = list(lines)
        self._write("".join(parts))

    def close(self, *, keep: bool = True) -> None:
        """Leave the frame as it is, or take it away, and give the cursor back."""
        erased = "" if keep else self._erase(self._columns())
        self._write(erased + (_SHOW if self._hidden else ""))
        self._lines, self._hidden = [], False

    def _erase(self, width: int) -> str:
        """Take the frame away; a narrower terminal has broken its lines into more rows."""
        rows = sum(max(1, -(-_length(line) // max(1, width))) for line in self._lines)
        self._lines = []
        return (f"\x1b[{rows}A" if rows else "") + "\r\x1b[J"

    def _changes(self, lines: Sequence[str]) -> list[str]:
        old = self._lines
        parts = [f"\x1b[{len(old)}A"] if old else []
        for number, line in enumerate(lines):
            if number < len(old) and old[number] == line:
                parts.append("\x1b[1B")
            else:
                parts.append(f"\r{line}\x1b[K\r\n" if number < len(old) else f"\r{line}\x1b[K\n\r")
        if len(lines) < len(old):
            parts.append("\r\x1b[J")
        return parts


def _length(line: str) -> int:
    return len(_STYLES.sub("", line))
