"""A run that an engine has and that has not begun, or gone on, yet."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from ergon.engine.admission import Ticket
from ergon.engine.handle import Handle
from ergon.engine.live import LiveRun
from ergon.model.policies import Durability
from ergon.model.records import Command
from ergon.model.states import RunState
from ergon.ports import Lease


@dataclass(slots=True)
class Queued:
    """A run that waits for its turn, with what it needs to begin."""

    handle: Handle
    lease: Lease
    durability: Durability
    ready: Callable[[LiveRun], None]
    secrets: Mapping[str, str]
    ticket: Ticket | None = None
    """Its place in the line, once it may stand there."""

    @property
    def is_new(self) -> bool:
        """Whether nothing of it has happened yet but its creation."""
        state = self.handle.state
        return state.root is None and not state.ended


def is_stale(command: Command, state: RunState) -> bool:
    """Say whether a command means nothing to a run that goes on: it was for the time before."""
    if command.kind == "pause":
        return state.ended or state.root is not None
    return command.kind == "cancel" and (state.ended or (state.root is not None and "gives_way" in command.data))
