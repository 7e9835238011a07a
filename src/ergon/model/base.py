"""What all parts of a workflow's definition share: frozen, strict about keys, aliased to the file's words."""

from __future__ import annotations

import re
from typing import Annotated, Final

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StrictBool,
    StringConstraints,
    WithJsonSchema,
)

ID_PATTERN: Final = r"^[A-Za-z_][A-Za-z0-9_-]{0,63}$"
DURATION_PATTERN: Final = r"^\s*([0-9]+(?:\.[0-9]+)?)\s*(ms|s|m|h|d)\s*$"
_UNITS: Final = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_DURATION = re.compile(DURATION_PATTERN)
_MAX_SECONDS: Final = 100 * 365 * 86400.0


class Definition(BaseModel):
    """A part of a workflow's definition."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


def parse_duration(value: object) -> float:
    """Read `500ms`, `10s`, `5m`, `2h`, `1d` or a number of seconds; gives seconds (S9)."""
    if isinstance(value, str) and (match := _DURATION.match(value)):
        seconds = float(match[1]) * _UNITS[match[2]]
    elif isinstance(value, (int, float)) and not isinstance(value, bool):
        seconds = float(value)
    else:
        raise ValueError("a duration is a number of seconds or one like 500ms, 10s, 5m, 2h, 1d")
    if not 0 <= seconds <= _MAX_SECONDS:
        raise ValueError("a duration is between 0 and 100 years")
    return seconds


def _template(value: object) -> object:
    if isinstance(value, str) and "{{" in value:
        return value
    raise ValueError("not a template")


_DURATION_SCHEMA: Final = {"anyOf": [{"type": "number", "minimum": 0}, {"type": "string", "pattern": DURATION_PATTERN}]}

Id = Annotated[str, StringConstraints(pattern=ID_PATTERN)]
"""An id: a letter or `_`, then up to 63 letters, digits, `_` or `-` (S5)."""

Duration = Annotated[float, BeforeValidator(parse_duration), WithJsonSchema(_DURATION_SCHEMA)]
"""A duration: seconds, or `500ms 10s 5m 2h 1d` (S9)."""

TemplateText = Annotated[str, BeforeValidator(_template), WithJsonSchema({"type": "string", "pattern": r"\{\{"})]
"""A string that holds a template."""

Condition = Annotated[StrictBool | str, Field(union_mode="left_to_right")]
"""A bare expression, or true or false (S13)."""
