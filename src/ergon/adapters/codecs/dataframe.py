"""The codecs of pandas data frames and series, as Parquet with their index and types."""

from __future__ import annotations

import json
from typing import Any, Final

from ergon.adapters.codecs.kinds import is_a, need
from ergon.adapters.codecs.parquet import need_pyarrow, read_table, refusal, write_table
from ergon.errors import NotStorable
from ergon.model.values import decode_plain, encode_plain

_FREQUENCY: Final = b"ergon.frequency"
_NAME: Final = b"ergon.name"
_FRAME: Final = "pandas.DataFrame"
_SERIES: Final = "pandas.Series"


class DataFrameCodec:
    """Keeps `pandas.DataFrame`; what Parquet would change in it (columns of mixed types) is refused."""

    type = "dataframe"

    def matches(self, value: object) -> bool:
        """Say whether a value is a data frame."""
        return is_a(value, "pandas", "DataFrame")

    def encode(self, value: object) -> bytes:
        """Give its Parquet bytes."""
        return write_table(_table_of(value, _FRAME), kind=_FRAME)

    def decode(self, data: bytes) -> object:
        """Give the data frame of Parquet bytes."""
        frame: object = _frame_of(read_table(data, kind=_FRAME), _FRAME)
        return frame


class SeriesCodec:
    """Keeps `pandas.Series`, as a data frame of one column, with its name."""

    type = "series"

    def matches(self, value: object) -> bool:
        """Say whether a value is a series."""
        return is_a(value, "pandas", "Series")

    def encode(self, value: object) -> bytes:
        """Give its Parquet bytes."""
        series: Any = value
        table = _table_of(series.to_frame(name="value"), _SERIES)
        return write_table(_with(table, _NAME, encode_plain(series.name)), kind=_SERIES)

    def decode(self, data: bytes) -> object:
        """Give the series of Parquet bytes."""
        table = read_table(data, kind=_SERIES)
        series: object = _frame_of(table, _SERIES).iloc[:, 0].rename(_note(table, _NAME))
        return series


def _table_of(frame: Any, kind: str) -> Any:
    pyarrow = need_pyarrow(kind)
    _check_names(frame, kind)
    try:
        table = pyarrow.Table.from_pandas(frame)
    except (pyarrow.ArrowException, ValueError, TypeError) as error:
        raise refusal(kind, error) from error
    _check_members(frame, table, kind)
    frequency = getattr(frame.index, "freqstr", None)
    return table if frequency is None else _with(table, _FREQUENCY, encode_plain(frequency))


def _check_names(frame: Any, kind: str) -> None:
    """Refuse names and attributes that pyarrow would change or drop, with a warning at best."""
    if len({type(name) for name in frame.columns}) > 1:
        raise NotStorable(where="", kind=kind, hint="Its column names have several types: make all of them strings.")
    try:
        json.dumps(frame.attrs)
    except (TypeError, ValueError) as error:
        raise NotStorable(where="", kind=kind, hint=f"Its attrs have no JSON form: {error}.") from error


def _check_members(frame: Any, table: Any, kind: str) -> None:
    """Refuse columns of dicts that have different keys: Arrow gives each of them all keys."""
    for position, name in enumerate(frame.columns):
        column = table.column(position)
        if "struct<" in str(column.type) and column.to_pylist() != frame.iloc[:, position].tolist():
            hint = "Its dicts have different keys: return `frame.to_dict('records')`, or a column per key."
            raise NotStorable(where=f"[{name!r}]", kind=f"{kind} column", hint=hint)


def _frame_of(table: Any, kind: str) -> Any:
    pandas: Any = need("pandas", f"Reading a {kind}")
    frame = table.to_pandas()
    described = (table.schema.pandas_metadata or {}).get("columns", [])  # none if pandas did not write it
    for position, column in enumerate(described[: len(frame.columns)]):
        if column["numpy_type"] == "object" and str(frame.dtypes.iloc[position]) != "object":
            members = table.column(position).to_pylist()
            frame.isetitem(position, pandas.Series(members, dtype=object, index=frame.index))
    frequency = _note(table, _FREQUENCY)
    if frequency is not None and getattr(frame.index, "freq", frequency) is None:
        frame.index.freq = frequency
    return frame


def _with(table: Any, key: bytes, text: str) -> Any:
    return table.replace_schema_metadata({**(table.schema.metadata or {}), key: text.encode()})


def _note(table: Any, key: bytes) -> object:
    text = (table.schema.metadata or {}).get(key)
    return None if text is None else decode_plain(text.decode())
