"""Parameters: what the person who starts a run supplies (S6)."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, JsonValue, StrictBool, StrictFloat, StrictInt

from ergon.model.base import Definition, Id

ParameterType = Literal[
    "string", "text", "integer", "number", "boolean", "enum", "date", "datetime", "file", "json", "secret"
]


class Option(Definition):
    """One choice of an `enum` parameter."""

    value: JsonValue
    """The value that the run gets."""
    label: str = ""
    """What a form shows for it."""


class Parameter(Definition):
    """One parameter of a workflow."""

    name: Id
    """The name under `parameters.` in templates."""
    type: ParameterType = "string"
    """The type; values from a command line are converted to it."""
    label: str = ""
    """What a form shows as its name."""
    description: str = ""
    """What it means, in a sentence."""
    required: StrictBool = False
    """Whether a run must supply it; without it and without a default the value is null."""
    default: JsonValue = None
    """The value when a run supplies none."""
    minimum: StrictFloat | None = None
    """Least value of an integer or number."""
    maximum: StrictFloat | None = None
    """Greatest value of an integer or number."""
    min_length: Annotated[StrictInt, Field(ge=0)] | None = None
    """Least length of a string."""
    max_length: Annotated[StrictInt, Field(ge=0)] | None = None
    """Greatest length of a string."""
    pattern: str | None = None
    """A regular expression that a whole string must match."""
    options: tuple[Annotated[Option | JsonValue, Field(union_mode="left_to_right")], ...] = ()
    """The choices of an `enum`: values, or `{value, label}`."""

    @property
    def choices(self) -> tuple[JsonValue, ...]:
        """Give the values of the options."""
        return tuple(_choice(option) for option in self.options)


def _choice(option: Option | JsonValue) -> JsonValue:
    if isinstance(option, Option):
        return option.value
    return option
