"""Ids and durations (S5, S9)."""

from __future__ import annotations

import math

import pytest
from pydantic import ValidationError

from ergon.model.base import parse_duration
from ergon.model.workflow import Step


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("500ms", 0.5),
        ("10s", 10),
        ("5m", 300),
        ("2h", 7200),
        ("1d", 86400),
        ("1.5h", 5400),
        (90, 90),
        (0.25, 0.25),
        (0, 0),
    ],
)
def test_durations_s9(text: object, seconds: float) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize(
    "text", ["10", "1w", "1h30m", "-1s", "s", "", "1 0s", "\u0661s", True, None, [1], -1, math.nan, math.inf, 1e12]
)
def test_what_is_no_duration_s9(text: object) -> None:
    with pytest.raises(ValueError, match="a duration is"):
        parse_duration(text)


@pytest.mark.parametrize("name", ["a", "_", "A9", "plan-evaluation", "a_b", "a" * 64])
def test_ids_s5(name: str) -> None:
    assert Step.model_validate({"id": name, "uses": "core.noop"}).id == name


@pytest.mark.parametrize("name", ["", "9a", "-a", "a b", "a.b", "a[0]", "é", "a\n", "a" * 65])
def test_what_is_no_id_s5(name: str) -> None:
    with pytest.raises(ValidationError):
        Step.model_validate({"id": name, "uses": "core.noop"})
