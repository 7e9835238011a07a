"""The codec of Arrow tables."""

from __future__ import annotations

from ergon.adapters.codecs.kinds import is_a
from ergon.adapters.codecs.parquet import read_table, write_table


class TableCodec:
    """Keeps `pyarrow.Table` as Parquet, its schema with it."""

    type = "table"

    def matches(self, value: object) -> bool:
        """Say whether a value is an Arrow table."""
        return is_a(value, "pyarrow", "Table")

    def encode(self, value: object) -> bytes:
        """Give its Parquet bytes."""
        return write_table(value, kind="pyarrow.Table")

    def decode(self, data: bytes) -> object:
        """Give the table of Parquet bytes."""
        table: object = read_table(data, kind="pyarrow.Table")
        return table
