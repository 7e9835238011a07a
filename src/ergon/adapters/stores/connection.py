"""Connections: how the database is opened for reading and for writing."""

from __future__ import annotations

import os
import sqlite3
import sys
from pathlib import Path
from typing import Final, Literal

from ergon.adapters.stores.schema import APPLICATION_ID, Schema
from ergon.errors import StoreDamaged, StoreNewer, StoreReadOnly

Mode = Literal["rwc", "rw", "ro"]

_NETWORK: Final = frozenset(
    {
        "9p",
        "afs",
        "beegfs",
        "ceph",
        "cifs",
        "fuse.glusterfs",
        "fuse.sshfs",
        "gpfs",
        "lustre",
        "ncpfs",
        "nfs",
        "nfs4",
        "smb2",
        "smb3",
        "smbfs",
        "virtiofs",
    }
)
"""File systems on which processes of several hosts may meet, who do not share the memory that WAL needs."""
_ESCAPES: Final = str.maketrans({"%": "%25", "?": "%3f", "#": "%23"})
_STATEMENTS: Final = 256
_SMALLEST: Final = 512
"""Bytes of the smallest database that has a page."""


def connect(path: Path, *, mode: Mode, patience: float, vfs: str = "") -> sqlite3.Connection:
    """Open the database; `patience` is how many seconds a statement waits for a lock."""
    options = f"mode={mode}" + (f"&vfs={vfs}" if vfs else "") + ("&immutable=1" if mode == "ro" else "")
    return sqlite3.connect(
        f"file:{str(path).translate(_ESCAPES)}?{options}",
        uri=True,
        timeout=patience,
        isolation_level=None,
        check_same_thread=False,
        cached_statements=_STATEMENTS,
    )


def connect_for_reading(path: Path, *, patience: float, vfs: str = "") -> sqlite3.Connection:
    """Open the database for queries only, also in a folder that may not be written."""
    db = connect(path, mode="rw", patience=patience, vfs=vfs)
    try:
        db.execute("PRAGMA query_only = 1")
        db.execute("SELECT count(*) FROM sqlite_master").fetchone()
    except sqlite3.Error as error:
        db.close()
        if error.sqlite_errorcode & 0xFF not in (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY):
            raise
        return _connect_unwritable(path, patience=patience, vfs=vfs)
    return db


def _connect_unwritable(path: Path, *, patience: float, vfs: str) -> sqlite3.Connection:
    """Open a database whose WAL cannot be shared: as it lies there, if nothing is left in its WAL."""
    log = Path(f"{path}-wal")
    if log.exists() and log.stat().st_size:
        reason = "may not be written, and has changes that need it to be read"
        raise StoreReadOnly(path=str(path), reason=reason, hint="Open it once where its folder can be written.")
    return connect(path, mode="ro", patience=patience, vfs=vfs)


def version_of(db: sqlite3.Connection, path: Path, schema: Schema) -> int:
    """Give the version of a database; 0 if it is empty.

    Raises `StoreNewer` for one that a newer Ergon wrote, `StoreDamaged` for one that Ergon did not write.
    """
    (application,) = db.execute("PRAGMA application_id").fetchone()
    (version,) = db.execute("PRAGMA user_version").fetchone()
    (tables,) = db.execute("SELECT count(*) FROM sqlite_master").fetchone()
    if not tables and 0 < path.stat().st_size < _SMALLEST:  # SQLite takes such a file for an empty database
        raise StoreDamaged(path=str(path), reason="is not a database", hint="Move it away, or name another file.")
    if application != APPLICATION_ID and (tables or version or application):
        hint = "Name another file for the runs."
        raise StoreDamaged(path=str(path), reason="is a database of another program", hint=hint)
    if version > schema.version:
        reason = f"was written by a newer Ergon (its form is {version}, this one reads up to {schema.version})"
        raise StoreNewer(path=str(path), reason=reason, hint="Upgrade: pip install -U jupyter-ergon")
    return int(version)


def set_journal(db: sqlite3.Connection, *, network: str) -> str:
    """Choose WAL, or a rollback journal where WAL cannot be had; gives the mode."""
    (mode,) = db.execute("PRAGMA journal_mode").fetchone()
    wanted = "delete" if network else "wal"
    if mode != wanted:
        (mode,) = db.execute(f"PRAGMA journal_mode = {wanted}").fetchone()
    if sys.platform == "darwin":
        db.execute("PRAGMA fullfsync = 1")
        db.execute("PRAGMA checkpoint_fullfsync = 1")
    return str(mode)


def journal_note(path: Path, mode: str, network: str) -> str:
    """Say why a store does without WAL; empty if it has it."""
    if mode == "wal":
        return ""
    why = f"it lies on a network file system ({network})" if network else "WAL cannot be had there"
    return f"The store {path} uses a rollback journal, which is slower, because {why}."


def network_of(path: Path, mounts: Path = Path("/proc/self/mountinfo")) -> str:
    """Give the type of the network file system that a path lies on; empty if it lies on none that is known."""
    try:
        lines = mounts.read_text(encoding="utf-8", errors="surrogateescape").splitlines()
    except OSError:
        return ""
    place, best, kind = os.path.realpath(path), -1, ""
    for line in lines:
        left, _, right = line.partition(" - ")
        fields = left.split(" ")
        if len(fields) < 5 or not right:
            continue
        root = _unescape(fields[4])
        inside = place == root or place.startswith(root.rstrip("/") + "/")
        if inside and len(root) >= best:
            best, kind = len(root), right.split(" ")[0]
    return kind if kind in _NETWORK else ""


def _unescape(text: str) -> str:
    """Read a path of the mount table, where spaces are written as \\040."""
    for code in ("040", "011", "012", "134"):
        text = text.replace(f"\\{code}", chr(int(code, 8)))
    return text
