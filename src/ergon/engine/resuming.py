"""Resuming: by which definition a run goes on, and what of it runs again (S50, S51)."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Protocol

from ergon.engine.editing import Editing, changed_names, notebook_code
from ergon.engine.live import LiveRun
from ergon.engine.recovery import How, reopening, undone_steps
from ergon.engine.request import Source
from ergon.engine.values import Values
from ergon.engine.workspace import Workspace
from ergon.model import events as e
from ergon.model.definitions import definition_text
from ergon.model.graph import Graph
from ergon.model.states import ENDED, Frame, RunState, RunStatus, StepState, StepStatus
from ergon.model.workflow import Workflow
from ergon.ports import Catalog

Ready = Callable[[LiveRun], None]
"""Journals what a plan says, in the engine's thread, just before a run goes on."""


class FreshCatalog(Catalog, Protocol):
    """A catalog that can load modules anew."""

    def refresh(self) -> object:
        """Load modules anew whose file changed (S52)."""


class Resuming:
    """Plans how a run goes on."""

    def __init__(
        self,
        *,
        load: Callable[[Path], Source],
        compiled: Callable[[Workflow], tuple[Graph, str]],
        catalog: Callable[[Path], FreshCatalog],
        workspace: Workspace,
        values: Values,
        arguments: Callable[[Workflow, Mapping[str, object]], dict[str, object]],
    ) -> None:
        """`arguments` gives the parameters of a workflow of what it is given, and may raise `ParameterInvalid`."""
        self._load = load
        self._compiled = compiled
        self._catalog = catalog
        self._workspace = workspace
        self._values = values
        self._arguments = arguments

    def plan(self, state: RunState, how: How, file: Path | None) -> Ready | None:
        """Plan a resume; gives what journals the plan, or None if there is nothing to do."""
        if state.status is RunStatus.SUCCEEDED or (state.status is RunStatus.PARTIAL and how == "resume"):
            return None
        graph, text = self._graph_now(state, file)
        code_changed = functools.partial(self._code_changed, state)
        if graph.sha256 != state.frame.graph.sha256 or any(code_changed(step) for step in state.steps.values()):
            return self._edited(state, how, graph, text, code_changed)
        plan = reopening(state, how)
        if state.status in ENDED and not plan and not _unfinished(state):
            return None

        def reopened(live: LiveRun) -> None:
            if state.status in ENDED or plan:
                live.journal.emit(e.RUN_REOPENED, "", 0, {"how": how, **plan.as_data()})

        return reopened

    def _edited(
        self, state: RunState, how: How, graph: Graph, text: str, code_changed: Callable[[StepState], bool]
    ) -> Ready:
        """Plan a resume on an edited definition, or on code that is not what it was (S51)."""
        before = self._decoded(state.frame.parameters)
        known = {parameter.name for parameter in graph.workflow.parameters}
        given = {name: value for name, value in before.items() if name in known and value is not None}
        now = self._arguments(graph.workflow, given)
        parameters = {name for name, value in now.items() if name not in before or before[name] != value}
        names = changed_names(state.frame.graph, graph, parameters)
        plan = Editing(how, code_changed, names, undone_steps(state)).plan(state, graph)
        data: dict[str, object] = {"definition": graph.sha256, **plan.as_data()}
        if env := {name: os.environ[name] for name in graph.env - state.env.keys() if name in os.environ}:
            data["env"] = env
        value = self._values.encode(now) if now != before else None

        def edited(live: LiveRun) -> None:
            live.journal.define(graph.sha256, text)
            live.journal.emit(e.RUN_EDITED, "", 0, data, value)

        return edited

    def _decoded(self, text: str) -> dict[str, object]:
        value = self._values.decode(text)
        return value if isinstance(value, dict) else {}

    def _graph_now(self, state: RunState, file: Path | None) -> tuple[Graph, str]:
        own = str(state.start.get("file", ""))
        if file is None and own and Path(own).is_file():
            file = Path(own)
        if file is None:
            return state.frame.graph, definition_text(state.frame.graph.workflow)
        source = self._load(file)
        self._catalog(source.folder(self._workspace.root)).refresh()
        return self._compiled(source.workflow)

    def _code_changed(self, state: RunState, step: StepState) -> bool:
        """Say whether what a succeeded action ran is not what it would run now (S51)."""
        uses = step.node.step.uses
        if step.node.kind == "action" and step.bodies:
            return self._child_changed(step.bodies[0].frame)
        if uses is None or step.node.kind != "action" or step.status is not StepStatus.SUCCEEDED:
            return False
        folder = Path(step.body.frame.folder or self._workspace.root)
        known = state.code.get(uses)
        if known is not None and self._catalog(folder).find(uses).code() != known:
            return True
        if not step.code:
            return False
        inputs = self._values.decode(step.inputs) if step.inputs is not None else step.node.step.with_
        path = inputs.get("path") if isinstance(inputs, Mapping) else None
        return isinstance(path, str) and notebook_code(self._workspace.resolve(path, folder=folder)) != step.code

    def _child_changed(self, frame: Frame) -> bool:
        """Say whether the file of a child workflow is not what it was; raises `WorkflowInvalid` if it has faults."""
        file = Path(frame.file)
        if not file.is_file():
            return True
        return self._compiled(self._load(file).workflow)[0].sha256 != frame.graph.sha256


def _unfinished(state: RunState) -> bool:
    """Say whether an ended run can go on though none of its steps runs again.

    Some were never decided on, since its variables could not be resolved; or it was cut off while its last ones ran,
    which were not.
    """
    root = state.root
    return root is not None and (root.unsettled > 0 or root.stopping in ("cancel", "cancel_all", "timeout"))
