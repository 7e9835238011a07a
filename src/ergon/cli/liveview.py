"""The live view: the board of a run on the screen, refreshed while it goes on."""

from __future__ import annotations

import sys
from typing import Final

from rich.console import Console

from ergon.cli.board import Board, as_ansi
from ergon.cli.screen import Screen
from ergon.cli.stray import StrayOutput
from ergon.cli.terminal import has_colours
from ergon.cli.watching import Watch
from ergon.cli.words import clean

_FRAME: Final = 0.1
_HINT: Final = "Ctrl-C stops; the run can go on later"


class LiveView:
    """Shows the board, and above it whatever else is written to the terminal meanwhile."""

    interval = _FRAME

    def __init__(self, watch: Watch) -> None:
        self._watch = watch
        self._board = Board(watch)
        self._console = Console(force_terminal=True, width=500, no_color=not has_colours(sys.stdout))
        self._stray = StrayOutput()
        self._screen = Screen(self._stray.write, columns=lambda: self._stray.size()[0])
        self._hint = _HINT
        self.refresh()

    def refresh(self) -> None:
        """Draw what is so now."""
        self._watch.update()
        self._draw(self._hint)

    def _draw(self, hint: str) -> None:
        columns, lines = self._stray.size()
        frame = as_ansi(self._console, self._board.frame(columns, lines, hint=hint))
        self._screen.draw(frame, above=[clean(line) for line in self._stray.lines()])

    def tell(self, text: str) -> None:
        """Say it below the board."""
        self._hint = text
        self.refresh()

    def close(self) -> None:
        """Draw the last frame, for good, and give the terminal back."""
        self._watch.update()
        self._draw("")
        self._screen.close()
        for line in self._stray.close():
            print(line)
