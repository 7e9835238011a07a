"""The standard codecs."""

from __future__ import annotations

from typing import Final

from ergon.adapters.codecs.array import ArrayCodec
from ergon.adapters.codecs.bytes import BytesCodec
from ergon.adapters.codecs.dataframe import DataFrameCodec, SeriesCodec
from ergon.adapters.codecs.figure import FigureCodec
from ergon.adapters.codecs.image import ImageCodec
from ergon.adapters.codecs.table import TableCodec
from ergon.ports import Codec

CODECS: Final[tuple[Codec, ...]] = (
    BytesCodec(),
    DataFrameCodec(),
    SeriesCodec(),
    TableCodec(),
    ArrayCodec(),
    FigureCodec(),
    ImageCodec(),
)
"""Codecs of bytes, data frames, series, Arrow tables, arrays, figures and images; none is heavy to import."""
