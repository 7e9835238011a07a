"""The terminal: where the command line's words go, and what keeps a JSON document apart from all else.

With `--json`, descriptor 1 is kept for the document before anything else happens, and points at stderr from then on:
no print of a step, of a child process or of a C library can reach the document.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Final, TextIO

if TYPE_CHECKING:
    from rich.console import Console

WIDE: Final = 200
"""Columns of what is written into a file or a pipe, where nothing should be wrapped."""
_COLOURS: Final = {"red": "31", "green": "32", "yellow": "33", "blue": "34", "cyan": "36", "dim": "2", "bold": "1"}


class Terminal:
    """Where a command writes."""

    def __init__(self) -> None:
        self._kept = -1
        self._console: Console | None = None

    # ---- JSON ------------------------------------------------------------------------------------------------

    def keep_stdout(self) -> None:
        """Keep descriptor 1 for one JSON document, and point it at stderr for everybody else."""
        sys.stdout.flush()
        self._kept = os.dup(1)
        os.set_inheritable(self._kept, False)
        os.dup2(2, 1)

    @property
    def keeps_stdout(self) -> bool:
        """Whether stdout is kept for a document that was not written yet."""
        return self._kept >= 0

    def document(self, document: object) -> None:
        """Write the one JSON document, to what was stdout when the process began."""
        from ergon.model.report import strict_json

        data = (strict_json(document) + "\n").encode("utf-8", "backslashreplace")
        if self._kept < 0:
            sys.stdout.write(data.decode())
            sys.stdout.flush()
            return
        kept, self._kept = self._kept, -1
        try:
            _write(kept, data)
        finally:
            os.close(kept)

    # ---- words -----------------------------------------------------------------------------------------------

    def say(self, text: str = "") -> None:
        """Write a line of the answer."""
        print(text, flush=True)

    def note(self, text: str) -> None:
        """Write a line beside the answer, to stderr."""
        print(text, file=sys.stderr, flush=True)

    @property
    def is_live(self) -> bool:
        """Whether stdout is a terminal in which lines can be written over."""
        return self._kept < 0 and sys.stdout.isatty() and os.environ.get("TERM", "") != "dumb"

    @property
    def console(self) -> Console:
        """Rich's console on stdout; wide where nobody looks at it."""
        if self._console is None:
            from rich.console import Console

            width = None if sys.stdout.isatty() else WIDE
            self._console = Console(highlight=False, width=width, soft_wrap=False)
        return self._console


def _write(descriptor: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]


def paint(text: str, colour: str, stream: TextIO) -> str:
    """Give a text in a colour, where the stream is a terminal that shows colours."""
    if not has_colours(stream):
        return text
    return f"\x1b[{_COLOURS[colour]}m{text}\x1b[0m"


def has_colours(stream: TextIO) -> bool:
    """Say whether a stream shows colours; `NO_COLOR` and `FORCE_COLOR` have their say."""
    if os.environ.get("NO_COLOR"):
        return False
    if os.environ.get("FORCE_COLOR"):
        return True
    return stream.isatty() and os.environ.get("TERM", "") != "dumb"


terminal: Final = Terminal()
"""The terminal of this process."""
