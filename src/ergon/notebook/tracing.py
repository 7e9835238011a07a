"""`@ergon.workflow`: calling actions inside a function records a graph instead of running it."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NoReturn

from ergon.actions.action import Action, recorder
from ergon.errors import NotPossible
from ergon.model.workflow import Workflow as Definition
from ergon.notebook.workflow import Workflow

_WORD = re.compile(r"[^A-Za-z0-9_-]+")


class Placeholder:
    """What stands for a value that exists only in a run: a parameter, or (part of) a step's output."""

    __slots__ = ("_ergon_path",)

    def __init__(self, path: str) -> None:
        self._ergon_path = path

    def __getattr__(self, name: str) -> Placeholder:
        if name.startswith("_"):
            raise AttributeError(name)
        return Placeholder(f"{self._ergon_path}.{name}")

    def __getitem__(self, key: str | int) -> Placeholder:
        return Placeholder(f"{self._ergon_path}[{key!r}]")

    def __repr__(self) -> str:
        return f"{{{{ {self._ergon_path} }}}}"

    def __str__(self) -> str:
        return repr(self)

    def __format__(self, spec: str) -> str:
        if spec:
            _refuse("format")
        return repr(self)

    def __bool__(self) -> NoReturn:  # noqa: PLE0304  # it has none
        _refuse("decide by")

    def __iter__(self) -> Iterator[object]:
        _refuse("iterate over")

    def __len__(self) -> NoReturn:  # noqa: PLE0303  # it has none
        _refuse("measure")

    def __call__(self, *arguments: object, **named: object) -> NoReturn:
        _refuse("call")


def _refuse(what: str) -> NoReturn:
    raise NotPossible(
        what=f"{what} a value of a run while a workflow is traced",
        reason="it does not exist yet",
        hint="Write the condition or loop as a block in the workflow file, or do it inside an action.",
    )


class _Tracer:
    """Records the calls of one tracing."""

    def __init__(self) -> None:
        self.steps: list[dict[str, object]] = []

    def record(self, action: Action, arguments: tuple[object, ...], named: dict[str, object]) -> Placeholder:
        step_id = self._id(action.name)
        inputs = _by_name(action, arguments, named)
        step: dict[str, object] = {"id": step_id, "uses": action.name}
        if inputs:
            step["with"] = {name: _plain(value) for name, value in inputs.items()}
        self.steps.append(step)
        return Placeholder(f"steps.{step_id}.output" if "-" not in step_id else f"steps['{step_id}'].output")

    def _id(self, name: str) -> str:
        base = _WORD.sub("_", re.split(r"[.:]", name)[-1]) or "step"
        used = {step["id"] for step in self.steps}
        number, step_id = 2, base
        while step_id in used:
            step_id, number = f"{base}_{number}", number + 1
        return step_id


def _by_name(action: Action, arguments: tuple[object, ...], named: dict[str, object]) -> dict[str, object]:
    parameters = [
        p
        for p in inspect.signature(action.function).parameters.values()
        if p.name != "ctx" and p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)
    ]
    if len(arguments) > len(parameters):
        raise TypeError(f"{action.name} takes {len(parameters)} positional inputs, and {len(arguments)} were given")
    return {p.name: value for p, value in zip(parameters, arguments, strict=False)} | named


def _plain(value: object) -> object:
    if isinstance(value, Placeholder):
        return repr(value)
    if isinstance(value, Mapping):
        return {str(key): _plain(member) for key, member in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(member) for member in value]
    return str(value) if isinstance(value, Path) else value


_TYPES: Mapping[object, str] = {str: "string", int: "integer", float: "number", bool: "boolean"}
_TYPES_BY_NAME: Mapping[str, str] = {"str": "string", "int": "integer", "float": "number", "bool": "boolean"}


def _parameter(parameter: inspect.Parameter) -> dict[str, object]:
    annotation = parameter.annotation
    known = _TYPES_BY_NAME.get(annotation) if isinstance(annotation, str) else _TYPES.get(annotation)
    described: dict[str, object] = {"name": parameter.name}
    if known is not None:
        described["type"] = known
    elif annotation is not inspect.Parameter.empty:
        described["type"] = "json"
    if parameter.default is inspect.Parameter.empty:
        described["required"] = True
    elif parameter.default is not None:
        described["default"] = parameter.default
    return described


def workflow(function: Callable[..., object]) -> Workflow:
    """Make a workflow of a function that calls actions, by tracing it once.

    Its parameters become the workflow's; what it returns becomes the output `result`, or outputs by name where it
    returns a mapping. Only calls are recorded: a value of a run can be passed on, indexed and put into a text, but
    not looked at. Raises `NotPossible` where the function tries to.
    """
    parameters = [_parameter(p) for p in inspect.signature(function).parameters.values()]
    tracer = _Tracer()
    token = recorder.set(tracer.record)
    try:
        result = function(**{str(p["name"]): Placeholder(f"parameters.{p['name']}") for p in parameters})
    finally:
        recorder.reset(token)
    document: dict[str, Any] = {
        "ergon": 1,
        "name": function.__name__,
        "parameters": parameters,
        "steps": tracer.steps,
    }
    if function.__doc__:
        document["description"] = inspect.cleandoc(function.__doc__)
    if isinstance(result, Mapping):
        document["outputs"] = {str(name): _plain(value) for name, value in result.items()}
    elif result is not None:
        document["outputs"] = {"result": _plain(result)}
    return Workflow(Definition.model_validate(document), folder=_folder_of(function))


def _folder_of(function: Callable[..., object]) -> Path:
    file = Path(function.__code__.co_filename)
    return file.parent if file.is_file() else Path.cwd()
