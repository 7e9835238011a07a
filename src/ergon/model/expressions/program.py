"""Programs: templates compiled by Jinja on first use, and run in the sandbox."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from jinja2 import nodes
from jinja2.environment import Template as JinjaCode
from jinja2.utils import Cycler, Joiner, Namespace, missing

from ergon.errors import TemplateFailed
from ergon.model.expressions.failure import clause, reason_of
from ergon.model.expressions.guards import FILTERS, HOOKS, TESTS, make_dict, make_range
from ergon.model.expressions.instrument import instrument
from ergon.model.expressions.limits import allow_size
from ergon.model.expressions.lookup import ABSENT, look, missing_key, missing_name
from ergon.model.expressions.paths import Key, spell
from ergon.model.expressions.reference import Reference
from ergon.model.expressions.sandbox import Missing, MissingError, NoElse, ResultCopier, Sandbox, Scope, show
from ergon.model.expressions.syntax import parse

_RESULT: Final = "ergon__result"
_COMPILED: Final = 2048


@dataclass(frozen=True, slots=True)
class Program:
    """A compiled template."""

    root: Callable[[Scope], Iterable[str]]
    is_value: bool


def run(source: str, bare: bool, names: Mapping[str, object], references: tuple[Reference, ...]) -> object:
    """Evaluate a template; raises TemplateFailed for whatever goes wrong."""
    try:
        program = _compiled(source, bare)
        scope = Scope(_SANDBOX, {}, None, {})
        scope.names = names
        return _value(program, scope) if program.is_value else _text(program, scope)
    except Exception as error:
        reason, hint = _why(error, names, references)
    raise TemplateFailed(source=source, reason=reason, hint=hint)


def _value(program: Program, scope: Scope) -> object:
    for _ in program.root(scope):
        pass
    return ResultCopier(scope.budget).copy(scope.vars[_RESULT])


def _text(program: Program, scope: Scope) -> str:
    size, pieces = 0, []
    for piece in program.root(scope):
        size += len(piece)
        allow_size(size, len(piece))
        pieces.append(piece)
    return "".join(pieces)


@lru_cache(maxsize=_COMPILED)
def _compiled(source: str, bare: bool) -> Program:
    tree = parse(source, bare=bare)
    expression = tree.expression
    body: list[nodes.Node] = tree.template.body
    if expression is not None:
        body = [nodes.Assign(nodes.Name(_RESULT, "store", lineno=1), expression, lineno=1)]
    template = nodes.Template(body, lineno=1)
    instrument(template)
    template.set_environment(_SANDBOX)
    code = JinjaCode.from_code(_SANDBOX, _SANDBOX.compile(template), {})
    return Program(code.root_render_func, expression is not None)


def _why(error: Exception, names: Mapping[str, object], references: tuple[Reference, ...]) -> tuple[str, str]:
    try:
        if isinstance(error, MissingError):
            return _explain(error, names, references)
    except Exception as other:  # the data itself fails when it is looked at
        return reason_of(other), ""
    return reason_of(error), ""


def _explain(error: MissingError, names: Mapping[str, object], references: tuple[Reference, ...]) -> tuple[str, str]:
    """Say what was missing, by its path where a reference leads there; gives reason and hint."""
    if error.hint is not None:
        return error.hint[:1].lower() + clause(error.hint)[1:], ""
    if error.holder is missing:
        return missing_name(str(error.key), names)
    where = next((found for one in references if (found := _place(one, error.key, names))), "")
    return missing_key(error.holder, error.key, where)


def _place(reference: Reference, key: object, names: Mapping[str, object]) -> str:
    """Give the path up to `key`, if following the reference fails there."""
    steps: tuple[Key, ...] = tuple((step, isinstance(step, int)) for step in reference.path)
    try:
        value: object = names[reference.root]
        for place, (step, is_item) in enumerate(steps):
            found = look(value, step, item_first=is_item)
            if found is ABSENT:
                return spell(reference.root, steps[:place]) if step == key else ""
            value = found
    except Exception:
        return ""
    return ""


def _sandbox() -> Sandbox:
    sandbox = Sandbox(undefined=Missing, optimized=False, keep_trailing_newline=True, cache_size=0, finalize=show)
    sandbox.filters = {**FILTERS, **HOOKS, "#noelse": _no_else}
    sandbox.tests = dict(TESTS)
    sandbox.globals = {
        "range": make_range,
        "dict": make_dict,
        "namespace": Namespace,
        "cycler": Cycler,
        "joiner": Joiner,
    }
    sandbox.functions = tuple(sandbox.globals.values())
    return sandbox


def _no_else(_value: object) -> NoElse:
    return NoElse("its 'if' does not hold and has no 'else'")


_SANDBOX: Final = _sandbox()
