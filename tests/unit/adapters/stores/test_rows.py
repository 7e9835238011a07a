from __future__ import annotations

import json
from types import MappingProxyType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ergon.adapters.stores.rows import artifacts_in, decode_data, decode_event, encode_data, encode_event
from ergon.model.events import NO_DATA, Event

_TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)
_EVENTS = st.builds(
    Event,
    run=st.just("r"),
    seq=st.integers(1, 2**32 - 1),
    at=st.floats(0, 1e10),
    type=_TEXT.filter(bool),
    step=_TEXT,
    attempt=st.integers(0, 10_000),
    data=st.just(NO_DATA) | st.dictionaries(st.text(max_size=4), _JSON, max_size=3),
    value=st.none() | _JSON.map(json.dumps),
    actor=_TEXT,
    correlation=st.sampled_from(["", "r", "other"]),
    causation=st.integers(0, 2**32 - 1),
    version=st.integers(1, 9),
)


@given(event=_EVENTS, number=st.integers(1, 2**30), usual=st.sampled_from(["", "r"]))
def test_an_event_comes_back_from_its_row_s40(event: Event, number: int, usual: str) -> None:
    row = encode_event(event, number, usual)
    assert row[0] >> 32 == number
    assert decode_event("r", usual, row) == event


def test_a_row_leaves_out_what_is_usual() -> None:
    row = encode_event(Event("r", 3, 1.5, "noted", correlation="r"), 7, "r")
    assert row == (7 << 32 | 3, 1.5, "noted", None, 0, None, None, None, None, 0, 1)


def test_data_may_be_any_mapping_and_undecodable_text() -> None:
    data = MappingProxyType({"file": "b\udcff", "deep": MappingProxyType({"a": (1, 2)})})
    text = encode_data(data)
    assert text is not None
    assert text.isascii()
    assert decode_data(text) == {"file": "b\udcff", "deep": {"a": [1, 2]}}


def test_data_that_is_no_json_is_refused_by_name() -> None:
    with pytest.raises(TypeError, match="holds a set"):
        encode_data({"a": {1, 2}})


def test_artifacts_are_found_at_any_depth_and_inside_strings_of_json_s49() -> None:
    a, b = "a" * 64, "b" * 64
    value = json.dumps({"rows": [{"$artifact": a, "holds": [{"$artifact": b}]}]})
    assert artifacts_in(value) == [a, b]
    assert artifacts_in(encode_data({"inputs": value})) == [a, b]
    assert artifacts_in(json.dumps({"deeper": json.dumps({"deep": value})})) == [a, b]
    assert artifacts_in('{"$artifact":"too short"}') == []
    assert artifacts_in(None) == []
