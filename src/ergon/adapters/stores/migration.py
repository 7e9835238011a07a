"""Migration: makes a new database, or brings an older one to this version after a backup copy (S43)."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Sequence
from pathlib import Path

from ergon.adapters.stores.connection import connect, set_journal, version_of
from ergon.adapters.stores.schema import APPLICATION_ID, Schema
from ergon.errors import StoreBusy, StoreDamaged


def prepare(
    db: sqlite3.Connection,
    *,
    path: Path,
    schema: Schema,
    network: str,
    owner: Callable[[sqlite3.Connection], str],
) -> str:
    """Bring a database to the version of `schema`, at the gate; gives its journal mode.

    `owner` names a live owner of a run in it, if there is one: under such a process nothing is migrated.
    """
    version = version_of(db, path, schema)
    if version == 0:
        db.execute("PRAGMA auto_vacuum = incremental")
    mode = set_journal(db, network=network)
    if version == 0:
        _execute(db, schema, schema.tables)
    elif version < schema.version:
        _migrate(db, path=path, schema=schema, version=version, owner=owner)
    return mode


def _migrate(
    db: sqlite3.Connection, *, path: Path, schema: Schema, version: int, owner: Callable[[sqlite3.Connection], str]
) -> None:
    way = schema.way_from(version)
    if way is None:
        reason = f"has form {version}, from which no way leads to {schema.version}"
        raise StoreDamaged(path=str(path), reason=reason, hint="Open it with an Ergon of its time.")
    who = owner(db)
    if who:
        reason = f"must be brought to a newer form, and {who} has a run in it"
        raise StoreBusy(path=str(path), reason=reason, hint="Let it end, or cancel it; then try again.")
    back_up(db, Path(f"{path}.backup-v{version}"))
    _execute(db, schema, way)


def _execute(db: sqlite3.Connection, schema: Schema, statements: Sequence[str]) -> None:
    """Change the form in one transaction."""
    db.execute("BEGIN IMMEDIATE")
    try:
        for statement in statements:
            db.execute(statement)
        db.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        db.execute(f"PRAGMA user_version = {schema.version}")
        db.execute("COMMIT")
    except BaseException:
        if db.in_transaction:
            db.execute("ROLLBACK")
        raise


def back_up(db: sqlite3.Connection, target: Path) -> None:
    """Copy a database, what is in its WAL included, so that the copy is there whole or not at all."""
    draft = target.with_name(f"{target.name}.part")
    draft.unlink(missing_ok=True)
    copy = connect(draft, mode="rwc", patience=1.0)
    try:
        db.backup(copy)
        copy.execute("PRAGMA journal_mode = delete")
    finally:
        copy.close()
    with draft.open("rb") as file:
        os.fsync(file.fileno())
    draft.replace(target)
