"""Arguments of a run: defaults, conversion by type, bounds, names (S6)."""

from __future__ import annotations

import math
import pickle
from datetime import UTC, date, datetime
from pathlib import PurePosixPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ergon.errors import ParameterInvalid
from ergon.loading.arguments import parameters_from
from ergon.model.workflow import Workflow


def workflow(*parameters: dict[str, object]) -> Workflow:
    return Workflow.model_validate({"name": "sample", "parameters": parameters})


def given_text(parameter: dict[str, object], text: str) -> object:
    return parameters_from(workflow({"name": "p", **parameter}), {"p": text}, from_text=True)["p"]


def given_value(parameter: dict[str, object], value: object) -> object:
    return parameters_from(workflow({"name": "p", **parameter}), {"p": value}, from_text=False)["p"]


@pytest.mark.parametrize(
    ("parameter", "text", "value"),
    [
        ({"type": "string"}, "3", "3"),
        ({"type": "text"}, "a\nb", "a\nb"),
        ({"type": "integer"}, "3", 3),
        ({"type": "integer"}, " -12 ", -12),
        ({"type": "number"}, "3", 3),
        ({"type": "number"}, "1e3", 1000.0),
        ({"type": "number"}, "-.5", -0.5),
        ({"type": "boolean"}, "true", True),
        ({"type": "boolean"}, "No", False),
        ({"type": "boolean"}, "1", True),
        ({"type": "enum", "options": ["a", 2, True, None, 1.5]}, "a", "a"),
        ({"type": "enum", "options": ["a", 2, True, None, 1.5]}, "2", 2),
        ({"type": "enum", "options": ["a", 2, True, None, 1.5]}, "true", True),
        ({"type": "enum", "options": ["a", 2, True, None, 1.5]}, "null", None),
        ({"type": "enum", "options": [{"value": 5, "label": "five"}]}, "5", 5),
        ({"type": "date"}, "2026-01-31", "2026-01-31"),
        ({"type": "datetime"}, "2026-01-31T12:00:00Z", "2026-01-31T12:00:00Z"),
        ({"type": "datetime"}, "2026-01-31 12:00", "2026-01-31 12:00"),
        ({"type": "file"}, "data/a b.csv", "data/a b.csv"),
        ({"type": "json"}, '{"a": [1, null]}', {"a": [1, None]}),
        ({"type": "secret"}, "hunter22", "hunter22"),
    ],
)
def test_a_text_is_converted_by_type_s6(parameter: dict[str, object], text: str, value: object) -> None:
    found = given_text(parameter, text)
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    ("parameter", "text", "reason"),
    [
        ({"type": "integer"}, "3.5", "'3.5' is not a whole number"),
        ({"type": "integer"}, "3_000", "not a whole number"),
        ({"type": "integer"}, "9" * 5_000, "not a whole number"),
        ({"type": "number"}, "nan", "'nan' is not a number"),
        ({"type": "number"}, "1e999", "inf is not a number"),
        ({"type": "boolean"}, "maybe", "'maybe' is not true or false"),
        ({"type": "enum", "options": ["a", "b"]}, "c", "'c' is none of 'a', 'b'"),
        ({"type": "date"}, "31.1.2026", "not a date like 2026-01-31"),
        ({"type": "date"}, "2026-02-30", "no day of the calendar"),
        ({"type": "datetime"}, "noon", "not a date and time"),
        ({"type": "json"}, "{a: 1}", "is not JSON"),
        ({"type": "json"}, "[" * 100_000, "is not JSON"),
        ({"type": "file"}, "", "not a path"),
        ({"type": "integer", "minimum": 5}, "4", "4 is below the minimum of 5"),
        ({"type": "number", "maximum": 1.5}, "1.6", "1.6 is above the maximum of 1.5"),
        ({"min_length": 3}, "ab", "it has 2 characters, and the least is 3"),
        ({"max_length": 3}, "abcd", "it has 4 characters, and the most is 3"),
        ({"pattern": "[a-z]+"}, "ab1", "'ab1' does not match the pattern [a-z]+"),
        ({"type": "secret", "pattern": "[a-z]+"}, "geheim1", "it does not match the pattern"),
    ],
)
def test_a_text_that_does_not_fit_is_refused_s6(parameter: dict[str, object], text: str, reason: str) -> None:
    with pytest.raises(ParameterInvalid) as caught:
        given_text(parameter, text)
    assert caught.value.name == "p"
    assert reason in caught.value.reason
    assert "geheim" not in str(caught.value)


@pytest.mark.parametrize(
    ("parameter", "value", "kept"),
    [
        ({"type": "integer"}, 3.0, 3),
        ({"type": "date"}, date(2026, 1, 31), "2026-01-31"),
        ({"type": "datetime"}, datetime(2026, 1, 31, 12, tzinfo=UTC), "2026-01-31T12:00:00+00:00"),
        ({"type": "file"}, PurePosixPath("a/b"), "a/b"),
        ({"type": "json"}, [1, {"a": None}], [1, {"a": None}]),
        ({"type": "string"}, None, None),
    ],
)
def test_values_from_python_are_kept_in_the_form_of_a_file(
    parameter: dict[str, object], value: object, kept: object
) -> None:
    found = given_value(parameter, value)
    assert found == kept
    assert type(found) is type(kept)


@pytest.mark.parametrize(
    ("parameter", "value"),
    [
        ({"type": "string"}, 3),
        ({"type": "integer"}, True),
        ({"type": "integer"}, "3"),
        ({"type": "integer"}, math.nan),
        ({"type": "number"}, math.inf),
        ({"type": "number"}, False),
        ({"type": "boolean"}, 1),
        ({"type": "enum", "options": [1]}, True),
        ({"type": "date"}, datetime(2026, 1, 31, tzinfo=UTC)),
        ({"type": "json"}, {1, 2}),
        ({"type": "string", "required": True}, None),
    ],
)
def test_values_from_python_are_not_converted(parameter: dict[str, object], value: object) -> None:
    with pytest.raises(ParameterInvalid):
        given_value(parameter, value)


def test_defaults_and_nulls_fill_in_s6() -> None:
    made = workflow({"name": "a", "default": "x"}, {"name": "b"}, {"name": "c", "required": True})
    assert parameters_from(made, {"c": "y"}, from_text=False) == {"a": "x", "b": None, "c": "y"}


def test_a_required_parameter_must_be_given() -> None:
    made = workflow({"name": "city", "required": True})
    with pytest.raises(ParameterInvalid) as caught:
        parameters_from(made, {}, from_text=True)
    assert str(caught.value) == "Parameter 'city': it is required and was not given. Give it with `-p city=VALUE`."


def test_a_default_serves_a_required_parameter() -> None:
    made = workflow({"name": "city", "required": True, "default": "Oslo"})
    assert parameters_from(made, {}, from_text=False) == {"city": "Oslo"}


def test_a_default_is_not_read_as_a_text_of_the_command_line() -> None:
    made = workflow({"name": "n", "type": "json", "default": "[1]"})
    assert parameters_from(made, {}, from_text=True) == {"n": "[1]"}


def test_an_unknown_name_is_refused_with_a_suggestion() -> None:
    made = workflow({"name": "city"}, {"name": "years", "type": "integer"})
    with pytest.raises(ParameterInvalid) as caught:
        parameters_from(made, {"ctiy": "Oslo"}, from_text=True)
    assert str(caught.value) == "Parameter 'ctiy': the workflow has no such parameter. Did you mean 'city'?"
    with pytest.raises(ParameterInvalid, match="The workflow has city, years"):
        parameters_from(made, {"other": 1}, from_text=False)
    with pytest.raises(ParameterInvalid, match="The workflow has no parameters"):
        parameters_from(workflow(), {"other": 1}, from_text=False)


def test_the_error_pickles() -> None:
    made = workflow({"name": "n", "type": "integer", "description": "How many."})
    with pytest.raises(ParameterInvalid) as caught:
        parameters_from(made, {"n": "x"}, from_text=True)
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)


@given(value=st.integers(-(10**30), 10**30))
def test_integers_survive_the_command_line(value: int) -> None:
    assert given_text({"type": "integer"}, str(value)) == value


@given(value=st.floats(allow_nan=False, allow_infinity=False))
def test_numbers_survive_the_command_line(value: float) -> None:
    assert given_text({"type": "number"}, repr(value)) == value
