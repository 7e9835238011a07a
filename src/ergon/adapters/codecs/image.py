"""The codec of Pillow images."""

from __future__ import annotations

import io
from typing import Any, Final

from ergon.adapters.codecs.kinds import is_a, need
from ergon.errors import ExtraMissing, NotStorable

_MODES: Final = ("1", "L", "LA", "P", "RGB", "RGBA", "I;16")
"""Modes of which PNG keeps every bit."""


class ImageCodec:
    """Keeps `PIL.Image.Image` as PNG; modes that PNG would change are refused."""

    type = "image"

    def matches(self, value: object) -> bool:
        """Say whether a value is an image."""
        return is_a(value, "PIL.Image", "Image")

    def encode(self, value: object) -> bytes:
        """Give its PNG bytes."""
        image: Any = value
        if image.mode not in _MODES:
            hint = "Convert it first, for instance with `image.convert('RGB')`."
            raise NotStorable(where="", kind=f"PIL image of mode {image.mode}", hint=hint)
        png = io.BytesIO()
        image.save(png, format="PNG")
        return png.getvalue()

    def decode(self, data: bytes) -> object:
        """Give the image of PNG bytes."""
        try:
            pillow: Any = need("PIL.Image", "Reading an image")
        except ExtraMissing as error:
            error.package, error.hint = "pillow", "Install it with: pip install pillow"
            raise
        image: Any = pillow.open(io.BytesIO(data))
        image.load()  # now, so that the bytes can go
        return image
