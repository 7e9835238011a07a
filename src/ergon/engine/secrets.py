"""Secrets by name: which ones a workflow uses, and how a child workflow is told of one (S48)."""

from __future__ import annotations

from collections.abc import Mapping

from ergon.engine.values import Values
from ergon.errors import ParameterInvalid
from ergon.model.secrets import Secret, mask
from ergon.model.states import Frame
from ergon.model.workflow import Workflow


def named_secrets(frame: Frame, values: Values) -> set[str]:
    """Give the names of the secrets that a workflow uses: those in its templates, and those its parameters name."""
    graph = frame.graph
    names = set(graph.secrets)
    kinds = {parameter.name for parameter in graph.workflow.parameters if parameter.type == "secret"}
    given = values.decode(frame.parameters) if kinds else {}
    if isinstance(given, dict):
        names |= {value for name, value in given.items() if name in kinds and isinstance(value, str)}
    return names


def secrets_by_name(workflow: Workflow, given: Mapping[str, object]) -> dict[str, object]:
    """Give a child's parameters, a secret as its name; raises `ParameterInvalid` where it would be journaled (S48)."""
    kinds = {parameter.name: parameter.type for parameter in workflow.parameters}
    named: dict[str, object] = {}
    for name, value in given.items():
        is_secret = isinstance(value, Secret) and kinds.get(name) == "secret"
        named[name] = value.name if is_secret and isinstance(value, Secret) else value
        if mask(named[name]) is not named[name]:
            reason = "a secret is given, whole, to a parameter of type `secret` only"
            raise ParameterInvalid(name=name, reason=reason)
    return named
