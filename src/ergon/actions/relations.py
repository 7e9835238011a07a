"""Relations: filtering, sorting, grouping and joining rows in plain Python."""

from __future__ import annotations

import math
import re
import statistics
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from typing import Any, Final, Literal, cast

from ergon.actions.rows import Row, columns_of
from ergon.errors import ActionFailed
from ergon.model.expressions import parse_expression

How = Literal["inner", "left", "right", "outer"]

_CALL: Final = re.compile(r"\s*(\w+)\s*\(\s*(.*?)\s*\)\s*")


# ---- filtering ---------------------------------------------------------------------------------------------

_TESTS: Final[Mapping[str, Callable[[Any, Any], bool]]] = {
    "eq": lambda value, other: value == other,
    "ne": lambda value, other: value != other,
    "gt": lambda value, other: value is not None and value > other,
    "ge": lambda value, other: value is not None and value >= other,
    "lt": lambda value, other: value is not None and value < other,
    "le": lambda value, other: value is not None and value <= other,
    "in": lambda value, other: value in other,
    "not_in": lambda value, other: value not in other,
    "contains": lambda value, other: value is not None and other in value,
    "starts_with": lambda value, other: value is not None and value.startswith(other),
    "ends_with": lambda value, other: value is not None and value.endswith(other),
    "is_null": lambda value, other: (value is None) == bool(other),
}


def filter_rows(rows: Sequence[Row], where: str | Mapping[str, object]) -> list[Row]:
    """Give the rows for which an expression over their columns, or every condition on one, holds."""
    if isinstance(where, str):
        expression = parse_expression(where)
        return [row for row in rows if expression.evaluate({**row, "row": row})]
    _check_columns(rows, where)
    return [row for row in rows if all(_holds(row.get(name), test, name) for name, test in where.items())]


def conditions_fault(where: object) -> str:
    """Say what is wrong with conditions; empty if nothing is."""
    for name, test in where.items() if isinstance(where, Mapping) else ():
        unknown = [each for each in test if each not in _TESTS] if isinstance(test, Mapping) else []
        if unknown:
            return f"there is no test '{unknown[0]}' for column '{name}'; known are {', '.join(_TESTS)}"
    return ""


def _holds(value: object, test: object, name: str) -> bool:
    tests = test if isinstance(test, Mapping) else {"eq": test}
    try:
        return all(_TESTS[kind](value, other) for kind, other in tests.items())
    except (TypeError, AttributeError):
        raise ActionFailed(f"Column '{name}' holds {value!r}, which cannot be tested with {test!r}.") from None


# ---- sorting -----------------------------------------------------------------------------------------------


def sort_rows(rows: Sequence[Row], by: Sequence[str], descending: frozenset[str]) -> list[Row]:
    """Give the rows in order of columns, the first counting most; equal ones keep their order, nulls come last."""
    _check_columns(rows, by)
    found = list(rows)
    for name in reversed(by):
        known = [row for row in found if not _is_null(row.get(name))]
        try:
            known.sort(key=lambda row: cast("Any", row[name]), reverse=name in descending)  # used at once
        except TypeError as error:
            raise ActionFailed(f"Column '{name}' holds values that have no order: {error}.") from None
        found = known + [row for row in found if _is_null(row.get(name))]
    return found


def _is_null(value: object) -> bool:
    return value is None or (isinstance(value, float) and math.isnan(value))


# ---- grouping ----------------------------------------------------------------------------------------------


def group_rows(rows: Sequence[Row], by: Sequence[str]) -> list[tuple[tuple[object, ...], list[Row]]]:
    """Give values of columns with the rows that have them, in the order in which they first appear."""
    _check_columns(rows, by)
    groups: dict[tuple[Hashable, ...], list[Row]] = {}
    values: dict[tuple[Hashable, ...], tuple[object, ...]] = {}
    for row in rows:
        key = _key(row, by)
        values.setdefault(key, tuple(row.get(name) for name in by))
        groups.setdefault(key, []).append(row)
    return [(values[key], members) for key, members in groups.items()]


def _key(row: Row, names: Sequence[str]) -> tuple[Hashable, ...]:
    """Give what rows of one group share; true is not 1."""
    key = tuple((isinstance(value := row.get(name), bool), value) for name in names)
    try:
        hash(key)
    except TypeError:
        name = next(name for name in names if isinstance(row.get(name), list | dict | set))
        raise ActionFailed(f"Column '{name}' holds lists or mappings, which cannot be compared.") from None
    return key


_AGGREGATES: Final[Mapping[str, Callable[[list[Any]], object]]] = {
    "count": len,
    "distinct": lambda values: len(set(values)),
    "sum": lambda values: math.fsum(values) if any(isinstance(v, float) for v in values) else sum(values),
    "mean": statistics.fmean,
    "median": statistics.median,
    "min": min,
    "max": max,
    "std": lambda values: statistics.stdev(values) if len(values) > 1 else None,
    "first": lambda values: values[0],
    "last": lambda values: values[-1],
    "list": list,
}
_OF_NOTHING: Final[Mapping[str, Callable[[], object]]] = {"count": int, "distinct": int, "list": list}
_SAME: Final = {"avg": "mean", "average": "mean"}


def aggregate_rows(rows: Sequence[Row], by: Sequence[str], values: Mapping[str, str]) -> list[Row]:
    """Give one row per group with the columns of `by` and the aggregates; without `by` one row of all."""
    calls = {name: parse_aggregate(text) for name, text in values.items()}
    _check_columns(rows, [column for _, column in calls.values() if column != "*"])
    groups = group_rows(rows, by) if by else [((), list(rows))]
    return [
        dict(zip(by, key, strict=True))
        | {name: _aggregate(members, kind, column) for name, (kind, column) in calls.items()}
        for key, members in groups
    ]


def parse_aggregate(text: str) -> tuple[str, str]:
    """Read `sum(rain)`; gives the function and the column. Raises ValueError."""
    match = _CALL.fullmatch(text)
    kind = _SAME.get(match[1].lower(), match[1].lower()) if match else ""
    if match is None or kind not in _AGGREGATES:
        raise ValueError(f"'{text}' is no aggregate; write it like sum(rain), with one of {', '.join(_AGGREGATES)}")
    column = match[2] or "*"
    if column == "*" and kind != "count":
        raise ValueError(f"'{text}' names no column")
    return kind, column


def _aggregate(rows: Sequence[Row], kind: str, column: str) -> object:
    """Aggregate a column, nulls left out; of none there is no result but a count of 0."""
    if column == "*":
        return len(rows)
    values = [value for row in rows if not _is_null(value := row.get(column))]
    if not values:
        return _OF_NOTHING[kind]() if kind in _OF_NOTHING else None
    try:
        return _AGGREGATES[kind](values)
    except (TypeError, OverflowError, statistics.StatisticsError):
        raise ActionFailed(f"{kind}({column}) has no result: the column holds {values[0]!r} among others.") from None


# ---- joining -----------------------------------------------------------------------------------------------


def join_rows(left: Sequence[Row], right: Sequence[Row], on: Mapping[str, str], how: How, suffix: str) -> list[Row]:
    """Give rows of both tables side by side where columns agree; null agrees with nothing.

    `on` maps columns of the left table to those of the right one. A right column whose name is taken gets
    the suffix.
    """
    _check_columns(left, on.keys())
    _check_columns(right, on.values())
    names = _joined_names(columns_of(left), columns_of(right), on, suffix)
    index: dict[tuple[Hashable, ...], list[int]] = {}
    for number, row in enumerate(right):
        index.setdefault(_key(row, list(on.values())), []).append(number)
    joined: list[Row] = []
    matched: set[int] = set()
    blank = dict.fromkeys(names.values())
    for row in left:
        has_null = any(_is_null(row.get(name)) for name in on)
        numbers = [] if has_null else index.get(_key(row, list(on)), [])
        matched.update(numbers)
        joined += [row | _renamed(right[number], names) for number in numbers]
        if not numbers and how in ("left", "outer"):
            joined.append(row | blank)
    if how in ("right", "outer"):
        joined += _unmatched(left, right, matched, names, on)
    return joined


def _joined_names(left: Sequence[str], right: Sequence[str], on: Mapping[str, str], suffix: str) -> dict[str, str]:
    """Give the names that the right table's columns get; those that the left one's equal are left out."""
    names = {name: name + suffix if name in left else name for name in right if name not in on.values()}
    taken = next((new for new in names.values() if new in left or list(names.values()).count(new) > 1), None)
    if taken is not None:
        raise ActionFailed(f"Both tables have a column '{taken}'.", hint="Choose another `suffix`.")
    return names


def _renamed(row: Row, names: Mapping[str, str]) -> Row:
    return {new: row.get(name) for name, new in names.items()}


def _unmatched(
    left: Sequence[Row], right: Sequence[Row], matched: set[int], names: Mapping[str, str], on: Mapping[str, str]
) -> list[Row]:
    """Give the right rows that no left row agrees with, under the left table's names where they stand for both."""
    blank = dict.fromkeys(columns_of(left))
    return [
        blank | {mine: row.get(theirs) for mine, theirs in on.items()} | _renamed(row, names)
        for number, row in enumerate(right)
        if number not in matched
    ]


def _check_columns(rows: Sequence[Row], names: Iterable[str]) -> None:
    """Refuse a column that no row has; of no rows any may be asked."""
    if not rows:
        return
    known = columns_of(rows)
    for name in names:
        if name not in known:
            raise ActionFailed(f"There is no column '{name}'.", hint=f"There are: {', '.join(known)}.")
