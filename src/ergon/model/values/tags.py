"""Tags: how the stored form writes the leaf values that JSON does not know, as `{"$name": …}`."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Callable, Mapping
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from pathlib import Path, PurePath
from typing import Any, Final
from uuid import UUID
from zoneinfo import ZoneInfo

from ergon.errors import NotStorable

Tag = dict[str, object]

_INT_BITS: Final = 14_000
"""Longer integers are written in hexadecimal: Python refuses to read more than 4,300 decimal digits."""
_MICROSECOND: Final = timedelta(microseconds=1)


def integer(value: int) -> int | Tag:
    """Give an integer of any size as JSON can carry it."""
    return value if value.bit_length() <= _INT_BITS else {"$int": hex(value)}


def number(value: float) -> float | Tag:
    """Give a float as strict JSON can carry it."""
    return value if math.isfinite(value) else {"$float": repr(value)}


def text(value: str) -> str | Tag:
    """Give a string as UTF-8 can carry it: one with lone surrogates is escaped."""
    if value.isascii():
        return value
    try:
        value.encode()
    except UnicodeEncodeError:
        return {"$text": value.encode("unicode_escape").decode("ascii")}
    return value


def leaf(value: object) -> Tag | None:
    """Give the tag of a date, time, duration, decimal, UUID or path; None for anything else."""
    if isinstance(value, datetime):
        return {"$datetime": datetime.isoformat(value) + _zone(value)}
    if isinstance(value, date):
        return {"$date": date.isoformat(value)}
    if isinstance(value, time):
        return {"$time": time.isoformat(value) + _zone(value)}
    if isinstance(value, timedelta):
        return {"$timedelta": value // _MICROSECOND}
    if isinstance(value, Decimal):
        return {"$decimal": str(value)}
    if isinstance(value, UUID):
        return {"$uuid": str(value)}
    if isinstance(value, PurePath):
        return {"$path": text(str(value))}
    return None


def plainer(value: object) -> object:
    """Give the plain Python value that an enum member, a NumPy or pandas scalar or a subclass stands for.

    Gives the value itself where there is none, and raises `NotStorable` where one would lose something.
    """
    if isinstance(value, Enum):
        return value.value
    numpy: Any = sys.modules.get("numpy")
    if numpy is not None and isinstance(value, numpy.generic):
        return _numpy_scalar(value, numpy)
    pandas: Any = sys.modules.get("pandas")
    if pandas is not None and (value is pandas.NaT or value is pandas.NA):
        return None
    if pandas is not None and isinstance(value, pandas.Timestamp | pandas.Timedelta):
        return _pandas_scalar(value)
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, int):
        return int.__int__(value)
    if isinstance(value, float):
        return float.__float__(value)
    return value


def _zone(value: datetime | time) -> str:
    """Name a time zone after the offset, as RFC 9557 does: `[Europe/Oslo]`."""
    zone = value.tzinfo
    return f"[{zone.key}]" if isinstance(zone, ZoneInfo) and zone.key else ""


def _numpy_scalar(value: Any, numpy: Any) -> object:
    if isinstance(value, numpy.datetime64 | numpy.timedelta64):
        return _numpy_time(value, numpy)
    item: object = value.item()
    if type(item) is type(value) or isinstance(item, complex):  # a wider float, a record: Python has no such
        raise NotStorable(where="", kind=f"numpy.{type(value).__name__}", hint="Return a plain float or an array.")
    return item


def _numpy_time(value: Any, numpy: Any) -> object:
    if numpy.isnat(value):
        return None
    item: object = value.item()
    if isinstance(item, int):  # finer than microseconds, or a unit that Python has not
        unit = numpy.datetime_data(value.dtype)[0]
        coarse = value.astype(value.dtype.str[1] + "8[us]") if unit in ("ns", "ps", "fs", "as") else value
        item = coarse.item() if coarse == value else item
    if isinstance(item, int):
        raise _too_fine(f"numpy.{type(value).__name__} of {value.dtype}")
    return item


def _pandas_scalar(value: Any) -> object:
    instant = isinstance(value, datetime)
    if value.nanosecond if instant else value.nanoseconds:
        raise _too_fine(f"pandas.{type(value).__name__} with nanoseconds")
    plain: object = value.to_pydatetime() if instant else value.to_pytimedelta()
    return plain


def _too_fine(kind: str) -> NotStorable:
    return NotStorable(where="", kind=kind, hint="Round it to microseconds, or return it in a data frame or array.")


# ---- reading -----------------------------------------------------------------------------------------------
# A payload that is not well formed raises one of MALFORMED: then it was no tag of ours.

MALFORMED: Final = (ValueError, TypeError, ArithmeticError, LookupError)


def _text(payload: object) -> str:
    if isinstance(payload, str):
        return payload
    raise TypeError("a tag's payload is a string")


def _list(payload: object) -> list[Any]:
    if isinstance(payload, list):
        return payload
    raise TypeError("a tag's payload is a list")


def _split_zone(payload: object) -> tuple[str, ZoneInfo | None]:
    iso, bracket, key = _text(payload).partition("[")
    if not bracket:
        return iso, None
    try:
        return iso, ZoneInfo(key.removesuffix("]"))
    except (ValueError, OSError, KeyError):  # this machine does not know the zone: the offset remains
        return iso, None


def _read_datetime(payload: object) -> datetime:
    iso, zone = _split_zone(payload)
    value = datetime.fromisoformat(iso)
    if zone is None:
        return value
    folds = (value.replace(tzinfo=zone, fold=fold) for fold in (0, 1))
    return next((named for named in folds if named.utcoffset() == value.utcoffset()), value)


def _read_time(payload: object) -> time:
    iso, zone = _split_zone(payload)
    value = time.fromisoformat(iso)
    return value if zone is None else value.replace(tzinfo=zone)


def _read_timedelta(payload: object) -> timedelta:
    if isinstance(payload, int):
        return timedelta(microseconds=payload)
    raise TypeError("a tag's payload is a number")


def _read_float(payload: object) -> float:
    return {"nan": math.nan, "inf": math.inf, "-inf": -math.inf}[_text(payload)]


def _read_text(payload: object) -> str:
    return _text(payload).encode("ascii").decode("unicode_escape")


READERS: Final[Mapping[str, Callable[[object], object]]] = {
    "$tuple": lambda payload: tuple(_list(payload)),
    "$map": lambda payload: dict(_list(payload)),
    "$set": lambda payload: set(_list(payload)),
    "$frozenset": lambda payload: frozenset(_list(payload)),
    "$float": _read_float,
    "$int": lambda payload: int(_text(payload), 16),
    "$text": _read_text,
    "$datetime": _read_datetime,
    "$date": lambda payload: date.fromisoformat(_text(payload)),
    "$time": _read_time,
    "$timedelta": _read_timedelta,
    "$decimal": lambda payload: Decimal(_text(payload)),
    "$uuid": lambda payload: UUID(_text(payload)),
    "$path": lambda payload: Path(_text(payload)),
}
"""What reads the payload of a tag, its members already read."""


# ---- printing ----------------------------------------------------------------------------------------------


def _print_map(payload: object) -> object:
    pairs = _list(payload)
    named = {_print_key(key): value for key, value in pairs}
    return named if len(named) == len(pairs) else pairs  # 1 and "1" would hide one another


def _print_key(key: object) -> str:
    return key if isinstance(key, str) else json.dumps(key, ensure_ascii=False, separators=(",", ":"))


def _print_time(payload: object) -> str:
    return _text(payload).partition("[")[0]


PRINTERS: Final[Mapping[str, Callable[[object], object]]] = {
    "$tuple": _list,
    "$map": _print_map,
    "$set": _list,
    "$frozenset": _list,
    "$float": lambda payload: None,
    "$int": _text,
    "$text": lambda payload: _read_text(payload).encode("utf-8", "replace").decode(),
    "$datetime": _print_time,
    "$date": _text,
    "$time": _print_time,
    "$timedelta": lambda payload: _read_timedelta(payload).total_seconds(),
    "$decimal": _text,
    "$uuid": _text,
    "$path": _text,
}
"""What gives the payload of a tag as strict JSON for people, its members already given so."""
