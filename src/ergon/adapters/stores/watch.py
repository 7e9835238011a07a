"""The watch: notices within 100 ms what other processes commit, without burning a core (S45)."""

from __future__ import annotations

import logging
import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Final

from ergon.adapters.stores.home import Identity, identity
from ergon.errors import StoreError

_log: Final = logging.getLogger(__name__)

EVERY: Final = 0.05
"""Seconds between looks; one takes about 10 µs."""


class Watch:
    """Calls back whoever wants to know; its thread lives as long as somebody does."""

    def __init__(
        self,
        path: Path,
        *,
        connect: Callable[[], sqlite3.Connection],
        commits: Callable[[], int],
        changed_by_others: Callable[[], bool],
        stirs: Callable[[], bool],
    ) -> None:
        self._path = path
        self._connect = connect
        self._count = commits
        """Says how many transactions the store itself has committed."""
        self._changed_by_others = changed_by_others
        """Says whether anybody but the store has committed since it was asked last."""
        self._stirs = stirs
        """Says whether something has happened that nobody has written down: an owner died."""
        self._mutex = threading.Lock()
        self._callbacks: dict[object, Callable[[], None]] = {}
        self._ended = threading.Event()
        self._thread: threading.Thread | None = None
        self._where: Identity | None = None
        self._version = -1
        self._commits = 0

    def add(self, notify: Callable[[], None]) -> Callable[[], None]:
        """Call `notify` from now on; gives what ends it."""
        token = object()
        with self._mutex:
            self._callbacks[token] = notify
            if self._thread is None:
                self._ended = threading.Event()
                target, ready = self._look_on, threading.Event()
                self._thread = threading.Thread(
                    target=target, args=(self._ended, ready), name="ergon-watch", daemon=True
                )
                self._thread.start()
                ready.wait()

        def end() -> None:
            with self._mutex:
                self._callbacks.pop(token, None)
                if not self._callbacks:
                    self._stop()

        return end

    def notify(self) -> None:
        """Call back all."""
        for callback in list(self._callbacks.values()):
            try:
                callback()
            except Exception:
                _log.exception("a callback of the store's watch failed")

    def close(self) -> None:
        """Call nobody any more."""
        with self._mutex:
            self._callbacks.clear()
            thread = self._stop()
        if thread is not None and thread is not threading.current_thread():
            thread.join()

    def _stop(self) -> threading.Thread | None:
        thread, self._thread = self._thread, None
        self._ended.set()
        return thread

    # ---- the thread ----------------------------------------------------------------------------------------

    def _look_on(self, ended: threading.Event, ready: threading.Event) -> None:
        db = self._look(None, first=True)
        ready.set()
        while not ended.wait(EVERY):
            db = self._look(db)
        if db is not None:
            db.close()

    def _look(self, db: sqlite3.Connection | None, *, first: bool = False) -> sqlite3.Connection | None:
        """Call back if something has changed; gives the connection to look at next."""
        try:
            where = identity(self._path)
            if db is not None and where != self._where:
                db.close()
                db = None
            if db is None and where is not None:
                db, self._where, self._version = self._connect(), where, 0
            version = -1 if db is None else db.execute("PRAGMA data_version").fetchone()[0]
            changed, self._version = version != self._version, version
            foreign = changed and self._foreign()
            if not first and (foreign or self._stirs()):
                self.notify()
        except (sqlite3.Error, OSError, StoreError):  # it is being made, replaced or removed: look again
            if db is not None:
                db.close()
            return None
        return db

    def _foreign(self) -> bool:
        """Say whether the change that was seen is, at least in part, of others."""
        commits, self._commits = self._commits, self._count()
        return commits == self._commits or self._changed_by_others()
