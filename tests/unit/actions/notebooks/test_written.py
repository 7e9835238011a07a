"""The executed notebook as a file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import nbformat as untyped_nbformat
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ergon.actions.notebooks.written import Written, text_of

nbformat: Any = untyped_nbformat
v4: Any = untyped_nbformat.v4


def cell(source: str = "1", tags: tuple[str, ...] = (), **more: object) -> dict[str, Any]:
    code = {"cell_type": "code", "id": "abc", "metadata": {"tags": list(tags)}, "source": source, "outputs": []}
    return code | {"execution_count": None} | more


def book(*cells: dict[str, Any]) -> dict[str, Any]:
    return {
        "nbformat": 4,
        "nbformat_minor": 5,
        "metadata": {"kernelspec": {"name": "x", "display_name": "X"}},
        "cells": list(cells),
    }


def stream(*pieces: str) -> dict[str, Any]:
    return {"output_type": "stream", "name": "stdout", "text": list(pieces)}


def test_it_is_laid_out_as_jupyter_does() -> None:
    data = {"text/plain": "1\n2", "text/html": "<b>\n</b>", "image/png": "aGk=\n", "image/svg+xml": "<a>\n<b/>"}
    shown = {"output_type": "display_data", "data": data, "metadata": {"é": 1}}
    failed = {"output_type": "error", "ename": "E", "evalue": "é", "traceback": ["a", "b"]}
    filled = cell("a = 1\nb", ("x",), outputs=[stream("a\nb", "c\r\n"), shown, failed], execution_count=3)
    markdown = {"cell_type": "markdown", "id": "def", "metadata": {"tags": []}, "source": ""}
    made = book(filled, markdown)
    again = json.loads("".join(text_of(made, dict)))
    for output in made["cells"][0]["outputs"]:
        if "text" in output:
            output["text"] = "".join(output["text"])
    assert "".join(text_of(book(), dict)) == nbformat.writes(nbformat.from_dict(book())) + "\n"
    assert json.dumps(again, indent=1, sort_keys=True, ensure_ascii=False) == nbformat.writes(nbformat.from_dict(made))
    nbformat.validate(nbformat.from_dict(again))


@given(st.lists(st.text(alphabet="ab\n\r\x0b\u2028é\ud800", min_size=1), min_size=1))
def test_text_is_the_same_however_it_came(pieces: list[str]) -> None:
    text = "".join(text_of(book(cell(outputs=[stream(*pieces)])), dict))
    lines = json.loads(text)["cells"][0]["outputs"][0]["text"]
    assert lines == "".join(pieces).splitlines(keepends=True)


class Ticks:
    """A clock that a test moves on."""

    def __init__(self) -> None:
        self.now, self.step = 100.0, 0.0

    def __call__(self) -> float:
        self.now += self.step
        return self.now


def test_it_is_written_at_most_every_two_seconds_and_rarer_when_that_takes_long(tmp_path: Path) -> None:
    clock, target = Ticks(), tmp_path / "out/book.ipynb"
    written = Written(target, book(cell("\ud800")), redacted=dict, clock=clock)
    written.write_if_due()
    assert not target.exists()
    clock.now += 2
    written.write_if_due()
    assert json.loads(target.read_text())["cells"][0]["source"] == ["\ud800"]
    target.unlink()
    clock.now += 1.9
    written.write_if_due()
    assert not target.exists()
    clock.now, clock.step = clock.now + 1, 0.5
    written.write_if_due()
    assert target.exists(), "it took half a second"
    target.unlink()
    clock.step = 0
    clock.now += 12
    written.write_if_due()
    assert not target.exists()
    clock.now += 1
    written.write_if_due()
    assert target.exists()
    assert [each.name for each in target.parent.iterdir()] == ["book.ipynb"]


@pytest.mark.parametrize("mark", ["-", "_"])
def test_a_report_leaves_out_what_its_author_says(tmp_path: Path, mark: str) -> None:
    cells = [cell("a", (f"remove{mark}cell",)), cell("b", (f"remove{mark}input",), outputs=[stream("1")])]
    made = book(*cells, cell("c", (f"remove{mark}output",), outputs=[stream("2")]), cell("d", ("remove-nothing",)))
    Written(tmp_path / "report.ipynb", made, redacted=dict, report=True).write()
    Written(tmp_path / "whole.ipynb", made, redacted=dict).write()
    kept = json.loads((tmp_path / "report.ipynb").read_text())["cells"]
    assert [(each["source"], len(each["outputs"])) for each in kept] == [([], 1), (["c"], 0), (["d"], 0)]
    assert len(json.loads((tmp_path / "whole.ipynb").read_text())["cells"]) == 4
