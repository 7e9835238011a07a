"""Guards: around each filter and test, so that all is paid for and none takes what is missing (S14, S15)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sized
from typing import Any, Final, cast

from jinja2.filters import FILTERS as JINJA_FILTERS
from jinja2.tests import TESTS as JINJA_TESTS
from jinja2.utils import pass_context

from ergon.model.expressions import limits
from ergon.model.expressions.filters import OWN
from ergon.model.expressions.limits import STEP, counted, size_of
from ergon.model.expressions.lookup import Deferred, load
from ergon.model.expressions.plain import is_lazy
from ergon.model.expressions.sandbox import ResultCopier, Scope, accept, refuse_undefined
from ergon.model.expressions.text import joined, written
from ergon.model.expressions.weight import is_container, pay_for, weigh

_REMOVED: Final = frozenset({"pprint", "random", "urlize"})
"""Not offered: slow without bound, not reproducible, made for web pages."""
_CHEAP: Final = frozenset({"abs", "attr", "count", "d", "default", "first", "float", "int", "last", "length", "round"})
"""Filters whose cost does not depend on what they are given."""
_LAZY: Final = frozenset(
    {"batch", "items", "join", "list", "map", "reject", "rejectattr", "reverse", "select", "selectattr", "slice", "sum"}
)
"""Filters that take items one by one, and look no deeper or pay for it themselves."""
_TOLERANT: Final = frozenset({"d", "default", "defined", "undefined"})
"""What copes with an undefined value."""
_COMPARING: Final = frozenset(
    """== eq equalto != ne > gt greaterthan >= ge < lt lessthan <= le lower upper""".split()  # noqa: SIM905  # words read better as words
)
"""Tests that may look through and through what they are given."""


# ---- the guard around each -------------------------------------------------------------------------------


def guarded(name: str, function: Callable[..., object]) -> Callable[..., object]:
    """Make a filter that takes no undefined value, pays for its work, and gives a bounded result."""
    called = _called(name, function)

    @pass_context
    def apply(context: Scope, value: object, *args: object, **kwargs: object) -> object:
        if name not in _TOLERANT:
            refuse_undefined(value, *args, *kwargs.values())
        context.budget.spend(STEP)
        value = load(value)
        if name in _CHEAP:
            return passed_on(called(context, value, *args, **kwargs))
        if name not in _LAZY:
            value = settled(context, value)
        given = _pay(context, name, value, (*args, *kwargs.values()))
        return accept(context.budget, called(context, value, *args, **kwargs), given)

    return apply


def passed_on(result: object) -> object:
    """Take what a cheap filter gave, loaded: it made nothing but perhaps a number."""
    result = load(result)
    if isinstance(result, int):
        limits.allow_bits(result.bit_length())
    return result


def guarded_test(name: str, function: Callable[..., object]) -> Callable[..., object]:
    """Make a test that takes no undefined value and pays for its work."""
    called = _called(name, function)

    @pass_context
    def apply(context: Scope, value: object, *args: object, **kwargs: object) -> object:
        if name not in _TOLERANT:
            refuse_undefined(value, *args, *kwargs.values())
        context.budget.spend(STEP)
        if name in _COMPARING:
            pay_for(context.budget, value, *args)
        return called(context, load(value), *args, **kwargs)

    return apply


def _called(name: str, function: Callable[..., object]) -> Callable[..., object]:
    """Make a function of Jinja's callable with a scope; complaints about arguments are by the name `name`."""
    wants, own_name = _wants(function), f"{function.__name__}()"

    def call(context: Scope, *args: object, **kwargs: object) -> object:
        try:
            return function(*wants(context), *args, **kwargs)
        except TypeError as error:
            if own_name not in str(error):
                raise
            raise TypeError(str(error).replace(own_name, f"'{name}'")) from None

    return call


def _wants(function: Callable[..., object]) -> Callable[[Scope], tuple[object, ...]]:
    """Tell what a function of Jinja's wants to be given before its value."""
    marked = getattr(getattr(function, "jinja_pass_arg", None), "name", "")
    wanted: dict[str, Callable[[Scope], tuple[object, ...]]] = {
        "context": lambda context: (context,),
        "eval_context": lambda context: (context.eval_ctx,),
        "environment": lambda context: (context.environment,),
    }
    return wanted.get(marked, lambda _context: ())


def settled(context: Scope, value: object) -> object:
    """Give a lazy value as a list, and a list without deferred items."""
    if is_lazy(value) or (isinstance(value, (list, tuple)) and any(isinstance(item, Deferred) for item in value)):
        return list(counted(value, context.budget))  # type: ignore[arg-type]  # lazy values are iterable
    return value


def _pay(context: Scope, name: str, value: object, others: tuple[object, ...]) -> int:
    """Pay for a filter's work; gives the size of the largest thing that it was given."""
    budget = context.budget
    if name in _LAZY:
        budget.spend(size_of(value))
    else:
        for given in (value, *others):
            budget.spend(len(given) if isinstance(given, (str, bytes)) else 0)
            pay_for(budget, given)
    return max(map(size_of, (value, *others)), default=0)


@pass_context
def contains(context: Scope, value: object, holder: object) -> bool:
    """Tell whether `value in holder`."""
    refuse_undefined(value, holder)
    pay_for(context.budget, value)
    if isinstance(holder, Sized) and not isinstance(holder, Mapping):
        times = weigh(value, context.budget.left, node=STEP) if is_container(value) else 1
        context.budget.spend(len(holder) * times)
    return value in holder  # type: ignore[operator]  # whatever holds nothing raises TypeError


# ---- what instrumented templates call; no template can name these ----------------------------------------


@pass_context
def _work(context: Scope, weight: int) -> bool:
    context.budget.spend(weight)
    return True


@pass_context
def _each(context: Scope, value: object) -> object:
    refuse_undefined(value)
    value = load(value)
    if isinstance(value, (str, list, tuple)) and not any(isinstance(item, Deferred) for item in value):
        return value
    return counted(value, context.budget)  # type: ignore[arg-type]  # whatever has no items raises TypeError


def _given(value: object) -> object:
    refuse_undefined(value)
    return value


@pass_context
def _operand(context: Scope, value: object) -> object:
    refuse_undefined(value)
    pay_for(context.budget, value)
    return value


@pass_context
def _concat(context: Scope, parts: list[object]) -> str:
    copier = ResultCopier(context.budget, loads=True)
    text = joined([written(part, copier) for part in parts])
    context.budget.spend(len(text))
    return text


@pass_context
def _sliced(context: Scope, value: object) -> object:
    refuse_undefined(value)
    context.budget.spend(size_of(value))
    return value


HOOKS: Final[Mapping[str, Callable[..., object]]] = {
    "#work": _work,
    "#each": _each,
    "#given": _given,
    "#operand": _operand,
    "#in": contains,
    "#concat": _concat,
    "#sliced": _sliced,
}

FILTERS: Final[Mapping[str, Callable[..., object]]] = {
    name: guarded(name, OWN.get(name, function)) for name, function in JINJA_FILTERS.items() if name not in _REMOVED
}
TESTS: Final[Mapping[str, Callable[..., object]]] = {
    name: contains if name == "in" else guarded_test(name, cast(Callable[..., object], function))
    for name, function in JINJA_TESTS.items()
}


def make_dict(*args: Any, **kwargs: Any) -> dict[Any, Any]:  # Any: as the built-in
    """Make a mapping (the templates' `dict`)."""
    return dict(*args, **kwargs)


def make_range(*args: int) -> range:
    """Make a range of at most `MAX_RANGE` numbers (the templates' `range`)."""
    numbers = range(*args)
    try:
        size = len(numbers)
    except OverflowError:
        size = limits.MAX_RANGE + 1
    if size > limits.MAX_RANGE:
        raise limits.TooLarge(f"a range of more than {limits.MAX_RANGE:,} numbers is too long")
    return numbers
