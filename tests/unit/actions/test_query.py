"""data.query."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pandas
import pytest

from ergon.actions.catalog import ActionCatalog
from ergon.errors import ActionFailed, ExtraMissing, PathRefused
from ergon.testing.context import FakeContext

Run = Callable[..., Any]
ROWS = [{"city": "Oslo", "high": 25}, {"city": "Bergen", "high": None, "sky": "rain"}]


@pytest.fixture
def query(run: Run) -> Run:
    def call(sql: str, **inputs: object) -> Any:
        return run("data.query", sql=sql, **inputs)

    return call


def failure(query: Run, sql: str, **inputs: object) -> str:
    with pytest.raises(ActionFailed) as caught:
        query(sql, **inputs)
    text = str(caught.value)
    assert "\n" not in text
    return text


# ---- tables --------------------------------------------------------------------------------------------------


def test_rows_data_frames_and_files_are_tables(query: Run, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data/it's.csv").write_text("city,people\nOslo,700\n")
    (tmp_path / "a.tsv").write_text("city\tfjord\nOslo\ttrue\n")
    (tmp_path / "a.json").write_text('[{"city": "Oslo", "list": [1, 2]}]')
    pandas.DataFrame({"city": ["Oslo"], "n": [1.5]}).to_parquet(tmp_path / "a.parquet")
    tables = {
        "rows": ROWS,
        "frame": pandas.DataFrame({"city": ["Oslo"], "f": ["x"]}),
        'odd "name"': "data/it's.csv",
        "tsv": "a.tsv",
        "json": "a.json",
        "parquet": "a.parquet",
    }
    sql = """SELECT high, f, people, fjord, list, n FROM rows JOIN frame USING (city) JOIN "odd ""name\""" USING (city)
        JOIN tsv USING (city) JOIN json USING (city) JOIN parquet USING (city)"""
    assert query(sql, tables=tables) == [{"high": 25, "f": "x", "people": 700, "fjord": True, "list": [1, 2], "n": 1.5}]


def test_columns_that_only_some_rows_have_are_columns(query: Run) -> None:
    assert query("SELECT city, sky FROM t ORDER BY city", tables={"t": ROWS}) == [
        {"city": "Bergen", "sky": "rain"},
        {"city": "Oslo", "sky": None},
    ]


def test_a_table_without_rows_can_be_asked(query: Run) -> None:
    assert query("SELECT count(*) AS n FROM t", tables={"t": []}) == [{"n": 0}]
    assert query("SELECT * FROM t", tables={"t": []}) == []


def test_a_query_needs_no_table(query: Run) -> None:
    assert query("SELECT 1 AS a") == [{"a": 1}]


def test_values_come_as_pythons_own(query: Run) -> None:
    sql = """SELECT 1.5 AS dec, sum(1) AS total, DATE '2024-01-31' AS day, [1.5, 2] AS list, {'a': 1.5} AS struct,
        'x'::BLOB AS blob, uuid() IS NOT NULL AS has, INTERVAL 2 DAY AS days, INTERVAL 1 MONTH AS month,
        NULL AS nothing, TIMESTAMP_NS '2024-01-31 00:00:00.123456789' AS fine, 'nan'::DOUBLE AS nan,
        170141183460469231731687303715884105727 AS huge, TIMESTAMPTZ '2024-01-31 12:00:00+00' AS moment"""
    (row,) = query(sql)
    assert (row.pop("nan")) != 0
    assert row.pop("moment").timestamp() == 1706702400
    assert row == {
        "dec": 1.5,
        "total": 1,
        "day": date(2024, 1, 31),
        "list": [1.5, 2.0],
        "struct": {"a": 1.5},
        "blob": b"x",
        "has": True,
        "days": timedelta(days=2),
        "month": "1 months 0 days 0 s",
        "nothing": None,
        "fine": "2024-01-31 00:00:00.123456789",
        "huge": 2**127 - 1,
    }


def test_the_answer_may_be_a_data_frame(query: Run) -> None:
    frame = query("SELECT city FROM t", tables={"t": ROWS}, result="dataframe")
    assert isinstance(frame, pandas.DataFrame)
    assert frame["city"].tolist() == ["Oslo", "Bergen"]


def test_several_statements_and_tables_of_its_own(query: Run) -> None:
    sql = "CREATE TABLE u AS SELECT * FROM t; INSERT INTO u VALUES ('Bodø', 1, NULL); SELECT count(*) AS n FROM u"
    assert query(sql, tables={"t": ROWS}) == [{"n": 3}]
    assert query("PIVOT t ON city USING sum(high)", tables={"t": ROWS})


# ---- what goes wrong -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sql", "said"),
    [
        ("SELEC 1", 'The query failed: syntax error at or near "SELEC".'),
        ("SELECT * FROM gone", "Table with name gone does not exist"),
        ("SELECT hihg FROM t", 'Referenced column "hihg" not found'),
        ("SELECT 'x'::INT", "Could not convert string 'x' to INT32"),
        ("", "The query is empty."),
        ("-- nothing", "The query is empty."),
        ("SELECT 1 AS a, 2 AS a", "The query gives two columns named 'a'."),
    ],
)
def test_what_is_wrong_with_a_query_is_told(query: Run, sql: str, said: str) -> None:
    assert said in failure(query, sql, tables={"t": ROWS})


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ("gone.csv", "Table 't': there is no file gone.csv."),
        ("folder", "Table 't': there is no file folder."),
        ("a.txt", "Table 't': a.txt is no table."),
        ([{"a": 1}, {"a": "x"}], "Table 't': the values of column 'a' are not of one kind"),
        ([1, 2], "Table 't': must be rows"),
        (5, "Table 't': must be rows"),
        ("broken.parquet", "The query failed: "),
    ],
)
def test_what_is_no_table_is_told(query: Run, tmp_path: Path, table: object, said: str) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "a.txt").write_text("x")
    (tmp_path / "broken.parquet").write_text("x")
    assert said in failure(query, "SELECT * FROM t", tables={"t": table})


def test_an_answer_without_end_is_cut_off(query: Run) -> None:
    assert "more than 20,000 rows" in failure(query, "SELECT * FROM range(1000000000)", max_rows=20_000)


# ---- what it may not reach (DESIGN 11) -----------------------------------------------------------------------


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM read_text('/etc/passwd')",
        "SELECT * FROM read_csv('/etc/passwd')",
        "SELECT * FROM '/etc/passwd'",
        "SELECT * FROM read_blob('{folder}/other.csv')",
        "SELECT * FROM '{folder}/../other.csv'",
        "SELECT * FROM glob('/etc/*')",
        "SELECT * FROM read_csv('http://127.0.0.1:9/x.csv')",
        "SELECT * FROM sniff_csv('/etc/passwd')",
        "SELECT getenv('HOME')",
        "COPY t TO '{folder}/out.csv'",
        "COPY t TO '{folder}/in.csv' (USE_TMP_FILE false)",
        "COPY (SELECT 1) TO '{folder}/in.csv' (USE_TMP_FILE false); SELECT 1",
        "COPY (PIVOT t ON a USING count(*)) TO '{folder}/in.csv' (USE_TMP_FILE false)",
        "EXPLAIN ANALYZE COPY t TO '{folder}/in.csv' (USE_TMP_FILE false)",
        "PREPARE p AS COPY t TO '{folder}/in.csv' (USE_TMP_FILE false); EXECUTE p",
        "EXPORT DATABASE '{folder}/out'",
        "ATTACH '{folder}/out.db'",
        "INSTALL httpfs",
        "LOAD httpfs",
        "SET enable_external_access = true; SELECT 1",
        "SET allowed_directories = ['/']; SELECT 1",
        "PRAGMA enable_profiling = 'json'",
        "RESET lock_configuration",
        "CREATE SECRET (TYPE s3)",
        "CREATE TABLE x AS SELECT * FROM read_text('/etc/passwd')",
        "CREATE VIEW v AS SELECT * FROM read_text('/etc/passwd'); SELECT * FROM v",
        "CALL force_checkpoint()",
        "SELECT * FROM secret_of_python",
    ],
)
def test_a_query_reaches_only_its_tables(query: Run, tmp_path: Path, sql: str) -> None:
    folder = tmp_path / "work"
    folder.mkdir()
    (tmp_path / "other.csv").write_text("a\n1\n")
    (folder / "other.csv").write_text("a\n1\n")
    (folder / "in.csv").write_text("a\n1\n")
    secret_of_python = pandas.DataFrame({"a": [1]})
    failure(query, sql.format(folder=folder), tables={"t": "work/in.csv"})
    assert sorted(each.name for each in folder.iterdir()) == ["in.csv", "other.csv"]
    assert (folder / "in.csv").read_text() == "a\n1\n"
    assert len(secret_of_python) == 1


@pytest.mark.parametrize("path", ["/etc/passwd", "../x.csv"])
def test_a_table_is_a_file_of_the_workspace(query: Run, path: str) -> None:
    with pytest.raises(PathRefused):
        query("SELECT 1", tables={"t": path})


def test_two_queries_share_nothing(query: Run) -> None:
    query("CREATE TABLE kept AS SELECT 1 AS a")
    assert "does not exist" in failure(query, "SELECT * FROM kept")


def test_nothing_is_left_in_the_folder(query: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    query("SELECT * FROM range(100000) ORDER BY random()")
    assert list(tmp_path.iterdir()) == []


# ---- stopping, missing packages ------------------------------------------------------------------------------


def test_a_query_that_is_cancelled_ends(tmp_path: Path) -> None:
    """S36."""
    context, made = FakeContext(tmp_path), ActionCatalog().find("data.query")
    inputs = made.bind({"sql": "SELECT count(*) FROM range(10000000000) a, range(10000000000) b"})
    threading.Timer(0.3, context.cancel).start()
    begun = time.monotonic()
    with pytest.raises(ActionFailed, match="Interrupted"):
        made.call(context, inputs)
    assert time.monotonic() - begun < 20


@pytest.mark.parametrize("package", ["duckdb", "pyarrow"])
def test_without_the_extra_it_says_what_to_install(query: Run, monkeypatch: pytest.MonkeyPatch, package: str) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(ExtraMissing) as caught:
        query("SELECT 1")
    assert str(caught.value) == (
        f"data.query needs the package {package}, which is not installed. "
        "Install it with: pip install 'jupyter-ergon[data]'"
    )


def test_the_paths_of_tables_count_for_a_cache_key() -> None:
    """S52."""
    assert ActionCatalog().find("data.query").path_inputs == {"tables"}
