"""The injected cell is the one that papermill makes."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ergon.actions.notebooks.choice import KernelChoice
from ergon.actions.notebooks.injection import code_of, inject
from ergon.actions.notebooks.record import note_run, strict, without_markers
from ergon.errors import ActionFailed

PYTHON = KernelChoice("python3", "python")
_plain = st.none() | st.booleans() | st.integers() | st.floats() | st.text()
VALUES = st.recursive(_plain, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=8)


def book(*tags: str) -> dict[str, Any]:
    cells = [
        {"cell_type": "code", "id": f"c{n}", "source": f"x = {n}", "metadata": {"tags": [tag] if tag else []}}
        for n, tag in enumerate(tags)
    ]
    return {"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": cells}


@settings(deadline=None)
@given(VALUES)
def test_python_gets_its_values_back(value: object) -> None:
    namespace: dict[str, object] = {}
    exec(code_of({"value": value}, PYTHON), {}, namespace)
    assert repr(namespace["value"]) == repr(value)


@pytest.mark.parametrize(
    ("tags", "place"),
    [
        (("", "parameters", ""), 2),
        (("", "parameters", "injected-parameters", ""), 2),
        (("injected-parameters", "parameters"), 0),
        (("", ""), 0),
        ((), 0),
        (("parameters", "parameters"), 1),
    ],
)
@pytest.mark.parametrize("language", ["python", "R", "julia", "scala", "bash"])
def test_the_cell_stands_where_papermill_puts_it(tags: tuple[str, ...], place: int, language: str) -> None:
    import nbformat
    from papermill.parameterize import parameterize_notebook

    untyped: Any = nbformat
    given = {"city": "Oslo é", "n": 3, "ratio": 1.5, "flag": True, "none": None}
    theirs_before = untyped.from_dict(book(*tags))
    theirs_before.metadata.papermill = {}
    theirs = parameterize_notebook(theirs_before, given, kernel_name="x", language=language)
    ours, warned = book(*tags), list[str]()
    inject(ours, given, KernelChoice("x", language), warned.append)
    assert [cell["source"] for cell in ours["cells"]] == [cell.source for cell in theirs.cells]
    assert ours["cells"][place]["metadata"]["tags"] == ["injected-parameters"]
    assert len(warned) == (not {"parameters", "injected-parameters"} & set(tags))


def test_what_no_translator_knows_is_told() -> None:
    with pytest.raises(ActionFailed, match=r"Parameters cannot be written for the kernel 'x'\. papermill has no"):
        code_of({"a": 1}, KernelChoice("x", "klingon"))
    with pytest.raises(ActionFailed, match="dict type translation not implemented"):
        code_of({"a": {"b": 1}}, KernelChoice("x", "bash"))
    assert code_of({"a": 1}, KernelChoice("x", "klingon", "R")) == "# Parameters\na = 1\n"


def test_marks_of_an_earlier_failure_go_and_the_run_is_noted() -> None:
    made = book("papermill-error-cell-tag", "", "papermill-error-cell-tag")
    without_markers(made)
    assert [cell["id"] for cell in made["cells"]] == ["c1"]
    note_run(made, "a.ipynb", "b.ipynb", {"ratio": float("inf"), "rows": [{"x": float("nan")}]}, "2.7.0")
    notes = made["metadata"]["papermill"]
    assert (notes["input_path"], notes["output_path"], notes["version"]) == ("a.ipynb", "b.ipynb", "2.7.0")
    assert notes["parameters"] == {"ratio": "inf", "rows": [{"x": "nan"}]}, "JSON has no such numbers"
    note_run(made, "b.ipynb", "c.ipynb", {}, "9")
    assert made["metadata"]["papermill"]["version"] == "2.7.0", "papermill keeps what was noted before"
    assert strict(1.5) == 1.5
