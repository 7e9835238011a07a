"""Admission: which queued run begins next, by priority with ageing (S54)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from ergon.model.policies import Overlap
from ergon.model.records import Priority

_WEIGHT: Final[dict[str, float]] = {"immediate": 0.0, "scheduled": 60.0, "deferred": 600.0}


@dataclass(slots=True)
class Ticket:
    """A run that wants to begin."""

    run: str
    workflow: str
    priority: Priority
    queued_at: float
    """Monotonic seconds."""
    max_runs: int | None = None
    overlap: Overlap = "queue"


@dataclass(slots=True)
class Admission:
    """Holds the tickets of one process: `limit` runs at once, each workflow within its own `max_runs`.

    A ticket is ranked by when it was queued plus what its priority makes it wait: a scheduled run goes behind
    immediate ones for a minute, a deferred one for ten, and none waits for ever.
    """

    limit: int
    queued: list[Ticket] = field(default_factory=list)
    running: dict[str, Ticket] = field(default_factory=dict)

    def next(self) -> Ticket | None:
        """Take the next ticket that may begin."""
        if len(self.running) >= self.limit:
            return None
        for ticket in sorted(self.queued, key=lambda t: t.queued_at + _WEIGHT[t.priority]):
            if self._fits(ticket):
                self.queued.remove(ticket)
                self.running[ticket.run] = ticket
                return ticket
        return None

    def _fits(self, ticket: Ticket) -> bool:
        if ticket.max_runs is None or ticket.overlap == "allow":
            return True
        return len(self.others(ticket)) < ticket.max_runs

    def others(self, ticket: Ticket) -> list[str]:
        """Give the running runs of a ticket's workflow."""
        return [t.run for t in self.running.values() if t.workflow == ticket.workflow]

    def of(self, workflow: str) -> list[str]:
        """Give the runs of a workflow, queued ones included."""
        return [t.run for t in (*self.running.values(), *self.queued) if t.workflow == workflow]

    def leave(self, run: str) -> None:
        """Take a run out, queued or running."""
        self.running.pop(run, None)
        self.queued = [t for t in self.queued if t.run != run]
