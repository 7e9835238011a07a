"""The writer: one thread that commits the changes of all runs, those that wait in one transaction (S43)."""

from __future__ import annotations

import logging
import queue
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final, Generic, Literal, TypeVar

from ergon.adapters.stores.database import Database
from ergon.adapters.stores.faults import OUTLASTING, translate
from ergon.adapters.stores.gate import Gate
from ergon.adapters.stores.ledger import Ledger
from ergon.errors import LeaseLost, StoreError

if TYPE_CHECKING:
    from ergon.ports import Change

T = TypeVar("T")
Done = Callable[["BaseException | None"], None]
Hook = Callable[[Literal["before", "inside", "after"], int], None]
"""Called in the writer's thread around each transaction, with its number from 1."""

_log: Final = logging.getLogger(__name__)
_STOP: Final = object()


class _Job(Generic[T]):
    """Something to do in the writer's thread, for which another one waits."""

    def __init__(self, body: Callable[[], T]) -> None:
        self._body = body
        self._ended = threading.Event()
        self._result: T | None = None
        self._error: BaseException | None = None

    def run(self) -> None:
        """Do it, and keep what came of it."""
        try:
            self._result = self._body()
        except BaseException as error:  # raised again where it is waited for
            self._error = error
        self._ended.set()

    def refuse(self, error: BaseException) -> None:
        """Let it end without having been done."""
        self._error = error
        self._ended.set()

    def result(self) -> T:
        """Wait until it was done; gives its result or raises its error."""
        self._ended.wait()
        if self._error is not None:
            raise self._error
        return self._result  # type: ignore[return-value]  # the body's own


class Writer:
    """The only part of a store that writes; its thread starts with the first change."""

    def __init__(
        self,
        database: Database,
        ledger: Ledger,
        gate: Gate,
        *,
        hook: Hook | None = None,
    ) -> None:
        self._database = database
        self._ledger = ledger
        self._gate = gate
        self._hook = hook
        self.pulse: Callable[[], float | None] = lambda: None
        """Does what is due now and then, in the writer's thread; gives the seconds until it is due again."""
        self._queue: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._door = threading.Lock()
        self._thread: threading.Thread | None = None
        self._closed = False
        self._db: sqlite3.Connection | None = None
        self._synchronous = ""
        self._transactions = 0
        self.commits = 0
        """How many transactions were committed."""
        self._seen = 0

    # ---- from any thread -----------------------------------------------------------------------------------

    def put(self, change: Change, done: Done) -> None:
        """Queue a change."""
        if not self._put((change, done)):
            done(self._closed_error())

    def call(self, body: Callable[[], T]) -> T:
        """Have something done in the writer's thread, after what is queued; gives its result."""
        if threading.current_thread() is self._thread:
            return body()
        job = _Job(body)
        if not self._put(job):
            raise self._closed_error()
        return job.result()

    def post(self, body: Callable[[], None]) -> bool:
        """Have something done in the writer's thread, after what is queued, without waiting for it.

        Gives whether that will be; it will not if nothing was ever written.
        """
        with self._door:
            if self._closed or self._thread is None:
                return False
            self._queue.put(_Job(lambda: self._told(body)))
            return True

    def close(self) -> None:
        """Write what is queued, and end the thread."""
        with self._door:
            self._closed = True
            thread = self._thread
            if thread is not None:
                self._queue.put(_STOP)
        if thread is not None and thread is not threading.current_thread():
            thread.join()

    def _put(self, item: object) -> bool:
        with self._door:
            if self._closed:
                return False
            self._queue.put(item)
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name="ergon-store", daemon=True)
                self._thread.start()
        return True

    def _closed_error(self) -> StoreError:
        return StoreError(path=str(self._database.path), reason="is closed")

    # ---- the thread ----------------------------------------------------------------------------------------

    def _work(self) -> None:
        take, waiting = self._queue.get, self._queue.qsize
        while True:
            try:
                items = [take(timeout=self._beat())]
            except queue.Empty:
                continue
            items += [take() for _ in range(waiting())]
            try:
                self._serve(items)
            except BaseException:  # whatever it is, the next change must find somebody here
                _log.exception("the store's writer failed")
            if _STOP in items:
                self._let_go()
                return

    def _beat(self) -> float | None:
        """Do what is due, and give the seconds for which the queue may be waited for."""
        try:
            return self.pulse()
        except Exception:
            _log.exception("the store's pulse failed")
            return 1.0

    def _serve(self, items: list[Any]) -> None:
        changes: list[tuple[Change, Done]] = []
        for item in items:
            if type(item) is tuple:
                changes.append(item)
            elif item is not _STOP:
                self._write(changes)
                changes = []
                item.run()
        self._write(changes)

    def _write(self, changes: list[tuple[Change, Done]]) -> None:
        """Commit changes, and then tell all who wait."""
        if not changes:
            return
        outcomes = self._commit([change for change, _ in changes])
        for (_, done), outcome in zip(changes, outcomes, strict=True):
            self._told(done, outcome)

    @staticmethod
    def _told(callback: Callable[..., None], *facts: object) -> None:
        """Call back; what is written stays written whatever comes of it."""
        try:
            callback(*facts)
        except Exception:
            _log.exception("a callback of the store failed")

    def _commit(self, changes: list[Change]) -> list[BaseException | None]:
        """Commit changes in one transaction, or each in its own where that fails: one may be at fault."""
        try:
            return self._commit_together(changes)
        except BaseException as error:  # the thread must go on; whoever waits gets the error
            fault = translate(error, self._database.path)
        if len(changes) == 1 or isinstance(fault, OUTLASTING):
            return [fault] * len(changes)
        outcomes: list[BaseException | None] = []
        for change in changes:
            outcomes += self._commit([change])
            if isinstance(outcomes[-1], OUTLASTING):
                break
        return outcomes + [outcomes[-1]] * (len(changes) - len(outcomes))

    def _commit_together(self, changes: list[Change]) -> list[BaseException | None]:
        outcomes: list[BaseException | None] = []
        with self.transaction(full=any(change.durability == "full" for change in changes)) as db:
            enter = self._ledger.enter
            for change in changes:
                try:
                    enter(db, change)
                except (LeaseLost, StoreError) as error:
                    outcomes.append(error)
                else:
                    outcomes.append(None)
            self._ledger.flush(db)
        return outcomes

    @contextmanager
    def transaction(self, *, full: bool) -> Iterator[sqlite3.Connection]:
        """Write in a transaction, in the writer's thread; `full` has it survive power loss."""
        self._transactions += 1
        number = self._transactions
        if self._hook is not None:
            self._hook("before", number)
        self._gate.enter()
        try:
            db = self._begin(full)
            try:
                yield db
                if self._hook is not None:
                    self._hook("inside", number)
                db.execute("COMMIT")
            except BaseException as error:
                self._roll_back(db, error)
                raise
        finally:
            self._gate.leave()
        self.commits += 1
        if self._hook is not None:
            self._told(self._hook, "after", number)

    def _begin(self, full: bool) -> sqlite3.Connection:
        db = self._db
        if db is None or not self._database.is_there():
            self._let_go()
            db = self._db = self._database.open_for_writing()
            self.changed_by_others()
        wanted = "FULL" if full else "NORMAL"
        if wanted != self._synchronous:
            db.execute(f"PRAGMA synchronous = {wanted}")
            self._synchronous = wanted
        db.execute("BEGIN IMMEDIATE")
        return db

    def _roll_back(self, db: sqlite3.Connection, error: BaseException) -> None:
        self._ledger.forget_all()
        try:
            if db.in_transaction:
                db.execute("ROLLBACK")
        except sqlite3.Error:
            _log.exception("the store %s could not roll back", self._database.path)
        if isinstance(error, sqlite3.Error) and not isinstance(error, sqlite3.IntegrityError):
            self._let_go()

    def _let_go(self) -> None:
        """Close the connection; the next transaction opens another."""
        db, self._db, self._synchronous = self._db, None, ""
        self._ledger.forget_all()
        if db is not None:
            try:
                db.close()
            except sqlite3.Error:
                _log.exception("the store %s could not be closed", self._database.path)

    # ---- for the watch -------------------------------------------------------------------------------------

    def changed_by_others(self) -> bool:
        """Say whether another connection has committed since this was asked last; in the writer's thread."""
        if self._db is None:
            return True
        (version,) = self._db.execute("PRAGMA data_version").fetchone()
        changed, self._seen = version != self._seen, version
        return bool(changed)

    def inherited(self) -> list[sqlite3.Connection]:
        """Give the connection that a forked child has from its parent and must neither use nor close."""
        return [] if self._db is None else [self._db]
