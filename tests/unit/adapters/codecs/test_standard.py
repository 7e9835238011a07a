"""The standard codecs together: they cost nothing until they are needed."""

from __future__ import annotations

import io
import subprocess
import sys

import pandas as pd
import pyarrow as pa
import pyarrow.parquet
import pytest

from ergon.adapters.codecs.array import ArrayCodec
from ergon.adapters.codecs.dataframe import DataFrameCodec
from ergon.adapters.codecs.image import ImageCodec
from ergon.adapters.codecs.standard import CODECS
from ergon.errors import ExtraMissing, NotStorable

_HEAVY = ("numpy", "pandas", "pyarrow", "matplotlib", "PIL")


def without(monkeypatch: pytest.MonkeyPatch, *packages: str) -> None:
    """Make packages impossible to import, as where they are not installed."""
    for package in packages:
        for name in [n for n in sys.modules if n == package or n.startswith(f"{package}.")]:
            monkeypatch.delitem(sys.modules, name)
        monkeypatch.setitem(sys.modules, package, None)


def test_each_has_a_type_of_its_own() -> None:
    types = [codec.type for codec in CODECS]
    assert types == ["bytes", "dataframe", "series", "table", "array", "figure", "image"]


def test_asking_what_a_value_is_imports_nothing() -> None:
    program = f"""
import sys
from ergon.adapters.codecs.standard import CODECS
assert not any(codec.matches(value) for codec in CODECS for value in (1, "a", [], object()))
assert not [name for name in {_HEAVY!r} if name in sys.modules]
"""
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)


def test_s47_without_pyarrow_a_data_frame_is_refused_and_the_extra_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    frame = pd.DataFrame({"a": [1]})
    without(monkeypatch, "pyarrow")
    with pytest.raises(NotStorable, match=r"pandas\.DataFrame.*pip install 'jupyter-ergon\[data\]'"):
        DataFrameCodec().encode(frame)


def test_what_cannot_be_read_here_names_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    without(monkeypatch, "pyarrow", "PIL", "numpy")
    with pytest.raises(ExtraMissing, match=r"Reading a pandas\.DataFrame needs the package pyarrow.*\[data\]"):
        DataFrameCodec().decode(b"")
    with pytest.raises(ExtraMissing, match=r"needs the package pillow.*pip install pillow"):
        ImageCodec().decode(b"")
    with pytest.raises(ExtraMissing, match=r"needs the package numpy"):
        ArrayCodec().decode(b"")


def test_a_parquet_file_that_pandas_did_not_write_reads_as_a_data_frame() -> None:
    file = io.BytesIO()
    pyarrow.parquet.write_table(pa.table({"a": [1, 2]}), file)
    pd.testing.assert_frame_equal(DataFrameCodec().decode(file.getvalue()), pd.DataFrame({"a": [1, 2]}))


def test_a_refused_column_is_named() -> None:
    with pytest.raises(NotStorable, match="readings"):
        DataFrameCodec().encode(pd.DataFrame({"readings": [object()]}))
    with pytest.raises(NotStorable) as refusal:
        DataFrameCodec().encode(pd.DataFrame({"readings": [{"x": 1}, {}]}))
    assert refusal.value.where == "['readings']"
