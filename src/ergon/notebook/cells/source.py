"""Source: the cells of a notebook as Python text that stands by itself."""

from __future__ import annotations

import inspect
import io
import textwrap
import tokenize
import types
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from ergon.errors import CellRefused
from ergon.notebook.cells.code import read_code
from ergon.notebook.cells.step import CellStep

_STRINGS: Final = frozenset({"STRING", "FSTRING_START", "FSTRING_MIDDLE", "TSTRING_START", "TSTRING_MIDDLE"})
_INDENT: Final = "    "
_CONSTANTS: Final = (bool, int, float, str, bytes, type(None), tuple, frozenset, list, dict, set)


class Surroundings:
    """What steps use of the notebook itself, as text: imports, and functions and classes with what they name."""

    def __init__(self, namespace: Mapping[str, Any]) -> None:
        self._namespace = namespace
        self.names: set[str] = set()
        self.imports: list[str] = []
        self.definitions: list[str] = []

    def add(self, names: Iterable[str], *, step: str) -> None:
        """Take in names that a step reads; raises `CellRefused` where one has no source."""
        for name in names:
            if name not in self.names:
                self.names.add(name)
                self._add(name, self._namespace[name], step)

    def _add(self, name: str, value: object, step: str) -> None:
        if isinstance(value, types.ModuleType):
            self.imports.append(f"import {_as(value.__name__, name)}")
        elif isinstance(value, _CONSTANTS):
            self.definitions.append(f"{name} = {value!r}\n")
        elif getattr(value, "__module__", "") == "__main__":
            self._define(name, value, step)
        else:
            module, qualname = getattr(value, "__module__", None), getattr(value, "__qualname__", "")
            if not module or not qualname.isidentifier():
                raise self._refused(name, step)
            self.imports.append(f"from {module} import {_as(qualname, name)}")

    def _define(self, name: str, value: Any, step: str) -> None:
        try:
            source = textwrap.dedent(inspect.getsource(value))
        except (OSError, TypeError):
            raise self._refused(name, step) from None
        self.add((each for each in read_code(source, step).reads if each in self._namespace), step=step)
        self.definitions.append(source.rstrip() + "\n")

    def _refused(self, name: str, step: str) -> CellRefused:
        reason = f"it uses '{name}' of the notebook, which has no source that could be written down"
        return CellRefused(step=step, line=0, reason=reason, hint="Define it in a cell with def, class or import.")

    def text(self) -> str:
        """Give it all: imports first, sorted."""
        blocks = ["\n".join(sorted(set(self.imports)))] if self.imports else []
        return "\n\n".join([*blocks, *self.definitions])


def _as(name: str, alias: str) -> str:
    return name if name == alias else f"{name} as {alias}"


def function_text(step: CellStep, inputs: Sequence[str], gives: Sequence[str]) -> str:
    """Write a cell as a function: inputs in, the named values out."""
    start = "async def" if step.code.is_async else "def"
    source, gives = step.code.source.rstrip("\n"), list(gives)
    lines = indented(_named(step, source) if step.name in gives else source)
    returned = ", ".join(f'"{name}": {name}' for name in gives)
    parameters = ", ".join(inputs)
    return f"{start} {step.name}({parameters}):\n{lines}\n{_INDENT}return {{{returned}}}\n"


def _named(step: CellStep, source: str) -> str:
    """Give the value of the last line the step's name."""
    if not step.code.ends_with_value:
        return source
    last = step.code.tree.body[-1]
    lines = source.splitlines()
    encoded = lines[last.lineno - 1].encode()
    before, after = encoded[: last.col_offset].decode(), encoded[last.col_offset :].decode()
    lines[last.lineno - 1] = f"{before}{step.name} = {after}"
    return "\n".join(lines)


def indented(source: str) -> str:
    """Indent code, but not the lines that a string of several lines holds."""
    inside: set[int] = set()
    opened: list[int] = []
    for token in tokenize.generate_tokens(io.StringIO(source + "\n").readline):
        kind = tokenize.tok_name[token.type]
        if kind in _STRINGS:
            inside.update(range(token.start[0] + 1, token.end[0] + 1))
        if kind.endswith("STRING_START"):
            opened.append(token.start[0])
        elif kind.endswith("STRING_END"):
            inside.update(range(opened.pop() + 1, token.end[0] + 1))
    lines = source.split("\n")
    return "\n".join(
        line if number in inside or not line.strip() else _INDENT + line for number, line in enumerate(lines, 1)
    )
