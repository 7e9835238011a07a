"""Record: what papermill notes in an executed notebook, so that those who read papermill's notebooks read ours."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Final

from ergon.actions.notebooks.book import Cell, Notebook, new_id, tags_of

MARKER: Final = "papermill-error-cell-tag"
_STYLE: Final = 'style="color:red; font-family:Helvetica Neue, Helvetica, Arial, sans-serif; font-size:2em;"'
_HEADING: Final = (
    f"<span {_STYLE}>An Exception was encountered at '<a href=\"#papermill-error-cell\">In [%s]</a>'.</span>"
)
_ANCHOR: Final = (
    f'<span id="papermill-error-cell" {_STYLE}>'
    "Execution using papermill encountered an exception here and stopped:</span>"
)


def _now() -> datetime:
    return datetime.now(UTC)


class Record:
    """The metadata `papermill` of a notebook and of its cells."""

    def __init__(self, book: Notebook, *, now: Callable[[], datetime] = _now) -> None:
        self._book = book
        self._now = now
        self._began: dict[str, datetime] = {}
        self._start = now()

    @property
    def _notes(self) -> dict[str, Any]:
        notes: dict[str, Any] = self._book["metadata"]["papermill"]
        return notes

    def begin(self) -> None:
        """Note that the notebook begins: nothing is done yet."""
        self._start = self._now()
        self._notes.update(start_time=self._start.isoformat(), end_time=None, duration=None, exception=None)
        for cell in self._book["cells"]:
            cell["metadata"]["papermill"] = {
                "exception": None,
                "start_time": None,
                "end_time": None,
                "duration": None,
                "status": "pending",
            }

    def cell_began(self, cell: Cell) -> None:
        """Note that a cell begins."""
        self._began[cell["id"]] = now = self._now()
        cell["metadata"]["papermill"].update(start_time=now.isoformat(), status="running", exception=False)

    def cell_failed(self, cell: Cell) -> None:
        """Note that a cell raised, or was ended."""
        cell["metadata"]["papermill"].update(exception=True, status="failed")
        self._notes["exception"] = True

    def cell_ended(self, cell: Cell) -> float:
        """Note that a cell has ended, however it did; gives how many seconds it took."""
        notes, now = cell["metadata"]["papermill"], self._now()
        seconds = (now - self._began[cell["id"]]).total_seconds()
        notes.update(end_time=now.isoformat(), duration=seconds)
        if notes["status"] != "failed":
            notes["status"] = "completed"
        return seconds

    def end(self) -> None:
        """Note that the notebook has ended; cells that it did not come to stay `pending`."""
        now = self._now()
        self._notes.update(end_time=now.isoformat(), duration=(now - self._start).total_seconds())

    def mark(self, cell: Cell) -> None:
        """Put a heading over the notebook that leads to a cell that failed, and an anchor before the cell."""
        cells = self._book["cells"]
        cells.insert(next(index for index, each in enumerate(cells) if each is cell), _marker(_ANCHOR))
        cells.insert(0, _marker(_HEADING % cell.get("execution_count")))


def _marker(text: str) -> Cell:
    return {"cell_type": "markdown", "id": new_id(), "metadata": {"tags": [MARKER]}, "source": text}


def without_markers(book: Notebook) -> None:
    """Take away the marks of an earlier failure."""
    book["cells"] = [cell for cell in book["cells"] if MARKER not in tags_of(cell)]


def note_run(book: Notebook, source: str, target: str, parameters: Mapping[str, object], version: str) -> None:
    """Note where a notebook came from, where it goes, and its parameters."""
    fresh = {"default_parameters": {}, "parameters": {}, "environment_variables": {}, "version": version}
    notes = book["metadata"].setdefault("papermill", fresh)
    notes.update(input_path=source, output_path=target)
    if parameters:
        notes["parameters"] = strict(dict(parameters))


def strict(value: object) -> object:
    """Give a value that JSON has: numbers that it has not become text."""
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, dict):
        return {key: strict(member) for key, member in value.items()}
    if isinstance(value, list):
        return [strict(member) for member in value]
    return value
