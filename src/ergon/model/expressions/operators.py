"""Operators: arithmetic, repetition and formatting whose results stay in bounds (S15)."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sized
from typing import Final

from ergon.model.expressions.limits import MAX_SIZE, TooLarge, allow_bits, allow_size, allow_width
from ergon.model.expressions.weight import weigh

_WIDTHS: Final = re.compile(r"\d+")
_PLACEHOLDER: Final = re.compile(
    r"%(?:\((?P<name>[^)]*)\))?[-+ #0]*(?P<width>\*|\d*)(?:\.(?P<precision>\*|\d*))?[hlL]?(?P<type>.)", re.S
)


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
