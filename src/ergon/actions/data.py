"""Data actions: tables asked in SQL, or filtered, sorted, grouped and joined in plain words."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import BeforeValidator, Field, WithJsonSchema

from ergon.actions.action import action
from ergon.actions.query import Query
from ergon.actions.relations import (
    How,
    aggregate_rows,
    conditions_fault,
    filter_rows,
    group_rows,
    join_rows,
    parse_aggregate,
    sort_rows,
)
from ergon.actions.rows import Row, Rows
from ergon.errors import ActionFailed, InputInvalid, TemplateInvalid
from ergon.model.expressions import parse_expression
from ergon.ports import Context, Problem


def _listed(value: object) -> object:
    return [value] if isinstance(value, str) else value


Columns = Annotated[
    list[str],
    BeforeValidator(_listed),
    WithJsonSchema({"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]}),
]
"""A column, or a list of columns."""


# ---- SQL ---------------------------------------------------------------------------------------------------


@action(
    "data.query",
    example="""
    id: monthly
    uses: data.query
    with:
      sql: SELECT month, avg(high) AS high FROM days GROUP BY month ORDER BY month
      tables: {days: data/days.csv}
    """,
)
def query(
    sql: str,
    tables: Mapping[str, Path | Any] | None = None,
    result: Literal["rows", "dataframe"] = "rows",
    max_rows: Annotated[int, Field(ge=1)] = 1_000_000,
    *,
    ctx: Context,
) -> object:
    """Asks tables in SQL (DuckDB).

    A table is rows, a data frame, or the path of a CSV, TSV, Parquet or JSON file in the workspace, which is
    read as far as the query needs it. The query can reach these tables and nothing else: no other file, no
    network. It may make tables of its own; the output is what its last statement gives.

    Args:
        sql: One statement or several.
        tables: The tables, by the names that the query uses.
        result: What the answer becomes: rows, or a pandas data frame.
        max_rows: How many rows there may be.
    """
    files: dict[str, Path] = {}
    others: dict[str, object] = {}
    for name, table in (tables or {}).items():
        if isinstance(table, str | Path):
            files[name] = ctx.path(table)
            if not files[name].is_file():
                raise ActionFailed(f"Table '{name}': there is no file {table}.")
        else:
            others[name] = table
    asked = Query(sql, others, files, ctx.on_cancel)
    return asked.data_frame() if result == "dataframe" else asked.rows(max_rows)


# ---- filter, sort ------------------------------------------------------------------------------------------


def _check_filter(config: Mapping[str, object], templated: frozenset[str]) -> list[Problem]:
    where = config.get("where")
    if "where" in templated:
        return []
    if fault := conditions_fault(where):
        return [Problem(("where",), f"Input 'where' of data.filter: {fault}.")]
    if isinstance(where, str):
        try:
            parse_expression(where)
        except TemplateInvalid as error:
            return [Problem(("where",), f"Input 'where' of data.filter: {error.sentence()}", error.hint)]
    return []


@action(
    "data.filter",
    check=_check_filter,
    example="""
    id: hot
    uses: data.filter
    with:
      rows: [{city: Oslo, high: 31}, {city: Bergen, high: 22}]
      where: high > 25 and city != 'Bergen'
    """,
)
def filter_(rows: Rows, where: str | Mapping[str, object]) -> list[Row]:
    """Keeps the rows for which a condition holds.

    The condition is an expression over the columns (`row['odd name']` for those whose names are no words),
    or a mapping of columns to values or tests: `{city: Oslo, high: {gt: 25, le: 40}}`. Tests are eq, ne, gt,
    ge, lt, le, in, not_in, contains, starts_with, ends_with and is_null; of null only eq, ne, in, not_in and
    is_null can hold.

    Args:
        rows: The table.
        where: The condition.
    """
    if fault := conditions_fault(where):
        raise InputInvalid(action="data.filter", field="where", reason=fault)
    return filter_rows(rows, where)


@action(
    "data.sort",
    example="""
    id: ranked
    uses: data.sort
    with:
      rows: [{city: Oslo, high: 22}, {city: Bergen, high: 31}]
      by: high
      descending: true
    """,
)
def sort(rows: Rows, by: Columns, descending: bool | list[str] = False) -> list[Row]:
    """Sorts rows by columns, the first counting most.

    Equal rows keep their order; nulls come last, whatever the direction.

    Args:
        rows: The table.
        by: The columns.
        descending: Whether all columns, or the listed ones, count from high to low.
    """
    downward = by if descending is True else descending or []
    return sort_rows(rows, by, frozenset(downward))


# ---- group, aggregate --------------------------------------------------------------------------------------


@action(
    "data.group",
    example="""
    id: by_city
    uses: data.group
    with:
      rows: [{city: Oslo, high: 22}, {city: Bergen, high: 31}, {city: Oslo, high: 25}]
      by: city
    """,
)
def group(rows: Rows, by: Columns) -> list[Row]:
    """Gathers the rows that agree in some columns.

    The output is a list of mappings, one per group in order of appearance, with the columns of `by` and
    `rows`: good for a `for_each`.

    Args:
        rows: The table.
        by: The columns.
    """
    if "rows" in by:
        raise InputInvalid(action="data.group", field="by", reason="a column named 'rows' cannot be grouped by")
    return [dict(zip(by, key, strict=True)) | {"rows": members} for key, members in group_rows(rows, by)]


def _aggregate_text(value: object) -> object:
    if isinstance(value, Mapping) and value.keys() == {"function", "column"}:
        value = f"{value['function']}({value['column']})"
    if isinstance(value, str) and "{{" not in value:
        parse_aggregate(value)
    return value


Aggregate = Annotated[str, BeforeValidator(_aggregate_text), WithJsonSchema({"type": ["string", "object"]})]


@action(
    "data.aggregate",
    example="""
    id: summary
    uses: data.aggregate
    with:
      rows: [{city: Oslo, high: 22}, {city: Bergen, high: 31}, {city: Oslo, high: 25}]
      by: city
      values: {days: count(*), warmest: max(high)}
    """,
)
def aggregate(rows: Rows, values: dict[str, Aggregate], by: Columns | None = None) -> list[Row]:
    """Gives one row per group with counts, sums, means and the like.

    Functions are count, distinct, sum, mean (avg), median, min, max, std (of a sample), first, last and
    list. Nulls are left out; of nothing, a count is 0, a list empty, and the rest null.

    Args:
        rows: The table.
        values: What to compute, by the name of the new column: `{total: sum(rain)}`, or
            `{total: {function: sum, column: rain}}`.
        by: The columns whose values make a group; without them all rows are one.
    """
    names = by or []
    if taken := next((name for name in values if name in names), None):
        raise InputInvalid(action="data.aggregate", field=f"values.{taken}", reason="it is a column of `by` too")
    return aggregate_rows(rows, names, values)


# ---- join --------------------------------------------------------------------------------------------------


@action(
    "data.join",
    example="""
    id: named
    uses: data.join
    with:
      left: [{city: 1, high: 22}]
      right: [{id: 1, name: Oslo}]
      on: {city: id}
    """,
)
def join(
    left: Rows, right: Rows, on: Columns | dict[str, str], how: How = "inner", suffix: str = "_right"
) -> list[Row]:
    """Puts rows of two tables side by side where columns agree.

    Rows keep the left table's order. Null agrees with nothing.

    Args:
        left: The left table.
        right: The right table.
        on: Columns that both have, or a mapping of the left table's columns to the right one's.
        how: Which rows without a partner stay: none (`inner`), the `left` or `right` table's, or both (`outer`).
        suffix: What is added to a right column's name that the left table has too.
    """
    pairs = on if isinstance(on, dict) else {name: name for name in on}
    if not pairs:
        raise InputInvalid(action="data.join", field="on", reason="it names no column")
    return join_rows(left, right, pairs, how, suffix)


ACTIONS: Final = (query, filter_, sort, group, aggregate, join)
