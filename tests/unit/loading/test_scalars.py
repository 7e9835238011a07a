"""S1: scalars mean the same in Python and in the browser, which reads the same table."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest

from ergon.loading.composer import compose
from ergon.loading.nodes import plain
from ergon.loading.scalars import resolve, resolve_as

TABLE: list[dict[str, Any]] = json.loads((Path(__file__).parents[2] / "fixtures" / "scalars.json").read_text())
TYPES = {"null": type(None), "boolean": bool, "integer": int, "number": float, "text": str}


def same(found: object, wanted: object) -> bool:
    if isinstance(wanted, float) and math.isnan(wanted):
        return isinstance(found, float) and math.isnan(found)
    return found == wanted


@pytest.mark.parametrize("row", TABLE, ids=lambda row: row["text"] or "empty")
def test_a_plain_scalar_has_its_core_value_s1(row: dict[str, Any]) -> None:
    wanted = float(row["value"]) if row["type"] == "number" else row["value"]
    composed = compose(f"value: {row['text']}\n")
    assert composed.faults == ()
    assert composed.root is not None
    found = plain(composed.root)
    assert isinstance(found, dict)
    assert type(found["value"]) is TYPES[row["type"]]
    assert same(found["value"], wanted)


@pytest.mark.parametrize("row", TABLE, ids=lambda row: row["text"] or "empty")
@pytest.mark.parametrize("quote", ["'", '"'])
def test_a_quoted_scalar_is_a_text_s1(row: dict[str, Any], quote: str) -> None:
    composed = compose(f"value: {quote}{row['text']}{quote}\n")
    assert composed.root is not None
    assert plain(composed.root) == {"value": row["text"]}


def test_the_table_is_large_enough() -> None:
    assert len(TABLE) >= 60


@pytest.mark.parametrize("key", ["on", "off", "yes", "no", "y", "n"])
def test_words_of_yaml_1_1_are_keys_s1(key: str) -> None:
    composed = compose(f"{key}: 1\n")
    assert composed.faults == ()
    assert composed.root is not None
    assert plain(composed.root) == {key: 1}


@pytest.mark.parametrize("text", ["9" * 309, "0x" + "f" * 309, "-" + "1" * 5000])
def test_a_number_that_is_too_long_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="too long"):
        resolve(text)


@pytest.mark.parametrize(
    ("tag", "text", "value"),
    [("str", "12", "12"), ("int", "12", 12), ("float", "12", 12.0), ("bool", "true", True), ("null", "", None)],
)
def test_core_tags_say_the_type(tag: str, text: str, value: object) -> None:
    found = resolve_as(tag, text)
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(("tag", "text"), [("int", "1.5"), ("int", "true"), ("bool", "yes"), ("null", "x")])
def test_a_core_tag_that_does_not_fit_is_refused(tag: str, text: str) -> None:
    with pytest.raises(ValueError, match=f"!!{tag}"):
        resolve_as(tag, text)
