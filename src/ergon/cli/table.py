"""Tables: with rich for people at a terminal, in plain columns for files and pipes."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from ergon.cli.terminal import terminal

if TYPE_CHECKING:
    from rich.text import Text

    Cell = str | Text
else:
    Cell = object


def show_table(
    headings: Sequence[str], rows: Sequence[Sequence[Cell]], *, title: str = "", fold: Sequence[str] = ()
) -> None:
    """Show rows of texts; at a terminal the columns named in `fold` may take several lines."""
    if sys.stdout.isatty():
        _show_rich(headings, rows, title, fold)
        return
    plain = [[str(cell).replace("\n", " ") for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(headings, *plain, strict=True)]
    for line in ([heading.upper() for heading in headings], *plain):
        cells = (cell.ljust(width) for cell, width in zip(line, widths, strict=True))
        terminal.say("  ".join(cells).rstrip())


def _show_rich(headings: Sequence[str], rows: Sequence[Sequence[Cell]], title: str, fold: Sequence[str]) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.table import Table
    from rich.text import Text

    table = Table(box=SIMPLE_HEAD, title=title or None, title_justify="left", pad_edge=False, header_style="bold")
    for heading in headings:
        folds = heading in fold
        table.add_column(heading, overflow="fold" if folds else "ellipsis", no_wrap=not folds)
    for row in rows:
        table.add_row(*(Text(cell) if isinstance(cell, str) else cell for cell in row))
    terminal.console.print(table)
