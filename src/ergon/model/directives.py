"""Directives: what an action may return instead of a value, for the engine to carry out and journal."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Wait:
    """Wait durably (S34): `seconds` from now, until `until` (seconds since 1970 UTC), or for a signal.

    With a signal, `seconds` or `until` is the limit, after which the step fails with `Timeout`.
    The step's output is then `output`, or what came with the signal.
    """

    seconds: float | None = None
    until: float | None = None
    signal: str = ""
    output: object = None


@dataclass(frozen=True, slots=True)
class Assign:
    """Set `state.<name>` (S18); the output is the value. An action that sets several gives a tuple of these."""

    name: str
    value: object


@dataclass(frozen=True, slots=True)
class Break:
    """End the enclosing loop after this iteration (S27)."""

    value: object = None


@dataclass(frozen=True, slots=True)
class Child:
    """Run another workflow in the step's place, in the same journal under the step's path (S54)."""

    path: Path
    """The workflow's file; the child's relative paths start from its folder."""
    parameters: Mapping[str, object] = field(default_factory=dict)


Directive = Wait | Assign | Break | Child
