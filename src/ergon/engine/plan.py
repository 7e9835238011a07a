"""The plan: what a run would do, told without doing it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, cast

from ergon.model.graph import Graph
from ergon.model.order import waves
from ergon.model.values import to_json

_HIDDEN: Final = "***"


@dataclass(frozen=True, slots=True)
class Plan:
    """What a run would be started with, and the order of its steps."""

    graph: Graph
    parameters: Mapping[str, object]
    """As JSON; secrets are hidden."""
    waves: Sequence[Sequence[str]]
    """The outermost steps, wave by wave; what was not selected is left out."""
    replayed: Mapping[str, str]
    """Steps whose output comes from an earlier run, with that run's id (S53)."""
    left_out: Sequence[str]

    def as_json(self) -> dict[str, object]:
        """Give the document that `ergon run --dry-run --json` prints."""
        return {
            "ok": True,
            "workflow": self.graph.workflow.name,
            "parameters": dict(self.parameters),
            "waves": [list(wave) for wave in self.waves],
            "replayed": dict(self.replayed),
            "left_out": list(self.left_out),
        }


def plan_of(graph: Graph, created: Mapping[str, object], parameters: str) -> Plan:
    """Give the plan of a run: `created` is the data of its first event, `parameters` their stored form."""
    replayed = cast(Mapping[str, str], created.get("replayed_from", {}))
    left_out = cast(Sequence[str], created.get("leave_out", ()))
    skipped = {*replayed, *left_out}
    chosen = [[step for step in wave if step not in skipped] for wave in waves(graph)]
    secret = {parameter.name for parameter in graph.workflow.parameters if parameter.type == "secret"}
    given = cast(dict[str, Any], to_json(parameters))
    shown = {name: _HIDDEN if name in secret and value is not None else value for name, value in given.items()}
    return Plan(graph, shown, [wave for wave in chosen if wave], dict(replayed), list(left_out))
