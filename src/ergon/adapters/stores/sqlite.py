"""The store in one SQLite file: durable, and shared by processes (S39 to S45)."""

from __future__ import annotations

import atexit
import os
import sqlite3
import time
import weakref
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeVar

from ergon.adapters.stores import queries, retention
from ergon.adapters.stores.database import Database
from ergon.adapters.stores.faults import translate
from ergon.adapters.stores.gate import Gate
from ergon.adapters.stores.home import identity
from ergon.adapters.stores.lease import Host
from ergon.adapters.stores.ledger import Ledger
from ergon.adapters.stores.locks import lock_file
from ergon.adapters.stores.ownership import Ownership
from ergon.adapters.stores.projection import LIVE
from ergon.adapters.stores.readers import Readers
from ergon.adapters.stores.rows import encode_data
from ergon.adapters.stores.schema import SCHEMA, Schema
from ergon.adapters.stores.transactions import Hook, Transactions
from ergon.adapters.stores.watch import Watch
from ergon.adapters.stores.writer import Done, Writer
from ergon.errors import LeaseLost, RunNotFound, StoreError, Unsupported
from ergon.model.events import Event
from ergon.model.records import (
    CacheRecord,
    Command,
    Owner,
    Place,
    Placed,
    Pruned,
    RunRecord,
    Statistics,
    StepRecord,
    WaitRecord,
)

if TYPE_CHECKING:
    from ergon.ports import Change, Lease

T = TypeVar("T")
_PREFIX: Final = "sqlite:///"


class SqliteStore:
    """Keeps journals in the database of a URL: `sqlite:///folder/runs.db` or `sqlite:////absolute/runs.db`.

    Nothing is opened before it is needed, and nothing made before something is written. `patience` is how
    many seconds a commit waits for other processes before `StoreBusy`. `vfs` names another file layer of
    SQLite, such as `unix-dotfile` where it cannot lock files. `host` says which machine this is, and every
    `beat_every` seconds other hosts are told that the owner of a run lives. `hook` is called in the writer's
    thread before, inside and after each transaction, with its number: tests of durability kill the process
    there.
    """

    def __init__(
        self,
        url: str,
        *,
        patience: float = 20.0,
        vfs: str = "",
        host: Host | None = None,
        beat_every: float = 20.0,
        schema: Schema = SCHEMA,
        hook: Hook | None = None,
    ) -> None:
        if not url.startswith(_PREFIX) or len(url) == len(_PREFIX):
            raise Unsupported(what=f"The store {url!r}", hint="It looks like sqlite:///folder/runs.db.")
        self.url = url
        self.path = Path(os.path.abspath(url.removeprefix(_PREFIX)))
        self._patience = patience
        self._vfs = vfs
        self._host = host or Host.here()
        self._beat_every = beat_every
        self._schema = schema
        self._hook = hook
        self._assemble()
        _stores.add(self)

    def _assemble(self) -> None:
        """Put the parts together; a forked child does it again, for it cannot share its parent's."""
        path, patience = self.path, self._patience
        locks = lock_file(path.with_name(f"{path.name}.leases"))
        self._database = Database(
            path,
            schema=self._schema,
            patience=patience,
            vfs=self._vfs,
            any_owner=self._any_owner,
        )
        ledger = Ledger(path=path, host=self._host)
        gate = Gate(locks, path=path, patience=patience)
        self._transactions = transactions = Transactions(self._database, gate, lost=ledger.forget_all, hook=self._hook)
        self._writer = writer = Writer(path, ledger=ledger, transactions=transactions)
        self._owners = Ownership(
            path=path,
            locks=locks,
            host=self._host,
            ledger=ledger,
            transactions=transactions,
            writer=writer,
            read=self._read,
            beat_every=self._beat_every,
        )
        writer.pulse = self._owners.pulse
        self._readers = Readers(path, connect=self._connect, empty=self._database.empty)
        self._watch = Watch(
            path,
            connect=self._database.open_for_reading,
            commits=lambda: transactions.commits,
            changed_by_others=lambda: writer.call(transactions.changed_by_others),
            stirs=self._owners.places.stirs,
        )

    def _any_owner(self, db: sqlite3.Connection) -> str:
        return self._owners.anybody(db)

    def _connect(self) -> sqlite3.Connection | None:
        """Open the database for queries, migrated if that is needed; gives None while it has no tables."""
        while True:
            db = self._database.open_for_reading()
            try:
                current = self._database.is_current(db)
            except BaseException:
                db.close()
                raise
            if current:
                return db
            db.close()
            if current is None:
                return None
            self._write(lambda db: None, full=False)

    def _read(self, query: Callable[[sqlite3.Connection], T]) -> T:
        with self._readers.lend() as db:
            return query(db)

    def _write(self, body: Callable[[sqlite3.Connection], T], *, full: bool) -> T:
        """Have a transaction of its own done by the writer, and wait for it."""

        def transact() -> T:
            with self._transactions.write(full=full) as db:
                return body(db)

        try:
            return self._writer.call(transact)
        except (sqlite3.Error, OSError) as error:
            raise translate(error, self.path) from error

    @property
    def notes(self) -> tuple[str, ...]:
        """What is worth telling about how the store works here, in sentences."""
        if identity(self.path) is None:
            return ()
        note = self._read(self._database.note)
        return (note,) if note else ()

    # ---- writing -------------------------------------------------------------------------------------------

    def commit(self, change: Change, done: Done) -> None:
        """Append a change, in the order of the calls; `done` is called by the writer when it is safe.

        Only who holds the run's lease may; anybody else's `done` gets `LeaseLost` at once.
        """
        lost = self._lost(change.run, change.epoch)
        if lost is not None:
            done(lost)
        else:
            self._writer.put(change, done)

    def _lost(self, run: str, epoch: int) -> StoreError | LeaseLost | None:
        """Say what keeps this process from writing to a run; None if it owns it."""
        lease = self._owners.leases.get(run)
        if lease is not None and lease.epoch == epoch:
            return None
        return self._writer.closed_error() or LeaseLost(run=run, epoch=lease.epoch if lease is not None else 0)

    def send(self, command: Command) -> int:
        """Leave a command for whoever owns its run; gives its number. Raises `RunNotFound`."""
        run, at = command.run, command.at or time.time()
        row = (run, command.kind, encode_data(command.data), command.value, command.actor, at)

        def leave(db: sqlite3.Connection) -> int:
            if db.execute("SELECT 1 FROM runs WHERE id = ?", (run,)).fetchone() is None:
                raise RunNotFound(reference=run)
            query = "INSERT INTO commands (run, kind, data, value, actor, at) VALUES (?, ?, ?, ?, ?, ?)"
            return db.execute(query, row).lastrowid or 0

        number = self._write(leave, full=True)
        self._watch.notify()
        return number

    def prune(self, *, before: float | None, keep: int) -> Pruned:
        """Forget runs that ended before `before` (UTC seconds), but never the newest `keep` of a workflow.

        Gives the runs, and the bytes by which the database shrank; artifacts are not the store's to remove.
        """
        runs = self._read(lambda db: retention.forgettable(db, before=before, keep=keep))
        forgotten = 0
        for start in range(0, len(runs), retention.TOGETHER):
            forgotten += self._forget(runs[start : start + retention.TOGETHER])
        freed = 0
        if forgotten:
            self._write(retention.sweep, full=False)
            while given_back := self._write(retention.shrink, full=False):
                freed += given_back
        return Pruned(runs=forgotten, artifacts=0, bytes=freed)

    def _forget(self, runs: list[tuple[int, str]]) -> int:
        owned = self._owners.is_owned
        return self._write(lambda db: retention.forget(db, runs, owned=owned), full=False)

    # ---- ownership -----------------------------------------------------------------------------------------

    def claim(self, run: str) -> Lease:
        """Own a run and raise its epoch; raises `RunOwned` while a live process does.

        A run that has no events yet can be claimed too: its first change then makes its row.
        """
        return self._owners.claim(run)

    def owner(self, run: str) -> Owner | None:
        """Say who owns a run; None if nobody alive does."""
        return self._owners.owner(run)

    def take_place(self, place: Place) -> Placed:
        """Give a run that this process owns a place among the runs of its workflow, if one is free for it (S54)."""
        lost, places = self._lost(place.run, place.epoch), self._owners.places
        if lost is not None:
            raise lost
        if places.waits(place.run):  # who asks again in vain keeps nobody from writing
            found = self._read(lambda db: places.look(db, place))
            if not found.has:
                return found
        return self._write(lambda db: places.take(db, place), full=False)

    # ---- reading -------------------------------------------------------------------------------------------

    def _living(self, found: queries.Found) -> RunRecord:
        """Give a run's record; one that lives by its events and has no live owner is interrupted."""
        record = found.record
        if record.status in LIVE and self._owners.owner(record.id, found.claimed) is None:
            return replace(record, status="interrupted")
        return record

    def run(self, reference: str) -> RunRecord:
        """Give a run by id, unique prefix, or `last`; raises `RunNotFound`."""
        return self._living(self._read(lambda db: queries.run(db, reference)))

    def runs(self, *, status: str = "", workflow: str = "", limit: int | None = None) -> list[RunRecord]:
        """List runs, newest first."""
        uncertain = status == "interrupted" or status in LIVE
        statuses = (*LIVE, "interrupted") if uncertain else (status,) if status else ()
        bound = None if uncertain else limit
        found = self._read(lambda db: queries.runs(db, statuses=statuses, workflow=workflow, limit=bound))
        records = [record for record in map(self._living, found) if not status or record.status == status]
        return records[:limit]

    def events(self, run: str, *, after: int = 0, limit: int | None = None) -> list[Event]:
        """Give a run's events numbered above `after`, in order."""
        return self._read(lambda db: queries.events(db, run, after=after, limit=limit))

    def definition(self, sha256: str) -> str:
        """Give a definition's canonical JSON text by its hash; raises KeyError."""
        return self._read(lambda db: queries.definition(db, sha256))

    def steps(self, run: str) -> list[StepRecord]:
        """Give a run's step instances in the order of their first event."""
        return self._read(lambda db: queries.steps(db, run))

    def waits(self, run: str = "") -> list[WaitRecord]:
        """Give open waits, of one run or of all."""
        return self._read(lambda db: queries.waits(db, run))

    def cached(self, key: str) -> CacheRecord | None:
        """Give the newest result kept under a cache key."""
        return self._read(lambda db: queries.cached(db, key))

    def latest_output(self, workflow: str, path: str, *, before: str = "") -> tuple[str, str | None] | None:
        """Give (run id, stored form or None) of the newest output of a step, of runs before one (S53)."""
        return self._read(lambda db: queries.latest_output(db, workflow, path, before=before))

    def statistics(self, workflow: str) -> Statistics:
        """Say how the runs of a workflow went, those that were pruned included."""
        return self._read(lambda db: queries.statistics(db, workflow))

    def commands(self, run: str = "") -> list[Command]:
        """Give the commands that were not carried out yet, of one run or of all, in order."""
        return self._read(lambda db: queries.commands(db, run))

    def artifacts_named(self) -> set[str]:
        """Give the hashes of all artifacts that kept events name."""
        return self._read(queries.artifacts_named)

    # ---- life ----------------------------------------------------------------------------------------------

    def watch(self, notify: Callable[[], None]) -> Callable[[], None]:
        """Call `notify`, from another thread, within 100 ms of others' changes; gives what ends it (S45)."""
        return self._watch.add(notify)

    def close(self) -> None:
        """Write what is queued, give up all leases, and close; more calls do nothing."""
        self._watch.close()
        for lease in list(self._owners.leases.values()):
            lease.release()
        self._writer.close()
        self._readers.close()

    def forked(self) -> None:
        """Start anew in a forked child: it has no lease, and may not use or close its parent's connections."""
        _inherited.extend([*self._readers.inherited(), *self._transactions.inherited()])
        self._assemble()


_stores: weakref.WeakSet[SqliteStore] = weakref.WeakSet()
_inherited: list[sqlite3.Connection] = []
"""Connections of a parent process, kept so that this one never closes them."""


def _close_all() -> None:
    for store in list(_stores):
        store.close()


def _after_fork() -> None:
    for store in list(_stores):
        store.forked()


atexit.register(_close_all)
os.register_at_fork(after_in_child=_after_fork)
