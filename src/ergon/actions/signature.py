"""Signatures: how a function's parameters become the typed inputs of an action."""

from __future__ import annotations

import collections.abc
import contextlib
import functools
import inspect
import sys
import types
import typing
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePath
from typing import Annotated, Any, Final, Literal, LiteralString, Union, get_args, get_origin

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PydanticUserError, create_model
from pydantic.errors import PydanticUndefinedAnnotation
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaMode, JsonSchemaValue, JsonSchemaWarningKind
from pydantic_core import PydanticCustomError, SchemaError, core_schema

from ergon.actions.docstring import Docstring
from ergon.ports import Context

Function = Callable[..., object]

_CANNOT_BUILD: Final = (PydanticUserError, PydanticUndefinedAnnotation, SchemaError, NameError, TypeError)
_SHOWN: Final = (str, int, float, bool, type(None), list, dict, tuple)
"""Types of defaults that a form can show."""


@dataclass(frozen=True, slots=True)
class Signature:
    """The inputs of an action, read from a function."""

    model: type[BaseModel]
    """Checks and converts the inputs."""
    parameters: Mapping[str, str]
    """The function's parameter by the model's field, where the two differ."""
    context: str = ""
    """The parameter that gets the context; empty if none does."""
    is_open: bool = False
    """Whether inputs of any further name are taken."""
    positional: tuple[str, ...] = ()
    """Parameters that are given by position, the one that takes the rest last."""
    rest: str = ""
    """The parameter that takes a list of further values (`*values`)."""
    paths: frozenset[str] = field(default_factory=frozenset)
    """Inputs that are paths of files."""


@dataclass(slots=True)
class _Parts:
    """What is gathered while a function's parameters are read."""

    fields: dict[str, tuple[object, Any]] = field(default_factory=dict)
    renamed: dict[str, str] = field(default_factory=dict)
    paths: set[str] = field(default_factory=set)
    context: str = ""
    rest: str = ""
    is_open: bool = False


def read_signature(function: Function, *, name: str, docstring: Docstring) -> Signature:
    """Read the inputs of a function; an annotation that pydantic cannot check accepts anything."""
    parts = _Parts()
    hints, parameters = _hints(function), _parameters(function)
    for parameter in parameters:
        _add(parts, parameter, hints.get(parameter.name, Any), docstring)
    return Signature(
        model=_model(name, parts),
        parameters=parts.renamed,
        context=parts.context,
        is_open=parts.is_open,
        positional=_positional(parameters),
        rest=parts.rest,
        paths=frozenset(parts.paths),
    )


def json_schema(model: type[BaseModel]) -> dict[str, object]:
    """Give the JSON Schema of a model of inputs; what it cannot say is left open."""
    return model.model_json_schema(by_alias=True, schema_generator=_Schema)


def _add(parts: _Parts, parameter: inspect.Parameter, hint: object, docstring: Docstring) -> None:
    """Add one parameter to the inputs."""
    if parameter.kind is parameter.VAR_KEYWORD:
        parts.is_open = True
        return
    if _is_context(parameter.name, hint):
        parts.context = parameter.name
        return
    if _names_path(hint):
        parts.paths.add(parameter.name)
    default = parameter.default
    if parameter.kind is parameter.VAR_POSITIONAL:
        parts.rest = parameter.name
        hint, default = list[hint], []  # type: ignore[valid-type]  # built at run time
    name = _field_name(parameter.name, parts.fields)
    options: dict[str, Any] = {"description": docstring.arguments.get(parameter.name)}
    if name != parameter.name:
        parts.renamed[name] = parameter.name
        options["alias"] = parameter.name
    if default is not parameter.empty:
        options |= {"default": default} if isinstance(default, _SHOWN) else {"default_factory": lambda: default}
    parts.fields[name] = (adapted(hint), Field(**options))


def _positional(parameters: Sequence[inspect.Parameter]) -> tuple[str, ...]:
    """Give the parameters that must be given by position: those before `*rest` cannot be named beside it."""
    kinds: set[object] = {inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.VAR_POSITIONAL}
    if any(each.kind is each.VAR_POSITIONAL for each in parameters):
        kinds.add(inspect.Parameter.POSITIONAL_OR_KEYWORD)
    return tuple(each.name for each in parameters if each.kind in kinds)


def _field_name(parameter: str, taken: Mapping[str, object]) -> str:
    """Give a name that a pydantic field may have: those of `BaseModel`'s own members are refused."""
    name = parameter.lstrip("_") or "value"
    while hasattr(BaseModel, name) or name in taken:
        name += "_"
    return name


def _model(name: str, parts: _Parts) -> type[BaseModel]:
    try:
        return _create(name, parts.fields, parts.is_open)
    except _CANNOT_BUILD:
        checked = {each: (_checkable(hint), info) for each, (hint, info) in parts.fields.items()}
        return _create(name, checked, parts.is_open)


def _checkable(hint: object) -> object:
    """Give the annotation, or Any if pydantic cannot check it."""
    try:
        _create("Probe", {"value": (hint, ...)}, False)
    except _CANNOT_BUILD:
        return Any
    return hint


def _create(name: str, fields: Mapping[str, tuple[object, Any]], is_open: bool) -> type[BaseModel]:
    config = ConfigDict(
        extra="allow" if is_open else "forbid",
        arbitrary_types_allowed=True,
        protected_namespaces=(),
        title=name,
    )
    create: Any = create_model  # its overloads do not know fields that are made at run time
    model: type[BaseModel] = create(name, __config__=config, **fields)
    return model


class _Schema(GenerateJsonSchema):
    """Leaves open what JSON Schema has no words for, such as a data frame or a default that is no JSON."""

    def emit_warning(self, kind: JsonSchemaWarningKind, detail: str) -> None:
        """Leave out without a word what JSON Schema cannot say."""

    def handle_invalid_for_json_schema(self, schema: core_schema.CoreSchema, error_info: str) -> JsonSchemaValue:
        """Give the schema that anything fits."""
        return {}

    def generate(self, schema: core_schema.CoreSchema, mode: JsonSchemaMode = "validation") -> JsonSchemaValue:
        """Give the whole schema."""
        whole = super().generate(schema, mode)
        for each in whole.get("properties", {}).values():
            if isinstance(each, dict):
                each.pop("title", None)
        return whole


# ---- parameters and annotations ----------------------------------------------------------------------------


def _parameters(function: Function) -> list[inspect.Parameter]:
    """Give a callable's parameters; one that does not tell them takes anything by name."""
    options: dict[str, Any] = {}
    if sys.version_info >= (3, 14):
        import annotationlib

        options["annotation_format"] = annotationlib.Format.FORWARDREF
    try:
        return list(inspect.signature(function, **options).parameters.values())
    except (ValueError, TypeError):
        return [inspect.Parameter("inputs", inspect.Parameter.VAR_KEYWORD)]


def _hints(function: Function) -> dict[str, object]:
    """Give the evaluated annotations of a callable; those that cannot be evaluated are left out."""
    holder = _annotated(function)
    try:
        return typing.get_type_hints(holder, include_extras=True)
    except Exception:  # an annotation runs the module's own code, which may raise anything
        return _hints_one_by_one(holder)


def _annotated(function: Function) -> Any:
    """Give the function that carries a callable's annotations."""
    if isinstance(function, functools.partial):
        return _annotated(function.func)
    if isinstance(function, type):
        return function.__init__  # type: ignore[misc]  # its annotations are read, it is not called
    if not hasattr(function, "__annotations__") and not inspect.isbuiltin(function):
        return type(function).__call__
    return inspect.unwrap(function)


def _hints_one_by_one(holder: Any) -> dict[str, object]:
    if sys.version_info >= (3, 14):
        import annotationlib

        raw = annotationlib.get_annotations(holder, format=annotationlib.Format.FORWARDREF)
    else:
        raw = dict(getattr(holder, "__annotations__", {}))
    names = getattr(holder, "__globals__", {})
    hints: dict[str, object] = {}
    for name, annotation in raw.items():
        with contextlib.suppress(Exception):  # as above; this one input accepts anything
            alone = types.SimpleNamespace(__annotations__={name: annotation})
            hints[name] = typing.get_type_hints(alone, names, include_extras=True)[name]
    return hints


def _is_context(name: str, hint: object) -> bool:
    return name == "ctx" or (isinstance(hint, type) and issubclass(hint, Context))


def _names_path(hint: object) -> bool:
    """Say whether a path may stand in an input of this type."""
    if isinstance(hint, type) and not get_args(hint):
        return issubclass(hint, PurePath)
    return any(_names_path(member) for member in get_args(hint))


# ---- conversions -------------------------------------------------------------------------------------------
# Numbers may be written as text, as templates often give them. True and false are no numbers.


def _no_truth(kind: LiteralString) -> BeforeValidator:
    def refuse(value: object) -> object:
        if isinstance(value, bool):
            raise PydanticCustomError(kind, "Input should be a number")
        return value

    return BeforeValidator(refuse)


_ADAPTED: Final[dict[object, object]] = {
    int: Annotated[int, _no_truth("int_type")],
    float: Annotated[float, _no_truth("float_type")],
    bool: Annotated[bool, Field(strict=True)],
}
_UNIONS: Final = (Union, types.UnionType)


def adapted(hint: object) -> object:
    """Give an annotation with Ergon's conversions in it, at every depth that it spells out."""
    if hint in (int, float, bool):
        return _ADAPTED[hint]
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is None or origin is Literal or not arguments:
        return list if hint is collections.abc.Iterable else hint
    if origin is Annotated:
        return Annotated[(adapted(arguments[0]), *arguments[1:])]
    members = tuple(adapted(member) for member in arguments)
    if origin in _UNIONS:
        return Union[members]  # noqa: UP007  # its members are known at run time only
    if origin is collections.abc.Iterable:  # pydantic would hand out an iterator that is spent after one use
        return list[members]  # type: ignore[valid-type]  # built at run time
    try:
        return origin[members if len(members) > 1 else members[0]]
    except TypeError:
        return hint
