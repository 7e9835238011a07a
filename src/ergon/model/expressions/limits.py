"""Limits: how much a template may make, and how much work it may do (S15)."""

from __future__ import annotations

import re
import types
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set, Sized, ValuesView
from typing import Final

from ergon.model.expressions.lookup import kind_of, load

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

_ATOMS: Final = frozenset({bool, float, type(None)})
_SIMPLE: Final = _ATOMS | {int}
_SIZED: Final = (str, bytes, list, tuple, dict, Mapping, Sequence, Set, ValuesView)
_WIDTHS: Final = re.compile(r"\d+")
_PLACEHOLDER: Final = re.compile(
    r"%(?:\((?P<name>[^)]*)\))?[-+ #0]*(?P<width>\*|\d*)(?:\.(?P<precision>\*|\d*))?[hlL]?(?P<type>.)", re.S
)


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


def weigh(value: object, limit: int, *, node: int = 1) -> int:
    """Add up a value's nodes, at `node` each, and its characters; raises TooLarge beyond the limit."""
    total = 0
    pending: list[object] = [value]
    while pending:
        item = pending.pop()
        if type(item) in _ATOMS:
            total += node
        elif isinstance(item, (str, bytes)):
            total += len(item) + node
        elif isinstance(item, int):
            total += node + (item.bit_length() >> 2)
        elif isinstance(item, Mapping):
            total += node
            pending.extend(item.keys())
            pending.extend(item.values())
        elif isinstance(item, (list, tuple, set, frozenset)):
            total += node
            pending.extend(item)
        else:
            total += node
        if total + node * len(pending) > limit:
            raise TooLarge("the value is too large to be printed or compared")
    return total


def pay_for(budget: Budget, *values: object) -> None:
    """Pay for looking through and through what holds others, as printing, comparing and hashing do."""
    for value in values:
        if is_container(value):
            budget.spend(weigh(value, budget.left, node=STEP))


def is_container(value: object) -> bool:
    """Tell whether a value holds others, so that printing or comparing it may take long."""
    if type(value) in _SIMPLE or type(value) is str:
        return False
    return isinstance(value, (list, dict, tuple, set, frozenset, Mapping))


def counted(items: Iterable[object], budget: Budget) -> Iterator[object]:
    """Pass items on one at a time, loaded, each at its price."""
    for item in items:
        budget.spend(STEP + (len(item) if isinstance(item, str) else 0))
        yield load(item)


# ---- operators -------------------------------------------------------------------------------------------


def add(left: object, right: object) -> object:
    """Add, where the sum of two sequences stays in bounds."""
    if isinstance(left, (str, bytes, list, tuple)) and isinstance(right, Sized):
        allow_size(len(left) + len(right), max(len(left), len(right)), what=_units(left))
    return left + right  # type: ignore[operator]  # whatever does not add raises TypeError


def multiply(left: object, right: object) -> object:
    """Multiply, where products and repetitions stay in bounds."""
    if isinstance(left, int) and isinstance(right, int):
        allow_bits(left.bit_length() + right.bit_length())
    for sequence, times in ((left, right), (right, left)):
        if isinstance(sequence, (str, bytes, list, tuple)) and isinstance(times, int):
            allow_size(len(sequence) * max(times, 0), len(sequence), what=_units(sequence))
    return left * right  # type: ignore[operator]  # whatever does not multiply raises TypeError


def power(left: object, right: object) -> object:
    """Raise to a power, where an integer's size stays in bounds."""
    if isinstance(left, int) and isinstance(right, int) and right > 0 and abs(left) > 1:
        allow_bits((abs(left).bit_length() - 1) * right)
    result: object = left**right  # type: ignore[operator]  # whatever has no powers raises TypeError
    if isinstance(result, complex):
        raise ValueError("a negative number can be raised to whole powers only")
    return result


def modulo(left: object, right: object) -> object:
    """Take the remainder, or format a text by `%`, where the text stays in bounds."""
    if isinstance(left, bytes):
        raise TypeError("bytes cannot be formatted in a template")
    if isinstance(left, str):
        _allow_format(left, right)
    return left % right  # type: ignore[operator]  # whatever has no remainder raises TypeError


def _units(value: object) -> str:
    return "characters" if isinstance(value, (str, bytes)) else "items"


def _allow_format(text: str, values: object) -> None:
    """Refuse `%` formatting whose result would be over the limit; counts each place by what goes into it."""
    given = values if isinstance(values, tuple) else (values,)
    size, place = len(text), 0
    for match in _PLACEHOLDER.finditer(text):
        if match["type"] == "%":
            continue
        if "*" in (match["width"], match["precision"]):
            raise TooLarge("a width of '*' may not be used in a template")
        for width in (match["width"] or "0", match["precision"] or "0"):
            allow_width(int(width[:18]))
            size += int(width)
        if match["name"] is not None:
            value = values.get(match["name"]) if isinstance(values, Mapping) else None
        else:
            value = given[place] if place < len(given) else None
            place += 1
        size += weigh(value, MAX_SIZE)
        allow_size(size)


def allow_format_spec(spec: str) -> None:
    """Refuse a `str.format` specification with a width over the limit."""
    for width in _WIDTHS.findall(spec):
        allow_width(int(width[:18]))


def describe_unknown(value: object) -> str:
    """Say that a template cannot give a value, as a clause."""
    if isinstance(value, (types.BuiltinMethodType, types.MethodType)):
        return f"'{value.__name__}' is a method, which is called as {value.__name__}()"
    return f"{kind_of(value)} is no value that a template can give"
