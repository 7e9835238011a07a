"""Rows: a table as a list of mappings, whatever it came as."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from decimal import Decimal
from typing import Annotated, Any, Final
from uuid import UUID

from pydantic import PlainValidator, WithJsonSchema

Row = dict[str, object]

_NEEDED: Final = "must be rows: a list of mappings, or a data frame"


def as_rows(value: object) -> list[Row]:
    """Give the rows of a list of mappings, a data frame or an Arrow table; raises ValueError for others.

    In rows of a data frame NaN and the like are null.
    """
    frame: Any = value
    if hasattr(value, "to_dict") and hasattr(value, "columns"):
        return [_plain_row(row) for row in frame.reset_index(drop=True).to_dict(orient="records")]
    if hasattr(value, "to_pylist"):
        return [_plain_row(row) for row in frame.to_pylist()]
    if isinstance(value, Mapping | str | bytes) or not isinstance(value, Iterable):
        raise ValueError(_NEEDED)
    return [_row(each, index) for index, each in enumerate(value)]


def _row(value: object, index: int) -> Row:
    if not isinstance(value, Mapping):
        raise ValueError(f"{_NEEDED}; item {index} is a {type(value).__name__}")
    if isinstance(value, dict) and all(type(key) is str for key in value):
        return value
    return {str(key): member for key, member in value.items()}


def _plain_row(row: Mapping[object, object]) -> Row:
    return {str(key): _plain_cell(value) for key, value in row.items()}


def _plain_cell(value: object) -> object:
    plain = plain_value(value)
    return None if isinstance(plain, float) and plain != plain else plain  # only NaN differs from itself


def plain_value(value: object) -> object:
    """Give what JSON can carry, or a date or time, for a value from a database or a data frame."""
    if value is None or type(value) in (str, bool, int, float):
        return value
    if isinstance(value, Decimal):
        return int(value) if value.is_finite() and value.as_tuple().exponent == 0 else float(value)
    if isinstance(value, UUID):
        return str(value)
    if type(value).__name__ == "MonthDayNano":
        return _interval(value)
    if isinstance(value, Mapping):
        return {str(key): plain_value(member) for key, member in value.items()}
    if isinstance(value, list | tuple):
        return [plain_value(member) for member in value]
    return _plain_foreign(value)


def _interval(value: Any) -> object:
    """Give a database's interval as a duration, or in words if it has months, which have no fixed length."""
    if value.months:
        return f"{value.months} months {value.days} days {value.nanoseconds / 1e9:g} s"
    return timedelta(days=value.days, microseconds=value.nanoseconds // 1000)


def _plain_foreign(value: Any) -> object:
    """Give the plain value of a NumPy or pandas scalar or array; anything else as it is."""
    pandas = sys.modules.get("pandas")
    if pandas is not None:
        if value is pandas.NaT or value is pandas.NA:
            return None
        if isinstance(value, pandas.Timestamp):
            return str(value) if value.nanosecond else value.to_pydatetime()
        if isinstance(value, pandas.Timedelta):
            return str(value) if value.nanoseconds else value.to_pytimedelta()
    numpy = sys.modules.get("numpy")
    if numpy is not None and isinstance(value, numpy.ndarray | numpy.generic):
        return plain_value(value.tolist())
    return value


def columns_of(rows: Sequence[Mapping[str, object]]) -> list[str]:
    """Give the names of all columns, in the order in which they first appear."""
    return list(dict.fromkeys(name for row in rows for name in row))


Rows = Annotated[
    list[Row],
    PlainValidator(as_rows),
    WithJsonSchema({"type": "array", "items": {"type": "object"}}),
]
"""An input that is a table."""
