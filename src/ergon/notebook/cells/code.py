"""Code: what the source of a cell reads from outside, and what it makes."""

from __future__ import annotations

import ast
import builtins
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from ergon.errors import CellRefused

_BUILTINS: Final = frozenset(dir(builtins))
_COMPREHENSIONS: Final = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
_FUNCTIONS: Final = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)


@dataclass(frozen=True, slots=True)
class CellCode:
    """The code of one cell."""

    source: str
    tree: ast.Module = field(repr=False, compare=False)
    reads: tuple[str, ...]
    """Names that it reads before it gives them a value, in the order in which it does; no builtins."""
    makes: tuple[str, ...]
    """Names that it gives values; not those of imports, functions and classes, nor ones that begin with `_`."""
    is_async: bool

    @property
    def ends_with_value(self) -> bool:
        """Whether its last line is an expression, whose value a notebook would show."""
        return bool(self.tree.body) and isinstance(self.tree.body[-1], ast.Expr)


def read_code(source: str, step: str) -> CellCode:
    """Read the source of a step's cell; raises `CellRefused` for what cannot be a step."""
    try:
        tree = ast.parse(source)
        compile(tree, f"<step {step}>", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    except SyntaxError as error:
        raise CellRefused(step=step, line=_line(error.lineno), reason=str(error.msg)) from None
    except (ValueError, RecursionError) as error:
        raise CellRefused(step=step, line=0, reason=str(error)) from None
    if not tree.body:
        raise CellRefused(step=step, line=0, reason="the cell holds no code")
    reading = _Reading(step)
    reading.all(tree.body)
    outside = reading.outside()
    return CellCode(
        source=source,
        tree=tree,
        reads=tuple(name for name in outside if name not in _BUILTINS),
        makes=tuple(name for name in reading.made if not name.startswith("_")),
        is_async=reading.is_async,
    )


def _line(number: int | None) -> int:
    """Give the line in the cell, whose first line is the magic's own."""
    return (number or 0) + 1


class _Reading(ast.NodeVisitor):
    """Follows code in the order in which it runs, and notes what it reads and what it binds."""

    def __init__(self, step: str, bound: Iterable[str] = ()) -> None:
        self._step = step
        self.bound = set(bound)
        self.reads: dict[str, None] = {}
        self.made: dict[str, None] = {}
        self.is_async = False
        self._later: dict[str, None] = {}
        """What functions read when they are called, which may be after the cell has made it."""

    def outside(self) -> list[str]:
        """Give what comes from outside."""
        return list(self.reads | {name: None for name in self._later if name not in self.bound})

    def all(self, nodes: Iterable[ast.AST | None]) -> None:
        """Follow nodes in order."""
        for node in nodes:
            if node is not None:
                self.visit(node)

    def _bind(self, name: str, *, made: bool) -> None:
        self.bound.add(name)
        if made:
            self.made[name] = None
        else:
            self.made.pop(name, None)

    def _refuse(self, node: ast.stmt, reason: str) -> None:
        raise CellRefused(step=self._step, line=_line(node.lineno), reason=reason)

    # ---- names -----------------------------------------------------------------------------------------------------

    def visit_Name(self, node: ast.Name) -> None:
        """Note a name that is read, bound or deleted."""
        if isinstance(node.ctx, ast.Store):
            self._bind(node.id, made=True)
        elif isinstance(node.ctx, ast.Del):
            self.bound.discard(node.id)
            self.made.pop(node.id, None)
        elif node.id not in self.bound:
            self.reads[node.id] = None

    def visit_Assign(self, node: ast.Assign) -> None:
        """Follow the value before the targets."""
        self.all([node.value, *node.targets])

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        """Follow the value before the target, which has no value without one."""
        self.all([node.annotation, node.value])
        if node.value is not None or not isinstance(node.target, ast.Name):
            self.visit(node.target)

    def visit_AugAssign(self, node: ast.AugAssign) -> None:
        """Note that the target is read before it is bound."""
        if isinstance(node.target, ast.Name):
            self.visit(ast.Name(node.target.id, ast.Load()))
        self.all([node.value, node.target])

    def visit_NamedExpr(self, node: ast.NamedExpr) -> None:
        """Follow the value before the target."""
        self.all([node.value, node.target])

    def visit_For(self, node: ast.For | ast.AsyncFor) -> None:
        """Follow what is looped over before the loop's variable."""
        self.all([node.iter, node.target, *node.body, *node.orelse])

    def visit_AsyncFor(self, node: ast.AsyncFor) -> None:
        """Follow it as a loop."""
        self.is_async = True
        self.visit_For(node)

    def visit_AsyncWith(self, node: ast.AsyncWith) -> None:
        """Follow it as any `with`."""
        self.is_async = True
        self.generic_visit(node)

    def visit_Await(self, node: ast.Await) -> None:
        """Note that the cell waits."""
        self.is_async = True
        self.generic_visit(node)

    def visit_ExceptHandler(self, node: ast.ExceptHandler) -> None:
        """Follow the handler; the name of the exception is gone behind it."""
        self.all([node.type])
        known = node.name in self.bound
        if node.name:
            self.bound.add(node.name)
        self.all(node.body)
        if node.name and not known:
            self.bound.discard(node.name)

    def visit_MatchAs(self, node: ast.MatchAs) -> None:
        """Note the name that a pattern binds."""
        self.all([node.pattern])
        if node.name:
            self._bind(node.name, made=True)

    def visit_MatchStar(self, node: ast.MatchStar) -> None:
        """Note the name that a pattern binds."""
        if node.name:
            self._bind(node.name, made=True)

    def visit_MatchMapping(self, node: ast.MatchMapping) -> None:
        """Note the name that a pattern binds."""
        self.all([*node.keys, *node.patterns])
        if node.rest:
            self._bind(node.rest, made=True)

    def visit_Global(self, node: ast.Global) -> None:
        """Refuse it: a step has no names but those that it makes."""
        self._refuse(node, "a step cannot have global names")

    # ---- imports, functions, classes, comprehensions ---------------------------------------------------------------

    def visit_Import(self, node: ast.Import) -> None:
        """Note the modules."""
        for alias in node.names:
            self._bind(alias.asname or alias.name.partition(".")[0], made=False)

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        """Note what is imported; `*` cannot be known."""
        for alias in node.names:
            if alias.name == "*":
                self._refuse(node, "name what is imported: `import *` does not say what it makes")
            self._bind(alias.asname or alias.name, made=False)

    def visit_FunctionDef(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        """Follow what is evaluated now; the body is when it is called."""
        self.all([*node.decorator_list, *_signature(node.args), node.returns])
        self._bind(node.name, made=False)
        self._body(node, node.body)

    visit_AsyncFunctionDef = visit_FunctionDef  # noqa: N815  # ast's own way of naming

    def visit_Lambda(self, node: ast.Lambda) -> None:
        """Follow the defaults; the body is when it is called."""
        self.all(_signature(node.args))
        self._body(node, [node.body])

    def _body(self, node: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda, body: Iterable[ast.AST]) -> None:
        arguments = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs, node.args.vararg, node.args.kwarg]
        own = {argument.arg for argument in arguments if argument is not None}
        statements = list(body)
        own |= {name for statement in statements for name in _stored(statement)}
        inner = _Reading(self._step, own)
        inner.all(statements)
        self._later |= dict.fromkeys(inner.outside())

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        """Follow the body, which runs now, in names of its own."""
        self.all([*node.decorator_list, *node.bases, *(keyword.value for keyword in node.keywords)])
        self._inside(node.body)
        self._bind(node.name, made=False)

    def generic_visit(self, node: ast.AST) -> None:
        """Follow whatever has no rule of its own; comprehensions have names of their own."""
        if not isinstance(node, _COMPREHENSIONS):
            super().generic_visit(node)
            return
        parts: list[ast.AST] = []
        for generator in node.generators:
            self.is_async = self.is_async or bool(generator.is_async)
            parts += [generator.iter, generator.target, *generator.ifs]
        parts += [node.key, node.value] if isinstance(node, ast.DictComp) else [node.elt]
        self._inside(parts)

    def _inside(self, nodes: Iterable[ast.AST]) -> None:
        inner = _Reading(self._step, self.bound)
        inner.all(nodes)
        self.reads |= inner.reads
        self._later |= inner._later
        self.is_async = self.is_async or inner.is_async


def _signature(arguments: ast.arguments) -> list[ast.AST | None]:
    """Give what of a function's signature is evaluated when it is defined."""
    named = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs, arguments.vararg, arguments.kwarg]
    annotations = [argument.annotation for argument in named if argument is not None]
    return [*arguments.defaults, *arguments.kw_defaults, *annotations]


def _stored(node: ast.AST) -> set[str]:
    """Give the names that a statement of a function binds in that function."""
    if isinstance(node, (*_FUNCTIONS, ast.ClassDef)):
        return set() if isinstance(node, ast.Lambda) else {node.name}
    found: set[str] = set()
    if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
        found.add(node.id)
    elif isinstance(node, ast.alias):
        found.add(node.asname or node.name.partition(".")[0])
    elif isinstance(node, (ast.ExceptHandler, ast.MatchAs, ast.MatchStar)) and node.name:
        found.add(node.name)
    elif isinstance(node, ast.MatchMapping) and node.rest:
        found.add(node.rest)
    for child in ast.iter_child_nodes(node):
        found |= _stored(child)
    return found
