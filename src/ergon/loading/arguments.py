"""Arguments: what a run is started with, checked and converted by the workflow's parameters (S6)."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path

from ergon.errors import ParameterInvalid
from ergon.loading.codes import CODES
from ergon.loading.composer import Composed, compose
from ergon.loading.faults import Stopped
from ergon.loading.nodes import plain
from ergon.loading.suggestions import closest
from ergon.loading.text import decode, read_bytes
from ergon.loading.values import Unfit, fit, from_text
from ergon.model.parameters import Parameter
from ergon.model.workflow import Workflow


def read_parameters(file: Path) -> dict[str, object]:
    """Read a file that maps parameters to values, in YAML or JSON; raises ParameterInvalid."""
    try:
        composed = compose(decode(read_bytes(file)))
        fault = composed.faults[0] if composed.faults else None
    except Stopped as stopped:
        composed, fault = Composed(None, ()), stopped.fault
    if fault is not None:
        reason = CODES[fault.code].sentence.format_map(fault.facts).rstrip(".")
        place = f"{file}:{fault.line + 1}:{fault.column + 1}"
        raise ParameterInvalid(name="--params", reason=f"{place}: {reason[:1].lower()}{reason[1:]}", hint=fault.hint)
    found = None if composed.root is None else plain(composed.root)
    if not isinstance(found, dict):
        raise ParameterInvalid(name="--params", reason=f"{file} is not a mapping of names to values")
    return found


def parameters_from(
    workflow: Workflow, given: Mapping[str, object], *, from_text: bool | Collection[str]
) -> dict[str, object]:
    """Give the value of every parameter of a run: what was given, else the default, else null.

    With `from_text` (for all, or for those named), texts are read as a command line has them: `3` for an integer,
    `true` for a boolean, JSON for `json`. Dates stay ISO texts, files stay paths. Raises ParameterInvalid for the
    first that does not fit.
    """
    known = {parameter.name: parameter for parameter in workflow.parameters}
    for name in given:
        if name not in known:
            raise _unknown(name, known)
    texts = from_text if not isinstance(from_text, bool) else given if from_text else None
    return {name: _value(parameter, given, texts) for name, parameter in known.items()}


def _value(parameter: Parameter, given: Mapping[str, object], texts: Collection[str] | None) -> object:
    name = parameter.name
    if name not in given:
        if parameter.required and "default" not in parameter.model_fields_set:
            hint = f"Give it with `-p {name}=VALUE`." if texts is not None else f"Give it as `{name}=…`."
            raise ParameterInvalid(name=name, reason="it is required and was not given", hint=hint)
        if parameter.default is None:
            return None
    value = given.get(name, parameter.default)
    try:
        if texts is not None and name in texts and isinstance(value, str):
            value = from_text(parameter, value)
        return fit(parameter, value)
    except Unfit as unfit:
        raise ParameterInvalid(name=name, reason=str(unfit), hint=parameter.description) from None


def _unknown(name: str, known: Mapping[str, Parameter]) -> ParameterInvalid:
    meant = closest(name, known)
    listed = f"The workflow has {', '.join(known)}." if known else "The workflow has no parameters."
    hint = f"Did you mean '{meant}'?" if meant else listed
    return ParameterInvalid(name=name, reason="the workflow has no such parameter", hint=hint)
