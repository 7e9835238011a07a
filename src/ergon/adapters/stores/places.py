"""Places: which runs of a workflow may go on at once, and who comes next, over all processes (S54).

A run has its place by a row that counts while its owner lives and has the epoch that the row names. All is decided
in a transaction, so that two that look at the same instant never both take the last place.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final, NamedTuple

from ergon.adapters.stores.lease import Claimed
from ergon.errors import LeaseLost
from ergon.model.records import Owner, Place, Placed

PATIENCE: Final = 0.25
"""Seconds for which a free place is left to who is first in the line."""
_STANDING: Final = """
    SELECT r.id, p.rank, p.epoch, r.n, r.epoch, r.host, r.machine, r.pid, r.beat
    FROM places p JOIN runs r ON r.n = p.run WHERE p.workflow = ?
"""


class Standing(NamedTuple):
    """A run that has a place, or waits for one."""

    run: str
    rank: float | None
    """None if it has one."""


class Verdict(NamedTuple):
    """What a run that asks for a place finds."""

    free: bool
    """Whether there is a place at all."""
    first: bool
    """Whether it is this run's turn."""


def judge(place: Place, others: Iterable[Standing]) -> Verdict:
    """Say whether a place is free, and whether nobody who waits comes before the one who asks."""
    left, ahead = place.most, 0
    for other in others:
        if other.rank is None:
            left -= 1
        elif (other.rank, other.run) < (place.rank, place.run):
            ahead += 1
    return Verdict(left > 0, left > ahead)


@dataclass(slots=True)
class _Waiting:
    """A run of this store that asked in vain."""

    others: tuple[str, ...]
    passed_over_from: float | None
    """Monotonic time from which it need not let others go first any more; None while no place is free."""
    told: bool = False


class Places:
    """The line of one store's runs; what it remembers of them is only who waits, and behind whom."""

    def __init__(self, owner: Callable[[str, Claimed | None], Owner | None]) -> None:
        self._owner = owner
        self._waiting: dict[str, _Waiting] = {}

    def waits(self, run: str) -> bool:
        """Say whether a run of this store stands in the line."""
        return run in self._waiting

    def look(self, db: sqlite3.Connection, place: Place) -> Placed:
        """Say whether a run that waits would get a place now; changes nothing on disk."""
        return self._found(place, [standing for standing, _ in self._alive(db, place)])

    def take(self, db: sqlite3.Connection, place: Place) -> Placed:
        """Give a run a place if it may have one, in a transaction; else it waits in the line."""
        row = db.execute("SELECT n, epoch FROM runs WHERE id = ?", (place.run,)).fetchone()
        if row is None or row[1] != place.epoch:
            raise LeaseLost(run=place.run, epoch=row[1] if row is not None else 0)
        alive = self._alive(db, place)
        self._sweep(db, place, {number for _, number in alive} | {row[0]})
        found = self._found(place, [standing for standing, _ in alive])
        if found.has or place.waits:
            values = (row[0], place.workflow, place.epoch, None if found.has else place.rank)
            db.execute("INSERT OR REPLACE INTO places VALUES (?, ?, ?, ?)", values)
        if found.has or not place.waits:
            self._waiting.pop(place.run, None)
        return found

    def _alive(self, db: sqlite3.Connection, place: Place) -> list[tuple[Standing, int]]:
        """Give the other runs of the workflow whose row counts, each with its number."""
        found: list[tuple[Standing, int]] = []
        for run, rank, epoch, *rest in db.execute(_STANDING, (place.workflow,)).fetchall():
            claimed = Claimed(*rest)
            if run != place.run and epoch == claimed.epoch and self._owner(run, claimed) is not None:
                found.append((Standing(run, rank), claimed.number))
        return found

    @staticmethod
    def _sweep(db: sqlite3.Connection, place: Place, counting: set[int]) -> None:
        """Delete the rows that count no more: their owner died."""
        rows = db.execute("SELECT run FROM places WHERE workflow = ?", (place.workflow,)).fetchall()
        gone = [row for row in rows if row[0] not in counting]
        if gone:
            db.executemany("DELETE FROM places WHERE run = ?", gone)

    def _found(self, place: Place, others: list[Standing]) -> Placed:
        verdict, names = judge(place, others), tuple(other.run for other in others)
        now, before = time.monotonic(), self._waiting.get(place.run)
        over = before.passed_over_from if before is not None else None
        if verdict.first or (verdict.free and over is not None and now >= over):
            return Placed(has=True, others=names)
        from_ = None if not verdict.free else now + PATIENCE if over is None else over
        self._waiting[place.run] = _Waiting(names, from_)
        return Placed(has=False, others=names)

    def leave(self, db: sqlite3.Connection, run: str, epoch: int) -> None:
        """Take a run out that was given up, in a transaction."""
        query = "DELETE FROM places WHERE run = (SELECT n FROM runs WHERE id = ?) AND epoch = ?"
        db.execute(query, (run, epoch))
        self._waiting.pop(run, None)

    def stirs(self) -> bool:
        """Say, once each time, that a run of this store should ask again though nobody has written anything.

        One before it has died, or has left a free place lying.
        """
        now = time.monotonic()
        for waiting in list(self._waiting.values()):
            if not waiting.told and (self._left_lying(waiting, now) or self._anybody_died(waiting)):
                waiting.told = True
                return True
        return False

    @staticmethod
    def _left_lying(waiting: _Waiting, now: float) -> bool:
        return waiting.passed_over_from is not None and now >= waiting.passed_over_from

    def _anybody_died(self, waiting: _Waiting) -> bool:
        return any(self._owner(run, None) is None for run in waiting.others)
