"""A workflow as Python sees it: load it, look at it, start it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from ergon.app import App, Options, Source
from ergon.engine.selection import Selection
from ergon.model.drawing import svg
from ergon.model.graph import compile_graph
from ergon.model.order import waves
from ergon.model.workflow import Workflow as Definition
from ergon.notebook.run import Run
from ergon.notebook.session import app_of


class Workflow:
    """A checked workflow. Its display in a notebook is its graph."""

    def __init__(self, definition: Definition, *, file: Path | None = None, folder: Path | None = None) -> None:
        """Make one in Python; raises `WorkflowInvalid` with all diagnostics if it is faulty.

        `folder` is where its relative paths start from: the file's folder, else the working directory.
        """
        self._folder = file.parent if file is not None else folder or Path.cwd()
        self._source = Source(definition, file)
        if file is None:
            self._source = self.app.checked(definition, folder=self._folder)

    @property
    def app(self) -> App:
        """The workspace that it runs in."""
        return app_of(self._folder)

    @property
    def definition(self) -> Definition:
        """The definition, frozen."""
        return self._source.workflow

    @property
    def name(self) -> str:
        """The workflow's name."""
        return self.definition.name

    @property
    def file(self) -> Path | None:
        """The file that it was loaded from."""
        return self._source.file

    def order(self) -> list[list[str]]:
        """Give the waves: lists of step ids, each of which can start when the lists before it have ended."""
        return waves(compile_graph(self.definition))

    def start(
        self,
        parameters: Mapping[str, object] | None = None,
        /,
        *,
        where: Literal["here", "process"] = "here",
        only: tuple[str, ...] | list[str] = (),
        from_: str = "",
        to: str = "",
        **more: object,
    ) -> Run:
        """Start a run and give it when it is on disk; the run goes on by itself, also while a cell computes.

        With `where="process"` it runs in a process of its own, which goes on when this one ends, and which C code
        that holds Python's global lock here cannot stop. `only`, `from_` and `to` run a part (S53). Parameters are
        given by name, or as a mapping where a name is one of this method's own. Raises `ParameterInvalid`,
        `StepUnknown`, `NotPossible`.
        """
        given = {**(parameters or {}), **more}
        options = Options(selection=Selection(only=tuple(only), start=from_, end=to), actor=os.environ.get("USER", ""))
        if where == "process":
            return Run(self.app, self.app.start_elsewhere(self._source, given, options=options))
        return Run(self.app, self.app.start(self._source, given, options=options).run)

    def run(self, parameters: Mapping[str, object] | None = None, /, **more: object) -> Run:
        """Start a run and wait until it has ended; gives the finished run, raises `RunFailed`."""
        return self.start(parameters, **more).wait()  # type: ignore[arg-type]  # what is no option is a parameter

    def to_yaml(self) -> str:
        """Give the definition as the text of a workflow file."""
        import yaml  # noqa: PLC0415  # it takes 30 ms, which only who writes YAML pays

        return yaml.safe_dump(self.definition.document(), sort_keys=False, allow_unicode=True, width=110)

    def to_dict(self) -> dict[str, Any]:
        """Give the definition as the JSON document of a workflow file."""
        return self.definition.document()

    def __repr__(self) -> str:
        return f"<Workflow {self.name}: {len(self.definition.steps)} steps>"

    def _repr_svg_(self) -> str:
        return svg(compile_graph(self.definition))


def load(path: str | os.PathLike[str]) -> Workflow:
    """Load a workflow file; raises `WorkflowInvalid` with all diagnostics."""
    file = Path(path)
    source = app_of(file.resolve().parent).load(file)
    return Workflow(source.workflow, file=source.file)


def run(workflow: Workflow | str | os.PathLike[str], /, **parameters: object) -> Run:
    """Run a workflow, or a workflow file, to its end; gives the finished run, raises `RunFailed`."""
    if not isinstance(workflow, Workflow):
        workflow = load(workflow)
    return workflow.run(parameters)
