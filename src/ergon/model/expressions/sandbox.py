"""The sandbox: Jinja's environment with Ergon's rules on names, calls and sizes (S14, S15)."""

from __future__ import annotations

import types
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, NoReturn

from jinja2.exceptions import UndefinedError
from jinja2.runtime import Context, LoopContext, Macro, StrictUndefined, Undefined
from jinja2.sandbox import ImmutableSandboxedEnvironment, SandboxedFormatter
from jinja2.utils import Cycler, Joiner, Namespace, missing, pass_context

from ergon.model.expressions import limits, operators
from ergon.model.expressions.limits import Budget, allow_size, allow_width, counted, size_of
from ergon.model.expressions.lookup import ABSENT, CALLABLES, kind_of, load, look, methods_of
from ergon.model.expressions.plain import Copier
from ergon.model.expressions.text import joined, written
from ergon.model.expressions.weight import is_container, pay_for, weigh

RUNTIME: Final = (LoopContext, Macro, Namespace, Cycler, Joiner, Context)
"""Jinja's own objects, which a template may use and not give."""


class MissingError(UndefinedError):
    """An undefined value was used: `key` of `holder` was looked for; `hint` is what Jinja says of it."""

    def __init__(self, undefined: Missing) -> None:
        super().__init__(undefined._undefined_message)
        self.holder: object = undefined._undefined_obj
        self.key: object = undefined._undefined_name
        self.hint: str | None = undefined._undefined_hint


class Missing(StrictUndefined):
    """What is not there: an error wherever it is used, but for `default`, `is defined`, `is undefined`."""

    __slots__ = ()

    def __init__(
        self,
        hint: str | None = None,
        obj: Any = missing,  # Any: Jinja's signature
        name: str | None = None,
        exc: Any = None,  # Any: Jinja's signature
    ) -> None:
        super().__init__(hint, obj, name, lambda _message: MissingError(self))  # type: ignore[arg-type]  # called only

    def __repr__(self) -> str:
        """Fail: an undefined value is not printed as a part of another either."""
        fail(self)


class NoElse(Missing):
    """What `a if b` gives when b does not hold: nothing in a text, and an error as a value."""

    __slots__ = ()


def refuse_undefined(*values: object) -> None:
    """Raise where one of the values is undefined (S14)."""
    for value in values:
        if isinstance(value, Undefined):
            fail(value)


def fail(value: Undefined) -> NoReturn:
    """Raise for an undefined value."""
    value._fail_with_undefined_error()


class Scope(Context):
    """The names of one evaluation, looked up when they are read, and the work that is left to it."""

    names: Mapping[str, object] = {}  # replaced for each evaluation, never changed
    budget: Budget

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # Any: Jinja's signature
        super().__init__(*args, **kwargs)
        self.budget = Budget()

    def resolve_or_missing(self, key: str) -> Any:  # Any: Jinja's signature
        """Give a name's value, loaded; names come before Jinja's own functions."""
        if key in self.vars:
            return self.vars[key]
        try:
            value = self.names[key]
        except KeyError:
            return self.environment.globals.get(key, missing)
        return load(value)


class ResultCopier(Copier):
    """Copies what a template gives; an undefined part or one of Jinja's own objects is an error."""

    __slots__ = ()

    def __init__(self, budget: Budget, *, loads: bool = False) -> None:
        super().__init__(
            refused=(Undefined, *CALLABLES, types.ModuleType, *RUNTIME),
            loads=loads,
            spend=lambda items: budget.spend(limits.STEP * items),
        )

    def refuse(self, value: object) -> object:
        """Raise for an undefined value by its name, for others by their kind."""
        refuse_undefined(value)
        return super().refuse(value)


@pass_context
def show(context: Scope, value: object) -> str:
    """Write a value into a text (Jinja's `finalize`)."""
    if isinstance(value, NoElse):
        return ""
    text = written(value, ResultCopier(context.budget, loads=True))
    context.budget.spend(limits.STEP + len(text))
    return text


class BoundedFormatter(SandboxedFormatter):
    """`str.format` with bounded widths and a bounded result."""

    _made = 0

    def format_field(self, value: Any, format_spec: str) -> str:  # Any: Jinja's signature
        """Format one field."""
        operators.allow_format_spec(format_spec)
        weigh(value, limits.MAX_SIZE)
        refuse_undefined(value)
        text = str(super().format_field(value, format_spec))
        self._made += len(text)
        allow_size(self._made)
        return text


class Sandbox(ImmutableSandboxedEnvironment):
    """Jinja, sandboxed: templates change nothing, call little, and everything that they make is bounded."""

    intercepted_binops = frozenset({"+", "*", "**", "%"})
    context_class = Scope
    concat = staticmethod(joined)
    functions: tuple[object, ...] = ()
    """Functions that templates may call by name."""

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:  # Any: Jinja's signature
        """Apply an operator whose results may be large."""
        assert isinstance(context, Scope)
        result = _OPERATORS[operator](left, right)
        context.budget.spend(size_of(result))
        return result

    def getattr(self, obj: Any, attribute: str) -> Any:  # Any: Jinja's signature
        """Read `obj.attribute`: a mapping's key first (S14)."""
        return self._look(obj, attribute, item_first=False)

    def getitem(self, obj: Any, argument: Any) -> Any:  # Any: Jinja's signature
        """Read `obj[argument]`."""
        return self._look(obj, argument, item_first=True)

    def _look(self, holder: Any, key: Any, *, item_first: bool) -> Any:
        if isinstance(holder, Undefined):
            return holder
        refuse_undefined(key)
        if isinstance(key, tuple):
            weigh(key, limits.MAX_SIZE)
        if isinstance(holder, RUNTIME):
            return load(super().getattr(holder, key)) if isinstance(key, str) else self.undefined(obj=holder, name=key)
        found = look(holder, key, item_first=item_first)
        return self.undefined(obj=holder, name=key) if found is ABSENT else load(found)

    def call(__self, __context: Context, __obj: Any, *args: Any, **kwargs: Any) -> Any:  # noqa: N805  # Jinja's
        """Call what a template may call: the methods in `lookup`, macros, loops, a few functions."""
        assert isinstance(__context, Scope)
        refuse_undefined(__obj, *args, *kwargs.values())
        owner = getattr(__obj, "__self__", None)
        if isinstance(__obj, (types.BuiltinMethodType, types.MethodType)) and not isinstance(owner, RUNTIME):
            if __obj.__name__ not in methods_of(type(owner)):
                raise TypeError(f"{__obj.__name__}() may not be called in a template")
            given = {name: value for name, value in kwargs.items() if name not in ("_loop_vars", "_block_vars")}
            return __self._call_method(__context, owner, __obj, args, given)
        if not isinstance(__obj, (*RUNTIME, types.MethodType)) and not any(__obj is f for f in __self.functions):
            raise TypeError(f"{kind_of(__obj)} cannot be called")
        __context.budget.spend(limits.CALL)
        pay_for(__context.budget, *args, *kwargs.values())
        return accept(__context.budget, __context.call(__obj, *args, **kwargs), 0)

    def _call_method(self, context: Scope, owner: object, method: Any, args: Any, kwargs: Any) -> object:
        values = (owner, *args, *kwargs.values())
        context.budget.spend(limits.STEP + sum(map(size_of, values)))
        times = len(owner) if isinstance(owner, (list, tuple)) else 1
        context.budget.spend(sum(times * weigh(v, limits.MAX_SIZE) for v in values[1:] if is_container(v)))
        if isinstance(owner, str):
            if method.__name__ in ("format", "format_map"):
                return self._format(context, owner, method.__name__, args, kwargs)
            guard = _TEXT_GUARDS.get(method.__name__)
            if guard is not None:
                args = guard(context, owner, *args, **kwargs)
                kwargs = {}
        return accept(context.budget, method(*args, **kwargs), max(map(size_of, values)))

    def _format(self, context: Scope, text: str, name: str, args: Any, kwargs: Any) -> object:
        if name == "format_map":
            args, kwargs = (), args[0]
        return accept(context.budget, BoundedFormatter(self).vformat(text, args, kwargs), len(text))

    def call_filter(self, name: Any, *args: Any, **kwargs: Any) -> Any:  # Any: Jinja's signature
        """Apply a filter that a template names in a text, as `map('upper')` does."""
        return super().call_filter(_public(name), *args, **kwargs)

    def call_test(self, name: Any, *args: Any, **kwargs: Any) -> Any:  # Any: Jinja's signature
        """Apply a test that a template names in a text, as `select('odd')` does."""
        return super().call_test(_public(name), *args, **kwargs)


def _public(name: Any) -> Any:  # Any: Jinja's signature
    refuse_undefined(name)
    if isinstance(name, str) and name.startswith("#"):
        raise TypeError(f"there is no filter or test '{name}'")
    return name


def accept(budget: Budget, result: object, given: int) -> object:
    """Take what a filter or call made: within bounds, paid for, and lazy results counted as they come."""
    result = load(result)
    if isinstance(result, (str, bytes)):
        allow_size(len(result), given)
        budget.spend(len(result))
    elif isinstance(result, int):
        limits.allow_bits(result.bit_length())
    elif isinstance(result, (list, tuple, dict)):
        allow_size(len(result), given, what="items")
        budget.spend(len(result))
    elif isinstance(result, Iterator):
        return counted(result, budget)
    return result


_OPERATORS: Final = {"+": operators.add, "*": operators.multiply, "**": operators.power, "%": operators.modulo}


# ---- methods of texts whose results may be large: each guard gives the arguments to call with ------------


def _padded(_context: Scope, _text: str, width: int, *fill: str) -> tuple[object, ...]:
    allow_width(width)
    return (width, *fill)


def _tabs(_context: Scope, text: str, tabsize: int = 8) -> tuple[object, ...]:
    allow_width(tabsize)
    allow_size(len(text) + text.count("\t") * max(tabsize, 0))
    return (tabsize,)


def _replaced(_context: Scope, text: str, old: str, new: str, count: int = -1) -> tuple[object, ...]:
    allow_replacement(text, old, new, count)
    return (old, new, count)


def _joined(context: Scope, text: str, items: Any) -> tuple[object, ...]:
    parts = list(counted(items, context.budget))
    allow_size(sum(map(size_of, parts)) + len(text) * max(len(parts) - 1, 0), max(map(size_of, parts), default=0))
    return (parts,)


def allow_replacement(text: str, old: str, new: str, count: int) -> None:
    """Refuse a replacement whose result would be over the limit."""
    found = text.count(old)
    times = min(found, count) if count >= 0 else found
    allow_size(len(text) + times * (len(new) - len(old)), len(text))


_TEXT_GUARDS: Final[Mapping[str, Callable[..., tuple[object, ...]]]] = {
    "center": _padded,
    "ljust": _padded,
    "rjust": _padded,
    "zfill": _padded,
    "expandtabs": _tabs,
    "replace": _replaced,
    "join": _joined,
}
