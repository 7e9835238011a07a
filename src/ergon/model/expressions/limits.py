"""Limits: how much a template may make, and how much work it may do (S15)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence, Set, ValuesView
from typing import Final

from ergon.model.expressions.lookup import load

MAX_SOURCE: Final = 100_000
"""Characters in a template's text."""
MAX_SIZE: Final = 1_000_000
"""Characters or items in anything that a template makes (what it only passes on may be larger)."""
MAX_RANGE: Final = 100_000
"""Numbers in a range, pieces of a batch or slice."""
MAX_BITS: Final = 10_000
"""Bits of an integer."""
MAX_WIDTH: Final = 10_000
"""Width of a padded or indented field."""
MAX_WORK: Final = 64_000_000
"""Units of work in one evaluation: a character made is one, an item passed on `STEP`."""
STEP: Final = 16
"""Units that an item, or one node of a loop's body, is worth."""
CALL: Final = 1024
"""Units that the call of a macro or function is worth."""

_SIMPLE: Final = frozenset({bool, float, int, type(None)})
_SIZED: Final = (str, bytes, list, tuple, dict, Mapping, Sequence, Set, ValuesView)


class TooLarge(Exception):  # noqa: N818  # the reason is the sentence; nobody outside this package sees it
    """Something is over a limit; the message is the reason, as a clause."""


class Budget:
    """The work that is left to one evaluation."""

    __slots__ = ("left",)

    def __init__(self, left: int = MAX_WORK) -> None:
        self.left = left

    def spend(self, units: int) -> None:
        """Take units of work; raises TooLarge when there are none left."""
        self.left -= units
        if self.left < 0:
            raise TooLarge("it takes more work than a template may do")


def allow_size(size: int, given: int = 0, *, what: str = "characters") -> None:
    """Refuse something made that is over the limit and larger than the largest thing that it was made of."""
    if size > MAX_SIZE and size > given:
        raise TooLarge(f"it would make {size:,} {what}, and {MAX_SIZE:,} is the most")


def allow_width(width: object) -> None:
    """Refuse a field wider than `MAX_WIDTH`."""
    if isinstance(width, int) and abs(width) > MAX_WIDTH:
        raise TooLarge(f"a field of {width:,} is too wide, {MAX_WIDTH:,} is the most")


def allow_count(count: object) -> None:
    """Refuse a count over `MAX_RANGE`."""
    if isinstance(count, int) and abs(count) > MAX_RANGE:
        raise TooLarge(f"{count:,} is too many, {MAX_RANGE:,} is the most")


def allow_bits(bits: int) -> None:
    """Refuse an integer of more than `MAX_BITS` bits."""
    if bits > MAX_BITS:
        raise TooLarge(f"the number is too large (over {MAX_BITS:,} bits)")


def size_of(value: object) -> int:
    """Give the length of data that has one, and 0 for anything else."""
    if type(value) in _SIMPLE:
        return 0
    return len(value) if isinstance(value, _SIZED) else 0


def counted(items: Iterable[object], budget: Budget) -> Iterator[object]:
    """Pass items on one at a time, loaded, each at its price."""
    for item in items:
        budget.spend(STEP + (len(item) if isinstance(item, str) else 0))
        yield load(item)
