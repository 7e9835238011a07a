"""Journals written by hand, for tests of what is told about a run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ergon.model import events as e
from ergon.model.apply import fold
from ergon.model.events import NO_DATA, Event
from ergon.model.graph import compile_graph
from ergon.model.states import Frame, RunState
from ergon.model.workflow import Workflow

START = 1_700_000_000.0


class Journal:
    """Writes the journal of a run, a tenth of a second an event."""

    def __init__(self, *steps: dict[str, Any], **more: object) -> None:
        self.graph = compile_graph(Workflow.model_validate({"ergon": 1, "name": "w", "steps": list(steps), **more}))
        self.events: list[Event] = []
        self.add(e.RUN_CREATED, data={"folder": "/tmp"}, value="{}")
        self.add(e.RUN_STARTED, data={"epoch": 1})

    def add(
        self,
        type: str,
        step: str = "",
        attempt: int = 0,
        data: Mapping[str, object] = NO_DATA,
        value: str | None = None,
    ) -> Journal:
        number = len(self.events) + 1
        self.events.append(Event("r1", number, START + number / 10, type, step, attempt, data, value))
        return self

    def ran(self, step: str, output: str = "null", **data: object) -> Journal:
        return self.add(e.STEP_STARTED, step, 1).add(e.STEP_SUCCEEDED, step, 1, data, output)

    def ended(self, status: str, outputs: str | None = None, **data: object) -> Journal:
        return self.add(e.RUN_FINISHED, data={"status": status, **data}, value=outputs)

    @property
    def state(self) -> RunState:
        state = RunState("r1", Frame(self.graph), graph_of=lambda sha256: self.graph)
        return fold(state, self.events)


def noop(id: str, **more: object) -> dict[str, Any]:
    return {"id": id, "uses": "core.noop", **more}


def error(message: str, attempt: int = 1) -> dict[str, object]:
    return {"type": "ActionFailed", "message": message, "family": "execution", "attempt": attempt}
