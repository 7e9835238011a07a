"""The codec of matplotlib figures."""

from __future__ import annotations

import io
from dataclasses import dataclass, field
from typing import Any

from ergon.adapters.codecs.kinds import is_a


@dataclass(frozen=True, slots=True)
class Figure:
    """A drawn figure, as a step reads it: `svg` is the text of an SVG image. Jupyter shows it."""

    svg: str = field(repr=False)

    def _repr_svg_(self) -> str:
        return self.svg


class FigureCodec:
    """Keeps a matplotlib figure as it is drawn, as SVG; it reads back as a `Figure`."""

    type = "figure"

    def matches(self, value: object) -> bool:
        """Say whether a value is a figure, still alive or drawn."""
        return isinstance(value, Figure) or is_a(value, "matplotlib.figure", "Figure")

    def encode(self, value: object) -> bytes:
        """Give the SVG text, as UTF-8."""
        if isinstance(value, Figure):
            return value.svg.encode()
        figure: Any = value
        svg = io.BytesIO()
        figure.savefig(svg, format="svg", metadata={"Date": None})
        return svg.getvalue()

    def decode(self, data: bytes) -> object:
        """Give the figure of an SVG text."""
        return Figure(data.decode())
