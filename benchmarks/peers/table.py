"""The table of peers: a row for each measurement, or for why there is none."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

HEAD: Final = (
    f"{'peer':16} {'version':8} {'mode':15} {'shape':8} {'N':>5} {'µs/step':>10}"
    f"  {'Ergon':8} {'µs/step':>8} {'ratio':>7}"
)


@dataclass(frozen=True, slots=True)
class Row:
    """A peer and Ergon in one shape; seconds are medians of whole runs."""

    peer: str
    version: str
    mode: str
    shape: str
    size: int
    beside: str
    """The durability that Ergon ran with."""
    seconds: float | None = None
    """The peer's; none if it was not measured."""
    ergon: float | None = None
    """Ergon's, in the same run."""
    reason: str = ""
    """Why there is no measurement."""
    note: str = ""
    """What a reader is to know of the measurement."""

    @property
    def ratio(self) -> float | None:
        """How many times as long as Ergon the peer takes; none without both."""
        return self.seconds / self.ergon if self.seconds is not None and self.ergon else None

    def line(self) -> str:
        """Give the row as text, times in microseconds a step."""
        start = f"{self.peer:16} {self.version:8} {self.mode:15} {self.shape:8} {self.size:5}"
        if self.reason:
            return f"{start}  not measured: {self.reason}"
        ratio = "" if self.ratio is None else f"{self.ratio:.2f}"
        theirs, ours = self._each(self.seconds), self._each(self.ergon)
        return f"{start} {theirs:>10}  {self.beside:8} {ours:>8} {ratio:>7}  {self.note}".rstrip()

    def _each(self, seconds: float | None) -> str:
        return "" if seconds is None else f"{seconds / self.size * 1e6:.1f}"
