"""Admission: which queued run of this process begins next, by priority with ageing (S54)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from heapq import heappop, heappush
from typing import Final

from ergon.model.policies import Overlap
from ergon.model.records import Priority

WEIGHT: Final[dict[str, float]] = {"immediate": 0.0, "scheduled": 60.0, "deferred": 600.0}
"""Seconds that a priority makes a run wait for those of higher ones."""


@dataclass(slots=True, eq=False)
class Ticket:
    """A run that wants to begin."""

    run: str
    workflow: str
    priority: Priority
    queued_at: float
    """Monotonic seconds."""
    max_runs: int | None = None
    overlap: Overlap = "queue"
    has_place: bool = False
    """Whether it has its place among the runs of its workflow already."""
    ask_again: bool = False
    """Whether something changed while it asked, so that a refusal may be out of date."""
    number: int = 0
    """Tells apart those of one rank: the order in which they came."""

    @property
    def needs_place(self) -> bool:
        """Whether it must ask for a place among the runs of its workflow."""
        return self.max_runs is not None and self.overlap != "allow" and not self.has_place

    @property
    def rank(self) -> float:
        """When it was queued, plus what its priority makes it wait."""
        return self.queued_at + WEIGHT[self.priority]

    def __lt__(self, other: Ticket) -> bool:
        return (self.rank, self.number) < (other.rank, other.number)


@dataclass(slots=True)
class Admission:
    """Holds the tickets of one process, of which `limit` run at once.

    A ticket is ranked by when it was queued plus what its priority makes it wait: a scheduled run goes behind
    immediate ones for a minute, a deferred one for ten, and none waits for ever. Ranks never change, so heaps keep
    the order, however many wait. A ticket that leaves is dropped when it comes to the top.

    Tickets whose workflow has `max_runs` also stand in the line of their workflow. Its first is offered, and taken
    out by `next` to ask the store for a place: what follows is `granted`, or `refused` until `retry`.
    """

    limit: int
    _waiting: dict[str, Ticket] = field(default_factory=dict)
    _running: set[str] = field(default_factory=set)
    _asking: dict[str, Ticket] = field(default_factory=dict)
    _open: list[Ticket] = field(default_factory=list)
    """A heap of those that may begin or ask."""
    _offered: set[Ticket] = field(default_factory=set)
    """Those of them that must ask."""
    _lines: dict[str, list[Ticket]] = field(default_factory=dict)
    """By workflow: a heap of those that need a place."""
    _number: int = 0

    def __len__(self) -> int:
        """Count the tickets that wait."""
        return len(self._waiting)

    def __iter__(self) -> Iterator[str]:
        """Give the runs that wait, in the order in which they came."""
        return iter(list(self._waiting))

    @property
    def blocked(self) -> bool:
        """Whether a line waits for a place that others have."""
        return bool(self._lines)

    def add(self, ticket: Ticket) -> None:
        """Let a run wait for its turn."""
        self._number += 1
        ticket.number = self._number
        self._waiting[ticket.run] = ticket
        if ticket.needs_place:
            heappush(self._lines.setdefault(ticket.workflow, []), ticket)
            self._offer_first(ticket.workflow, only=ticket)
        else:
            heappush(self._open, ticket)

    def next(self) -> Ticket | None:
        """Take the next ticket: one that is to ask for its place if it needs one, else one that begins."""
        while self._open and self._has_room():
            ticket = heappop(self._open)
            self._offered.discard(ticket)
            if self._waiting.get(ticket.run) is not ticket or ticket.run in self._asking:
                continue
            if not ticket.needs_place:
                self._take(ticket)
                return ticket
            if self._first(ticket.workflow) is ticket:
                self._asking[ticket.run] = ticket
                return ticket
        return None

    def ask_now(self, ticket: Ticket) -> None:
        """Let a ticket ask for its place at once, whatever its turn."""
        self._asking[ticket.run] = ticket

    def granted(self, ticket: Ticket) -> bool:
        """Take in that a ticket has got its place; gives whether it begins, else it waits for the process's limit."""
        if self._asking.get(ticket.run) is not ticket:
            return False
        del self._asking[ticket.run]
        ticket.has_place = True
        self._offer_first(ticket.workflow)
        if self._has_room():
            self._take(ticket)
            return True
        heappush(self._open, ticket)
        return False

    def refused(self, ticket: Ticket) -> bool:
        """Take in that a ticket has got no place; gives whether it still waits."""
        if self._asking.get(ticket.run) is not ticket:
            return False
        del self._asking[ticket.run]
        if ticket.ask_again:
            ticket.ask_again = False
            self._offer_first(ticket.workflow)
        return True

    def retry(self) -> None:
        """Offer the first of each line again: a place may be free."""
        for ticket in self._asking.values():
            ticket.ask_again = True
        for workflow in list(self._lines):
            self._offer_first(workflow)

    def leave(self, run: str) -> None:
        """Take a run out, queued or running."""
        self._running.discard(run)
        self._asking.pop(run, None)
        ticket = self._waiting.pop(run, None)
        if ticket is not None and ticket.needs_place:
            self._offer_first(ticket.workflow)

    def _has_room(self) -> bool:
        return len(self._running) + len(self._asking) < self.limit

    def _take(self, ticket: Ticket) -> None:
        del self._waiting[ticket.run]
        self._running.add(ticket.run)

    def _first(self, workflow: str) -> Ticket | None:
        """Give the first of a line, and drop those at its top that need no place any more."""
        line = self._lines.get(workflow, [])
        while line and (self._waiting.get(line[0].run) is not line[0] or not line[0].needs_place):
            heappop(line)
        if not line:
            self._lines.pop(workflow, None)
        return line[0] if line else None

    def _offer_first(self, workflow: str, *, only: Ticket | None = None) -> None:
        """Offer the first of a line, or only a certain one if that is the first."""
        first = self._first(workflow)
        if first is None or (only is not None and first is not only):
            return
        if first not in self._offered and first.run not in self._asking:
            self._offered.add(first)
            heappush(self._open, first)
