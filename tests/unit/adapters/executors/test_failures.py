"""Failures: what is raised, packed and raised again."""

from __future__ import annotations

import pickle
import traceback

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ergon.adapters.executors.failures import Failure, Result, as_failure, packed, result_of, stand_in
from ergon.errors import InputInvalid, NotStorable, Timeout
from ergon.testing.contracts import probes


def test_an_ordinary_error_stays_itself() -> None:
    error = KeyError("x")
    assert as_failure(error) is error


@pytest.mark.parametrize("kind", [kind for kind in probes.RAISED if kind != "StopAsyncIteration"])
def test_an_error_with_a_meaning_of_its_own_is_replaced_by_one_of_its_name(kind: str) -> None:
    error = probes.RAISED[kind]("why")
    failure = as_failure(error)
    assert type(failure).__name__ == kind
    assert str(failure) == f"The action raised {error!r}."
    assert failure.__cause__ is error


def test_a_stand_in_can_be_sent_on() -> None:
    copy = pickle.loads(pickle.dumps(stand_in("SystemExit", "words")))
    assert (type(copy).__name__, str(copy)) == ("SystemExit", "words")


@pytest.mark.parametrize(
    "error",
    [ValueError("v"), Timeout(seconds=3.0), InputInvalid(action="a.b", field="f", reason="r", hint="h")],
    ids=lambda error: type(error).__name__,
)
def test_an_error_crosses_as_itself_with_its_traceback(error: Exception) -> None:
    def fail() -> object:
        raise error

    copy = pickle.loads(pickle.dumps(result_of(fail)))
    with pytest.raises(type(error)) as caught:
        copy.open()
    assert str(caught.value) == str(error)
    assert "in fail" in "".join(traceback.format_exception(caught.value))


def test_an_error_whose_class_is_not_to_be_found_keeps_its_name() -> None:
    failure = Failure(b"\x80\x05cnowhere\nGone\n.", "Gone", "words", "Traceback …")
    error = failure.error()
    assert (type(error).__name__, str(error)) == ("Gone", "words")
    assert "Traceback …" in str(error.__cause__)


_VALUES = st.recursive(
    st.none() | st.integers() | st.text() | st.binary(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=8,
)


@given(_VALUES)
def test_values_cross_as_they_are(value: object) -> None:
    result = packed(value)
    assert Result(*pickle.loads(pickle.dumps(result))).open() == value


@given(_VALUES, _VALUES, st.sampled_from(["rows", "two words", "x1"]))
def test_the_place_of_what_cannot_cross_is_named(before: object, after: object, key: str) -> None:
    with pytest.raises(NotStorable) as caught:
        packed({"a": before, key: [before, {"deep": (after, lambda: None)}]})
    named = f".{key}" if key.isidentifier() else f"[{key!r}]"
    assert caught.value.where == f"{named}[1].deep[1]"
    assert caught.value.kind == "function"


def test_a_value_that_holds_itself_is_refused_too() -> None:
    value: list[object] = [lambda: None]
    value.append(value)
    with pytest.raises(NotStorable, match="function"):
        packed(value)
