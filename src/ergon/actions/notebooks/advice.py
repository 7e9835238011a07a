"""Advice: what can be said of a notebook step before it runs, from the notebook's file alone."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ergon.actions.notebooks.book import PARAMETERS, Notebook, named_kernel, read_book, tagged
from ergon.actions.notebooks.parameters import fault_of_declared, parameters_of, strangers
from ergon.errors import NotebookInvalid, StepError
from ergon.ports import Problem

CANNOT_RUN = "E177"
NO_PARAMETER = "W210"
NO_CELL = "W211"


def advise(config: Mapping[str, object], *, templated: frozenset[str], folder: Path | None) -> Iterator[Problem]:
    """Find what keeps a step's notebook from running, and parameters that it does not have."""
    name = config.get("path")
    if folder is None or not isinstance(name, str) or "path" in templated or not _is_there(folder / name):
        return
    try:
        book = notebook(folder / name, name)
    except StepError as error:
        yield Problem(("path",), error.sentence(), error.hint, code=CANNOT_RUN)
        return
    if not config.get("kernel") and not named_kernel(book):
        hint = "Say `kernel: NAME` in the step."
        yield Problem(("path",), f"{name} cannot run: it does not name a kernel.", hint, code=CANNOT_RUN)
    given = config.get("parameters")
    if isinstance(given, Mapping) and given:
        yield from _advise_parameters(book, name, [str(each) for each in given])


def _advise_parameters(book: Notebook, name: str, given: list[str]) -> Iterator[Problem]:
    if tagged(book, PARAMETERS) < 0 and not parameters_of(book):
        said = f"{name} has no cell tagged `parameters`, so its parameters are put at the top."
        hint = "Tag the cell that gives their defaults, so that they are set after it."
        yield Problem(("parameters",), said, hint, "warning", NO_CELL)
        return
    for stranger, meant in strangers(book, given).items():
        hint = f"Did you mean '{meant}'?" if meant else f"It has {', '.join(parameters_of(book) or ()) or 'none'}."
        said = f"The notebook {name} has no parameter '{stranger}'."
        yield Problem(("parameters", stranger), said, hint, "warning", NO_PARAMETER)


def _is_there(file: Path) -> bool:
    try:
        return file.is_file()
    except (OSError, ValueError):
        return False


def notebook(file: Path, name: str) -> Notebook:
    """Give a notebook whose metadata is sound too; read once as long as the file stays what it is.

    Raises `NotebookInvalid`, and `ActionFailed` for a file that cannot be read.
    """
    try:
        known = file.stat()
    except (OSError, ValueError):
        return _read(file, name, 0, 0)
    return _read(file, name, known.st_mtime_ns, known.st_size)


@functools.lru_cache(maxsize=32)
def _read(file: Path, name: str, changed: int, size: int) -> Notebook:
    book = read_book(file, name)
    if fault := fault_of_declared(book):
        raise NotebookInvalid(notebook=name, reason=fault)
    return book


def with_parameters(
    schema: Mapping[str, object], config: Mapping[str, object], *, folder: Path
) -> Mapping[str, object]:
    """Give the schema of a step's inputs with what its notebook says of its parameters.

    Raises `NotebookInvalid`, and `ActionFailed` for a file that cannot be read.
    """
    name = config.get("path")
    if not isinstance(name, str):
        return schema
    known = parameters_of(notebook(folder / name, name))
    properties: Any = dict(schema["properties"])  # type: ignore[call-overload]  # JSON Schema
    properties["parameters"] = {**properties["parameters"], "type": "object", "properties": known or {}}
    return {**schema, "properties": properties}
