"""Wording: what a validation error wants, said in the file's own words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from ergon.loading.nodes import MappingNode, Node, ScalarNode
from ergon.loading.positions import Path

_TYPES: Final = {
    "string_type": "a text",
    "int_type": "a whole number",
    "float_type": "a number",
    "bool_type": "true or false",
    "dict_type": "a mapping",
    "tuple_type": "a list",
    "list_type": "a list",
    "model_type": "a mapping",
}
_BOUNDS: Final = {
    "greater_than_equal": "at least {ge}",
    "greater_than": "above {gt}",
    "less_than_equal": "at most {le}",
    "string_too_short": "a text of at least {min_length} character",
    "string_too_long": "a text of at most {max_length} characters",
    "literal_error": "{expected}",
}
_CONDITIONS: Final = frozenset({"when", "while", "until", "that"})
_BOOLEAN_WORDS: Final = frozenset({"yes", "no", "on", "off", "y", "n", "true", "false"})


@dataclass(frozen=True, slots=True)
class FieldError:
    """One error of one field, as pydantic gives it."""

    kind: str
    location: tuple[str | int, ...]
    facts: Mapping[str, object]


def is_of_type(error: FieldError) -> bool:
    """Whether the value is of a wrong type, and not of the right type with a wrong value."""
    return error.kind in _TYPES


def expected(errors: list[FieldError], path: Path) -> str:
    """Say what may stand at a place."""
    if path[-1:] and path[-1] in _CONDITIONS:
        return "an expression in a text, true or false"
    if path[-2:-1] == ("needs",):
        return "the id of a step, or a mapping with `step`"
    return " or ".join(dict.fromkeys(_wanted(error) for error in errors))


def _wanted(error: FieldError) -> str:
    if error.kind in _TYPES:
        return _TYPES[error.kind]
    if error.facts.get("expected") == "True":
        return "true"
    if error.kind in _BOUNDS:
        return _BOUNDS[error.kind].format_map({name: _number(value) for name, value in error.facts.items()})
    reason = str(error.facts.get("error", error.kind.replace("_", " ")))
    if reason == "not a template":
        return "a template"
    return reason.removeprefix("a duration is ").replace("a number of seconds or one like", "a duration like")


def _number(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def mend(node: Node | None, wanted: str, path: Path) -> str:
    """Say what to do about a value that is not what is wanted, where that is plain to see."""
    value = node.value if isinstance(node, ScalarNode) else ()
    if value is None:
        return "Give it a value, or remove the key."
    if isinstance(value, str) and "true or false" in wanted and value.lower() in _BOOLEAN_WORDS:
        return "Only true and false, without quotes, are booleans."
    if isinstance(value, str) and "number" in wanted and value.lstrip("+-").isdigit():
        return "Remove the quotes."
    if isinstance(node, MappingNode) and wanted == "a list" and path[-1:] == ("parameters",):
        return "Write each one as an item: `- name: …`."
    if isinstance(node, MappingNode) and wanted == "a list" and path[-1:] in (("steps",), ("parallel",)):
        return "Write each one as an item: `- id: …`."
    if isinstance(node, ScalarNode) and wanted == "a list":
        return "Write it as a list, in square brackets."
    return ""
