"""Parameters that a notebook takes, read without running it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ergon.actions.catalog import ActionCatalog
from ergon.actions.notebooks.advice import notebook
from ergon.actions.notebooks.parameters import fault_of_declared, parameters_of, strangers
from ergon.errors import NotebookInvalid

CELL = """
# what to look at
%matplotlib inline
city = "Oslo"  # the city
years: int = 2
ratio: float | None = None  # type: ignored
rows: list[int] = [1, 2]
mode: Literal["a", "b"] = "a"  # how
limit = None  # type: Optional[float]  the limit
day: "datetime.date"
folder: Path = Path("x")  # where
odd: "[" = 1
plain = (1, 2)
flag = twice = True
first, (second, *rest) = f()
long = {
    "x": 1,  # not this
}  # this
held.attribute = 1
pairs = {1: 2}
"""


def book(source: str = CELL, tag: str = "parameters", **metadata: Any) -> dict[str, Any]:
    cells = [{"cell_type": "code", "source": source, "metadata": {"tags": [tag]}}]
    return {"nbformat": 4, "metadata": metadata, "cells": cells}


def test_names_types_defaults_and_help_are_read_from_the_cell() -> None:
    string, number, integer = {"type": "string"}, {"type": "number"}, {"type": "integer"}
    assert parameters_of(book()) == {
        "city": {**string, "default": "Oslo", "description": "the city"},
        "years": {**integer, "default": 2},
        "ratio": {**number, "default": None},
        "rows": {"type": "array", "items": integer, "default": [1, 2]},
        "mode": {"enum": ["a", "b"], "default": "a", "description": "how"},
        "limit": {**number, "default": None, "description": "the limit"},
        "day": {**string, "format": "date"},
        "folder": {**string, "description": "where", "x-default": 'Path("x")'},
        "odd": {"default": 1, "type": "integer"},
        "plain": {"type": "array", "default": [1, 2]},
        "flag": {"type": "boolean", "default": True},
        "twice": {"type": "boolean", "default": True},
        "first": {},
        "second": {},
        "rest": {},
        "long": {"type": "object", "default": {"x": 1}, "description": "this"},
        "pairs": {"x-default": "{1: 2}"},
    }


def test_the_metadata_of_a_notebook_goes_before_its_cell() -> None:
    entries = {
        "years": {"minimum": 1.0, "label": "Years", "description": "Back from now", "default": 3},
        "mode": {"type": "enum", "options": ["a", {"value": "c"}]},
        "extra": {"type": "date"},
    }
    found = parameters_of(book("years = 2  # no\nmode = 'a'", ergon={"parameters": entries}))
    assert found == {
        "years": {"type": "integer", "default": 3, "minimum": 1.0, "title": "Years", "description": "Back from now"},
        "mode": {"type": "string", "default": "a", "enum": ["a", "c"]},
        "extra": {"type": "string", "format": "date"},
    }


@pytest.mark.parametrize(
    ("own", "said"),
    [
        (3, "its metadata `ergon` has no mapping of `parameters`"),
        ({"parameters": []}, "its metadata `ergon` has no mapping of `parameters`"),
        ({"parameters": {"n": 3}}, "says of parameter 'n' what is not a mapping"),
        ({"parameters": {"n": {"typ": "integer"}}}, "declares parameter 'n' wrongly: typ: "),
        ({"parameters": {"n": {"minimum": "x"}}}, "declares parameter 'n' wrongly: minimum: "),
    ],
)
def test_wrong_metadata_is_told(own: Any, said: str) -> None:
    assert said in fault_of_declared(book(ergon=own))
    assert fault_of_declared(book()) == ""


def test_what_cannot_be_known_is_not_guessed() -> None:
    assert parameters_of(book("x <- 1", language_info={"name": "R"})) is None
    assert parameters_of(book("x = = 1")) is None
    assert strangers(book("x = = 1"), ["y"]) == {}
    assert parameters_of(book("x = 1", tag="other")) == {}
    declared = {"parameters": {"n": {"type": "integer"}}}
    assert parameters_of(book("n <- 1", language_info={"name": "R"}, ergon=declared)) == {"n": {"type": "integer"}}


def test_a_name_that_was_perhaps_meant_is_suggested() -> None:
    assert strangers(book(), ["citty", "years", "zzz"]) == {"citty": "city", "zzz": ""}
    assert strangers(book("city = 1"), ["city", "citty"]) == {"citty": ""}, "that one is given already"


def test_the_schema_of_the_step_says_what_its_notebook_takes(tmp_path: Path) -> None:
    action = ActionCatalog().find("notebook.run")
    (tmp_path / "a.ipynb").write_text(json.dumps(book("n = 1")))
    schema: Any = action.schema_for({"path": "a.ipynb"}, folder=tmp_path)
    assert schema["properties"]["parameters"]["properties"] == {"n": {"type": "integer", "default": 1}}
    assert action.schema_for({}, folder=tmp_path) == action.schema
    (tmp_path / "a.ipynb").write_text(json.dumps(book("longer = 1")))
    schema = action.schema_for({"path": "a.ipynb"}, folder=tmp_path)
    assert list(schema["properties"]["parameters"]["properties"]) == ["longer"], "the file is read again"
    (tmp_path / "a.ipynb").write_text("")
    with pytest.raises(NotebookInvalid, match="it is empty"):
        notebook(tmp_path / "a.ipynb", "a.ipynb")
