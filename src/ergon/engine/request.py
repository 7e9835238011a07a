"""What is asked for when a run is to start, and what its first event says of it (S41)."""

from __future__ import annotations

import os
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, TypedDict

from ergon.engine.selection import Selection
from ergon.model.graph import Graph
from ergon.model.policies import Durability
from ergon.model.records import Priority
from ergon.model.workflow import Workflow

_ALPHABET: Final = "abcdefghijkmnpqrstuvwxyz23456789"


@dataclass(frozen=True, slots=True)
class Source:
    """A workflow that can be run: its definition, and where it came from."""

    workflow: Workflow
    file: Path | None = None

    def folder(self, workspace: Path) -> Path:
        """Give the folder that its relative paths start from."""
        return self.file.parent if self.file is not None else workspace


@dataclass(frozen=True, slots=True)
class Options:
    """How a run is to go, beyond its parameters."""

    selection: Selection = field(default_factory=Selection)
    enable: Sequence[str] = ()
    disable: Sequence[str] = ()
    priority: Priority = "immediate"
    actor: str = ""
    trigger: str = ""
    tags: Sequence[str] = ()
    correlation: str = ""
    durability: Durability | None = None


class Told(TypedDict):
    """What an engine is told of a new run."""

    created: dict[str, object]
    parameters: str
    definition: str
    durability: Durability


def created_data(source: Source, graph: Graph, options: Options, *, workspace: Path) -> dict[str, object]:
    """Give the data of `run_created` (S41)."""
    env = {name: os.environ[name] for name in sorted(graph.env) if name in os.environ}
    data: dict[str, object] = {
        "workflow": source.workflow.name,
        "definition": graph.sha256,
        "version": str(source.workflow.version),
        "file": str(source.file or ""),
        "folder": str(source.folder(workspace)),
        "priority": options.priority,
        "actor": options.actor,
        "tags": list(options.tags or source.workflow.tags),
        "env": env,
        "trigger": {"name": options.trigger} if options.trigger else {},
        "settings": source.workflow.settings.model_dump(mode="json", exclude_unset=True),
    }
    optional = {
        "correlation": options.correlation,
        "enable": list(options.enable),
        "disable": list(options.disable),
    }
    return data | {key: value for key, value in optional.items() if value}


def new_id() -> str:
    """Give an id for a new run: ten letters and digits that are not mistaken for one another."""
    return "".join(secrets.choice(_ALPHABET) for _ in range(10))
