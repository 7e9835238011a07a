"""Action: a function with a typed signature that a step calls, and the decorator that makes one (S56)."""

from __future__ import annotations

import functools
import inspect
import pickle
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextvars import ContextVar
from pathlib import Path
from typing import Any, Final, Literal, TypeVar, cast

from pydantic import ValidationError

from ergon.actions.docstring import read_docstring
from ergon.actions.modules import ImportFailed, import_module, workflow_folder
from ergon.actions.signature import Function, Signature, json_schema, read_signature
from ergon.actions.source import code_of
from ergon.actions.wording import Fault, faults
from ergon.errors import CallableUnknown, InputInvalid, NotPossible
from ergon.ports import Context, Problem, RunsIn

RESERVED: Final = frozenset({"core", "data", "file", "http", "notebook", "python", "shell", "wait", "workflow"})
"""Namespaces of the built-in actions."""
_NAME: Final = re.compile(r"[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)+")
_MARK: Final = "__ergon_action__"

Check = Callable[..., Iterable[Problem | str]]
SchemaFor = Callable[..., Mapping[str, object]]
Recorder = Callable[["Action", tuple[object, ...], dict[str, object]], object]
_F = TypeVar("_F", bound=Callable[..., object])

recorder: ContextVar[Recorder | None] = ContextVar("recorder", default=None)
"""What a call of a decorated function goes to instead of the function, while a workflow is traced."""
registry: dict[str, Action] = {}
"""The actions that decorators made in this process, by name; a later one replaces an earlier one."""


class Action:
    """A function as an action: it checks inputs, calls, and says what it is."""

    def __init__(
        self,
        function: Function,
        *,
        name: str,
        run_on: Literal["thread", "process"] | None = None,
        version: str = "1",
        undo: Function | None = None,
        check: Check | None = None,
        schema_for: SchemaFor | None = None,
        example: str = "",
        help: str = "",  # noqa: A002  # the word of S56
    ) -> None:
        """Wrap a function.

        Args:
            function: What the action does; plain or async.
            name: `namespace.verb` or `module:function`.
            run_on: Where a plain function runs: in a thread (default), or in a process that can be killed.
            version: Part of its code (S51); change it when results change.
            undo: Takes back what a succeeded call did, given the call's output.
            check: Finds faults in a step's `with`, given the mapping; gives `Problem`s or sentences.
            schema_for: Gives the schema of the inputs, given it and those inputs that are known already.
            example: A step in YAML that uses it.
            help: More than the summary; by default what the docstring says after its first sentence.
        """
        docstring = read_docstring(_docstring_of(function))
        self.name = name
        self.version = version
        self.summary = docstring.summary
        self.help = inspect.cleandoc(help) if help else docstring.help
        self.example = inspect.cleandoc(example)
        self.runs_in: RunsIn = _runs_in(function, run_on, name)
        self.is_released = False
        """Whether its version stands for its code, as for the actions of installed packages."""
        self.function = function
        self._undo = undo
        self._check = check
        self._schema_for = schema_for
        self._signature: Signature | None = None
        self._validate: Callable[[object], Any] | None = None

    def __repr__(self) -> str:
        return f"<action {self.name}>"

    def __reduce__(self) -> tuple[object, ...]:
        module, qualname = self.name.split(":") if ":" in self.name else _home(self.function)
        if "<" in qualname:
            raise pickle.PicklingError(f"{self.name} is defined inside a function, so no other process can find it")
        return _revive, (self.name, module, qualname, workflow_folder(module))

    # ---- what it is

    @property
    def signature(self) -> Signature:
        """Its inputs, read from the function on first use."""
        if self._signature is None:
            docstring = read_docstring(_docstring_of(self.function))
            self._signature = read_signature(self.function, name=self.name, docstring=docstring)
        return self._signature

    @functools.cached_property
    def schema(self) -> Mapping[str, object]:
        """The JSON Schema of its inputs."""
        return json_schema(self.signature.model)

    @property
    def path_inputs(self) -> frozenset[str]:
        """Names of the inputs whose type is a path."""
        return self.signature.paths

    @property
    def can_undo(self) -> bool:
        """Whether it has an `undo`."""
        return self._undo is not None

    def code(self) -> str:
        """Give what stands for its code in cache keys and resumes (S51)."""
        own = f"{self.name} {self.version}"
        return own if self.is_released else f"{own} {code_of(self.function)}"

    # ---- what it does

    def bind(self, inputs: Mapping[str, object]) -> dict[str, object]:
        """Check and convert inputs; raises `InputInvalid`."""
        try:
            model = (self._validate or self._validator())(inputs)
        except ValidationError as error:
            raise self._invalid(error, inputs) from None
        bound: dict[str, object] = model.__dict__
        assert self._signature is not None
        if self._signature.parameters or self._signature.is_open:
            return self._named(bound, model.__pydantic_extra__ or {})
        return bound

    def _validator(self) -> Callable[[object], Any]:
        signature = self.signature
        self._validate = validate = signature.model.__pydantic_validator__.validate_python
        return validate

    def _named(self, fields: Mapping[str, object], extra: Mapping[str, object]) -> dict[str, object]:
        """Give fields under their parameters' names, and inputs of any name beside them."""
        parameters = self.signature.parameters
        if self.signature.context in extra:
            raise InputInvalid(action=self.name, field=self.signature.context, reason="this name is taken")
        return {parameters.get(name, name): value for name, value in fields.items()} | dict(extra)

    def _invalid(self, error: ValidationError, inputs: Mapping[str, object]) -> InputInvalid:
        found = faults(error, inputs, self._names())
        # An input that is missing is most likely misspelt, and then the wrong name is what helps.
        first = next((fault for fault in found if not fault.is_missing), found[0])
        return self._input_invalid(first)

    def _input_invalid(self, fault: Fault) -> InputInvalid:
        return InputInvalid(action=self.name, field=fault.field, reason=fault.reason, hint=fault.hint)

    def _names(self) -> list[str]:
        model = self.signature.model
        return [each.alias or name for name, each in model.model_fields.items()]

    def call(self, context: Context, inputs: Mapping[str, object]) -> object:
        """Call the function with bound inputs; gives its output, a directive, or an awaitable of either."""
        signature = self.signature
        if signature.positional:
            return self._call_by_position(context, dict(inputs))
        if signature.context:
            return self.function(**inputs, **{signature.context: context})
        return self.function(**inputs)

    def _call_by_position(self, context: Context, inputs: dict[str, object]) -> object:
        signature = self.signature
        if signature.context:
            inputs[signature.context] = context
        values: list[object] = []
        for name in signature.positional:
            value = inputs.pop(name)
            if name == signature.rest:
                values.extend(cast("list[object]", value))
            else:
                values.append(value)
        return self.function(*values, **inputs)

    def undo(self, context: Context, output: object) -> object:
        """Take back what a succeeded call did, given its output."""
        if self._undo is None:
            raise NotPossible(what=f"undo {self.name}", reason="it has no way to")
        return self._undo(output, **_given(self._undo, ctx=context))

    # ---- checks before a run

    def schema_for(self, config: Mapping[str, object], *, folder: Path) -> Mapping[str, object]:
        """Give the JSON Schema of its inputs with what follows from those that are known already."""
        if self._schema_for is None:
            return self.schema
        return self._schema_for(self.schema, config, **_given(self._schema_for, folder=folder))

    def check(
        self, config: Mapping[str, object], *, templated: frozenset[str], folder: Path | None = None
    ) -> Sequence[Problem]:
        """Find faults in a step's `with`; inputs named in `templated` are not known yet."""
        problems = self._check_types(config, templated)
        if problems or self._check is None:
            return problems
        options = _given(self._check, templated=templated, folder=folder)
        try:
            found = list(self._check(config, **options))
        except Exception as error:  # a check of somebody else's package may raise anything
            return [Problem((), f"{self.name} could not check its inputs: {type(error).__name__}: {error}")]
        return [Problem((), each) if isinstance(each, str) else each for each in found]

    def _check_types(self, config: Mapping[str, object], templated: frozenset[str]) -> list[Problem]:
        try:
            self._validator()(dict(config))
        except ValidationError as error:
            found = faults(error, config, self._names())
            known = [fault for fault in found if not fault.path or fault.path[0] not in templated]
            return [self._problem(fault) for fault in known]
        return []

    def _problem(self, fault: Fault) -> Problem:
        place = () if fault.is_missing and len(fault.path) == 1 else fault.path
        return Problem(place, self._input_invalid(fault).sentence(), fault.hint)


def action(
    name: str,
    *,
    run_on: Literal["thread", "process"] | None = None,
    version: str = "1",
    undo: Function | None = None,
    check: Check | None = None,
    schema_for: SchemaFor | None = None,
    example: str = "",
    help: str = "",  # noqa: A002  # the word of S56
) -> Callable[[_F], _F]:
    """Make an action of a function or class; the function stays callable as before.

    A step that says `uses: text.shout` finds it once its module was imported. The parameters are the inputs;
    one that is named `ctx` or annotated `Context` gets the context. Of a class, an instance made without
    arguments is called, and its methods `undo` and `check` serve as those.

    Args:
        name: `namespace.verb`; the namespaces of the built-in actions are taken.
        run_on: Where a plain function runs: in a thread (default), or in a process that can be killed.
        version: Change it when results change.
        undo: Takes back what a succeeded call did, given the call's output.
        check: Finds faults in a step's `with` before a run, given the mapping; it may ask for `templated`, the names
            of inputs that are not known yet, and for the workflow's `folder`.
        schema_for: Gives the schema of the inputs, given it and those inputs that are known already; it may ask for
            the `folder` that paths start from.
        example: A step in YAML that uses it.
        help: More than the docstring's first sentence.
    """
    if not _NAME.fullmatch(name):
        raise ValueError(f"'{name}' is no action's name: write namespace.verb, in small letters")

    def decorate(thing: _F) -> _F:
        if name.partition(".")[0] in RESERVED and not thing.__module__.startswith("ergon.actions."):
            raise ValueError(f"the namespace of '{name}' is taken by the built-in actions")
        options: dict[str, Any] = {"run_on": run_on, "version": version, "example": example, "help": help}
        options["schema_for"] = schema_for
        if isinstance(thing, type):
            made = _action_of_class(thing, name, undo, check, options)
            decorated: Any = thing
        else:
            made = Action(thing, name=name, undo=undo, check=check, **options)
            decorated = _recordable(thing, made)
        setattr(decorated, _MARK, made)
        registry[name] = made
        return cast("_F", decorated)

    return decorate


def action_of(thing: object) -> Action | None:
    """Give the action that a decorated function or class is, if it is one."""
    if isinstance(thing, Action):
        return thing
    found = getattr(thing, "__dict__", {}).get(_MARK)
    return found if isinstance(found, Action) else None


def _action_of_class(
    holder: type, name: str, undo: Function | None, check: Check | None, options: Mapping[str, Any]
) -> Action:
    instance = holder()
    if not callable(instance):
        raise TypeError(f"{holder.__name__} has no __call__, so it cannot be an action")
    undo, check = undo or getattr(instance, "undo", None), check or getattr(instance, "check", None)
    return Action(instance, name=name, undo=undo, check=check, **options)


def _recordable(function: Any, made: Action) -> Callable[..., object]:
    """Give the function such that a call while a workflow is traced is recorded."""

    @functools.wraps(function)
    def call(*arguments: object, **named: object) -> object:
        record = recorder.get()
        return function(*arguments, **named) if record is None else record(made, arguments, named)

    if _is_async(function) and hasattr(inspect, "markcoroutinefunction"):
        inspect.markcoroutinefunction(call)
    return call


def _runs_in(function: Function, run_on: Literal["thread", "process"] | None, name: str) -> RunsIn:
    if not _is_async(function):
        return run_on or "thread"
    if run_on is not None:
        raise ValueError(f"{name} is async, so it runs in the engine's loop and not on a {run_on}")
    return "loop"


def _is_async(function: object) -> bool:
    while isinstance(function, functools.partial):
        function = function.func
    if isinstance(function, type):
        return False
    called = function if inspect.isroutine(function) else type(function).__call__
    return inspect.iscoroutinefunction(called)


def _docstring_of(function: Function) -> str | None:
    """Give the docstring of a function, of a class, or of an instance's class."""
    if isinstance(function, functools.partial):
        return function.func.__doc__
    return function.__doc__


def _given(function: Function, **offered: object) -> dict[str, object]:
    """Give those of the offered arguments that a function has parameters for."""
    try:
        parameters = inspect.signature(function).parameters
    except (ValueError, TypeError):
        return {}
    return {name: value for name, value in offered.items() if name in parameters}


def _home(function: object) -> tuple[str, str]:
    """Give the module and the name in it by which another process finds a function or an action's class."""
    named = function if hasattr(function, "__qualname__") else type(function)
    return str(getattr(named, "__module__", "")), str(getattr(named, "__qualname__", "<unknown>"))


def _revive(name: str, module: str, qualname: str, folder: str) -> Action:
    """Give the action again in another process."""
    try:
        found: object = import_module(module, Path(folder) if folder else None)
        for part in qualname.split("."):
            found = getattr(found, part)
    except ImportFailed as error:
        raise CallableUnknown(name=name, reason=str(error)) from error
    except AttributeError:
        reason = f"another process cannot find {qualname} in {module}: put it into a module of its own"
        raise CallableUnknown(name=name, reason=reason) from None
    made = action_of(found)
    return made if made is not None else Action(cast("Function", found), name=name)
