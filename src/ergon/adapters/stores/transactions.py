"""Transactions: the writer's connection, and how it begins, commits and gives up (S43)."""

from __future__ import annotations

import logging
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final, Literal

from ergon.adapters.stores.database import Database
from ergon.adapters.stores.faults import is_broken
from ergon.adapters.stores.gate import Gate

Hook = Callable[[Literal["before", "inside", "after"], int], None]
"""Called around each transaction, with its number from 1, in the thread that writes."""

_log: Final = logging.getLogger(__name__)
_LOOK_EVERY: Final = 0.1
"""Seconds between looks whether somebody removed the file."""


class Transactions:
    """The transactions of one store, one after the other; used by the writer's thread alone."""

    def __init__(self, database: Database, gate: Gate, *, lost: Callable[[], None], hook: Hook | None = None) -> None:
        self._database = database
        self._gate = gate
        self._lost = lost
        """Called when the next transaction may meet another file."""
        self._hook = hook
        self._db: sqlite3.Connection | None = None
        self._at_gate = False
        self._synchronous = ""
        self._number = 0
        self._seen = 0
        self._look_at = 0.0
        self.commits = 0
        """How many commits were begun."""

    def begin(self, *, full: bool) -> sqlite3.Connection:
        """Begin a transaction, at the gate, which stays taken until `leave`; `full` has it survive power loss."""
        self._number += 1
        if self._hook is not None:
            self._hook("before", self._number)
        self._gate.enter()
        self._at_gate = True
        try:
            db = self._db
            if db is None or not self._is_there():
                db = self._open()
            wanted = "FULL" if full else "NORMAL"
            if wanted != self._synchronous:
                db.execute(f"PRAGMA synchronous = {wanted}")
                self._synchronous = wanted
            db.execute("BEGIN IMMEDIATE")
        except BaseException:
            self.leave()
            raise
        return db

    def commit(self, db: sqlite3.Connection) -> None:
        """Commit the transaction that was begun."""
        if self._hook is not None:
            self._hook("inside", self._number)
        self.commits += 1  # before it can be seen, so that the watch never takes it for somebody else's
        db.execute("COMMIT")
        if self._hook is not None:
            self._hook_after(self._hook)

    def _hook_after(self, hook: Hook) -> None:
        try:
            hook("after", self._number)
        except Exception:
            _log.exception("the hook after a transaction failed, which stays committed")

    def abort(self, db: sqlite3.Connection, error: BaseException) -> None:
        """Undo the transaction that was begun; after a fault of the database the next one opens it anew."""
        try:
            if db.in_transaction:
                db.execute("ROLLBACK")
        except sqlite3.Error:
            _log.exception("the store %s could not roll back", self._database.path)
        if is_broken(error):
            self.close()

    def leave(self) -> None:
        """Let the next at the gate in; done once, more does nothing."""
        if self._at_gate:
            self._at_gate = False
            self._gate.leave()

    @contextmanager
    def write(self, *, full: bool) -> Iterator[sqlite3.Connection]:
        """Write in a transaction."""
        self.leave()
        db = self.begin(full=full)
        try:
            yield db
            self.commit(db)
        except BaseException as error:
            self.abort(db, error)
            raise
        finally:
            self.leave()

    def _open(self) -> sqlite3.Connection:
        self.close()
        db = self._db = self._database.open_for_writing()
        self.changed_by_others()
        return db

    def _is_there(self) -> bool:
        """Look now and then whether somebody removed or replaced the file: what went there would be lost."""
        now = time.monotonic()
        if now < self._look_at:
            return True
        self._look_at = now + _LOOK_EVERY
        return self._database.is_there()

    def close(self) -> None:
        """Close the connection; the next transaction opens another."""
        db, self._db, self._synchronous = self._db, None, ""
        self._lost()
        if db is not None:
            try:
                db.close()
            except sqlite3.Error:
                _log.exception("the store %s could not be closed", self._database.path)

    def changed_by_others(self) -> bool:
        """Say whether another connection has committed since this was asked last."""
        if self._db is None:
            return True
        (version,) = self._db.execute("PRAGMA data_version").fetchone()
        changed, self._seen = version != self._seen, version
        return bool(changed)

    def inherited(self) -> list[sqlite3.Connection]:
        """Give the connection that a forked child has from its parent and must neither use nor close."""
        return [] if self._db is None else [self._db]
