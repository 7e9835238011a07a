"""Sheet: the steps of a notebook, and the workflow that they make up."""

from __future__ import annotations

import json
import types
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from ergon.actions.action import Action, registry
from ergon.errors import CellRefused
from ergon.notebook.cells.step import CellStep

NAMESPACE: Final = "cell"
"""Namespace of the actions that cells are."""
_TYPES: Final[Mapping[type, str]] = {bool: "boolean", int: "integer", float: "number", str: "string"}
_PLAIN: Final = (bool, int, float, str, type(None), list, dict)
_LARGEST: Final = 10_000
"""Characters of JSON up to which a value of the notebook is a parameter."""


@dataclass(frozen=True, slots=True)
class Wiring:
    """Where a step gets what it reads."""

    steps: Mapping[str, str]
    """Names that other steps make, with the step that does."""
    parameters: tuple[str, ...]
    """Plain values of the notebook: parameters of the workflow."""
    shared: tuple[str, ...]
    """Modules, functions and classes of the notebook, which the step uses where they are."""

    @property
    def inputs(self) -> list[str]:
        """The names of the step's inputs."""
        return [*self.steps, *self.parameters]


@dataclass(slots=True)
class Sheet:
    """The steps that cells of one notebook define, in the order in which they were first defined."""

    namespace: dict[str, Any]
    """The notebook's own names."""
    steps: dict[str, CellStep] = field(default_factory=dict)
    brought: set[str] = field(default_factory=set)
    """Names that a run has put into the notebook: values of steps, and no parameters."""

    def define(self, step: CellStep) -> None:
        """Take in a step; one of the same name is replaced where it stands."""
        self.steps[step.name] = step

    def wiring(self, step: CellStep) -> Wiring:
        """Find where a step gets what it reads; raises `CellRefused` for a name that cannot be had."""
        steps: dict[str, str] = {}
        parameters, shared = [], []
        for name in step.code.reads:
            if maker := self._maker(step, name):
                steps[name] = maker
            elif name not in self.namespace or name in self.brought:
                raise CellRefused(
                    step=step.name,
                    line=0,
                    reason=f"it reads '{name}', which no step makes and the notebook does not have",
                    hint="Run the cell that makes it, or make it in a step.",
                )
            elif _is_shared(self.namespace[name]):
                shared.append(name)
            else:
                self._check_plain(step, name)
                parameters.append(name)
        return Wiring(steps, tuple(parameters), tuple(shared))

    def _maker(self, step: CellStep, name: str) -> str:
        makers = [other.name for other in self.steps.values() if other.name != step.name and name in other.makes]
        if len(makers) > 1:
            named = [maker for maker in makers if maker in step.needs]
            if len(named) == 1:
                return named[0]
            reason = f"it reads '{name}', which the steps {' and '.join(makers)} make"
            hint = f"Say which: --needs {makers[-1]}, or give one of them another name."
            raise CellRefused(step=step.name, line=0, reason=reason, hint=hint)
        return makers[0] if makers else ""

    def _check_plain(self, step: CellStep, name: str) -> None:
        value = self.namespace[name]
        if isinstance(value, _PLAIN) and _is_json(value):
            return
        raise CellRefused(
            step=step.name,
            line=0,
            reason=f"it reads '{name}', a {type(value).__name__} of the notebook, which cannot be a parameter",
            hint="Make it in a step, or in a function that the step calls.",
        )

    # ---- the workflow ----------------------------------------------------------------------------------------------

    def document(self, *, cached: bool = True) -> dict[str, Any]:
        """Give the workflow's document, with actions made of the cells as they are now.

        Results are cached by code and inputs, so that a run does only what changed, and what follows from it.
        """
        wired = {name: self.wiring(step) for name, step in self.steps.items()}
        names = dict.fromkeys(name for wiring in wired.values() for name in wiring.parameters)
        return {
            "ergon": 1,
            "name": "cells",
            "title": "The steps of a notebook",
            "parameters": [parameter(name, self.namespace[name]) for name in names],
            "steps": [self._step(step, wired[name], cached=cached) for name, step in self.steps.items()],
        }

    def _step(self, step: CellStep, wiring: Wiring, *, cached: bool) -> dict[str, Any]:
        action = f"{NAMESPACE}.{step.name}"
        function = step.function(wiring.inputs, self.namespace)
        registry[action] = Action(function, name=action, version=step.version())
        return {"uses": action, **described(step, wiring), **({"cache": True} if cached else {})}


def described(step: CellStep, wiring: Wiring) -> dict[str, Any]:
    """Give the keys of a step but for its action."""
    inputs = {name: f"{{{{ steps.{maker}.output.{name} }}}}" for name, maker in wiring.steps.items()}
    inputs |= {name: f"{{{{ parameters.{name} }}}}" for name in wiring.parameters}
    keys: dict[str, Any] = {"id": step.name}
    if inputs:
        keys["with"] = inputs
    if needs := [name for name in step.needs if name not in wiring.steps.values()]:
        keys["needs"] = needs
    if step.retry:
        keys["retry"] = step.retry
    return keys


def parameter(name: str, value: object) -> dict[str, Any]:
    """Give the definition of the parameter that a value of the notebook becomes."""
    return {"name": name, "type": _TYPES.get(type(value), "json"), "default": value}


def _is_shared(value: object) -> bool:
    return isinstance(value, types.ModuleType | type) or callable(value)


def _is_json(value: object) -> bool:
    try:
        text = json.dumps(value, allow_nan=False)
    except (TypeError, ValueError, RecursionError):
        return False
    return len(text) <= _LARGEST and json.loads(text) == value
