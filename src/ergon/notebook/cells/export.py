"""Export: the steps of a notebook as a workflow file, with a module and notebooks that it refers to."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ergon.errors import CellRefused, NotPossible
from ergon.notebook.cells.sheet import Sheet, Wiring, described, parameter
from ergon.notebook.cells.source import Surroundings, function_text
from ergon.notebook.cells.step import CellStep, is_storable

_SUFFIX = ".ergon.yaml"
_NO_NAME = re.compile(r"\W+")


@dataclass(frozen=True, slots=True)
class Exported:
    """The files that an export writes, by path, and the workflow's among them."""

    workflow: Path
    files: dict[Path, str]


def exported(sheet: Sheet, file: Path) -> Exported:
    """Give what an export of a notebook's steps writes; raises `CellRefused`, `NotPossible`."""
    if not file.name.endswith(_SUFFIX):
        raise NotPossible(what=f"export to {file.name}", reason=f"a workflow file's name ends with {_SUFFIX}")
    stem = _NO_NAME.sub("_", file.name.removesuffix(_SUFFIX))
    wired = {name: sheet.wiring(step) for name, step in sheet.steps.items()}
    read = {name for wiring in wired.values() for name in wiring.steps}
    files: dict[Path, str] = {}
    steps: list[dict[str, Any]] = []
    module = f"{stem}_steps"
    surroundings, functions = Surroundings(sheet.namespace), list[str]()
    for name, step in sheet.steps.items():
        gives = _given(sheet, step, read)
        if step.in_notebook:
            notebook = file.with_name(f"{stem}_{name}.ipynb")
            files[notebook] = notebook_text(sheet, step, wired[name], gives)
            steps.append(notebook_step(step, wired[name], notebook.name))
        else:
            surroundings.add(wired[name].shared, step=name)
            if clash := surroundings.names.intersection(sheet.steps):
                reason = f"the notebook has a '{min(clash)}' that steps use, and one of them is called so"
                raise CellRefused(step=name, line=0, reason=reason, hint="Give the step another name.")
            functions.append(function_text(step, wired[name].inputs, gives))
            steps.append({**described(step, wired[name]), "uses": f"{module}:{name}"})
    if functions:
        head = f'"""The steps of {file.name}, written from the cells of a notebook."""'
        parts = [head, surroundings.text(), *functions]
        files[file.with_name(f"{module}.py")] = "\n\n".join(part for part in parts if part)
    files[file] = _workflow_text(sheet, stem, wired.values(), steps, read)
    return Exported(file, files)


def _given(sheet: Sheet, step: CellStep, read: set[str]) -> list[str]:
    """Say what a step is to give: what others read, or all that it makes and can give if nobody reads any of it."""
    if wanted := [name for name in step.makes if name in read]:
        return wanted
    known = sheet.namespace
    return [name for name in dict.fromkeys(step.makes) if name not in known or is_storable(known[name])]


def _workflow_text(
    sheet: Sheet, name: str, wired: Iterable[Wiring], steps: list[dict[str, Any]], read: set[str]
) -> str:
    import yaml  # noqa: PLC0415  # it takes 30 ms, which only who exports pays

    names = dict.fromkeys(each for wiring in wired for each in wiring.parameters)
    document: dict[str, Any] = {"ergon": 1, "name": name.replace("_", "-")}
    if names:
        document["parameters"] = [parameter(each, sheet.namespace[each]) for each in names]
    document["steps"] = [
        {key: step[key] for key in ("id", "uses", "with", "needs", "retry") if key in step} for step in steps
    ]
    last = [step for step in sheet.steps.values() if not read.intersection(step.makes)]
    document["outputs"] = {step.name: f"{{{{ steps.{step.name}.output }}}}" for step in last}
    return yaml.safe_dump(document, sort_keys=False, allow_unicode=True, width=110)


# ---- a step that is a notebook of its own ----------------------------------------------------------------------------


def notebook_step(step: CellStep, wiring: Wiring, path: str) -> dict[str, Any]:
    """Give the step that runs a cell's own notebook."""
    keys = described(step, wiring)
    given: dict[str, Any] = {"path": path}
    if inputs := keys.get("with"):
        given["parameters"] = inputs
    return {**keys, "uses": "notebook.run", "with": given}


def notebook_text(sheet: Sheet, step: CellStep, wiring: Wiring, gives: list[str]) -> str:
    """Write a cell as a notebook of its own: what it uses, its parameters, its code, its outputs."""
    surroundings = Surroundings(sheet.namespace)
    surroundings.add(wiring.shared, step=step.name)
    defaults = [f"{name} = None" for name in wiring.steps]
    defaults += [f"{name} = {sheet.namespace[name]!r}" for name in wiring.parameters]
    cells = [_cell(surroundings.text())] if wiring.shared else []
    if defaults:
        cells.append(_cell("\n".join(defaults), "parameters"))
    cells.append(_cell(step.code.source.rstrip()))
    handed = [f"{name}=_" if name == step.name and step.code.ends_with_value else f"{name}={name}" for name in gives]
    cells.append(_cell(f"import ergon\n\nergon.output({', '.join(handed)})"))
    for number, cell in enumerate(cells):
        cell["id"] = f"{step.name[:48]}-{number}"  # the same text gives the same file
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    made = {"cells": cells, "metadata": {"kernelspec": kernel}, "nbformat": 4, "nbformat_minor": 5}
    return json.dumps(made, indent=1, ensure_ascii=False) + "\n"


def _cell(source: str, *tags: str) -> dict[str, Any]:
    metadata = {"tags": list(tags)} if tags else {}
    lines = source.splitlines(keepends=True)
    return {"cell_type": "code", "execution_count": None, "metadata": metadata, "outputs": [], "source": lines}


def write(files: dict[Path, str]) -> None:
    """Write files, each whole."""
    for path, text in files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_name(f".{path.name}.tmp")
        temporary.write_text(text, encoding="utf-8")
        os.replace(temporary, path)
