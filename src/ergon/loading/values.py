"""Values of parameters: whether one fits, and what a text from a command line means (S6)."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping
from datetime import date, datetime
from pathlib import PurePath
from typing import Final

from ergon.loading.patterns import Pattern, PatternInvalid
from ergon.loading.report import short
from ergon.model.parameters import Parameter

_INTEGER: Final = re.compile(r"\s*[-+]?[0-9]{1,300}\s*")
_NUMBER: Final = re.compile(r"\s*[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]{1,9})?\s*")
_DATE: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_YES: Final = frozenset({"true", "yes", "on", "1"})
_NO: Final = frozenset({"false", "no", "off", "0"})
TEXTS: Final = frozenset({"string", "text", "file", "secret"})
NUMBERS: Final = frozenset({"integer", "number"})


class Unfit(Exception):  # noqa: N818  # its text is part of a sentence
    """A value does not fit a parameter; its text is the reason, as a clause."""


def fit(parameter: Parameter, value: object) -> object:
    """Give a value in the form that a run stores; raises Unfit where it is of a wrong type or out of bounds."""
    if value is None:
        if parameter.required:
            raise Unfit("it is required")
        return None
    kind = parameter.type
    made = _FORMS[kind](value)
    if kind == "enum" and not any(_same(made, choice) for choice in parameter.choices):
        raise Unfit(f"{_shown(made)} is none of {_listed(parameter)}")
    if kind in NUMBERS:
        _in_range(parameter, made)
    if kind in TEXTS and isinstance(made, str):
        _in_length(parameter, made)
        _in_pattern(parameter, made)
    return made


def from_text(parameter: Parameter, text: str) -> object:
    """Give the value that a text from a command line stands for; raises Unfit."""
    kind = parameter.type
    if kind == "integer" and _INTEGER.fullmatch(text):
        return int(text)
    if kind == "number" and _INTEGER.fullmatch(text):
        return int(text)
    if kind == "number" and _NUMBER.fullmatch(text):
        return float(text)
    if kind == "boolean" and text.strip().lower() in _YES | _NO:
        return text.strip().lower() in _YES
    if kind == "json":
        try:
            return json.loads(text)
        except (ValueError, RecursionError):
            raise Unfit(f"'{short(text, 40)}' is not JSON; a text in it needs its double quotes") from None
    if kind == "enum":
        chosen = [choice for choice in parameter.choices if _written(choice) == text]
        return chosen[0] if chosen else text
    return text


# ---- forms ---------------------------------------------------------------------------------------------------


def _text(value: object) -> object:
    if not isinstance(value, str):
        raise Unfit(f"{_shown(value)} is not a text")
    return value


def _integer(value: object) -> object:
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if not isinstance(value, int) or isinstance(value, bool):
        raise Unfit(f"{_shown(value)} is not a whole number")
    return value


def _number(value: object) -> object:
    if not isinstance(value, int | float) or isinstance(value, bool) or not math.isfinite(value):
        raise Unfit(f"{_shown(value)} is not a number")
    return value


def _boolean(value: object) -> object:
    if not isinstance(value, bool):
        raise Unfit(f"{_shown(value)} is not true or false")
    return value


def _date(value: object) -> object:
    if isinstance(value, date) and not isinstance(value, datetime):
        return value.isoformat()
    try:
        if isinstance(value, str) and _DATE.fullmatch(value):
            date.fromisoformat(value)
            return value
    except ValueError:
        raise Unfit(f"{_shown(value)} is no day of the calendar") from None
    raise Unfit(f"{_shown(value)} is not a date like 2026-01-31")


def _datetime(value: object) -> object:
    if isinstance(value, datetime):
        return value.isoformat()
    try:
        if isinstance(value, str):
            datetime.fromisoformat(value)
            return value
    except ValueError:
        pass
    raise Unfit(f"{_shown(value)} is not a date and time like 2026-01-31T12:00:00Z")


def _file(value: object) -> object:
    path = str(value) if isinstance(value, PurePath) else value
    if not isinstance(path, str) or not path or "\0" in path:
        raise Unfit(f"{_shown(value)} is not a path")
    return path


def _json(value: object) -> object:
    try:
        json.dumps(value)
    except (TypeError, ValueError, RecursionError):
        raise Unfit(f"a {type(value).__name__} is not JSON") from None
    return value


_FORMS: Final[Mapping[str, Callable[[object], object]]] = {
    "string": _text,
    "text": _text,
    "secret": _text,
    "integer": _integer,
    "number": _number,
    "boolean": _boolean,
    "enum": lambda value: value,
    "date": _date,
    "datetime": _datetime,
    "file": _file,
    "json": _json,
}


# ---- bounds --------------------------------------------------------------------------------------------------


def _in_range(parameter: Parameter, value: object) -> None:
    assert isinstance(value, int | float)
    if parameter.minimum is not None and value < parameter.minimum:
        raise Unfit(f"{_shown(value)} is below the minimum of {parameter.minimum:g}")
    if parameter.maximum is not None and value > parameter.maximum:
        raise Unfit(f"{_shown(value)} is above the maximum of {parameter.maximum:g}")


def _in_length(parameter: Parameter, value: str) -> None:
    if parameter.min_length is not None and len(value) < parameter.min_length:
        raise Unfit(f"it has {len(value)} characters, and the least is {parameter.min_length}")
    if parameter.max_length is not None and len(value) > parameter.max_length:
        raise Unfit(f"it has {len(value)} characters, and the most is {parameter.max_length}")


def _in_pattern(parameter: Parameter, value: str) -> None:
    if parameter.pattern is None:
        return
    try:
        matched = Pattern(parameter.pattern).matches(value)
    except PatternInvalid as error:
        raise Unfit(f"its pattern cannot be tried, because {error}") from None
    if not matched:
        shown = "it" if parameter.type == "secret" else _shown(value)
        raise Unfit(f"{shown} does not match the pattern {short(parameter.pattern)}")


def _same(a: object, b: object) -> bool:
    return a == b and isinstance(a, bool) is isinstance(b, bool)


def _written(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _listed(parameter: Parameter) -> str:
    return ", ".join(_shown(choice) for choice in parameter.choices[:10]) + (
        ", …" if len(parameter.choices) > 10 else ""
    )


def _shown(value: object) -> str:
    if isinstance(value, str):
        return f"'{short(value, 40)}'"
    if isinstance(value, bool) or value is None:
        return json.dumps(value)
    return short(str(value), 40)
