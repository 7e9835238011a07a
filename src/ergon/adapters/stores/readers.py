"""Readers: connections for queries, lent to whichever thread asks; none keeps a transaction open (S43)."""

from __future__ import annotations

import sqlite3
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from ergon.adapters.stores.faults import translate
from ergon.adapters.stores.home import Identity, identity
from ergon.errors import StoreError

_KEPT: Final = 4


class Readers:
    """A few connections of one store."""

    def __init__(
        self,
        path: Path,
        *,
        connect: Callable[[], sqlite3.Connection | None],
        empty: Callable[[], sqlite3.Connection],
    ) -> None:
        self._path = path
        self._connect = connect
        """Opens the database; gives None while it has no tables."""
        self._empty = empty
        """Gives an empty database, to be read while there is none."""
        self._free: deque[tuple[Identity, sqlite3.Connection]] = deque()
        self._closed = False

    @contextmanager
    def lend(self) -> Iterator[sqlite3.Connection]:
        """Lend a connection; what goes wrong with it is raised as a `StoreError`."""
        if self._closed:
            raise StoreError(path=str(self._path), reason="is closed")
        db: sqlite3.Connection | None = None
        try:
            there = identity(self._path)
            db = self._take(there) if there is not None else None
            if db is None:
                there, db = None, self._empty()
            yield db
        except (sqlite3.Error, OSError) as error:
            if db is not None:
                db.close()
            raise translate(error, self._path) from error
        except BaseException:
            if db is not None:
                self._give(there, db)
            raise
        self._give(there, db)

    def _take(self, there: Identity) -> sqlite3.Connection | None:
        while True:
            try:
                where, db = self._free.pop()
            except IndexError:
                return self._connect()
            if where == there:
                return db
            db.close()

    def _give(self, there: Identity | None, db: sqlite3.Connection) -> None:
        if there is None or self._closed or len(self._free) >= _KEPT:
            db.close()
        else:
            self._free.append((there, db))

    def close(self) -> None:
        """Close the connections that are not lent; those follow when they come back."""
        self._closed = True
        for db in self.inherited():
            db.close()

    def inherited(self) -> list[sqlite3.Connection]:
        """Give the connections that are not lent, and forget them."""
        taken: list[sqlite3.Connection] = []
        while self._free:
            try:
                taken.append(self._free.pop()[1])
            except IndexError:
                break
        return taken
