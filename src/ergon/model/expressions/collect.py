"""Collecting references: the walk over a template's tree that finds the names it reads (S20)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from jinja2 import nodes

from ergon.model.expressions.paths import Key
from ergon.model.expressions.places import Places
from ergon.model.expressions.reference import Reference, is_computed

_FUNCTIONS: Final = frozenset({"range", "dict", "namespace", "cycler", "joiner"})
_DEFAULTS: Final = frozenset({"default", "d"})
_ASKING: Final = frozenset({"defined", "undefined"})
_MACRO_NAMES: Final = frozenset({"varargs", "kwargs", "caller"})

Bound = set[str]
Read = tuple[str, tuple[str | int, ...]]


def collect(template: nodes.Template, places: Places) -> tuple[Reference, ...]:
    """Give what a template reads of names that it does not bind itself, in the order of its tree."""
    walk = _Walk(places)
    walk.body(template.body, set())
    return tuple(walk.references())


def path_of(node: nodes.Expr) -> tuple[str, tuple[Key, ...]] | None:
    """Give name and keys of an expression that is one plain path."""
    base, keys, dynamic = _chain(node)
    if not isinstance(base, nodes.Name) or dynamic:
        return None
    return base.name, keys


def _chain(node: nodes.Expr) -> tuple[nodes.Expr, tuple[Key, ...], list[nodes.Expr]]:
    """Split `a.b[c].d` into `a`, its leading constant keys, and the keys that are computed."""
    keys: list[Key | None] = []
    computed: list[nodes.Expr] = []
    while isinstance(node, (nodes.Getattr, nodes.Getitem)):
        if isinstance(node, nodes.Getattr):
            keys.append((node.attr, False))
        else:
            key = _constant(node.arg)
            keys.append(None if key is None else (key, True))
            if key is None:
                computed.append(node.arg)
        node = node.node
    constant: list[Key] = []
    for one in reversed(keys):
        if one is None:
            break
        constant.append(one)
    return node, tuple(constant), computed


def _constant(node: nodes.Expr) -> str | int | None:
    if isinstance(node, nodes.Neg) and isinstance(node.node, nodes.Const) and type(node.node.value) is int:
        return -node.node.value
    if isinstance(node, nodes.Const) and type(node.value) in (str, int):
        return node.value  # type: ignore[no-any-return]  # a str or an int, by the line above
    return None


class _Walk:
    """A walk in the order of evaluation; `bound` are the names that the template has bound where it is."""

    def __init__(self, places: Places) -> None:
        self._places = places
        self._found: list[tuple[Reference, bool]] = []
        self._asked: set[Read] = set()

    def references(self) -> Iterable[Reference]:
        """Give what was found; what a template asks `is defined` of, it copes with everywhere (S20)."""
        for one, lenient in self._found:
            coped = lenient or any((one.root, one.path[:n]) in self._asked for n in range(len(one.path) + 1))
            yield Reference(one.root, one.path, coped, one.computed, one.line, one.column)

    # ---- statements --------------------------------------------------------------------------------------

    def body(self, statements: Iterable[nodes.Node], bound: Bound) -> Bound:
        """Walk statements that follow one another; names that they bind are added to `bound`."""
        for statement in statements:
            self._statement(statement, bound)
        return bound

    def _statement(self, node: nodes.Node, bound: Bound) -> None:
        match node:
            case nodes.Output():
                self._all(node.nodes, bound)
            case nodes.For():
                self._for(node, bound)
            case nodes.If():
                self._if(node, bound)
            case nodes.Assign():
                self._expression(node.node, bound)
                bound |= _names(node.target)
            case nodes.AssignBlock():
                self.body(node.body, set(bound))
                self._expression(node.filter, bound)
                bound |= _names(node.target)
            case nodes.With():
                self._all(node.values, bound)
                self.body(node.body, bound.union(*map(_names, node.targets)))
            case nodes.Macro():
                bound.add(node.name)
                self._callable(node, bound)
            case nodes.CallBlock():
                self._expression(node.call, bound)
                self._callable(node, bound)
            case nodes.FilterBlock():
                self.body(node.body, set(bound))
                self._expression(node.filter, bound)
            case nodes.ExprStmt():
                self._expression(node.node, bound)

    def _for(self, node: nodes.For, bound: Bound) -> None:
        self._expression(node.iter, bound)
        inside = bound | _names(node.target)
        self._expression(node.test, inside)
        self.body(node.body, inside | {"loop"})
        self.body(node.else_, set(bound))

    def _if(self, node: nodes.If, bound: Bound) -> None:
        """Walk branches; after them a name is bound if every one of them binds it."""
        self._expression(node.test, bound)
        after = [self.body(node.body, set(bound))]
        for branch in node.elif_:
            self._expression(branch.test, bound)
            after.append(self.body(branch.body, set(bound)))
        after.append(self.body(node.else_, set(bound)))
        bound |= set.intersection(*after)

    def _callable(self, node: nodes.Macro | nodes.CallBlock, bound: Bound) -> None:
        inside = bound | {argument.name for argument in node.args} | _MACRO_NAMES
        self._all(node.defaults, inside)
        self.body(node.body, inside)

    # ---- expressions -------------------------------------------------------------------------------------

    def _all(self, expressions: Iterable[nodes.Node], bound: Bound) -> None:
        for expression in expressions:
            self._expression(expression, bound)

    def _expression(self, node: nodes.Node | None, bound: Bound, *, lenient: bool = False) -> None:
        """Walk an expression; `lenient` says that whatever takes its value copes with none."""
        match node:
            case None:
                pass
            case nodes.Name() | nodes.Getattr() | nodes.Getitem():
                self._path(node, bound, lenient=lenient)
            case nodes.Filter() if node.name in _DEFAULTS:
                self._expression(node.node, bound, lenient=True)
                for argument in (*node.args, *node.kwargs):
                    self._expression(argument, bound, lenient=lenient)
            case nodes.Test() if node.name in _ASKING:
                self._expression(node.node, bound, lenient=True)
                self._ask(node.node, bound)
            case nodes.CondExpr():
                self._expression(node.expr1, bound, lenient=lenient)
                self._expression(node.test, bound)
                self._expression(node.expr2, bound, lenient=lenient)
            case nodes.Keyword():
                self._expression(node.value, bound, lenient=lenient)
            case nodes.Call(node=nodes.Name(name=name)) if name in _FUNCTIONS:
                self._all([child for child in node.iter_child_nodes() if child is not node.node], bound)
            case _:
                self._all(node.iter_child_nodes(), bound)

    def _path(self, node: nodes.Expr, bound: Bound, *, lenient: bool) -> None:
        base, keys, computed = _chain(node)
        self._all(computed, bound)
        if not isinstance(base, nodes.Name):
            self._expression(base, bound)
        elif base.name not in bound:
            path = tuple(key for key, _ in keys)
            dynamic = bool(computed)
            after = f".{path[0]}" if path and keys[0][1] is False else "["
            column = self._places.take(base.lineno, base.name, after)
            is_unknown = is_computed(base.name, path, dynamic=dynamic)
            self._found.append((Reference(base.name, path, False, is_unknown, base.lineno, column), lenient))

    def _ask(self, node: nodes.Expr, bound: Bound) -> None:
        base, keys, computed = _chain(node)
        if isinstance(base, nodes.Name) and base.name not in bound and not computed:
            self._asked.add((base.name, tuple(key for key, _ in keys)))


def _names(target: nodes.Node) -> Bound:
    if isinstance(target, nodes.Name):
        return {target.name}
    if isinstance(target, nodes.Tuple):
        return set().union(*map(_names, target.items))
    return set()
