"""Instrumentation: the checks that Jinja has no door for, written into a template before it is compiled."""

# ruff: noqa: N802  # Jinja finds its visitors by the names of the nodes

from __future__ import annotations

from typing import Final

from jinja2 import nodes
from jinja2.visitor import NodeTransformer

from ergon.model.expressions.limits import STEP

_SURE: Final = (
    nodes.Const,
    nodes.TemplateData,
    nodes.List,
    nodes.Tuple,
    nodes.Dict,
    nodes.Compare,
    nodes.Concat,
)
"""Nodes that never give an undefined value."""


def instrument(template: nodes.Template) -> None:
    """Write the hooks of `guards.HOOKS` into a template's tree, in place."""
    _Instrument().visit(template)


def _hook(name: str, node: nodes.Expr, *args: nodes.Expr) -> nodes.Filter:
    return nodes.Filter(node, name, list(args), [], None, None, lineno=node.lineno)


def _given(node: nodes.Expr | None) -> nodes.Expr | None:
    return node if node is None or isinstance(node, _SURE) else _hook("#given", node)


def _sure(node: nodes.Expr) -> nodes.Expr:
    return node if isinstance(node, _SURE) else _hook("#given", node)


def _work(body: list[nodes.Node], line: int) -> nodes.Filter:
    """Charge one pass through a body: its nodes, and the characters that it writes."""
    weight = STEP
    pending = list(body)
    while pending:
        node = pending.pop()
        weight += len(node.data) if isinstance(node, nodes.TemplateData) else STEP
        pending.extend(node.iter_child_nodes())
    return _hook("#work", nodes.Const(weight, lineno=line))


class _Instrument(NodeTransformer):
    def visit_For(self, node: nodes.For) -> nodes.Node:
        work = _work(node.body, node.lineno)
        test = None if node.test is None else _work([node.test], node.lineno)
        self.generic_visit(node)
        node.iter = _hook("#each", node.iter)  # type: ignore[arg-type]  # Jinja declares Node, and parses an Expr
        node.body.insert(0, nodes.ExprStmt(work, lineno=node.lineno))
        if test is not None:
            node.test = nodes.And(test, node.test, lineno=node.lineno)
        return node

    def visit_Macro(self, node: nodes.Macro) -> nodes.Node:
        work = _work(node.body, node.lineno)
        self.generic_visit(node)
        node.body.insert(0, nodes.ExprStmt(work, lineno=node.lineno))
        return node

    def visit_CallBlock(self, node: nodes.CallBlock) -> nodes.Node:
        work = _work(node.body, node.lineno)
        self.generic_visit(node)
        node.body.insert(0, nodes.ExprStmt(work, lineno=node.lineno))
        return node

    def visit_List(self, node: nodes.List) -> nodes.Node:
        self.generic_visit(node)
        node.items = [_sure(item) for item in node.items]
        return node

    def visit_Tuple(self, node: nodes.Tuple) -> nodes.Node:
        self.generic_visit(node)
        if node.ctx == "load":
            node.items = [_sure(item) for item in node.items]
        return node

    def visit_Pair(self, node: nodes.Pair) -> nodes.Node:
        self.generic_visit(node)
        node.key, node.value = _operand(node.key), _sure(node.value)
        return node

    def visit_CondExpr(self, node: nodes.CondExpr) -> nodes.Node:
        self.generic_visit(node)
        if node.expr2 is None:
            node.expr2 = _hook("#noelse", nodes.Const(None, lineno=node.lineno))
        return node

    def visit_Concat(self, node: nodes.Concat) -> nodes.Node:
        self.generic_visit(node)
        return _hook("#concat", nodes.List(node.nodes, lineno=node.lineno))

    def visit_Compare(self, node: nodes.Compare) -> nodes.Node:
        self.generic_visit(node)
        first = node.ops[0]
        if first.op in ("in", "notin"):
            found = _hook("#in", node.expr, first.expr)
            return found if first.op == "in" else nodes.Not(found, lineno=node.lineno)
        node.expr = _operand(node.expr)
        for operand in node.ops:
            operand.expr = _operand(operand.expr)
        return node

    def visit_Getitem(self, node: nodes.Getitem) -> nodes.Node:
        self.generic_visit(node)
        if isinstance(node.arg, nodes.Slice):
            node.node = _hook("#sliced", node.node)
            part = node.arg
            part.start, part.stop, part.step = _given(part.start), _given(part.stop), _given(part.step)
        return node


def _operand(node: nodes.Expr) -> nodes.Expr:
    return node if isinstance(node, nodes.Const) else _hook("#operand", node)
