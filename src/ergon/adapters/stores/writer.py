"""The writer: one thread that commits the changes of all runs, those that wait in one transaction (S43)."""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar

from ergon.adapters.stores.faults import OUTLASTING, translate
from ergon.adapters.stores.ledger import Ledger
from ergon.adapters.stores.transactions import Transactions
from ergon.errors import LeaseLost, StoreError

if TYPE_CHECKING:
    from ergon.ports import Change

T = TypeVar("T")
Done = Callable[["BaseException | None"], None]
_Item = tuple["Change", Done]

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

    def result(self) -> T:
        """Wait until it was done; gives its result or raises its error."""
        self._ended.wait()
        if self._error is not None:
            raise self._error
        return self._result  # type: ignore[return-value]  # the body's own


class Writer:
    """The only part of a store that writes; its thread starts with the first change."""

    def __init__(self, path: Path, *, ledger: Ledger, transactions: Transactions) -> None:
        self._path = path
        self._ledger = ledger
        self._transactions = transactions
        self.pulse: Callable[[], float | None] = lambda: None
        """Does what is due now and then, in the writer's thread; gives the seconds until it is due again."""
        self._queue: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._door = threading.Lock()
        self._thread: threading.Thread | None = None
        self._closed = False

    # ---- from any thread -----------------------------------------------------------------------------------

    def put(self, change: Change, done: Done) -> None:
        """Queue a change."""
        if not self._put((change, done)):
            done(self._ended())

    def call(self, body: Callable[[], T]) -> T:
        """Have something done in the writer's thread, after what is queued; gives its result."""
        if threading.current_thread() is self._thread:
            return body()
        job = _Job(body)
        if not self._put(job):
            raise self._ended()
        return job.result()

    def post(self, body: Callable[[], None]) -> bool:
        """Have something done in the writer's thread, after what is queued, without waiting for it.

        Gives whether that will be; it will not if nothing was ever written.
        """
        with self._door:
            if self._closed or self._thread is None:
                return False
            self._queue.put(_Job(body))
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
            if self._closed or not self._started():
                return False
            self._queue.put(item)
        return True

    def _started(self) -> bool:
        """Start the thread if it does not run; gives False where the interpreter is about to end."""
        if self._thread is None:
            thread = threading.Thread(target=self._work, name="ergon-store", daemon=True)
            try:
                thread.start()
            except RuntimeError:
                return False
            self._thread = thread
        return True

    def closed_error(self) -> StoreError | None:
        """Give the error of who comes too late; None while the store is open."""
        return self._ended() if self._closed else None

    def _ended(self) -> StoreError:
        return StoreError(path=str(self._path), reason="is closed")

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
                self._transactions.close()
                return

    def _beat(self) -> float | None:
        """Do what is due, and give the seconds for which the queue may be waited for."""
        try:
            return self.pulse()
        except Exception:
            _log.exception("the store's pulse failed")
            return 1.0

    def _serve(self, items: list[Any]) -> None:
        changes: list[_Item] = []
        for item in items:
            if type(item) is tuple:
                changes.append(item)
            elif item is not _STOP:
                self._commit(changes)
                changes = []
                item.run()
        self._commit(changes)

    def _commit(self, items: list[_Item]) -> None:
        """Commit changes in one transaction, or each in its own where that fails: one may be at fault."""
        fault = self._try(items) if items else None
        if fault is None:
            return
        alone = len(items) > 1
        for item in items:
            if alone and not isinstance(fault, OUTLASTING):
                fault = self._try([item])
            if fault is not None:
                self._tell(item[1], fault)

    def _try(self, items: list[_Item]) -> BaseException | None:
        """Commit changes in one transaction; gives what kept all of them out, or None if nothing did."""
        try:
            self._commit_together(items)
        except BaseException as error:  # the thread must go on; whoever waits gets the error
            return translate(error, self._path)
        return None

    def _commit_together(self, items: list[_Item]) -> None:
        """Commit changes in one transaction, and then tell all who wait."""
        full = False
        for change, _ in items:
            full = full or change.durability == "full"
        transactions, enter, outcomes = self._transactions, self._ledger.enter, list[BaseException | None]()
        db = transactions.begin(full=full)
        try:
            for change, _ in items:
                try:
                    enter(db, change)
                except (LeaseLost, StoreError) as error:
                    outcomes.append(error)
                else:
                    outcomes.append(None)
            self._ledger.flush(db)
            transactions.commit(db)
        except BaseException as error:
            self._ledger.forget_all()
            transactions.abort(db, error)
            transactions.leave()
            raise
        for (_, done), outcome in zip(items, outcomes, strict=True):
            self._tell(done, outcome)
        transactions.leave()

    @staticmethod
    def _tell(done: Done, outcome: BaseException | None) -> None:
        """Call back; what is written stays written whatever comes of it."""
        try:
            done(outcome)
        except BaseException:
            _log.exception("a callback of the store failed")
