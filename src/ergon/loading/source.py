"""Source: what `module:function` takes, read from the text of the module and never by importing it (S10).

The module is looked for where it would be imported from: on the import path, and last in the workflow's folder
(S11).
"""

from __future__ import annotations

import ast
import importlib
import importlib.util
import re
import sys
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from typing import Final

from ergon.loading.suggestions import closest

_NAME: Final = re.compile(r"(?P<module>[^\W\d]\w*(?:\.[^\W\d]\w*)*):(?P<function>[^\W\d]\w*(?:\.[^\W\d]\w*)*)")
_MAX_SOURCE: Final = 2_000_000
"""Bytes of all modules that one check reads; functions of further ones are taken to be there."""
_TRANSPARENT: Final = frozenset({"action", "cache", "lru_cache", "wraps"})
"""Decorators that leave a function's signature as it is written."""
_Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True, slots=True)
class Signature:
    """The inputs of a function; None for types that are not plain."""

    types: dict[str, ast.expr | None]
    required: frozenset[str]
    is_open: bool
    """Whether inputs of any further name are taken."""


class NotFound(Exception):  # noqa: N818  # its text is part of a sentence
    """There is no such function; the text says why, as a clause."""


def is_callable_name(name: str) -> bool:
    """Whether a name is meant as `module:function`."""
    return ":" in name


class SourceReader:
    """Reads signatures from modules' sources, each module once."""

    def __init__(self, folder: Path | None) -> None:
        """Look on the import path, and last in the workflow's folder."""
        self._folder = folder
        self._modules: dict[str, ast.Module | None] = {}
        self._is_fresh = False
        self._left = _MAX_SOURCE

    def signature(self, name: str) -> Signature | None:
        """Give a function's inputs; None where it is there, but not as text. Raises NotFound."""
        match = _NAME.fullmatch(name)
        if match is None:
            raise NotFound("write it as module:function")
        module, function = match["module"], match["function"]
        if module == "__main__":
            _look_up(module, function)
            return None
        if module not in self._modules:
            self._modules[module] = self._parse(module)
        tree = self._modules[module]
        if tree is None:
            _look_up(module, function)
            return None
        return _find(tree, module, function.split("."))

    # ---- the module's text -----------------------------------------------------------------------------------

    def _parse(self, module: str) -> ast.Module | None:
        """Give a module's tree; None for one without a text that can be read here. Raises NotFound."""
        file = self._file(module)
        if file is None:
            return None
        try:
            data = file.read_bytes()
            self._left -= len(data)
            if self._left < 0:
                return None
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                return ast.parse(data)
        except OSError as error:
            raise NotFound(f"{file.name} cannot be read: {error.strerror}") from None
        except SyntaxError as error:
            raise NotFound(f"{file.name} line {error.lineno}: {error.msg}") from None
        except (ValueError, RecursionError, MemoryError):
            raise NotFound(f"{file.name} is not a Python source that can be read") from None

    def _file(self, module: str) -> Path | None:
        """Find a module's source file; None for built-in and compiled ones. Raises NotFound."""
        if not self._is_fresh:
            importlib.invalidate_caches()  # a file may be newer than what is known of its folder
            self._is_fresh = True
        first, *rest = module.split(".")
        spec = _top(first, self._folder)
        if spec is None:
            raise NotFound(f"there is no module '{first}'")
        name = first
        for part in rest:
            places = list(spec.submodule_search_locations or ())
            if not places:
                raise NotFound(f"'{name}' is a module, not a package, so it has no '{part}'")
            name = f"{name}.{part}"
            spec = _inner(name, part, places)
            if spec is None:
                raise NotFound(f"there is no module '{name}'")
        origin = spec.origin or ""
        if spec.submodule_search_locations is not None and not origin.endswith(".py"):
            raise NotFound(f"'{name}' is a folder without __init__.py, so it has no functions")
        return Path(origin) if origin.endswith(".py") else None


def _top(name: str, folder: Path | None) -> ModuleSpec | None:
    """Find a top-level module without importing anything."""
    try:
        spec = importlib.util.find_spec(name)
    except (ImportError, ValueError, AttributeError):
        spec = None
    if spec is None and folder is not None:
        spec = PathFinder.find_spec(name, [str(folder)])
    return spec


def _inner(name: str, part: str, places: list[str]) -> ModuleSpec | None:
    """Find a module in its package's folders."""
    try:
        spec = PathFinder.find_spec(name, places)
    except KeyError:  # a folder without __init__.py in a package that is not imported
        spec = None
    if spec is not None and spec.origin:
        return spec
    folders = [str(Path(place, part)) for place in places if Path(place, part).is_dir()]
    if not folders:
        return None
    space = ModuleSpec(name, None, is_package=True)
    space.submodule_search_locations = folders
    return space


def _look_up(module: str, function: str) -> None:
    """Look for a name in a module that is loaded already, without running anything of it. Raises NotFound."""
    found = sys.modules.get(module)
    names = vars(found) if found is not None else {}
    first = function.partition(".")[0]
    if found is not None and first not in names:
        near = closest(first, names)
        raise NotFound(f"{module} has no '{first}'" + (f", but it has '{near}'" if near else ""))


# ---- the function --------------------------------------------------------------------------------------------


def _find(tree: ast.Module, module: str, names: list[str]) -> Signature | None:
    """Find a function in a module's tree; None where its signature is not plain. Raises NotFound."""
    defined = dict(_defined(tree.body))
    first = names[0]
    if first not in defined:
        if "*" in defined or "__getattr__" in defined:
            return None
        near = closest(first, defined)
        raise NotFound(f"{module} has no '{first}'" + (f", but it has '{near}'" if near else ""))
    node = defined[first]
    if len(names) > 1 or not isinstance(node, _Function) or not _is_plain(node):
        return None
    return _signature(node.args)


def _defined(body: list[ast.stmt]) -> Iterator[tuple[str, ast.AST]]:
    """Give every name that a module's statements define, a later one after an earlier one."""
    for node in body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.name, node
        elif isinstance(node, ast.Import | ast.ImportFrom):
            for alias in node.names:
                yield (alias.asname or alias.name).partition(".")[0], node
        elif isinstance(node, ast.Assign | ast.AnnAssign | ast.AugAssign):
            stored = (n for n in ast.walk(node) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store))
            yield from ((each.id, node) for each in stored)
        else:
            yield from _nested(node)


def _nested(node: ast.stmt) -> Iterator[tuple[str, ast.AST]]:
    """Give the names that are defined under `if`, `try`, `with` and loops; their signature is not certain."""
    for field in ("body", "orelse", "finalbody"):
        for name, _ in _defined(getattr(node, field, [])):
            yield name, node
    for handler in getattr(node, "handlers", []):
        for name, _ in _defined(handler.body):
            yield name, node


def _is_plain(node: _Function) -> bool:
    """Whether a function has no decorators that may change its signature."""
    for decorator in node.decorator_list:
        called = decorator.func if isinstance(decorator, ast.Call) else decorator
        name = called.attr if isinstance(called, ast.Attribute) else called.id if isinstance(called, ast.Name) else ""
        if name not in _TRANSPARENT:
            return False
    return True


def _signature(arguments: ast.arguments) -> Signature:
    by_place = [*arguments.posonlyargs, *arguments.args]
    without = len(by_place) - len(arguments.defaults)
    required = {a.arg for a in by_place[:without]}
    required |= {
        a.arg for a, default in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True) if default is None
    }
    everything = [*by_place, *arguments.kwonlyargs]
    types = {a.arg: a.annotation for a in everything if not _is_context(a)}
    if arguments.vararg is not None:
        types[arguments.vararg.arg] = None
    return Signature(types, frozenset(required & types.keys()), arguments.kwarg is not None)


def _is_context(argument: ast.arg) -> bool:
    """Whether a parameter gets the context and is no input (S56)."""
    written = ast.unparse(argument.annotation).strip("'\"") if argument.annotation is not None else ""
    return argument.arg == "ctx" or written.rpartition(".")[2] == "Context"


# ---- types ---------------------------------------------------------------------------------------------------

_CALLED: Final = {
    "str": "a text",
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "list": "a list",
    "dict": "a mapping",
    "None": "null",
}
_SHAPES: Final = {"List": "list", "Dict": "dict"}


def misfit(annotation: ast.expr | None, value: object) -> str:
    """Say what a value should have been by a plain annotation (`int`, `list[str]`, `str | None`); empty if it fits."""
    kinds = _kinds(annotation)
    if not kinds or any(_is_kind(value, kind) for kind in kinds):
        return ""
    return " or ".join(_CALLED[kind] for kind in kinds)


def _kinds(annotation: ast.expr | None) -> list[str]:
    """Give the plain types that an annotation names; none where it names any other."""
    if isinstance(annotation, ast.Constant) and annotation.value is None:
        return ["None"]
    if isinstance(annotation, ast.Constant) and isinstance(annotation.value, str):
        try:
            return _kinds(ast.parse(annotation.value, mode="eval").body)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return []
    if isinstance(annotation, ast.BinOp) and isinstance(annotation.op, ast.BitOr):
        left, right = _kinds(annotation.left), _kinds(annotation.right)
        return [*left, *right] if left and right else []
    if isinstance(annotation, ast.Subscript):
        return _kinds_of_subscript(annotation)
    name = _SHAPES.get(annotation.id, annotation.id) if isinstance(annotation, ast.Name) else ""
    return [name] if name in _CALLED else []


def _kinds_of_subscript(annotation: ast.Subscript) -> list[str]:
    holder = annotation.value
    name = holder.attr if isinstance(holder, ast.Attribute) else holder.id if isinstance(holder, ast.Name) else ""
    if name == "Optional":
        inner = _kinds(annotation.slice)
        return [*inner, "None"] if inner else []
    name = _SHAPES.get(name, name)
    return [name] if name in ("list", "dict") else []


def _is_kind(value: object, kind: str) -> bool:
    """Whether a value is of a plain type, or a text that is read as one when the step runs."""
    if kind == "None":
        return value is None
    if kind in ("int", "float") and isinstance(value, str):
        return _is_number(value)
    if kind == "int" and isinstance(value, float):
        return value.is_integer()
    if kind == "bool" and isinstance(value, str | int):
        return str(value).lower() in ("true", "false", "1", "0", "yes", "no", "on", "off", "t", "f", "y", "n")
    if isinstance(value, bool):
        return kind == "bool"
    types: dict[str, tuple[type, ...]] = {
        "str": (str,),
        "int": (int,),
        "float": (int, float),
        "list": (list, tuple),
        "dict": (dict,),
    }
    return isinstance(value, types.get(kind, ()))


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
