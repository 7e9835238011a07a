"""The database: opens the file for who writes and who reads it, making or migrating it when first written."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path

from ergon.adapters.stores.connection import (
    connect,
    connect_for_reading,
    journal_note,
    network_of,
    version_of,
)
from ergon.adapters.stores.home import Identity, identity
from ergon.adapters.stores.migration import prepare
from ergon.adapters.stores.schema import Schema


class Database:
    """The file of one store."""

    def __init__(
        self, path: Path, *, schema: Schema, patience: float, vfs: str, any_owner: Callable[[sqlite3.Connection], str]
    ) -> None:
        self.path = path
        self._schema = schema
        self._patience = patience
        self._vfs = vfs
        self._any_owner = any_owner
        """Names a live owner of any run, if there is one."""
        self._written: Identity | None = None

    def open_for_writing(self) -> sqlite3.Connection:
        """Open the database for the writer, which is at the gate; makes or migrates it if that is needed."""
        db = connect(self.path, mode="rwc", patience=self._patience, vfs=self._vfs)
        network = network_of(self.path)
        try:
            prepare(db, path=self.path, schema=self._schema, network=network, owner=self._any_owner)
        except BaseException:
            db.close()
            raise
        self._written = identity(self.path)
        return db

    def is_there(self) -> bool:
        """Say whether the file that was opened for writing still lies there."""
        return self._written is not None and self._written == identity(self.path)

    def open_for_reading(self) -> sqlite3.Connection:
        """Open the database for queries, whatever its version."""
        return connect_for_reading(self.path, patience=self._patience, vfs=self._vfs)

    def is_current(self, db: sqlite3.Connection) -> bool | None:
        """Say whether a database has this version's form; None while it has no tables."""
        version = version_of(db, self.path, self._schema)
        return version == self._schema.version if version else None

    def empty(self) -> sqlite3.Connection:
        """Give an empty database in memory, to be read while there is none on disk."""
        db = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
        for statement in self._schema.tables:
            db.execute(statement)
        return db

    def note(self, db: sqlite3.Connection) -> str:
        """Say why it does without WAL; empty if it has it."""
        (mode,) = db.execute("PRAGMA journal_mode").fetchone()
        return journal_note(self.path, str(mode), network_of(self.path))
