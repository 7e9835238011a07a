"""Magics: `%%step` and `%ergon`, as `%load_ext ergon` registers them."""

from __future__ import annotations

import argparse
import os
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, NoReturn

from ergon.app import Options, Selection, Source
from ergon.errors import ErgonError, NotPossible, ParameterInvalid, RunFailed, WorkflowInvalid
from ergon.model.workflow import Workflow as Definition
from ergon.notebook.cells.code import read_code
from ergon.notebook.cells.export import exported, notebook_step, notebook_text, write
from ergon.notebook.cells.following import follow
from ergon.notebook.cells.sheet import Sheet
from ergon.notebook.cells.step import CellStep
from ergon.notebook.run import Run
from ergon.notebook.workflow import Workflow

_USAGE: Final = (
    "%ergon run [NAME=VALUE …] [--to STEP] [--again] | graph | check | export FILE.ergon.yaml | forget [STEP]"
)


class Magics:
    """The magics of one notebook."""

    def __init__(self, shell: Any) -> None:  # Any: IPython's shell, which is imported by whoever has one
        self._shell = shell
        self.sheet = Sheet(shell.user_ns)

    def step(self, line: str, cell: str) -> None:
        """Make a step of a cell: `%%step NAME [--needs a,b] [--retry N] [--notebook]`."""
        self._told(lambda: self._define(line, cell))

    def ergon(self, line: str) -> object:
        """Run, draw, check or export the steps of this notebook."""
        return self._told(lambda: self._command(line))

    def _told(self, work: Callable[[], object]) -> object:
        """Do something; what is wrong is one sentence, and no traceback."""
        try:
            return work()
        except WorkflowInvalid as error:
            fault: str = "\n".join(str(each) for each in error.diagnostics)
        except ErgonError as error:
            fault = str(error)
        from IPython.core.error import UsageError  # there is a shell, so it is there

        raise UsageError(fault)

    # ---- %%step ----------------------------------------------------------------------------------------------------

    def _define(self, line: str, cell: str) -> None:
        parser = _Parser("%%step", "%%step NAME [--needs a,b] [--retry N] [--notebook]")
        parser.add_argument("name")
        parser.add_argument("--needs", default="")
        parser.add_argument("--retry", type=int, default=0)
        parser.add_argument("--notebook", action="store_true")
        given = parser.read(line)
        if not (given.name.isidentifier() and given.name.islower()):
            raise NotPossible(what=f"call a step '{given.name}'", reason="it is a Python name in small letters")
        code = read_code(cell, given.name)
        needs = tuple(name for name in given.needs.replace(",", " ").split() if name)
        step = CellStep(given.name, code, needs=needs, retry=given.retry, in_notebook=given.notebook)
        self.sheet.define(step)
        print(self._described(step))  # noqa: T201  # what a person sees below the cell

    def _described(self, step: CellStep) -> str:
        read, makes = [name for name in step.code.reads if name not in self._shared()], list(step.makes)
        reads = f"reads {', '.join(read)}" if read else "reads nothing"
        return f"step {step.name}: {reads}; makes {', '.join(makes) or 'nothing'}"

    def _shared(self) -> set[str]:
        made = {name for step in self.sheet.steps.values() for name in step.makes}
        return {name for name, value in self.sheet.namespace.items() if callable(value) or _is_module(value)} - made

    # ---- %ergon ----------------------------------------------------------------------------------------------------

    def _command(self, line: str) -> object:
        words = _words(line)
        command, rest = (words[0], words[1:]) if words else ("", [])
        match command:
            case "run":
                return self._run(rest)
            case "graph":
                return self.workflow()
            case "check":
                self._check()
            case "export" if len(rest) == 1:
                self._export(Path(rest[0]))
            case "forget":
                self._forget(rest)
            case _:
                raise NotPossible(what=f"do %ergon {line}".rstrip(), reason=f"it goes {_USAGE}")
        return None

    def workflow(self, *, cached: bool = True) -> Workflow:
        """Give the workflow that the steps make up; raises `CellRefused`, `WorkflowInvalid`."""
        if not self.sheet.steps:
            raise NotPossible(
                what="make a workflow", reason="no cell is a step yet", hint="Begin one with %%step NAME."
            )
        document = self.sheet.document(cached=cached)
        for number, step in enumerate(self.sheet.steps.values()):
            if step.in_notebook:
                own = document["steps"][number]
                cache = {"cache": own["cache"]} if "cache" in own else {}
                document["steps"][number] = {**self._as_notebook(step), **cache}
        return Workflow(Definition.model_validate(document), folder=Path.cwd())

    def _as_notebook(self, step: CellStep) -> dict[str, Any]:
        from ergon.notebook.session import app_of  # noqa: PLC0415  # the workspace is opened when it is needed

        wiring = self.sheet.wiring(step)
        path = app_of(Path.cwd()).workspace.home / "cells" / f"{step.name}.ipynb"
        write({path: notebook_text(self.sheet, step, wiring, list(step.makes))})
        made = notebook_step(step, wiring, str(path))
        made["with"]["cwd"] = str(Path.cwd())
        return made

    def _check(self) -> None:
        workflow = self.workflow()
        print(f"{len(workflow.definition.steps)} steps, no faults: {' → '.join(map(', '.join, workflow.order()))}")  # noqa: T201  # as above

    def _export(self, file: Path) -> None:
        self.workflow()
        made = exported(self.sheet, file)
        write(made.files)
        for path in made.files:
            print(f"wrote {path}")  # noqa: T201  # as above

    def _forget(self, names: list[str]) -> None:
        for name in names or list(self.sheet.steps):
            if self.sheet.steps.pop(name, None) is None:
                raise NotPossible(what=f"forget {name}", reason="there is no such step")

    def _run(self, words: list[str]) -> Run:
        parser = _Parser("%ergon run", _USAGE)
        parser.add_argument("parameters", nargs="*")
        parser.add_argument("--to", default="")
        parser.add_argument("--again", action="store_true")
        given = parser.parse(words)
        workflow = self.workflow(cached=not given.again)
        options = Options(selection=Selection(end=given.to), actor=os.environ.get("USER", ""))
        parameters = _parameters(given.parameters)
        handle = workflow.app.start(Source(workflow.definition), parameters, from_text=True, options=options)
        run = Run(workflow.app, handle.run)
        follow(workflow.app, run, print)
        try:
            run.wait()
        except RunFailed:
            self._say_why(run)
            raise
        finally:
            self._bring(run)
        return run

    def _say_why(self, run: Run) -> None:
        """Show where in the cell it was raised: the frames of the step, and of what it called."""
        lines = (run.error.traceback if run.error is not None else "").rstrip().split("\n")
        own = next((number for number, line in enumerate(lines) if line.startswith('  File "<step ')), None)
        if own is not None:
            print("\n".join(lines[own:]))  # noqa: T201  # as above

    def _bring(self, run: Run) -> None:
        """Put what the steps made into the notebook, as if their cells had run here; its own names stay as they are."""
        sheet = self.sheet
        own = {name for step in sheet.steps.values() for name in sheet.wiring(step).parameters}
        for result in run:
            step = sheet.steps.get(result.path)
            if step is None or result.status != "succeeded" or not isinstance(result.output, dict):
                continue
            for name in step.makes:
                if name in result.output and name not in own:
                    sheet.namespace[name] = result.output[name]
                    sheet.brought.add(name)


class _Parser(argparse.ArgumentParser):
    """Reads a magic's line; what is wrong with it is raised, and ends no kernel."""

    def __init__(self, magic: str, usage: str) -> None:
        super().__init__(prog=magic, add_help=False)
        self._magic, self._usage = magic, usage

    def read(self, line: str) -> argparse.Namespace:
        """Read a line."""
        return self.parse(_words(line))

    def parse(self, words: list[str]) -> argparse.Namespace:
        """Read words."""
        return self.parse_args(words)

    def error(self, message: str) -> NoReturn:
        """Raise what is wrong."""
        raise NotPossible(what=f"read {self._magic}", reason=message, hint=f"It goes {self._usage}.")


def _words(line: str) -> list[str]:
    try:
        return shlex.split(line, comments=True)
    except ValueError as error:
        raise NotPossible(what=f"read the line {line!r}", reason=str(error).lower()) from None


def _parameters(words: list[str]) -> dict[str, object]:
    found: dict[str, object] = {}
    for word in words:
        name, equals, text = word.partition("=")
        if not equals:
            raise ParameterInvalid(name=word, reason="write it as NAME=VALUE")
        found[name] = text
    return found


def _is_module(value: object) -> bool:
    return type(value).__name__ == "module"


def register(shell: Any) -> Magics:
    """Give a shell the magics."""
    magics = Magics(shell)
    shell.register_magic_function(magics.step, "cell", "step")
    shell.register_magic_function(magics.ergon, "line", "ergon")
    return magics
