"""Filters written anew, where Jinja's are made for HTML or know no bounds (S15)."""

from __future__ import annotations

import datetime
import json
import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final

import markupsafe
from jinja2.filters import FILTERS as JINJA_FILTERS
from jinja2.filters import make_attrgetter
from jinja2.utils import pass_context

from ergon.model.expressions import limits, operators
from ergon.model.expressions.limits import (
    allow_count,
    allow_size,
    allow_width,
    counted,
    size_of,
)
from ergon.model.expressions.lookup import kind_of
from ergon.model.expressions.sandbox import ResultCopier, Scope, allow_replacement, refuse_undefined
from ergon.model.expressions.text import written


def batch(value: Iterable[object], linecount: int, fill_with: object = None) -> Iterator[list[object]]:
    """Cut a list into pieces of `linecount` items."""
    allow_count(linecount)
    yield from JINJA_FILTERS["batch"](value, linecount, fill_with)


def center(value: object, width: int = 80) -> str:
    """Centre a text in a field."""
    allow_width(width)
    return written(value).center(width)


def escape(value: object) -> str:
    """Escape a text for HTML; the result is a plain text."""
    return str(markupsafe.escape(written(value)))


def format_text(value: object, *args: object, **kwargs: object) -> object:
    """Format a text by `%`."""
    if args and kwargs:
        raise TypeError("format takes values by position or by name, not both")
    return operators.modulo(written(value), kwargs or args)


def indent(value: object, width: int | str = 4, first: bool = False, blank: bool = False) -> str:
    """Indent all lines but the first."""
    allow_width(len(width) if isinstance(width, str) else width)
    text = written(value)
    allow_size(len(text) + (text.count("\n") + 1) * (len(width) if isinstance(width, str) else width), len(text))
    return str(JINJA_FILTERS["indent"](text, width, first, blank))


@pass_context
def join(context: Scope, value: Iterable[object], d: object = "", attribute: str | int | None = None) -> str:
    """Join items to a text."""
    items = value if attribute is None else map(make_attrgetter(context.environment, attribute), value)
    copier = ResultCopier(context.budget, loads=True)
    separator = written(d, copier)
    size, longest = 0, 0
    parts: list[str] = []
    for item in counted(items, context.budget):
        text = written(item, copier)
        size, longest = size + len(text) + (len(separator) if parts else 0), max(longest, len(text))
        allow_size(size, longest)
        parts.append(text)
    return separator.join(parts)


def replace(value: object, old: object, new: object, count: int | None = None) -> str:
    """Replace a text in a text."""
    text, before, after, times = written(value), written(old), written(new), -1 if count is None else count
    allow_replacement(text, before, after, times)
    return text.replace(before, after, times)


def round_number(value: float, precision: object = 0, method: str = "common") -> object:
    """Round a number; `method` is common, ceil or floor."""
    if not isinstance(precision, int) or abs(precision) > 1000:
        raise limits.TooLarge("a precision is a whole number between -1000 and 1000")
    if method == "common":
        return round(value, precision)
    if method not in ("ceil", "floor"):
        raise ValueError("the method of round is common, ceil or floor")
    scale = 10**precision
    scaled: Any = operators.multiply(value, scale)  # Any: whatever is no number raises TypeError
    return (math.ceil if method == "ceil" else math.floor)(scaled) / scale


def slice_list(value: Iterable[object], slices: int, fill_with: object = None) -> Iterator[list[object]]:
    """Cut a list into `slices` lists as even as can be; `fill_with` fills up the shorter ones."""
    allow_count(slices)
    items = list(value)
    least, longer = divmod(len(items), slices)
    end = 0
    for number in range(slices):
        start, end = end, end + least + (number < longer)
        filling = [fill_with] if fill_with is not None and number >= longer else []
        yield items[start:end] + filling


def string(value: object) -> str:
    """Write a value as a text."""
    return written(value)


@pass_context
def striptags(context: Scope, value: object) -> str:
    """Take HTML tags out of a text."""
    text = written(value)
    context.budget.spend((text.count("<") + 1) * len(text))
    return str(JINJA_FILTERS["striptags"](text))


@pass_context
def add_up(context: Scope, value: Iterable[object], attribute: str | int | None = None, start: object = 0) -> object:
    """Add items up."""
    items = value if attribute is None else map(make_attrgetter(context.environment, attribute), value)
    total = start
    for item in counted(items, context.budget):
        refuse_undefined(item)
        total = operators.add(total, item)
        context.budget.spend(size_of(total))
    return total


@pass_context
def tojson(context: Scope, value: object, indent: int | None = None) -> str:
    """Write a value as JSON: keys in order, no HTML escapes, NaN and infinities as null."""
    if indent is not None and not 0 <= indent <= 16:
        raise ValueError("the indent of tojson is between 0 and 16")
    data = _jsonable(ResultCopier(context.budget, loads=True).copy(value))
    encoder = json.JSONEncoder(ensure_ascii=False, allow_nan=False, indent=indent)
    size, pieces = 0, []
    for piece in encoder.iterencode(data):
        size += len(piece)
        allow_size(size, 2 * size_of(value))
        pieces.append(piece)
    return "".join(pieces)


def _jsonable(value: object) -> object:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: _jsonable(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_jsonable(item) for item in value]
    if isinstance(value, (datetime.date, datetime.time)):
        return value.isoformat()
    if value is None or isinstance(value, (str, int)):
        return value
    raise TypeError(f"{kind_of(value)} cannot be written as JSON")


@pass_context
def wordwrap(context: Scope, value: object, width: int = 79, *args: object, **kwargs: object) -> str:
    """Wrap a text at `width` characters."""
    text = written(value)
    allow_width(width)
    longest = max(map(len, text.split()), default=0)
    context.budget.spend(longest * longest)
    between = args[1] if len(args) > 1 else kwargs.get("wrapstring")
    allow_width(size_of(between) * 100)
    return str(JINJA_FILTERS["wordwrap"](context.environment, text, width, *args, **kwargs))


OWN: Final[Mapping[str, Callable[..., object]]] = {
    "batch": batch,
    "center": center,
    "e": escape,
    "escape": escape,
    "forceescape": escape,
    "format": format_text,
    "indent": indent,
    "join": join,
    "replace": replace,
    "round": round_number,
    "safe": string,
    "slice": slice_list,
    "string": string,
    "striptags": striptags,
    "sum": add_up,
    "tojson": tojson,
    "wordwrap": wordwrap,
}
