"""Resuming: by which definition a run goes on, and what of it runs again (S50, S51)."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Protocol

from ergon.engine.editing import notebook_code, plan_edit
from ergon.engine.live import LiveRun
from ergon.engine.recovery import How, reopening
from ergon.engine.request import Source
from ergon.engine.values import Values
from ergon.engine.workspace import Workspace
from ergon.model import events as e
from ergon.model.definitions import definition_text
from ergon.model.graph import Graph
from ergon.model.states import ENDED, RunState, RunStatus, StepState, StepStatus
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
    ) -> None:
        self._load = load
        self._compiled = compiled
        self._catalog = catalog
        self._workspace = workspace
        self._values = values

    def plan(self, state: RunState, how: How, file: Path | None) -> Ready | None:
        """Plan a resume; gives what journals the plan, or None if there is nothing to do."""
        if state.status is RunStatus.SUCCEEDED or (state.status is RunStatus.PARTIAL and how == "resume"):
            return None
        graph, text = self._graph_now(state, file)
        changed = functools.partial(self._code_changed, state)
        if graph.sha256 != state.frame.graph.sha256 or any(changed(step) for step in state.steps.values()):
            edit = plan_edit(state, graph, how, changed)

            def edited(live: LiveRun) -> None:
                live.journal.define(graph.sha256, text)
                live.journal.emit(e.RUN_EDITED, "", 0, edit.as_data(graph.sha256))

            return edited
        plan = reopening(state, how)
        if state.status in ENDED and not plan.open and not plan.reset and not _unfinished(state):
            return None

        def reopened(live: LiveRun) -> None:
            if state.status in ENDED or plan.open or plan.reset:
                data = {"how": how, "open": plan.open, "reset": plan.reset}
                live.journal.emit(e.RUN_REOPENED, "", 0, data)

        return reopened

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


def _unfinished(state: RunState) -> bool:
    """Say whether steps of an ended run were never decided on: its variables could not be resolved."""
    return state.root is not None and state.root.unsettled > 0
