"""S47: which Python objects are stored as what, and which are refused and where."""

from __future__ import annotations

import collections
import dataclasses
import datetime as dt
import enum
import inspect
import math
import sys
import threading
import time
import types
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import pytest
from pydantic import BaseModel, RootModel, computed_field

from ergon.errors import NotStorable
from ergon.model.expressions import Deferred
from ergon.model.secrets import Secret
from ergon.model.values import decode_plain, encode_plain, encode_small


class Point(NamedTuple):
    x: int
    y: int


@dataclasses.dataclass(frozen=True)
class Reading:
    at: dt.date
    point: Point


class Station(BaseModel):
    name: str
    readings: list[Reading] = []

    @computed_field  # type: ignore[prop-decorator]  # as pydantic documents it
    @property
    def count(self) -> int:
        return len(self.readings)


class Level(enum.IntEnum):
    LOW = 1


class Colour(enum.StrEnum):
    RED = "red"


class Span(enum.Enum):
    DAY = dt.timedelta(days=1)


class Text(str):
    pass


class Count(int):
    pass


class Share(float):
    pass


class Later(Deferred):
    def load(self) -> object:
        return [1, (2,)]


def read(value: object) -> object:
    return decode_plain(encode_plain(value))


DAY = dt.date(2020, 1, 2)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (Point(1, 2), {"x": 1, "y": 2}),
        (Reading(DAY, Point(1, 2)), {"at": DAY, "point": {"x": 1, "y": 2}}),
        (Station(name="a", readings=[]), {"name": "a", "readings": [], "count": 0}),
        (RootModel[list[int]]([1, 2]), [1, 2]),
        (Level.LOW, 1),
        (Colour.RED, "red"),
        (Span.DAY, dt.timedelta(days=1)),
        ({Colour.RED: 1}, {"red": 1}),
        (Text("a"), "a"),
        ({Text("a"): 1}, {"a": 1}),
        (Count(2), 2),
        (Share(0.5), 0.5),
        (time.gmtime(0), (1970, 1, 1, 0, 0, 0, 3, 1, 0)),
        (collections.OrderedDict(b=1, a=2), {"b": 1, "a": 2}),
        (collections.Counter("aab"), {"a": 2, "b": 1}),
        (collections.defaultdict(list, a=[1]), {"a": [1]}),
        (types.MappingProxyType({"a": 1}), {"a": 1}),
        (collections.deque([1, 2]), [1, 2]),
        (range(3), [0, 1, 2]),
        ({"b": 1, "a": 2}.keys(), ["b", "a"]),
        ({"a": 1}.items(), [("a", 1)]),
        (Later(), [1, (2,)]),
        (Secret("TOKEN"), "***"),
        (np.int8(3), 3),
        (np.float32(0.5), 0.5),
        (np.float64(2.5), 2.5),
        (np.bool_(True), True),
        (np.str_("a"), "a"),
        (np.datetime64("2020-01-02"), DAY),
        (np.datetime64("2020-01-02T03:04:05.678901"), dt.datetime(2020, 1, 2, 3, 4, 5, 678901)),
        (np.datetime64("2020-01-02T03:04:05.000000000"), dt.datetime(2020, 1, 2, 3, 4, 5)),
        (np.timedelta64(1_500_000_000, "ns"), dt.timedelta(seconds=1.5)),
        (np.datetime64("NaT", "s"), None),
        (pd.Timestamp("2020-01-02 03:04", tz="UTC"), dt.datetime(2020, 1, 2, 3, 4, tzinfo=dt.UTC)),
        (pd.Timedelta("1.5s"), dt.timedelta(seconds=1.5)),
        (pd.NaT, None),
        (pd.NA, None),
        ({np.int64(1): "a"}, {1: "a"}),
        (pd.DataFrame({"a": [1]}).to_dict("records"), [{"a": 1}]),
    ],
    ids=lambda value: type(value).__name__,
)
def test_s47_what_stands_for_a_plain_value_is_stored_as_it(value: object, expected: object) -> None:
    found = read(value)
    assert found == expected
    assert type(found) is type(expected)


def test_s47_nan_of_numpy_is_nan() -> None:
    found = read(np.float32("nan"))
    assert isinstance(found, float)
    assert math.isnan(found)


@pytest.mark.parametrize("value", [np.int64(3), Colour.RED, pd.NaT, (np.float64(0.5),)])
def test_scalars_of_other_packages_are_stored_at_once(value: object) -> None:
    assert encode_small(value) == encode_plain(value)


def forever() -> Iterator[int]:
    yield 1


def in_a_circle() -> object:
    circle: list[object] = []
    circle += [circle, circle]
    return circle


def deep(levels: int) -> object:
    value: object = 1
    for _ in range(levels):
        value = [value]
    return value


@pytest.mark.parametrize(
    ("value", "where", "kind"),
    [
        (object(), "", "object"),
        ([1, {"rows": {"x": object()}}], "[1].rows.x", "object"),
        ({"a b": {3: {"": threading.Lock()}}}, "['a b'][3]['']", "_thread.lock"),
        (Reading(DAY, object()), ".point", "object"),  # type: ignore[arg-type]  # what a careless caller does
        (({1, frozenset({(2, 3)})}, forever()), "[1]", "generator"),
        (b"bytes", "", "bytes"),
        (1j, "", "complex"),
        (Point, "", "type"),
        (len, "", "builtin_function_or_method"),
        ({Point(1, 2): 1}, "[Point(x=1, y=2)]", "test_accepted.Point as a mapping's key"),
        ({b"x": 1}, "[b'x']", "bytes"),
        ({Reading(DAY, Point(1, 2))}, "", "Reading as a mapping's key or a set's member"),
        ({Span.DAY: 1, dt.timedelta(days=1): 2}, "", "mapping with keys that would be stored alike"),
        ({Text("a"): 1, Level.LOW: 2, 1.5: {Colour: 1}}, "[1.5][<enum 'Colour'>]", "EnumType"),
        (np.longdouble("0.1"), "", "numpy.longdouble"),
        (np.complex64(1), "", "numpy.complex64"),
        ([np.datetime64(1, "ns")], "[0]", "numpy.datetime64 of datetime64[ns]"),
        (np.timedelta64(1, "M"), "", "numpy.timedelta64"),
        ({"t": pd.Timestamp(1, unit="ns")}, ".t", "pandas.Timestamp with nanoseconds"),
        (pd.Timedelta(1, unit="ns"), "", "pandas.Timedelta with nanoseconds"),
        (deep(201), "[0][0]", "nested deeper than 200 levels"),
        (deep(100_000), "[0][0]", "nested deeper than 200 levels"),
        (in_a_circle(), "[0][0]", "nested deeper than 200 levels"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_s47_anything_else_is_refused_and_its_place_named(value: object, where: str, kind: str) -> None:
    with pytest.raises(NotStorable) as refusal:
        encode_plain(value)
    found = refusal.value
    assert found.where == where or found.where.startswith("[0][0]")
    assert kind in found.kind
    assert found.hint
    assert len(str(found)) < 400
    assert encode_small(value) is None


def test_s47_the_deepest_allowed_is_stored() -> None:
    assert read(deep(200)) == deep(200)


def test_s47_classes_nested_to_the_limit_do_not_exhaust_the_stack() -> None:
    value: object = 1
    for _ in range(200):
        value = types.MappingProxyType({"x": (value,)})
    with pytest.raises(NotStorable, match="nested deeper than 200 levels"):
        encode_plain(value)


def test_s47_a_caller_deep_in_the_stack_gets_a_sentence_and_no_recursion_error() -> None:
    value: object = (1,)
    for _ in range(150):
        value = (value,)

    def descend(levels: int) -> None:
        if levels:
            descend(levels - 1)
        else:
            assert encode_small(value) is None
            encode_plain(value)

    with pytest.raises(NotStorable, match="nested deeper"):
        descend(sys.getrecursionlimit() - len(inspect.stack()) - 100)


def test_a_model_that_cannot_be_dumped_says_why() -> None:
    class Bad(BaseModel):
        @computed_field  # type: ignore[prop-decorator]  # as pydantic documents it
        @property
        def broken(self) -> int:
            raise ValueError("no reading")

    with pytest.raises(NotStorable, match="no reading"):
        encode_plain([Bad()])


@pytest.mark.parametrize(
    ("value", "hint"),
    [(forever(), "Return a list"), (len, "when it is called"), (object(), "Return JSON-able values")],
)
def test_the_hint_says_what_to_return_instead(value: object, hint: str) -> None:
    with pytest.raises(NotStorable, match=hint):
        encode_plain(value)


def hidden(text: str) -> str:
    return text.replace("swordfish", "***").replace("12345678", "***")


@pytest.mark.parametrize("encode", [encode_plain, encode_small])
def test_s48_what_is_redacted_is_every_string_and_number(encode: Callable[..., str]) -> None:
    value = {
        "swordfish": ["a swordfish", ("swordfish",), {"swordfish"}],
        "path": Path("a/swordfish"),
        "pin": 12345678,
        "near": 1.5,
        3: {"deep": Colour.RED},
    }
    assert decode_plain(encode(value, redact=hidden)) == {
        "***": ["a ***", ("***",), {"***"}],
        "path": Path("a/***"),
        "pin": "***",
        "near": 1.5,
        3: {"deep": "red"},
    }


def test_s48_keys_that_are_redacted_to_the_same_do_not_fail_the_step() -> None:
    assert decode_plain(encode_plain({"swordfish": 1, "12345678": 2}, redact=hidden)) == {"***": 2}
