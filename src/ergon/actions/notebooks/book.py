"""Book: a notebook as its file holds it, read and checked before anything runs."""

from __future__ import annotations

import json
import logging
import re
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from ergon.actions.writing import told
from ergon.errors import NotebookInvalid

Notebook = dict[str, Any]  # Any: JSON
Cell = dict[str, Any]  # Any: JSON

PARAMETERS: Final = "parameters"
INJECTED: Final = "injected-parameters"
_ID: Final = re.compile(r"[a-zA-Z0-9_-]{1,64}")
_KINDS: Final = frozenset({"code", "markdown", "raw"})
_MINOR: Final = 5
"""The minor version of the format that is written: the first in which cells have ids."""


def read_book(file: Path, name: str) -> Notebook:
    """Read a notebook in the form of the newest format; `name` is how the workflow calls it.

    Raises `NotebookInvalid`, and `ActionFailed` for a file that cannot be read.
    """
    with told(name):
        data = file.read_bytes()
    if not data.strip():
        raise NotebookInvalid(notebook=name, reason="it is empty")
    try:
        found: Any = json.loads(data)
    except json.JSONDecodeError as error:
        raise NotebookInvalid(notebook=name, reason=f"it is not JSON (line {error.lineno})") from None
    except (ValueError, RecursionError):
        raise NotebookInvalid(notebook=name, reason="it is not JSON") from None
    version = found.get("nbformat") if isinstance(found, dict) else None
    if not isinstance(version, int):
        raise NotebookInvalid(notebook=name, reason="it is not a notebook: it does not say its `nbformat`")
    if version > 4:
        raise NotebookInvalid(notebook=name, reason=f"it has the notebook format {version}, which is newer than 4")
    book = _upgraded(found, version, name) if version < 4 else found
    if fault := fault_of(book):
        raise NotebookInvalid(notebook=name, reason=fault)
    _complete(book)
    return book


def _upgraded(found: Mapping[str, Any], version: int, name: str) -> Notebook:
    """Give a notebook of an older format in the form of this one."""
    import nbformat

    if version == 3 and not isinstance(found.get("worksheets"), list):
        raise NotebookInvalid(notebook=name, reason="it has the notebook format 3 and no list of worksheets")
    logger = logging.getLogger("traitlets")  # where nbformat says what it finds strange; it is checked here again
    before, logger.disabled = logger.disabled, True
    try:
        untyped: Any = nbformat
        made: Notebook = json.loads(json.dumps(untyped.convert(untyped.from_dict(found), 4)))
    except Exception as error:  # nbformat raises whatever comes to pass on a wrong tree
        reason = f"it has the notebook format {version} and cannot be read as 4 ({type(error).__name__}: {error})"
        raise NotebookInvalid(notebook=name, reason=reason) from None
    finally:
        logger.disabled = before
    return made


# ---- what it must be -----------------------------------------------------------------------------------------


def fault_of(book: Mapping[str, Any]) -> str:
    """Say what keeps a tree from being a notebook of format 4; empty if nothing does."""
    metadata, cells = book.get("metadata", {}), book.get("cells")
    if not isinstance(cells, list):
        return "it is not a notebook: it has no list of cells"
    if not isinstance(metadata, dict):
        return "its metadata is not a mapping"
    if not isinstance(book.get("nbformat_minor", 0), int):
        return "its `nbformat_minor` is not a number"
    spec = metadata.get("kernelspec", {})
    if not isinstance(spec, dict) or not isinstance(spec.get("name", ""), str):
        return "its metadata `kernelspec` is not a mapping with a name"
    if not isinstance(metadata.get("papermill", {}), dict):
        return "its metadata `papermill` is not a mapping"
    if not isinstance(metadata.get("language_info", {}), dict):
        return "its metadata `language_info` is not a mapping"
    for number, cell in enumerate(cells, 1):
        if fault := _cell_fault(cell):
            return f"its cell {number} {fault}"
    return ""


def _cell_fault(cell: object) -> str:
    if not isinstance(cell, dict) or cell.get("cell_type") not in _KINDS:
        return "is neither code, markdown nor raw"
    if not _is_text(cell.get("source")):
        return "has a source that is not text"
    metadata = cell.get("metadata", {})
    if not isinstance(metadata, dict):
        return "has metadata that is not a mapping"
    tags = metadata.get("tags", [])
    if not isinstance(tags, list) or not all(isinstance(tag, str) for tag in tags):
        return "has tags that are not a list of names"
    if not isinstance(metadata.get("papermill", {}), dict):
        return "has metadata `papermill` that is not a mapping"
    return ""


def _is_text(source: object) -> bool:
    if isinstance(source, list):
        return all(isinstance(line, str) for line in source)
    return isinstance(source, str)


# ---- what it may leave out -----------------------------------------------------------------------------------


def _complete(book: Notebook) -> None:
    """Fill in what may be absent, join lines, and give every cell an id of its own."""
    metadata = book.setdefault("metadata", {})
    minor = book.get("nbformat_minor", 0)
    if minor < _MINOR:
        metadata["orig_nbformat_minor"] = minor
        book["nbformat_minor"] = _MINOR
    seen: set[object] = set()
    for cell in book["cells"]:
        source = cell["source"]
        cell["source"] = "".join(source) if isinstance(source, list) else source
        cell.setdefault("metadata", {}).setdefault("tags", [])
        if cell["cell_type"] == "code":
            cell["outputs"], cell["execution_count"] = [], None
        else:
            cell.pop("outputs", None)
            cell.pop("execution_count", None)
        known = cell.get("id")
        if not isinstance(known, str) or not _ID.fullmatch(known) or known in seen:
            cell["id"] = new_id()
        seen.add(cell["id"])


def new_id() -> str:
    """Give an id for a cell."""
    return uuid.uuid4().hex[:8]


def tags_of(cell: Cell) -> list[str]:
    """Give a cell's tags."""
    tags: list[str] = cell["metadata"]["tags"]
    return tags


def tagged(book: Notebook, tag: str) -> int:
    """Give the index of the first cell with a tag; -1 if there is none."""
    return next((index for index, cell in enumerate(book["cells"]) if tag in tags_of(cell)), -1)


def named_kernel(book: Notebook) -> str:
    """Give the name of the kernel that a notebook names; empty if it names none."""
    return str(book["metadata"].get("kernelspec", {}).get("name", ""))
