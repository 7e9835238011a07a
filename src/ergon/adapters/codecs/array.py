"""The codec of NumPy arrays."""

from __future__ import annotations

import io
from typing import Any, Final

from ergon.adapters.codecs.kinds import is_a, need
from ergon.errors import NotStorable

_KIND: Final = "numpy.ndarray"
_PLAIN_KINDS: Final = "?bBiufcmMSUV"
"""Kinds of dtypes that npy holds without pickling."""


class ArrayCodec:
    """Keeps `numpy.ndarray` as npy, never pickled; arrays of objects and derived classes are refused."""

    type = "array"

    def matches(self, value: object) -> bool:
        """Say whether a value is an array."""
        return is_a(value, "numpy", "ndarray")

    def encode(self, value: object) -> bytes:
        """Give its npy bytes."""
        import numpy

        if type(value) not in (
            numpy.ndarray,
            numpy.memmap,
        ):  # such as a masked one, which would lose its mask
            kind = f"{type(value).__module__}.{type(value).__qualname__}"
            raise NotStorable(where="", kind=kind, hint="Return a plain array, as numpy.asarray gives it.")
        array: Any = value
        if array.dtype.hasobject or array.dtype.kind not in _PLAIN_KINDS:
            kind = f"{_KIND} of {array.dtype}"
            raise NotStorable(where="", kind=kind, hint="Return a list, or an array of numbers or texts.")
        data = io.BytesIO()
        numpy.save(data, array, allow_pickle=False)
        return data.getvalue()

    def decode(self, data: bytes) -> object:
        """Give the array of npy bytes."""
        numpy: Any = need("numpy", f"Reading a {_KIND}")
        array: object = numpy.load(io.BytesIO(data), allow_pickle=False)
        return array
