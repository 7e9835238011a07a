"""Ownership: which process may write to which run (S44)."""

from __future__ import annotations

import logging
import os
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final, Protocol, TypeVar

from ergon.adapters.stores.faults import translate
from ergon.adapters.stores.lease import Claimed, Host, SqliteLease, beat, take
from ergon.adapters.stores.ledger import Ledger
from ergon.adapters.stores.locks import LockFile
from ergon.adapters.stores.places import Places
from ergon.adapters.stores.transactions import Transactions
from ergon.adapters.stores.writer import Writer
from ergon.errors import RunOwned, StoreError
from ergon.model.records import Owner

T = TypeVar("T")
_log: Final = logging.getLogger(__name__)


class Read(Protocol):
    """Reads the database with a function."""

    def __call__(self, query: Callable[[sqlite3.Connection], T], /) -> T: ...


class Ownership:
    """The leases of one store, and what it knows of others'."""

    def __init__(
        self,
        *,
        path: Path,
        locks: LockFile,
        host: Host,
        ledger: Ledger,
        transactions: Transactions,
        writer: Writer,
        read: Read,
        beat_every: float,
    ) -> None:
        self._path = path
        self._locks = locks
        self._host = host
        self._ledger = ledger
        self._transactions = transactions
        self._writer = writer
        self._read = read
        self.leases: dict[str, SqliteLease] = {}
        self.places = Places(self.owner)
        self._beat_every = beat_every
        self._beat_at = 0.0

    def claim(self, run: str) -> SqliteLease:
        """Own a run and raise its epoch; raises `RunOwned` while a live process does."""
        self._read(lambda db: None)  # an older database is migrated now: not when a run of ours keeps it from that
        try:
            acquired = self._locks.acquire(run) or self._acquire_released(run)
        except OSError as error:
            raise translate(error, self._path) from error
        if not acquired:
            raise RunOwned(run=run, owner=str(self.owner(run) or "another process"))
        try:
            epoch = self._raise_epoch(run)
        except BaseException:
            self._locks.release(run)
            raise
        lease = self.leases[run] = SqliteLease(run, epoch, self._give_up)
        return lease

    def _acquire_released(self, run: str) -> bool:
        """Lock a run that this store has given up a moment ago, as soon as what was queued for it is written."""
        if run in self.leases or not self._locks.holds(run):
            return False
        self._writer.call(lambda: None)
        return self._locks.acquire(run)

    def _raise_epoch(self, run: str) -> int:
        if self._read(lambda db: Claimed.read(db, run)) is None:
            return 1

        def body() -> int:
            self._ledger.forget(run)
            with self._transactions.write(full=False) as db:
                return take(db, run, self._host)

        try:
            return self._writer.call(body)
        except (sqlite3.Error, OSError) as error:
            raise translate(error, self._path) from error

    def _give_up(self, lease: SqliteLease, done: Callable[[], None]) -> None:
        """Let a run go when all that is queued for it was written."""
        if self.leases.get(lease.run) is lease:
            del self.leases[lease.run]
            if self._writer.post(lambda: self._let_go(lease, done)):
                return
            self._locks.release(lease.run)
        done()

    def _let_go(self, lease: SqliteLease, done: Callable[[], None]) -> None:
        """Unlock, and tell other hosts that the owner's heart beats no more; in the writer's thread."""
        try:
            with self._transactions.write(full=False) as db:
                db.execute("UPDATE runs SET beat = 0 WHERE id = ? AND epoch = ?", (lease.run, lease.epoch))
                self.places.leave(db, lease.run, lease.epoch)
        except (sqlite3.Error, OSError, StoreError) as error:
            _log.warning("%s", translate(error, self._path))
        finally:
            self._ledger.forget(lease.run)
            self._locks.release(lease.run)
            done()

    def owner(self, run: str, claimed: Claimed | None = None) -> Owner | None:
        """Say who owns a run; None if nobody alive does. `claimed` is what its row says, if that was read."""
        try:
            pid = self._locks.holder(run)
        except OSError as error:
            raise translate(error, self._path) from error
        if pid == os.getpid():
            return Owner(pid, self._host.name, alive=True)
        claimed = claimed or self._read(lambda db: Claimed.read(db, run))
        if claimed is None:
            return None if pid is None else Owner(pid, self._host.name, alive=True)
        if pid is None:
            return claimed.owner_elsewhere(self._host)
        if not pid or self._host.is_elsewhere(claimed.host, claimed.machine):
            return Owner(claimed.pid, claimed.host, alive=True)
        return Owner(pid, self._host.name, alive=True)

    def anybody(self, db: sqlite3.Connection) -> str:
        """Name a live owner of any run; empty if there is none."""
        pid = self._locks.anybody()
        if pid is not None:
            return str(Owner(pid, self._host.name, alive=True))
        elsewhere = (claimed.owner_elsewhere(self._host) for claimed in Claimed.beating(db))
        return next((str(owner) for owner in elsewhere if owner is not None), "")

    def is_owned(self, db: sqlite3.Connection, run: str) -> bool:
        """Say whether anybody alive owns a run."""
        if self._locks.holder(run) is not None:
            return True
        claimed = Claimed.read(db, run)
        return claimed is not None and claimed.owner_elsewhere(self._host) is not None

    def pulse(self) -> float | None:
        """Keep the leases alive; in the writer's thread. Gives the seconds until that is due again."""
        leases = list(self.leases.values())
        now = time.monotonic()
        if not leases:
            self._beat_at = 0.0
            return None
        if not self._beat_at:
            self._beat_at = now + self._beat_every
        if now >= self._beat_at:
            self._beat_at = now + self._beat_every
            self._locks.assure()
            with self._transactions.write(full=False) as db:
                beat(db, [(lease.run, lease.epoch) for lease in leases])
        return self._beat_at - now
