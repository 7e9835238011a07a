"""SQL over tables, by DuckDB in a database of its own that can reach nothing else."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from ergon.actions.formats import arrow_table, format_of
from ergon.actions.rows import Row, plain_value
from ergon.errors import ActionFailed, ExtraMissing

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection, DuckDBPyRelation

_CONFIG: Final = {
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
    "python_enable_replacements": "false",
}
_READERS: Final = {
    "csv": "read_csv({path})",
    "tsv": "read_csv({path}, delim = '\\t')",
    "parquet": "read_parquet({path})",
    "json": "read_json({path})",
}
_ALLOWED: Final = frozenset(["SELECT", "CREATE", "INSERT", "UPDATE", "DELETE", "DROP", "ALTER", "MERGE_INTO", "MULTI"])
"""Kinds of statements that touch nothing but the database itself."""
_WRITES: Final = re.compile(r"\b(copy|export|attach)\b", re.IGNORECASE)
"""A statement of several, such as a PIVOT, might hide a COPY; those with such words are refused."""
_BATCH: Final = 10_000


@dataclass(frozen=True, slots=True)
class Query:
    """A question to ask of some tables."""

    sql: str
    tables: Mapping[str, object] = field(default_factory=dict)
    """Rows and data frames, by name."""
    files: Mapping[str, Path] = field(default_factory=dict)
    """CSV, TSV, Parquet and JSON files, by name."""
    on_start: Callable[[Callable[[], None]], None] | None = None
    """Gets what interrupts the query."""

    def rows(self, limit: int) -> list[Row]:
        """Give the answer as rows; raises `ActionFailed` if there are more than `limit`."""
        found: list[Row] = []
        with self._answer() as relation:
            if relation is None:
                return found
            _check_columns(relation.columns)
            for batch in relation.to_arrow_reader(_BATCH):
                found += [{name: plain_value(cell) for name, cell in row.items()} for row in batch.to_pylist()]
                if len(found) > limit:
                    hint = "Aggregate it, add a LIMIT, or raise `max_rows`."
                    raise ActionFailed(f"The query gives more than {limit:,} rows.", hint=hint)
        return found

    def data_frame(self) -> object:
        """Give the answer as a pandas data frame."""
        with self._answer() as relation:
            if relation is None:
                raise ActionFailed("The query gives no table.")
            _check_columns(relation.columns)
            frame: object = relation.df()
            return frame

    @contextmanager
    def _answer(self) -> Iterator[DuckDBPyRelation | None]:
        duckdb = _duckdb()
        with tempfile.TemporaryDirectory(prefix="ergon-query-") as folder:
            with duckdb.connect(":memory:", config=_CONFIG | {"temp_directory": folder}) as connection:
                try:
                    self._prepare(connection)
                    if self.on_start is not None:
                        self.on_start(connection.interrupt)
                    yield self._run(connection, duckdb)
                except duckdb.Error as error:
                    raise ActionFailed(f"The query failed: {_said(error)}.") from None

    def _prepare(self, connection: DuckDBPyConnection) -> None:
        """Let in the tables, and shut the door behind them."""
        names = [*self.tables, *self.files]
        doubled = next((name for name in names if names.count(name) > 1), None)
        if doubled is not None:
            raise ActionFailed(f"There are two tables named '{doubled}'.")
        paths = ", ".join(_text(str(path)) for path in self.files.values())
        connection.execute(f"SET allowed_paths = [{paths}]")
        connection.execute("SET enable_external_access = false")
        connection.execute("SET lock_configuration = true")
        for name, table in self.tables.items():
            connection.register(name, _arrow(name, table))
        for name, path in self.files.items():
            reader = _READERS.get(format_of(path))
            if reader is None:
                hint = "It can be CSV, TSV, Parquet or JSON; read others with file.read."
                raise ActionFailed(f"Table '{name}': {path.name} is no table.", hint=hint)
            source = reader.format(path=_text(str(path)))
            connection.execute(f"CREATE VIEW {_quoted(name)} AS SELECT * FROM {source}")

    def _run(self, connection: DuckDBPyConnection, duckdb: Any) -> DuckDBPyRelation | None:
        statements = duckdb.extract_statements(self.sql)
        if not statements:
            raise ActionFailed("The query is empty.")
        for statement in statements:
            kind = statement.type.name
            if kind not in _ALLOWED or (kind == "MULTI" and _WRITES.search(statement.query)):
                hint = "It can read the tables it is given, and make tables of its own."
                raise ActionFailed(f"A query may not {kind.replace('_', ' ').lower()}.", hint=hint)
        for statement in statements[:-1]:
            connection.execute(statement)
        return connection.sql(statements[-1].query)


def _duckdb() -> Any:
    try:
        import duckdb
        import pyarrow
    except ImportError as error:
        package = error.name or "duckdb"
        raise ExtraMissing(package=package, extra="data", purpose="data.query") from None
    assert pyarrow  # DuckDB hands its answers out through it
    return duckdb


def _arrow(name: str, table: object) -> Any:
    """Give a table for DuckDB; an empty list of rows, whose columns nobody knows, has one that is hidden."""
    import pyarrow

    try:
        made = arrow_table(table)
    except (ValueError, pyarrow.ArrowException) as error:
        reason = " ".join(str(error).split()).rstrip(".")
        raise ActionFailed(f"Table '{name}': {reason}.") from None
    return made if made.num_columns else pyarrow.table({"_": pyarrow.nulls(0)})


def _check_columns(names: Sequence[str]) -> None:
    doubled = next((name for name in names if list(names).count(name) > 1), None)
    if doubled is not None:
        hint = f'Give one of them another name: SELECT … AS "{doubled}_2".'
        raise ActionFailed(f"The query gives two columns named '{doubled}'.", hint=hint)


def _said(error: Exception) -> str:
    """Give what DuckDB says, on one line and without the drawing of the place."""
    lines = str(error).strip().split("\n\n")[0].splitlines()
    text = " ".join(line.strip() for line in lines if not line.startswith("LINE "))
    return re.sub(r"^\w+ Error: ", "", text).rstrip(".!")


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
