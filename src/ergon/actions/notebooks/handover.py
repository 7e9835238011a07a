"""Handover: the values that a notebook hands out, from its kernel to the step that runs it."""

from __future__ import annotations

import ast
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from ergon.model.values import Artifact, decode_plain
from ergon.ports import Context

OUTPUTS_TAG: Final = "outputs"
"""Tag of a cell whose variables are outputs."""
_RUNNING: Final = "running"


def handed_over(folder: Path, context: Context) -> dict[str, object]:
    """Give the values that the notebook handed out, by name; what JSON cannot carry is kept as artifacts."""
    values: dict[str, object] = {}
    for file in sorted(folder.glob("*.json")):
        handed = decode_plain(file.read_text("utf-8"))
        assert isinstance(handed, dict)
        values |= {name: _kept(value, folder, context) for name, value in handed.items()}
    return values


def _kept(value: object, folder: Path, context: Context) -> object:
    """Give a value with the bytes that it refers to kept by the run."""
    if isinstance(value, Artifact):
        return context.artifact(folder / value.sha256, type=value.type, name=value.name)
    if isinstance(value, dict):
        return {key: _kept(member, folder, context) for key, member in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return type(value)(_kept(member, folder, context) for member in value)
    return value


# ---- which notebooks run -------------------------------------------------------------------------------------


def note_running(folder: Path, notebooks: Sequence[str]) -> None:
    """Note in a kernel's folder which notebooks run in it and around it."""
    (folder / _RUNNING).write_text(json.dumps(list(notebooks)), encoding="utf-8")


def running_around(folder: str) -> list[str]:
    """Give the notebooks that run around this process, which is a kernel if it has a folder to hand values over in."""
    if not folder:
        return []
    try:
        noted: list[str] = json.loads((Path(folder) / _RUNNING).read_text("utf-8"))
    except (OSError, ValueError):  # its run is over, and what it started lives on
        return []
    return noted


# ---- cells tagged `outputs` ----------------------------------------------------------------------------------


def assigned(source: str) -> list[str]:
    """Give the names that a cell's code assigns at its top level, in order; private ones are not for others."""
    try:
        body = ast.parse(without_magics(source)).body
    except (SyntaxError, ValueError):  # the kernel says what is wrong with it
        return []
    return [name for name in dict.fromkeys(_names(body)) if not name.startswith("_")]


def without_magics(source: str) -> str:
    """Give code without the lines that are IPython's and not Python's."""
    return "\n".join("" if line.startswith(("%", "!", "?")) else line for line in source.splitlines())


def _names(body: list[ast.stmt]) -> Iterator[str]:
    for statement in body:
        targets: list[ast.expr] = []
        if isinstance(statement, ast.Assign):
            targets = statement.targets
        elif isinstance(statement, ast.AnnAssign | ast.AugAssign):
            annotated = isinstance(statement, ast.AnnAssign) and statement.value is None
            targets = [] if annotated else [statement.target]
        for target in targets:
            yield from stored(target)
        for inner in ("body", "orelse", "finalbody"):
            if not isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                yield from _names(getattr(statement, inner, []))
        for handler in getattr(statement, "handlers", []):
            yield from _names(handler.body)


def stored(target: ast.expr) -> Iterator[str]:
    """Give the names that an assignment to a target sets."""
    for node in ast.walk(target):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id


def expressions_for(names: list[str]) -> Mapping[str, str]:
    """Give the expression by which a kernel hands variables out after a cell; none without names."""
    if not names:
        return {}
    return {OUTPUTS_TAG: f"__import__('ergon.notebook.output', fromlist=['hand_out']).hand_out(globals(), {names!r})"}


def refusal(reply: Mapping[str, Any]) -> tuple[str, str, list[str]] | None:
    """Give the error (name, message, traceback) with which handing out failed; None if it did not."""
    found = reply["content"].get("user_expressions", {}).get(OUTPUTS_TAG, {})
    if found.get("status") != "error":
        return None
    return str(found.get("ename", "")), str(found.get("evalue", "")), list(found.get("traceback", []))
