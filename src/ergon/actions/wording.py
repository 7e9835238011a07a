"""Wording: what pydantic finds wrong with inputs, said in plain words."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from pydantic import ValidationError

_EXPECTED: Final = {
    "int": "a whole number",
    "float": "a number",
    "finite_number": "a finite number",
    "decimal": "a number",
    "bool": "true or false",
    "string": "text",
    "bytes": "bytes",
    "list": "a list",
    "tuple": "a list",
    "set": "a list",
    "frozen_set": "a list",
    "iterable": "a list",
    "is_instance_of": "of another type",
    "dict": "a mapping",
    "mapping": "a mapping",
    "model": "a mapping",
    "dataclass": "a mapping",
    "path": "a path",
    "none_required": "null",
    "date": "a date such as 2024-01-31",
    "datetime": "a date and time such as 2024-01-31T12:00:00",
    "time": "a time such as 12:00:00",
    "time_delta": "a duration such as PT30S",
    "uuid": "a UUID",
    "url": "a URL",
}
"""What must stand there, by the beginning of the type of pydantic's error."""

_BOUNDS: Final[Mapping[str, Callable[[Mapping[str, Any]], str]]] = {
    "literal_error": lambda facts: f"{facts['expected']}",
    "enum": lambda facts: f"{facts['expected']}",
    "greater_than": lambda facts: f"more than {facts['gt']}",
    "greater_than_equal": lambda facts: f"at least {facts['ge']}",
    "less_than": lambda facts: f"less than {facts['lt']}",
    "less_than_equal": lambda facts: f"at most {facts['le']}",
    "multiple_of": lambda facts: f"a multiple of {facts['multiple_of']}",
    "string_too_short": lambda facts: f"text of at least {facts['min_length']} characters",
    "string_too_long": lambda facts: f"text of at most {facts['max_length']} characters",
    "string_pattern_mismatch": lambda facts: f"text that matches {facts['pattern']}",
    "too_short": lambda facts: f"at least {facts['min_length']} long",
    "too_long": lambda facts: f"at most {facts['max_length']} long",
    "is_instance_of": lambda facts: f"of type {facts['class']}",
}


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong with inputs."""

    path: tuple[str | int, ...]
    """Its place under the inputs."""
    reason: str
    hint: str = ""
    is_missing: bool = False

    @property
    def field(self) -> str:
        """Give the place as text: `rows[2].date`."""
        text = ""
        for part in self.path:
            text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
        return text


def faults(error: ValidationError, inputs: Mapping[str, object], known: Iterable[str]) -> list[Fault]:
    """Say each fault once: what a union's members have against one value is one fault."""
    grouped: dict[tuple[str | int, ...], list[Any]] = {}
    for each in error.errors(include_url=False):
        grouped.setdefault(_place(each, inputs), []).append(each)
    return [_fault(place, errors, list(known)) for place, errors in grouped.items()]


def _fault(place: tuple[str | int, ...], errors: Sequence[Mapping[str, Any]], known: Sequence[str]) -> Fault:
    first = errors[0]
    kind = first["type"]
    if kind == "missing":
        return Fault(place, "a value is required", is_missing=True)
    if kind == "extra_forbidden":
        near = difflib.get_close_matches(str(place[-1]), known, n=1) if len(place) == 1 else []
        hint = f"Did you mean '{near[0]}'?" if near else f"Known are: {', '.join(known) or 'none'}."
        return Fault(place, "there is no such input", hint)
    said = next((str(each["ctx"]["error"]) for each in errors if each["type"] == "value_error"), "")
    phrases = list(dict.fromkeys(phrase for each in errors if (phrase := _expected(each))))
    if said and not phrases:
        return Fault(place, said)
    value = _at(place, errors)
    hint = 'Use the filter `string` to make text of it: "{{ … | string }}".' if _wants_text(errors, value) else ""
    return Fault(place, f"must be {' or '.join(phrases)}, not {described(value)}", hint)


def _expected(error: Mapping[str, Any]) -> str:
    """Give what should stand there; empty where the error says it in a sentence of its own."""
    kind = str(error["type"])
    if kind in _BOUNDS and error.get("ctx"):
        return _BOUNDS[kind](error["ctx"])
    if kind in ("value_error", "assertion_error"):
        return ""
    known = next((kind[:cut] for cut in _cuts(kind) if kind[:cut] in _EXPECTED), "")
    return _EXPECTED[known] if known else str(error["msg"]).removeprefix("Input should be ")


def _cuts(kind: str) -> list[int]:
    """Give where the words of an error's type end, the longest first."""
    return [len(kind), *(index for index in range(len(kind) - 1, 0, -1) if kind[index] == "_")]


def _place(error: Mapping[str, Any], inputs: object) -> tuple[str | int, ...]:
    """Give an error's place without the names of a union's members, which pydantic mixes in."""
    place: list[str | int] = []
    here = inputs
    for part in error["loc"]:
        if _has(here, part):
            here = here[part]  # type: ignore[index]  # as `_has` says
        elif error["type"] not in ("missing", "extra_forbidden"):
            continue
        place.append(part)
    return tuple(place)


def _has(holder: object, part: object) -> bool:
    if isinstance(holder, Mapping):
        return part in holder
    return isinstance(holder, list | tuple) and isinstance(part, int) and part < len(holder)


def _at(place: tuple[str | int, ...], errors: Sequence[Mapping[str, Any]]) -> object:
    """Give the value that stands at a place: that of the error that lies the least deep."""
    return min(errors, key=lambda each: len(each["loc"]) - len(place))["input"]


def _wants_text(errors: Sequence[Mapping[str, Any]], value: object) -> bool:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return is_number and any(str(each["type"]).startswith("string") for each in errors)


def described(value: object, limit: int = 40) -> str:
    """Say in a few words what a value is."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return f"the text '{value if len(value) <= limit else value[: limit - 1] + '…'}'"
    if isinstance(value, int | float):
        return f"the number {value}"
    if isinstance(value, Mapping):
        return "a mapping"
    if isinstance(value, list | tuple | set | frozenset):
        return "a list"
    return f"a {type(value).__name__}"
