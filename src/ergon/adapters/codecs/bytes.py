"""The codec of bytes."""

from __future__ import annotations


class BytesCodec:
    """Keeps bytes as they are; bytearrays and memory views read back as bytes."""

    type = "bytes"

    def matches(self, value: object) -> bool:
        """Say whether a value is bytes."""
        return isinstance(value, bytes | bytearray | memoryview)

    def encode(self, value: object) -> bytes:
        """Give the bytes themselves."""
        assert isinstance(value, bytes | bytearray | memoryview)
        return bytes(value)

    def decode(self, data: bytes) -> object:
        """Give the bytes themselves."""
        return data
