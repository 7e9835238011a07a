"""The readable forms: filter, sort, group, aggregate, join."""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import date
from typing import Any

import pandas
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ergon.actions.catalog import ActionCatalog
from ergon.actions.relations import join_rows, sort_rows
from ergon.errors import ActionFailed, InputInvalid, TemplateFailed, TemplateInvalid

Run = Callable[..., Any]
DAYS = [
    {"city": "Oslo", "month": 1, "high": -2.5, "sky": "snow"},
    {"city": "Oslo", "month": 7, "high": 25, "sky": None},
    {"city": "Bergen", "month": 7, "high": 19.5, "sky": "rain"},
    {"city": "Bergen", "month": 1, "high": None, "sky": "rain"},
]


def failure(run: Run, name: str, **inputs: object) -> str:
    with pytest.raises((ActionFailed, InputInvalid)) as caught:
        run(name, **inputs)
    return str(caught.value)


# ---- rows ----------------------------------------------------------------------------------------------------


def test_a_data_frame_is_rows_and_its_gaps_are_null(run: Run) -> None:
    frame = pandas.DataFrame({"a": [2, 1], "t": [pandas.Timestamp("2024-01-31"), pandas.NaT], "f": [math.nan, 0.5]})
    assert run("data.sort", rows=frame, by="a") == [
        {"a": 1, "t": None, "f": 0.5},
        {"a": 2, "t": pandas.Timestamp("2024-01-31").to_pydatetime(), "f": None},
    ]


@pytest.mark.parametrize("rows", ["text", {"a": 1}, 5, None, [1], [{"a": 1}, []]])
def test_what_is_no_table_is_refused(run: Run, rows: object) -> None:
    with pytest.raises(InputInvalid, match="must be rows"):
        run("data.sort", rows=rows, by="a")


# ---- filter --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("where", "found"),
    [
        ("city == 'Oslo'", [0, 1]),
        ("month == 7 and high > 20", [1]),
        ("high is none or high < 0", [0, 3]),
        ("row['city'][0] == 'B'", [2, 3]),
        ("sky in ['snow', 'rain']", [0, 2, 3]),
        ("{{ month == 1 }}", [0, 3]),
        ({"city": "Oslo", "month": 7}, [1]),
        ({"high": {"gt": -5, "le": 19.5}}, [0, 2]),
        ({"sky": None}, [1]),
        ({"sky": {"ne": "rain"}}, [0, 1]),
        ({"sky": {"in": ["snow", None]}}, [0, 1]),
        ({"sky": {"not_in": ["snow"]}}, [1, 2, 3]),
        ({"city": {"contains": "er"}}, [2, 3]),
        ({"city": {"starts_with": "O", "ends_with": "o"}}, [0, 1]),
        ({"high": {"is_null": True}}, [3]),
        ({"high": {"is_null": False, "ge": 19.5, "lt": 25}}, [2]),
        ({}, [0, 1, 2, 3]),
    ],
)
def test_rows_for_which_a_condition_holds_are_kept(run: Run, where: object, found: list[int]) -> None:
    assert run("data.filter", rows=DAYS, where=where) == [DAYS[n] for n in found]


def test_a_typo_in_a_condition_does_not_drop_rows_silently(run: Run) -> None:
    """S14."""
    with pytest.raises(TemplateFailed, match="hihg"):
        run("data.filter", rows=DAYS, where="hihg > 3")
    assert "There is no column 'hihg'. There are: city, month, high, sky." in failure(
        run, "data.filter", rows=DAYS, where={"hihg": 3}
    )
    assert "there is no test 'above'" in failure(run, "data.filter", rows=DAYS, where={"high": {"above": 3}})


def test_what_cannot_be_compared_is_told(run: Run) -> None:
    assert "Column 'city' holds 'Oslo'" in failure(run, "data.filter", rows=DAYS, where={"city": {"gt": 3}})
    assert "Column 'month' holds 1" in failure(run, "data.filter", rows=DAYS, where={"month": {"contains": "x"}})


def test_a_condition_is_checked_before_the_run() -> None:
    """S10."""
    made = ActionCatalog().find("data.filter")
    assert made.check({"rows": [], "where": "a =="}, templated=frozenset())[0].path == ("where",)
    assert made.check({"rows": [], "where": {"a": {"above": 1}}}, templated=frozenset())
    assert made.check({"rows": "{{ x }}", "where": "a == 1"}, templated=frozenset({"rows"})) == []
    assert made.check({"rows": [], "where": "{{ x }}"}, templated=frozenset({"where"})) == []


def test_a_condition_reaches_nothing_but_its_row(run: Run) -> None:
    """S15."""
    for where in ("''.__class__.__mro__", "row.__class__", "self._TemplateReference__context", "cycler.__init__"):
        with pytest.raises((TemplateFailed, TemplateInvalid)):
            run("data.filter", rows=DAYS, where=where)


# ---- sort ----------------------------------------------------------------------------------------------------


def order(run: Run, **inputs: object) -> list[int]:
    return [DAYS.index(row) for row in run("data.sort", rows=DAYS, **inputs)]


def test_rows_are_sorted_and_nulls_come_last(run: Run) -> None:
    assert order(run, by="high") == [0, 2, 1, 3]
    assert order(run, by="high", descending=True) == [1, 2, 0, 3]
    assert order(run, by=["city", "month"]) == [3, 2, 0, 1]
    assert order(run, by=["city", "month"], descending=["month"]) == [2, 3, 1, 0]


def test_what_cannot_be_sorted_is_told(run: Run) -> None:
    assert "no column 'low'" in failure(run, "data.sort", rows=DAYS, by="low")
    assert "have no order" in failure(run, "data.sort", rows=[{"a": 1}, {"a": "x"}], by="a")
    assert run("data.sort", rows=[], by="a") == []


@given(st.lists(st.fixed_dictionaries({"a": st.none() | st.integers(0, 3), "b": st.integers()})), st.booleans())
def test_sorting_keeps_the_order_of_equal_rows(rows: list[dict[str, Any]], descending: bool) -> None:
    found = sort_rows(rows, ["a"], frozenset(["a"] if descending else []))
    sign = -1 if descending else 1
    assert found == sorted(rows, key=lambda row: (row["a"] is None, sign * (row["a"] or 0)))


# ---- group, aggregate ----------------------------------------------------------------------------------------


def test_rows_are_grouped_in_order_of_appearance(run: Run) -> None:
    assert run("data.group", rows=DAYS, by="month") == [
        {"month": 1, "rows": [DAYS[0], DAYS[3]]},
        {"month": 7, "rows": [DAYS[1], DAYS[2]]},
    ]
    assert [len(each["rows"]) for each in run("data.group", rows=DAYS, by=["city", "sky"])] == [1, 1, 2]


def test_true_and_one_are_two_groups(run: Run) -> None:
    found = run("data.group", rows=[{"a": 1}, {"a": True}, {"a": 1.0}, {"a": None}], by="a")
    assert [(each["a"], len(each["rows"])) for each in found] == [(1, 2), (True, 1), (None, 1)]


def test_what_cannot_be_grouped_is_told(run: Run) -> None:
    assert "cannot be compared" in failure(run, "data.group", rows=[{"a": [1]}], by="a")
    assert "'rows' cannot be grouped by" in failure(run, "data.group", rows=[{"rows": 1}], by="rows")


@pytest.mark.parametrize(
    ("call", "oslo", "bergen"),
    [
        ("count(*)", 2, 2), ("count()", 2, 2), ("count(high)", 2, 1), ("sum(high)", 22.5, 19.5),
        ("mean(high)", 11.25, 19.5), ("AVG( high )", 11.25, 19.5), ("median(high)", 11.25, 19.5),
        ("min(high)", -2.5, 19.5), ("max(high)", 25, 19.5), ("first(sky)", "snow", "rain"), ("last(high)", 25, 19.5),
        ("distinct(sky)", 1, 1), ("list(month)", [1, 7], [7, 1]),
        ({"function": "sum", "column": "month"}, 8, 8),
    ],
)  # fmt: skip
def test_columns_are_aggregated_without_their_nulls(run: Run, call: object, oslo: object, bergen: object) -> None:
    assert run("data.aggregate", rows=DAYS, by="city", values={"x": call}) == [
        {"city": "Oslo", "x": oslo},
        {"city": "Bergen", "x": bergen},
    ]


def test_without_groups_all_rows_are_one_even_if_there_is_none(run: Run) -> None:
    values = {"n": "count(*)", "total": "sum(a)", "all": "list(a)", "d": "distinct(a)", "m": "max(a)"}
    nothing: dict[str, object] = {"n": 0, "total": None, "all": [], "d": 0, "m": None}
    assert run("data.aggregate", rows=[], values=values) == [nothing]
    assert run("data.aggregate", rows=[{"a": None}], values=values) == [{**nothing, "n": 1}]
    assert run("data.aggregate", rows=[], by="a", values={"n": "count(*)"}) == []


def test_sums_are_exact_and_deviations_are_those_of_a_sample(run: Run) -> None:
    rows = [{"a": 0.1}] * 10
    (found,) = run("data.aggregate", rows=rows, values={"sum": "sum(a)", "std": "std(a)"})
    assert found["sum"] == 1.0
    assert found["std"] == pytest.approx(0, abs=1e-12)
    assert run("data.aggregate", rows=[{"a": 10**30}] * 2, values={"s": "sum(a)"}) == [{"s": 2 * 10**30}]
    assert run("data.aggregate", rows=[{"a": 1}], values={"s": "std(a)"}) == [{"s": None}]


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"x": "total(high)"}, "is no aggregate; write it like sum(rain)"),
        ({"x": "sum"}, "is no aggregate"),
        ({"x": "sum(*)"}, "names no column"),
        ({"x": "sum(low)"}, "no column 'low'"),
        ({"x": "sum(sky)"}, "sum(sky) has no result"),
        ({"city": "count(*)"}, "a column of `by` too"),
        ({"x": 3}, "must be text"),
    ],
)
def test_an_aggregate_that_cannot_be_is_told(run: Run, values: dict[str, object], said: str) -> None:
    assert said in failure(run, "data.aggregate", rows=DAYS, by="city", values=values)


def test_aggregates_are_checked_before_the_run() -> None:
    """S10."""
    made = ActionCatalog().find("data.aggregate")
    assert made.check({"rows": [], "values": {"x": "total(a)"}}, templated=frozenset())[0].path == ("values", "x")
    assert made.check({"rows": [], "values": {"x": "{{ f }}"}}, templated=frozenset({"values"})) == []


# ---- join ----------------------------------------------------------------------------------------------------

LEFT: list[dict[str, object]] = [{"id": 1, "x": "a"}, {"id": 2, "x": "b"}, {"id": None, "x": "c"}]
RIGHT: list[dict[str, object]] = [
    {"key": 2, "x": "B"},
    {"key": 2, "x": "BB"},
    {"key": 3, "x": "D"},
    {"key": None, "x": "N"},
]


@pytest.mark.parametrize(
    ("how", "found"),
    [
        ("inner", [(2, "b", "B"), (2, "b", "BB")]),
        ("left", [(1, "a", None), (2, "b", "B"), (2, "b", "BB"), (None, "c", None)]),
        ("right", [(2, "b", "B"), (2, "b", "BB"), (3, None, "D"), (None, None, "N")]),
        (
            "outer",
            [(1, "a", None), (2, "b", "B"), (2, "b", "BB"), (None, "c", None), (3, None, "D"), (None, None, "N")],
        ),
    ],
)
def test_rows_are_joined_where_columns_agree(run: Run, how: str, found: list[object]) -> None:
    joined = run("data.join", left=LEFT, right=RIGHT, on={"id": "key"}, how=how)
    assert [tuple(row.values()) for row in joined] == found
    assert all(list(row) == ["id", "x", "x_right"] for row in joined)


def test_a_join_by_a_shared_column(run: Run) -> None:
    right = [{"id": 1, "y": date(2024, 1, 31)}]
    assert run("data.join", left=LEFT, right=right, on="id") == [{"id": 1, "x": "a", "y": date(2024, 1, 31)}]
    assert run("data.join", left=LEFT, right=[], on="id", how="left") == LEFT
    assert run("data.join", left=[], right=right, on="id", how="outer") == right


def test_a_join_that_cannot_be_is_told(run: Run) -> None:
    assert "no column 'key'" in failure(run, "data.join", left=LEFT, right=RIGHT, on="key")
    assert "no column" in failure(run, "data.join", left=LEFT, right=RIGHT, on=[])
    assert "Choose another `suffix`" in failure(
        run, "data.join", left=[{"id": 1, "x": 1, "x_right": 2}], right=[{"id": 1, "x": 3}], on="id"
    )
    assert "cannot be compared" in failure(run, "data.join", left=[{"id": [1]}], right=[{"id": 1}], on="id")


KEYED = st.lists(st.fixed_dictionaries({"k": st.none() | st.integers(0, 3)}), max_size=6)


@given(KEYED, KEYED)
def test_an_outer_join_loses_no_row(left: list[dict[str, Any]], right: list[dict[str, Any]]) -> None:
    left = [{**row, "l": n} for n, row in enumerate(left)]
    right = [{**row, "r": n} for n, row in enumerate(right)]
    joined = join_rows(left, right, {"k": "k"}, "outer", "_right")
    pairs = {(a["l"], b["r"]) for a in left for b in right if a["k"] is not None and a["k"] == b["k"]}
    assert {(row.get("l"), row.get("r")) for row in joined if None not in (row.get("l"), row.get("r"))} == pairs
    assert {row["l"] for row in joined if row.get("l") is not None} == set(range(len(left)))
    assert {row["r"] for row in joined if row.get("r") is not None} == set(range(len(right)))
