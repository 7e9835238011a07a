"""Notebooks as steps of real runs: what the journal says of their cells, and what is hidden."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ergon.testing.runs import Bench

SECRET = "hunter2-hunter2\nand-more"


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    with Bench(tmp_path, secrets={"TOKEN": SECRET}) as bench:
        yield bench


def write(folder: Path, *sources: str, name: str = "book.ipynb") -> None:
    cells = [{"cell_type": "code", "id": f"cell-{n}", "source": text, "metadata": {}} for n, text in enumerate(sources)]
    book = {"nbformat": 4, "nbformat_minor": 5, "metadata": {"kernelspec": {"name": "python3"}}, "cells": cells}
    (folder / name).write_text(json.dumps(book))


def test_s40_cells_are_facts_and_their_outputs_signals(bench: Bench, tmp_path: Path) -> None:
    write(tmp_path, "import sys; from IPython.display import display", "display(42)", "1 / 0", "'never'")
    run = bench.run([{"id": "a", "uses": "notebook.run", "with": {"path": "book.ipynb"}, "retry": 2}])
    facts = [(event.type, event.attempt, event.data) for event in run.events() if event.type.startswith("cell_")]
    kinds = [(kind, attempt, data["index"]) for kind, attempt, data in facts]
    one = [("cell_started", 0), ("cell_finished", 0), ("cell_started", 1), ("cell_finished", 1)]
    one += [("cell_started", 2), ("cell_failed", 2)]
    assert kinds == [(kind, attempt, index) for attempt in (1, 2) for kind, index in one]
    assert {**facts[5][2], "seconds": 0} == {
        "index": 2,
        "number": 3,
        "id": "cell-2",
        "seconds": 0,
        "error": "ZeroDivisionError: division by zero",
    }
    signals = [signal for signal in bench.signals if signal.step == "a" and signal.attempt == 1]
    shown: list[Any] = [signal.data for signal in signals if signal.type == "cell_output"]
    assert [(each["number"], each["output_type"], each.get("text")) for each in shown] == [
        (2, "display_data", "42"),
        (3, "error", None),
    ]
    progress = [str(signal.data["text"]) for signal in signals if signal.type == "progress"]
    assert progress == ["cell 1/4", "cell 2/4", "cell 3/4"]


def test_s48_secrets_are_hidden_in_the_executed_notebook(bench: Bench, tmp_path: Path) -> None:
    lines = (
        "import sys\nfor part in token[:5], token[5:]:\n    print(part, end='', flush=True)\nraise ValueError(token)"
    )
    write(tmp_path, lines)
    given = {"token": "{{ secrets.TOKEN }}"}
    step = {"id": "a", "uses": "notebook.run", "with": {"path": "book.ipynb", "parameters": given, "output": "o.ipynb"}}
    run = bench.run([step])
    assert run.step("a").error is not None
    written = (tmp_path / "o.ipynb").read_text()
    assert "ValueError" in written
    assert "hunter2" not in written
    assert "and-more" not in written
    assert not any("hunter2" in str(event) for event in run.events())
