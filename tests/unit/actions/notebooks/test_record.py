"""What papermill notes, noted as papermill does."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from ergon.actions.notebooks.record import Record


class Ticks:
    """A clock that goes on by a second at each look."""

    def __init__(self) -> None:
        self.now = datetime(2024, 1, 1, tzinfo=UTC)

    def __call__(self) -> datetime:
        self.now += timedelta(seconds=1)
        return self.now


def book(count: int) -> dict[str, Any]:
    cells = [{"cell_type": "code", "id": f"c{n}", "metadata": {}, "execution_count": n} for n in range(count)]
    return {"metadata": {"papermill": {"version": "x"}}, "cells": cells}


def test_times_and_states_are_noted() -> None:
    made = book(3)
    first, second, third = made["cells"]
    record = Record(made, now=Ticks())
    record.begin()
    assert third["metadata"]["papermill"] == {
        "exception": None,
        "start_time": None,
        "end_time": None,
        "duration": None,
        "status": "pending",
    }
    record.cell_began(first)
    assert (first["metadata"]["papermill"]["status"], first["metadata"]["papermill"]["exception"]) == ("running", False)
    assert record.cell_ended(first) == 1.0
    assert first["metadata"]["papermill"] == {
        "exception": False,
        "start_time": "2024-01-01T00:00:03+00:00",
        "end_time": "2024-01-01T00:00:04+00:00",
        "duration": 1.0,
        "status": "completed",
    }
    record.cell_began(second)
    record.cell_failed(second)
    record.cell_ended(second)
    record.end()
    assert (second["metadata"]["papermill"]["status"], second["metadata"]["papermill"]["exception"]) == ("failed", True)
    assert third["metadata"]["papermill"]["status"] == "pending", "it was not come to"
    notes = made["metadata"]["papermill"]
    assert (notes["version"], notes["exception"], notes["duration"]) == ("x", True, 5.0)


def test_a_failed_cell_is_marked() -> None:
    made = book(2)
    failed = made["cells"][1]
    Record(made).mark(failed)
    heading, _, anchor, last = made["cells"]
    assert last is failed
    assert '<a href="#papermill-error-cell">In [1]</a>' in heading["source"]
    assert '<span id="papermill-error-cell"' in anchor["source"]
    assert heading["metadata"]["tags"] == anchor["metadata"]["tags"] == ["papermill-error-cell-tag"]
