"""The contract of codecs, on each of the standard ones."""

from __future__ import annotations

import datetime as dt
import decimal
import io
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from matplotlib.figure import Figure as LiveFigure
from PIL import Image

from ergon.adapters.codecs.array import ArrayCodec
from ergon.adapters.codecs.bytes import BytesCodec
from ergon.adapters.codecs.dataframe import DataFrameCodec, SeriesCodec
from ergon.adapters.codecs.figure import Figure, FigureCodec
from ergon.adapters.codecs.image import ImageCodec
from ergon.adapters.codecs.table import TableCodec
from ergon.ports import Codec
from ergon.testing.contracts.codec import CodecContract


class TestBytesCodec(CodecContract):
    @pytest.fixture
    def codec(self) -> Codec:
        return BytesCodec()

    def samples(self) -> Sequence[object]:
        return (b"", b"\x00\xff", bytearray(b"abc"), memoryview(b"abcdef")[::2])

    def same(self, value: Any, read: Any) -> bool:
        assert isinstance(value, bytes | bytearray | memoryview)
        return type(read) is bytes and read == bytes(value)


class TestDataFrameCodec(CodecContract):
    @pytest.fixture
    def codec(self) -> Codec:
        return DataFrameCodec()

    def samples(self) -> Sequence[object]:
        days = pd.date_range("2020-01-01", periods=2, freq="D", name="day")
        noted = pd.DataFrame({"a": [1]})
        noted.attrs["unit"] = "mm"
        return (
            pd.DataFrame({"a": [1, 2], "b": ["x", None], "c": [0.5, np.nan], "d": [True, False]}, index=days),
            pd.DataFrame(),
            pd.DataFrame({"a": []}, index=pd.Index([], dtype="int32")),
            pd.DataFrame(np.arange(6, dtype="int8").reshape(2, 3)),  # columns 0, 1, 2
            pd.DataFrame({("a", 1): [1], ("b", 2): [2]}),
            pd.DataFrame({"a": [1, 2]}, index=pd.MultiIndex.from_tuples([("x", 1), ("y", 2)], names=["k", None])),
            pd.DataFrame({"a": [1, 2]}, index=pd.RangeIndex(5, 9, 2)),
            pd.DataFrame({"c": pd.Categorical(["x", "y"], categories=["y", "x"], ordered=True)}),
            pd.DataFrame({"t": pd.date_range("2020", periods=2, tz="Europe/Oslo"), "d": [dt.date(2020, 1, 1)] * 2}),
            pd.DataFrame({"i": pd.array([1, None], dtype="Int64"), "s": pd.array(["a", None], dtype="string")}),
            pd.DataFrame({"p": pd.period_range("2020", periods=2, freq="M"), "v": pd.interval_range(0, 2)}),
            pd.DataFrame({"o": pd.Series(["x", None], dtype=object), "n": pd.Series([1, 2], dtype=object)}),
            pd.DataFrame({"m": [decimal.Decimal("1.20"), None], "b": [b"x", b"y"], "l": [[1], [2, 3]]}),
            pd.DataFrame({"s": [{"x": 1, "y": "a"}, {"x": 2, "y": "b"}]}),
            noted,
        )

    def refused(self) -> Sequence[object]:
        unnoted = pd.DataFrame({"a": [1]})
        unnoted.attrs["what"] = object()
        return (
            pd.DataFrame({"a": pd.Series(["x", 1], dtype=object)}),
            pd.DataFrame([[1, 2]], columns=["a", "a"]),
            pd.DataFrame({"a": [1], 1: [2]}),
            pd.DataFrame({"a": [1j]}),
            pd.DataFrame({"a": [object()]}),
            pd.DataFrame({"a": [{"x": 1}, {"y": 2}]}),
            unnoted,
        )

    def same(self, value: Any, read: Any) -> bool:
        assert isinstance(value, pd.DataFrame)
        pd.testing.assert_frame_equal(value, read, check_freq=True, check_index_type="exact")
        return bool(value.attrs == read.attrs)


class TestSeriesCodec(CodecContract):
    @pytest.fixture
    def codec(self) -> Codec:
        return SeriesCodec()

    def samples(self) -> Sequence[object]:
        return (
            pd.Series([1, 2], name="a", index=["x", "y"]),
            pd.Series([1.5, np.nan]),
            pd.Series(["x"], name=("a", 1)),
            pd.Series([], dtype="float32", name=7),
            pd.Series([1, 2], index=pd.date_range("2020", periods=2, freq="h")),
            pd.Series([1, 2], name=dt.date(2020, 1, 2)),
        )

    def refused(self) -> Sequence[object]:
        return (pd.Series([object()]), pd.Series([1, "x"], dtype=object))

    def same(self, value: Any, read: Any) -> bool:
        assert isinstance(value, pd.Series)
        pd.testing.assert_series_equal(value, read)
        return type(value.name) is type(read.name)


class TestTableCodec(CodecContract):
    @pytest.fixture
    def codec(self) -> Codec:
        return TableCodec()

    def samples(self) -> Sequence[object]:
        nested = pa.table({"l": [[1], None], "s": [{"x": 1}, {"x": None}], "d": [dt.date(2020, 1, 1), None]})
        return (
            pa.table({"a": [1, 2], "b": ["x", None]}),
            pa.table({"a": pa.array(["x", "y"]).dictionary_encode(), "n": pa.array([1, 2], pa.uint8())}),
            nested.replace_schema_metadata({"source": "a test"}),
            pa.table({}),
        )

    def refused(self) -> Sequence[object]:
        union = pa.UnionArray.from_sparse(pa.array([0], pa.int8()), [pa.array([1])])
        return (pa.table({"u": union}),)

    def same(self, value: Any, read: Any) -> bool:
        assert isinstance(value, pa.Table)
        return bool(read.equals(value) and read.schema.metadata == value.schema.metadata)


class TestArrayCodec(CodecContract):
    @pytest.fixture
    def codec(self) -> Codec:
        return ArrayCodec()

    def samples(self) -> Sequence[object]:
        return (
            np.arange(6, dtype="int16").reshape(2, 3),
            np.array(2.5),
            np.array([]),
            np.asfortranarray(np.eye(3))[:, ::2],
            np.array(["a", "bcd"]),
            np.array(["2020-01-01"], dtype="datetime64[ns]"),
            np.array([1 + 2j, np.nan]),
            np.array([(1, 2.5)], dtype=[("n", "i4"), ("v", "f8")]),
        )

    def refused(self) -> Sequence[object]:
        return (
            np.array([object()]),
            np.array(["a", None], dtype=object),
            np.ma.masked_array([1, 2], mask=[True, False]),
            np.array(["a"], dtype=np.dtypes.StringDType()),
        )

    def same(self, value: Any, read: Any) -> bool:
        assert isinstance(value, np.ndarray)
        np.testing.assert_array_equal(value, read, strict=True)
        return bool(value.dtype == read.dtype and read.flags.writeable)


class TestFigureCodec(CodecContract):
    @pytest.fixture
    def codec(self) -> Codec:
        return FigureCodec()

    def samples(self) -> Sequence[object]:
        return (Figure("<svg>é</svg>"), Figure("<svg/>"))

    def same(self, value: Any, read: Any) -> bool:
        return bool(value == read and read._repr_svg_() == value.svg)

    def test_s46_a_live_figure_reads_back_as_it_is_drawn(self, codec: Codec) -> None:
        live = LiveFigure(figsize=(2, 1))
        live.add_subplot().set_title("Ærlig talt")
        assert codec.matches(live)
        read = codec.decode(codec.encode(live))
        assert isinstance(read, Figure)
        assert read.svg.startswith("<?xml")
        assert "Ærlig talt" in read.svg
        assert len(repr(read)) < 50


class TestImageCodec(CodecContract):
    @pytest.fixture
    def codec(self) -> Codec:
        return ImageCodec()

    def samples(self) -> Sequence[object]:
        gradient = Image.linear_gradient("L").resize((7, 5))
        return (
            gradient.convert("RGB"),
            gradient,
            gradient.convert("1"),
            gradient.convert("LA"),
            gradient.convert("RGBA"),
            gradient.convert("P"),
            Image.fromarray(np.arange(6, dtype="uint16").reshape(2, 3) * 10_000),
        )

    def refused(self) -> Sequence[object]:
        return (Image.new("CMYK", (2, 2)), Image.new("F", (2, 2)), Image.new("I", (2, 2)))

    def same(self, value: Any, read: Any) -> bool:
        assert isinstance(value, Image.Image)
        return (value.mode, value.size, value.tobytes()) == (read.mode, read.size, read.tobytes())

    def test_a_file_that_was_opened_lazily_is_read(self, codec: Codec) -> None:
        file = io.BytesIO()
        Image.new("RGB", (3, 3), "red").save(file, "BMP")
        read = codec.decode(codec.encode(Image.open(file)))
        assert isinstance(read, Image.Image)
        assert read.getpixel((1, 1)) == (255, 0, 0)
