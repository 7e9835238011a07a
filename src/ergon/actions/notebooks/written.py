"""Written: the executed notebook as a file, whole at every moment."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from ergon.actions.notebooks.book import Cell, Notebook, tags_of
from ergon.actions.writing import replacing, told

EVERY: Final = 2.0
"""Seconds between two writings, at least."""
_SHARE: Final = 25
"""How much longer than a writing itself takes it is to the next."""
_TEXT: Final = frozenset({"application/javascript", "image/svg+xml"})
_HIDDEN_CELL: Final = frozenset({"remove-cell", "remove_cell"})
_HIDDEN_INPUT: Final = frozenset({"remove-input", "remove_input"})
_HIDDEN_OUTPUT: Final = frozenset({"remove-output", "remove_output"})


Redacted = Callable[[Mapping[str, object]], Mapping[str, Any]]
"""Gives data with its secrets hidden."""


class Written:
    """Writes one notebook, now and again while it runs."""

    def __init__(
        self,
        target: Path,
        book: Notebook,
        *,
        redacted: Redacted,
        report: bool = False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`redacted` hides secrets in what is written; with `report`, what is tagged `remove-…` is left out."""
        self._target, self._book, self._report, self._clock = target, book, report, clock
        self._redacted = redacted
        self._due = clock() + EVERY

    def write_if_due(self) -> None:
        """Write it if the last time is long enough ago."""
        if self._clock() >= self._due:
            self.write()

    def write(self) -> None:
        """Write it now."""
        began = self._clock()
        book = report_of(self._book) if self._report else self._book
        with told(self._target), replacing(self._target) as sink:
            for piece in text_of(book, self._redacted):
                sink.write(piece.encode("utf-8", "backslashreplace"))  # a half character is an escape, as JSON has it
        ended = self._clock()
        self._due = ended + max(EVERY, _SHARE * (ended - began))


def report_of(book: Notebook) -> Notebook:
    """Give a notebook without what its author left out of reports."""
    kept = [_reported(cell) for cell in book["cells"] if not _HIDDEN_CELL & set(tags_of(cell))]
    return {**book, "cells": kept}


def _reported(cell: Cell) -> Cell:
    tags = set(tags_of(cell))
    if tags & _HIDDEN_INPUT:
        cell = {**cell, "source": ""}
    if tags & _HIDDEN_OUTPUT and "outputs" in cell:
        cell = {**cell, "outputs": []}
    return cell


# ---- JSON as Jupyter writes it -------------------------------------------------------------------------------


def text_of(book: Notebook, redacted: Redacted) -> Iterator[str]:
    """Give a notebook's text in pieces: sorted, indented, text by lines; what is large is never copied whole."""
    yield '{\n "cells": ['
    for number, cell in enumerate(book["cells"]):
        yield ",\n  " if number else "\n  "
        yield from _cell(redacted(_joined(cell)))
    yield "\n ]," if book["cells"] else "],"
    rest = redacted({key: value for key, value in sorted(book.items()) if key != "cells"})
    yield ",".join(f"\n {json.dumps(key)}: {_pretty(value, 1)}" for key, value in rest.items())
    yield "\n}\n"


def _joined(cell: Cell) -> Cell:
    """Give a cell whose text is in one piece each: a secret may have come in two."""
    if not any(len(output.get("text", ())) > 1 for output in cell.get("outputs", ())):
        return cell
    outputs = [{**each, "text": ["".join(each["text"])]} if "text" in each else each for each in cell["outputs"]]
    return {**cell, "outputs": outputs}


def _cell(cell: Mapping[str, Any]) -> Iterator[str]:
    yield "{"
    for number, key in enumerate(sorted(cell)):
        yield f"{',' if number else ''}\n   {json.dumps(key)}: "
        if key == "outputs" and cell[key]:
            yield from _outputs(cell[key])
        elif key == "source":
            yield from _lines([cell[key]], 3)
        else:
            yield _pretty(cell[key], 3)
    yield "\n  }"


def _outputs(outputs: list[dict[str, Any]]) -> Iterator[str]:
    yield "["
    for number, output in enumerate(outputs):
        yield f"{',' if number else ''}\n    {{"
        for place, key in enumerate(sorted(output)):
            yield f"{',' if place else ''}\n     {json.dumps(key)}: "
            if key == "text":
                yield from _lines(output[key], 5)
            elif key == "data":
                yield from _data(output[key])
            else:
                yield _pretty(output[key], 5)
        yield "\n    }"
    yield "\n   ]"


def _data(data: dict[str, Any]) -> Iterator[str]:
    """Give a bundle of MIME types; JSON in it is not indented, for nobody reads it in the file."""
    yield "{"
    for number, mime in enumerate(sorted(data)):
        yield f"{',' if number else ''}\n      {_json(mime)}: "
        value = data[mime]
        if isinstance(value, str) and (mime.startswith("text/") or mime in _TEXT):
            yield from _lines([value], 6)
        else:
            yield _json(value)
    yield "\n     }" if data else "}"


def _lines(pieces: list[str], depth: int) -> Iterator[str]:
    """Give text that comes in pieces as a list of its lines."""
    indent, first, left = "\n" + " " * (depth + 1), True, ""
    yield "["
    for number, piece in enumerate(pieces, 1):
        lines = (left + piece).splitlines(keepends=True)
        left = lines.pop() if lines and number < len(pieces) else ""
        for line in lines:
            yield f"{'' if first else ','}{indent}{_json(line)}"
            first = False
    yield "]" if first else "\n" + " " * depth + "]"


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, sort_keys=True)


def _pretty(value: object, depth: int) -> str:
    text = json.dumps(value, ensure_ascii=False, sort_keys=True, indent=1)
    return text.replace("\n", "\n" + " " * depth)
