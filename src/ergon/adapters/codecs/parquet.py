"""Parquet: Arrow tables as bytes and back, by pyarrow."""

from __future__ import annotations

from typing import Any

from ergon.adapters.codecs.kinds import need
from ergon.errors import ExtraMissing, NotStorable


def write_table(table: Any, *, kind: str) -> bytes:
    """Give the Parquet bytes of an Arrow table; `kind` names what it came from."""
    import pyarrow
    import pyarrow.parquet

    sink = pyarrow.BufferOutputStream()
    try:
        pyarrow.parquet.write_table(table, sink)
    except pyarrow.ArrowException as error:
        raise refusal(kind, error) from error
    data: bytes = sink.getvalue().to_pybytes()
    return data


def read_table(data: bytes, *, kind: str) -> Any:
    """Give the Arrow table of Parquet bytes; raises `ExtraMissing` without pyarrow."""
    pyarrow: Any = need("pyarrow", f"Reading a {kind}")
    return need("pyarrow.parquet", f"Reading a {kind}").read_table(pyarrow.BufferReader(data))


def need_pyarrow(kind: str) -> Any:
    """Give pyarrow; raises `NotStorable` without it."""
    try:
        return need("pyarrow", f"Storing a {kind}")
    except ExtraMissing as error:
        raise NotStorable(where="", kind=kind, hint=str(error)) from error


def refusal(kind: str, error: Exception) -> NotStorable:
    """Say why a table has no Parquet form, in the library's words."""
    reason = "; ".join(str(part) for part in error.args)
    return NotStorable(where="", kind=kind, hint=f"It has no Parquet form: {reason}. Convert that column first.")
