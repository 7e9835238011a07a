"""The ledger: turns the changes of one transaction into rows, events and projections alike.

It remembers what it has written of each run that this process owns, so that a step's row is written whole
without being read before, and once however many of its events are in the transaction.
"""

from __future__ import annotations

import json
import os
import sqlite3
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

from ergon.adapters.stores.lease import Host
from ergon.adapters.stores.projection import Projection, RunFacts, StepFacts, WaitFacts
from ergon.adapters.stores.rows import SEQ_BITS, SEQ_MASK, EventRow, artifacts_in, encode_event
from ergon.errors import LeaseLost, StoreError
from ergon.model.events import RUN_CREATED

if TYPE_CHECKING:
    from ergon.ports import Change

_RUN_COLUMNS: Final = (
    "workflow, status, created_at, definition, file, reason, started_at, ended_at, rested, parent, priority,"
    " actor, trigger, tags, correlation"
)
_STEP_COLUMNS: Final = "status, attempts, started_at, ended_at, cached, superseded, error_type, succeeded_seq"
_INSERT_RUN: Final = "INSERT INTO runs (id, epoch, host, machine, pid, beat) VALUES (?, ?, ?, ?, ?, ?)"
_UPDATE_RUN: Final = f"UPDATE runs SET ({_RUN_COLUMNS}) = ({', '.join('?' * 15)}) WHERE n = ?"
_INSERT_EVENT: Final = f"INSERT INTO events VALUES ({', '.join('?' * 11)})"
_WRITE_STEP: Final = f"INSERT OR REPLACE INTO steps VALUES ({', '.join('?' * 10)})"
_HAS_PLACE: Final = "INSERT OR REPLACE INTO places SELECT n, workflow, epoch, NULL FROM runs WHERE n = ?"
_WRITE_WAIT: Final = "INSERT OR REPLACE INTO waits VALUES (?, ?, ?, ?, ?)"


class Book:
    """What the ledger remembers of one run."""

    __slots__ = ("last_seq", "number", "projection")

    def __init__(self, number: int, last_seq: int, projection: Projection) -> None:
        self.number = number
        self.last_seq = last_seq
        self.projection = projection


class _Rows:
    """The rows of one transaction."""

    __slots__ = ("books", "commands_done", "definitions", "events", "named")

    def __init__(self) -> None:
        self.definitions: list[tuple[str, str]] = []
        self.events: list[EventRow] = []
        self.named: set[tuple[int, str, str]] = set()
        self.commands_done: list[tuple[int]] = []
        self.books: dict[str, Book] = {}
        """The runs that it writes to; their epochs have been checked."""


class Ledger:
    """The write side of the tables; used by the writer's thread alone."""

    def __init__(self, *, path: Path, host: Host) -> None:
        self._path = path
        self._host = host
        self._books: dict[str, Book] = {}
        self._rows = _Rows()

    def forget(self, run: str) -> None:
        """Forget a run, which somebody else may have written since."""
        self._books.pop(run, None)

    def forget_all(self) -> None:
        """Forget all that may not be on disk: a transaction was rolled back, or the file is another one."""
        self._books.clear()
        self._rows = _Rows()

    def enter(self, db: sqlite3.Connection, change: Change) -> None:
        """Take a change into the transaction.

        Raises `LeaseLost`, or `StoreError` for events that do not follow, before anything is taken.
        """
        rows = self._rows
        book = rows.books.get(change.run) or self._check(db, change)
        self._follows(change, book.last_seq)
        rows.books[change.run] = book
        if change.definitions:
            rows.definitions.extend(change.definitions.items())
            rows.named.update((book.number, "definition", sha256) for sha256 in change.definitions)
        if change.commands_done:
            rows.commands_done.extend((number,) for number in change.commands_done)
        number, projection, append = book.number, book.projection, rows.events.append
        for event in change.events:
            projection.apply(event)
            row = encode_event(event, number, projection.run.correlation)
            append(row)
            data, value = row[5], row[6]
            if (value is not None and "$artifact" in value) or (data is not None and "$artifact" in data):
                found = {*artifacts_in(value), *artifacts_in(data)}
                rows.named.update((number, "artifact", sha256) for sha256 in found)
        book.last_seq += len(change.events)

    def _check(self, db: sqlite3.Connection, change: Change) -> Book:
        """Give the book of a run that the change's epoch may write to (S44)."""
        run = change.run
        book = self._books.get(run)
        if book is None:
            row = db.execute("SELECT n, epoch FROM runs WHERE id = ?", (run,)).fetchone()
            if row is None:
                return self._create(db, change)
            number, epoch = row
        else:
            number = book.number
            row = db.execute("SELECT epoch FROM runs WHERE n = ?", (number,)).fetchone()
            epoch = row[0] if row is not None else 0
        if epoch != change.epoch:
            self.forget(run)
            raise LeaseLost(run=run, epoch=epoch)
        if book is None:
            book = self._books[run] = load(db, number)
        return book

    def _create(self, db: sqlite3.Connection, change: Change) -> Book:
        if not change.events or change.events[0].type != RUN_CREATED:
            raise StoreError(path=str(self._path), reason=f"has no run {change.run}")
        self._follows(change, 0)
        host = self._host
        owner = (change.run, change.epoch, host.name, host.machine, os.getpid(), time.time())
        number = db.execute(_INSERT_RUN, owner).lastrowid or 0
        book = self._books[change.run] = Book(number, 0, Projection())
        return book

    def _follows(self, change: Change, last_seq: int) -> None:
        """Check that a change's events are numbered on from the last: one that was lost lets none follow."""
        expected = last_seq
        for event in change.events:
            expected += 1
            if event.seq != expected:
                reason = f"got event {event.seq} of run {change.run} where {expected} follows"
                raise StoreError(path=str(self._path), reason=reason)

    def flush(self, db: sqlite3.Connection) -> None:
        """Write the rows of all changes that were taken."""
        rows = self._rows
        if rows.definitions:
            db.executemany("INSERT OR IGNORE INTO definitions VALUES (?, ?)", rows.definitions)
        if rows.events:
            db.executemany(_INSERT_EVENT, rows.events)
        if rows.named:
            db.executemany("INSERT OR IGNORE INTO named VALUES (?, ?, ?)", rows.named)
        if rows.commands_done:
            db.executemany("DELETE FROM commands WHERE number = ?", rows.commands_done)
        for book in rows.books.values():
            _write_projection(db, book)
        self._rows = _Rows()


def _write_projection(db: sqlite3.Connection, book: Book) -> None:
    """Write what the events of a run have touched."""
    touched, number = book.projection.touched, book.number
    if touched.gone:
        db.executemany("DELETE FROM steps WHERE id = ?", [(number << SEQ_BITS | f.first,) for f in touched.gone])
        touched.gone.clear()
    if touched.steps:
        base = number << SEQ_BITS
        db.executemany(_WRITE_STEP, [_step_row(base, path, facts) for path, facts in touched.steps.items()])
        touched.steps.clear()
    if touched.waits:
        _write_waits(db, number, touched.waits)
        touched.waits.clear()
    if touched.cached:
        rows = [(key, number << SEQ_BITS | seq) for key, seq in touched.cached]
        db.executemany("INSERT OR IGNORE INTO cache VALUES (?, ?)", rows)
        touched.cached.clear()
    if touched.definitions:
        named = [(number, "definition", sha256) for sha256 in touched.definitions]
        db.executemany("INSERT OR IGNORE INTO named VALUES (?, ?, ?)", named)
        touched.definitions.clear()
    if touched.run:
        db.execute(_UPDATE_RUN, (*_run_row(book.projection.run), number))
        touched.run = False
    if touched.begun:
        db.execute(_HAS_PLACE, (number,))
        touched.begun = False


def _write_waits(db: sqlite3.Connection, number: int, waits: dict[str, WaitFacts | None]) -> None:
    ended = [(number, path) for path, wait in waits.items() if wait is None]
    if ended:
        db.executemany("DELETE FROM waits WHERE run = ? AND path = ?", ended)
    begun = [(number, path, w.why, w.due, w.signal) for path, w in waits.items() if w is not None]
    if begun:
        db.executemany(_WRITE_WAIT, begun)


def _step_row(base: int, path: str, facts: StepFacts) -> tuple[object, ...]:
    return (
        base | facts.first,
        path,
        facts.status,
        facts.attempts,
        facts.started_at,
        facts.ended_at,
        facts.cached,
        facts.superseded,
        facts.error_type,
        facts.succeeded_seq,
    )


def _run_row(facts: RunFacts) -> tuple[object, ...]:
    return (
        facts.workflow,
        facts.status,
        facts.created_at,
        facts.definition,
        facts.file,
        facts.reason,
        facts.started_at,
        facts.ended_at,
        facts.rested,
        facts.parent,
        facts.priority,
        facts.actor,
        facts.trigger,
        json.dumps(facts.tags),
        facts.correlation,
    )


def load(db: sqlite3.Connection, number: int) -> Book:
    """Read what was written of a run."""
    low, high = number << SEQ_BITS, number << SEQ_BITS | SEQ_MASK
    row = db.execute(f"SELECT {_RUN_COLUMNS} FROM runs WHERE n = ?", (number,)).fetchone()
    run = RunFacts(*row)
    run.tags = tuple(json.loads(row[13]))
    last = db.execute(
        "SELECT id, at FROM events WHERE id BETWEEN ? AND ? ORDER BY id DESC LIMIT 1", (low, high)
    ).fetchone()
    projection = Projection(run, at=last[1] if last else 0.0)
    query = f"SELECT path, id, {_STEP_COLUMNS} FROM steps WHERE id BETWEEN ? AND ? ORDER BY id"
    for path, key, *facts in db.execute(query, (low, high)).fetchall():
        step = projection.steps[path] = StepFacts(key & SEQ_MASK, *facts)
        step.cached, step.superseded = bool(step.cached), bool(step.superseded)
    for path, *wait in db.execute("SELECT path, why, due, signal FROM waits WHERE run = ?", (number,)).fetchall():
        projection.waits[path] = WaitFacts(*wait)
    return Book(number, last[0] & SEQ_MASK if last else 0, projection)
