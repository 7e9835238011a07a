"""CellStep: a cell that is a step, and the function that its code becomes."""

from __future__ import annotations

import ast
import copy
import functools
import hashlib
import linecache
import types
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from ergon.adapters.codecs.standard import CODECS
from ergon.errors import NotStorable
from ergon.model.values import Artifact, encode_plain
from ergon.notebook.cells.code import CellCode

_VALUE: Final = "ergon_value"
"""The local name of the value of the last line."""
_STAND_IN: Final = Artifact("0" * 64, "bytes", 0)


@dataclass(frozen=True, slots=True)
class CellStep:
    """A step whose action is a cell of the notebook."""

    name: str
    code: CellCode
    needs: tuple[str, ...] = ()
    retry: int = 0
    """Attempts, all in all; 0 for what the workflow says."""
    in_notebook: bool = False
    """Whether it runs in a fresh kernel, as a notebook of its own."""

    @property
    def makes(self) -> tuple[str, ...]:
        """The names that it gives others: what it assigns, and its own name for the value of its last line."""
        return (*self.code.makes, self.name) if self.code.ends_with_value else self.code.makes

    def function(self, inputs: Sequence[str], namespace: dict[str, Any]) -> Callable[..., Any]:
        """Make the function that the cell is: inputs in, what it makes out, by name.

        It sees the notebook's own names (imports, functions, classes) as its globals, and changes none of them.
        """
        inner = _compiled(self, inputs, namespace)
        makes = self.makes

        def kept(made: Mapping[str, object]) -> dict[str, object]:
            values = {**made, self.name: made[_VALUE]} if _VALUE in made else made
            return {name: values[name] for name in makes if name in values and is_storable(values[name])}

        if self.code.is_async:

            @functools.wraps(inner)
            async def wait(**given: object) -> dict[str, object]:
                return kept(await inner(**given))

            return wait

        @functools.wraps(inner)
        def call(**given: object) -> dict[str, object]:
            return kept(inner(**given))

        return call

    def version(self) -> str:
        """Give what stands for the cell's text: comments and all, as it is written."""
        return hashlib.sha256(self.code.source.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def is_storable(value: object) -> bool:
    """Say whether a value can leave its step: modules, functions, classes, open files and their like cannot."""
    if isinstance(value, types.ModuleType | types.FunctionType | type):
        return False
    if any(codec.matches(value) for codec in CODECS):
        return True
    try:
        encode_plain(value, foreign=lambda each: _STAND_IN if any(c.matches(each) for c in CODECS) else None)
    except NotStorable:
        return False
    return True


def _keywords(names: Sequence[str]) -> str:
    return f"*, {', '.join(names)}" if names else ""


def _compiled(step: CellStep, inputs: Sequence[str], namespace: dict[str, Any]) -> Callable[..., Any]:
    """Compile the cell as the body of a function that gives its local names."""
    body = copy.deepcopy(step.code.tree).body
    last = body[-1]
    if isinstance(last, ast.Expr):
        target = ast.copy_location(ast.Name(_VALUE, ast.Store()), last)
        body[-1] = ast.copy_location(ast.Assign([target], last.value), last)
    body.append(ast.Return(ast.Call(ast.Name("locals", ast.Load()), [], [])))
    head = f"{'async ' if step.code.is_async else ''}def {step.name}({_keywords(inputs)}): pass"
    module = ast.parse(head)
    assert isinstance(module.body[0], ast.FunctionDef | ast.AsyncFunctionDef)
    module.body[0].body = body
    ast.increment_lineno(ast.fix_missing_locations(module), 1)  # the magic is the cell's first line
    file = f"<step {step.name}>"
    lines = [f"%%step {step.name}\n", *step.code.source.splitlines(keepends=True)]
    linecache.cache[file] = (sum(map(len, lines)), None, lines, file)
    made: dict[str, Any] = {}
    exec(compile(module, file, "exec"), namespace, made)
    compiled: Callable[..., Any] = made[step.name]
    return compiled
