"""S47: what a reader gets is what was stored, types included, and a copy of its own."""

from __future__ import annotations

import datetime as dt
import json
import math
import string
from decimal import Decimal
from pathlib import Path
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ergon.model.values import Artifact, canonical, decode_plain, encode_plain, encode_small, to_json

ARTIFACT = Artifact("ab" * 32, "dataframe", 12, "rows", ("cd" * 32,))

texts = st.text(st.characters(exclude_categories=())) | st.sampled_from(
    ["$tuple", "$", "$artifact", "$x", "\ud83d\ude00", "\ud800", "\x00", "\u2028", '"', "***"]
)
zones = st.none() | st.timezones() | st.just(dt.UTC) | st.just(dt.timezone(dt.timedelta(seconds=-4321)))
keys = st.one_of(
    texts,
    st.integers(),
    st.booleans(),
    st.none(),
    st.floats(allow_nan=False),
    st.dates(),
    st.datetimes(),
    st.uuids(),
    st.tuples(st.integers(), texts),
    st.frozensets(st.integers(), max_size=3),
)
scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    texts,
    st.dates(),
    st.datetimes(timezones=zones),
    st.times(timezones=st.none() | st.just(dt.UTC) | st.timezones()),
    st.timedeltas(),
    st.decimals(allow_nan=False),
    st.uuids(),
    st.just(Path("a/bé")),
    st.just(ARTIFACT),
)
values = st.recursive(
    scalars,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.lists(inner, max_size=4).map(tuple),
        st.dictionaries(texts, inner, max_size=4),
        st.dictionaries(keys, inner, max_size=4),
        st.sets(keys, max_size=4),
        st.frozensets(keys, max_size=4),
    ),
    max_leaves=12,
)


def alike(value: object, other: object) -> bool:
    """Say whether two values are equal with the types of everything in them, NaN and -0.0 included."""
    if type(value) is not type(other):
        return False
    if isinstance(value, float) and isinstance(other, float):
        return repr(value) == repr(other)
    if isinstance(value, list | tuple) and isinstance(other, list | tuple):
        return len(value) == len(other) and all(map(alike, value, other))
    if isinstance(value, dict) and isinstance(other, dict):
        return alike(list(value.items()), list(other.items()))
    if isinstance(value, set | frozenset) and isinstance(other, set | frozenset):
        return alike(sorted(value, key=repr), sorted(other, key=repr))
    if isinstance(value, dt.datetime | dt.time) and isinstance(other, dt.datetime | dt.time):
        return value == other and (
            value.tzinfo is other.tzinfo
            if isinstance(value.tzinfo, ZoneInfo)
            else value.utcoffset() == other.utcoffset()
        )
    return value == other


@given(values)
def test_s47_a_value_comes_back_with_its_types(value: object) -> None:
    assert alike(decode_plain(encode_plain(value)), value)


@given(values)
def test_s47_a_stored_form_is_strict_json_in_utf_8(value: object) -> None:
    text = encode_plain(value)
    text.encode()
    json.loads(text, parse_constant=pytest.fail)


@given(values)
def test_s47_what_is_read_is_stored_alike_again(value: object) -> None:
    text = encode_plain(value)
    assert encode_plain(decode_plain(text)) == text


@given(values)
def test_what_is_small_is_stored_the_same_way_at_once(value: object) -> None:
    assert encode_small(value) in (None, encode_plain(value))


@given(values)
def test_what_is_shown_is_strict_json(value: object) -> None:
    shown = to_json(encode_plain(value))
    text = json.dumps(shown, ensure_ascii=False, allow_nan=False)
    text.encode()
    assert json.loads(text) == shown


@given(st.dictionaries(texts, texts, min_size=2))
def test_equal_mappings_have_one_canonical_form(value: dict[str, str]) -> None:
    turned = dict(reversed(value.items()))
    assert canonical(encode_plain(turned)) == canonical(encode_plain(value))


def test_equal_mappings_of_other_keys_have_one_canonical_form() -> None:
    assert canonical(encode_plain({2: "b", 1: {"y": 1, "x": 2}})) == canonical(
        encode_plain({1: {"x": 2, "y": 1}, 2: "b"})
    )


def test_s47_each_reader_gets_a_copy_of_its_own() -> None:
    text = encode_plain({"rows": [{"a": [1]}]})
    one, other = decode_plain(text), decode_plain(text)
    assert isinstance(one, dict)
    one["rows"][0]["a"].append(2)
    assert other == {"rows": [{"a": [1]}]}


@pytest.mark.parametrize(
    "value",
    [
        10**5000,
        -(7**9000),
        [10**5000],
        2**63,
        -(2**64) - 1,
        -0.0,
        5e-324,
        1e308,
        dt.datetime(2020, 10, 25, 2, 30, fold=1, tzinfo=ZoneInfo("Europe/Oslo")),
        dt.datetime(2020, 10, 25, 2, 30, fold=0, tzinfo=ZoneInfo("Europe/Oslo")),
        dt.datetime(2020, 3, 29, 2, 30, tzinfo=ZoneInfo("Europe/Oslo")),  # there was no such time
        dt.time(12, 30, tzinfo=ZoneInfo("Asia/Tokyo")),
        Decimal("1E+400"),
        UUID(int=0),
        {},
        [],
        (),
        set(),
        frozenset(),
        {"": ""},
        {1: "a", "1": "b", None: "c", (1, (2,)): "d", 1.5: "e"},
    ],
    ids=lambda value: f"{type(value).__name__}",
)
def test_s47_odd_values_come_back(value: object) -> None:
    read = decode_plain(encode_plain(value))
    assert alike(read, value)
    if isinstance(value, dt.datetime) and isinstance(read, dt.datetime):
        assert (read.fold, read.timestamp()) == (value.fold, value.timestamp())


def test_a_date_keeps_its_offset_where_its_zone_is_not_known() -> None:
    read = decode_plain('{"$datetime":"2020-01-01T12:00:00+05:00[Mars/Olympus]"}')
    assert read == dt.datetime(2020, 1, 1, 12, tzinfo=dt.timezone(dt.timedelta(hours=5)))


@given(st.dictionaries(st.sampled_from(["$tuple", "$map", "$date", "$artifact", "$set", "type"]), values))
def test_s47_a_users_dict_that_looks_like_a_tag_stays_a_dict(value: dict[str, object]) -> None:
    assert alike(decode_plain(encode_plain(value)), value)


def test_s47_nobody_can_make_a_reference_out_of_data() -> None:
    spoof = ARTIFACT.as_data()
    read = decode_plain(encode_plain(spoof))
    assert type(read) is dict
    assert read == spoof


@pytest.mark.parametrize(
    "text",
    [
        '{"$ref":"#/definitions/a"}',
        '{"$date":{"$numberLong":"1"}}',
        '{"$date":"soon"}',
        '{"$tuple":"ab"}',
        '{"$map":[[1,2,3]]}',
        '{"$set":[[1]]}',
        '{"$float":"x"}',
        '{"$timedelta":1e400}',
        '{"$timedelta":99999999999999999999999999}',
        '{"$decimal":"x"}',
        '{"$tuple":[1],"more":2}',
        '{"$artifact":"short","type":"bytes","size":1}',
    ],
)
def test_what_only_looks_like_a_tag_is_a_mapping(text: str) -> None:
    assert decode_plain(text) == json.loads(text)
    json.dumps(to_json(text))


def test_half_a_stored_form_is_no_value() -> None:
    with pytest.raises(ValueError, match="ends at 1 of 3"):
        decode_plain("1 2")


def test_deep_values_come_back_up_to_the_limit() -> None:
    value: object = "end"
    for _ in range(200):
        value = {1: value}
    read = decode_plain(encode_plain(value))
    for _ in range(200):
        assert isinstance(read, dict)
        read = read[1]
    assert read == "end"


def test_to_json_says_it_for_people() -> None:
    value = {
        "tuple": (1, (2,)),
        "nan": math.nan,
        "inf": [-math.inf],
        "day": dt.date(2020, 1, 2),
        "at": dt.datetime(2020, 1, 2, 3, tzinfo=ZoneInfo("Europe/Oslo")),
        "clock": dt.time(3, 4),
        "lasted": dt.timedelta(minutes=1, microseconds=500_000),
        "price": Decimal("1.20"),
        "id": UUID(int=1),
        "where": Path("a/b"),
        "set": {3, 1, 2},
        "by number": {1: "a", 2.5: "b"},
        "by more": {None: 1, (1, "x"): 2, dt.date(2020, 1, 1): 3},
        "hidden": {1: "a", "1": "b"},
        "$dollar": {"$tuple": 1},
        "bad": "a\ud800b",
        "huge": 10**5000,
        "rows": ARTIFACT,
    }
    assert to_json(encode_plain(value)) == {
        "tuple": [1, [2]],
        "nan": None,
        "inf": [None],
        "day": "2020-01-02",
        "at": "2020-01-02T03:00:00+01:00",
        "clock": "03:04:00",
        "lasted": 60.5,
        "price": "1.20",
        "id": "00000000-0000-0000-0000-000000000001",
        "where": "a/b",
        "set": [1, 2, 3],
        "by number": {"1": "a", "2.5": "b"},
        "by more": {"null": 1, '[1,"x"]': 2, "2020-01-01": 3},
        "hidden": [[1, "a"], ["1", "b"]],
        "$dollar": {"$tuple": 1},
        "bad": "a?b",
        "huge": hex(10**5000),
        "rows": {"$artifact": "ab" * 32, "type": "dataframe", "size": 12, "name": "rows"},
    }


def test_plain_values_are_stored_as_compact_json() -> None:
    assert encode_plain({"a": [1, 2.5, None, True], "é": "ø\n"}) == '{"a":[1,2.5,null,true],"é":"ø\\n"}'
    for value, text in ((None, "null"), (True, "true"), (1, "1"), (0.1, "0.1"), ("a", '"a"'), ([], "[]")):
        assert encode_plain(value) == text


@pytest.mark.parametrize(
    "value", ["x" * 5000, ["x" * 50] * 100, list(range(600)), [[1] * 30] * 30, ({"a": "x" * 5000},), {1: "x" * 5000}]
)
def test_what_is_not_small_is_left_to_the_thread(value: object) -> None:
    assert encode_small(value) is None


@pytest.mark.parametrize("value", [(1, 2), {1: 2}, dt.date(2020, 1, 1), math.nan, [math.nan], {"$a": 1}, "\ud800"])
def test_small_special_values_are_stored_at_once(value: object) -> None:
    assert encode_small(value) == encode_plain(value)


@pytest.mark.parametrize("letters", [string.ascii_letters, "é" * 50])
def test_a_text_at_the_limit_is_small(letters: str) -> None:
    assert encode_small(letters[:1] * 4096) is not None
