"""The check of a template's tree: what in it could not be compiled, or must not be run (S10, S15)."""

from __future__ import annotations

import math
import operator
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Final

from jinja2 import nodes

from ergon.model.expressions import limits, operators
from ergon.model.expressions.guards import FILTERS, TESTS, make_range
from ergon.model.expressions.lookup import ABSENT, suggestion

MAX_DEPTH: Final = 64
"""Levels of a tree; Python compiles 200 nested brackets, and a level makes up to two."""
MAX_STATEMENTS: Final = 12
"""Statements inside statements; Python compiles 20 nested loops."""
MAX_FOLDED: Final = 5_000_000
"""Characters and items that are worked out in one check."""
MAX_KEPT: Final = 1_000
"""Size of a constant that is kept, for what it is a part of."""
TOO_DEEP: Final = "it is nested too deeply"

_REFUSED: Final[dict[type[nodes.Node], str]] = {
    nodes.Include: "include",
    nodes.Import: "import",
    nodes.FromImport: "from … import",
    nodes.Extends: "extends",
    nodes.Block: "block",
    nodes.EvalContextModifier: "autoescape",
    nodes.ScopedEvalContextModifier: "autoescape",
}
_NESTING: Final = (
    nodes.For,
    nodes.If,
    nodes.With,
    nodes.Macro,
    nodes.CallBlock,
    nodes.FilterBlock,
    nodes.AssignBlock,
)
_OPERATORS: Final[dict[type[nodes.BinExpr], Callable[[object, object], object]]] = {
    nodes.Add: operators.add,
    nodes.Sub: operator.sub,
    nodes.Mul: operators.multiply,
    nodes.Div: operator.truediv,
    nodes.FloorDiv: operator.floordiv,
    nodes.Mod: operators.modulo,
    nodes.Pow: operators.power,
}


class Fault(Exception):  # noqa: N818  # carries facts to the reader, which raises TemplateInvalid
    """Something in a template that is refused: where, why, and a hint or ''."""

    def __init__(self, reason: str, line: int, word: str = "", hint: str = "") -> None:
        super().__init__(reason)
        self.reason, self.line, self.word, self.hint = reason, line, word, hint


def check(template: nodes.Template) -> None:
    """Check a tree; raises Fault for the first thing that is refused."""
    _Check().visit(template, 0, 0)


class _Check:
    """One walk over a tree, which also works out small constants, for the sake of their limits."""

    def __init__(self) -> None:
        self._left = MAX_FOLDED

    def visit(self, node: nodes.Node, depth: int, nesting: int) -> object:
        """Check a node and what is in it; gives its value if it is constant and small, else `ABSENT`."""
        nesting += isinstance(node, _NESTING)
        if depth > MAX_DEPTH or nesting > MAX_STATEMENTS:
            raise Fault(TOO_DEEP, node.lineno)
        if type(node) in _REFUSED:
            word = _REFUSED[type(node)]
            raise Fault(f"'{word}' may not be used in a template", node.lineno, word.split()[0])
        rule = _RULES.get(type(node))
        if rule is not None:
            rule(node)
        values = [self.visit(child, depth + 1, nesting) for child in node.iter_child_nodes()]
        return node.value if isinstance(node, nodes.Const) else self._fold(node, values)

    def _fold(self, node: nodes.Node, values: list[object]) -> object:
        """Work out a constant; what goes wrong except by its size is left to evaluation."""
        if self._left <= 0:
            return ABSENT
        try:
            value = _folded(node, values)
        except limits.TooLarge as error:
            raise Fault(str(error), node.lineno, getattr(node, "operator", "range")) from None
        except Exception:
            return ABSENT
        size = limits.size_of(value)
        self._left -= size
        return value if size <= MAX_KEPT else ABSENT


def _folded(node: nodes.Node, values: list[object]) -> object:
    if isinstance(node, nodes.Call):
        if isinstance(node.node, nodes.Name) and node.node.name == "range" and ABSENT not in values[1:]:
            make_range(*values[1:])  # type: ignore[arg-type]  # whatever is no number raises TypeError
        return ABSENT
    if not values or any(value is ABSENT for value in values):
        return ABSENT
    if isinstance(node, nodes.BinExpr) and type(node) in _OPERATORS:
        return _OPERATORS[type(node)](*values)
    if isinstance(node, nodes.Neg):
        return operator.neg(values[0])  # type: ignore[arg-type]  # whatever has no negative raises TypeError
    return values if isinstance(node, nodes.List) else ABSENT


# ---- rules for single nodes ------------------------------------------------------------------------------


def _constant(node: nodes.Const) -> None:
    if isinstance(node.value, float) and not math.isfinite(node.value):
        raise Fault("a number in it is too large", node.lineno)
    if isinstance(node.value, int) and node.value.bit_length() > limits.MAX_BITS:
        raise Fault("a number in it is too large", node.lineno)


def _name(node: nodes.Name) -> None:
    if node.name == "self":
        raise Fault("the name 'self' is Jinja's own", node.lineno, "self")
    if node.name == "loop" and node.ctx != "load":
        raise Fault("the name 'loop' cannot be given to anything else", node.lineno, "loop")


def _filter(node: nodes.Filter) -> None:
    _known("filter", node.name, FILTERS, node.lineno)
    _once_each(node)


def _test(node: nodes.Test) -> None:
    _known("test", node.name, TESTS, node.lineno)
    _once_each(node)


def _call(node: nodes.Call) -> None:
    _once_each(node)


def _once_each(node: nodes.Filter | nodes.Test | nodes.Call) -> None:
    _once((one.key for one in node.kwargs if isinstance(one, nodes.Keyword)), node.lineno)


def _macro(node: nodes.Macro | nodes.CallBlock) -> None:
    _once((argument.name for argument in node.args), node.lineno)
    for argument in node.args:
        if argument.name == "caller":
            raise Fault("an argument cannot be called 'caller'", node.lineno, "caller")


def _compare(node: nodes.Compare) -> None:
    if len(node.ops) > 1 and any(part.op in ("in", "notin") for part in node.ops):
        raise Fault("'in' cannot be chained with other comparisons", node.lineno, " in ", "Use `and` between them.")


def _known(kind: str, name: str, known: Iterable[str], line: int) -> None:
    if name not in known:
        raise Fault(f"there is no {kind} '{name}'", line, name, suggestion(name, known))


def _once(names: Iterable[str], line: int) -> None:
    for name, times in Counter(names).items():
        if times > 1:
            raise Fault(f"the argument '{name}' is given twice", line, name)


_RULES: Final[dict[type[nodes.Node], Callable[..., None]]] = {
    nodes.Const: _constant,
    nodes.Name: _name,
    nodes.Filter: _filter,
    nodes.Test: _test,
    nodes.Call: _call,
    nodes.Macro: _macro,
    nodes.CallBlock: _macro,
    nodes.Compare: _compare,
}
