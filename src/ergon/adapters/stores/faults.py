"""Faults: what SQLite and the operating system say, as errors of the store."""

from __future__ import annotations

import errno
import os
import sqlite3
from pathlib import Path
from typing import Final

from ergon.errors import ErgonError, StoreBusy, StoreDamaged, StoreError, StoreFull, StoreReadOnly

_KINDS: Final[dict[int, tuple[type[StoreError], str, str]]] = {
    sqlite3.SQLITE_BUSY: (
        StoreBusy,
        "is locked by another program",
        "Close what holds it open, then resume.",
    ),
    sqlite3.SQLITE_LOCKED: (
        StoreBusy,
        "is locked by another program",
        "Close what holds it open, then resume.",
    ),
    sqlite3.SQLITE_FULL: (StoreFull, "cannot grow", "Free some space, or `ergon prune`; then resume."),
    sqlite3.SQLITE_READONLY: (StoreReadOnly, "may not be written", "Check the permissions of its folder."),
    sqlite3.SQLITE_PERM: (StoreReadOnly, "may not be written", "Check the permissions of its folder."),
    sqlite3.SQLITE_CORRUPT: (StoreDamaged, "is damaged", "Move it away, or put a backup in its place."),
    sqlite3.SQLITE_NOTADB: (StoreDamaged, "is not a database", "Move it away, or name another file."),
}
_ERRNO: Final[dict[int, int]] = {
    errno.ENOSPC: sqlite3.SQLITE_FULL,
    errno.EDQUOT: sqlite3.SQLITE_FULL,
    errno.EFBIG: sqlite3.SQLITE_FULL,
    errno.EROFS: sqlite3.SQLITE_READONLY,
    errno.EACCES: sqlite3.SQLITE_READONLY,
    errno.EPERM: sqlite3.SQLITE_READONLY,
}
OUTLASTING: Final = (StoreBusy, StoreReadOnly, StoreDamaged)
"""Faults that the next change would meet as well."""


_BROKEN: Final = frozenset(
    {
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_CORRUPT,
        sqlite3.SQLITE_NOTADB,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_READONLY,
        sqlite3.SQLITE_MISUSE,
    }
)


def is_broken(error: BaseException) -> bool:
    """Say whether a connection should not be used again after an error."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF in _BROKEN


def translate(error: BaseException, path: Path) -> ErgonError:
    """Give the error that says what went wrong with the store at `path`."""
    if isinstance(error, ErgonError):
        return error
    code = _code(error, path)
    if code in _KINDS:
        kind, reason, hint = _KINDS[code]
        return kind(path=str(path), reason=reason, hint=hint)
    name = getattr(error, "sqlite_errorname", "") or type(error).__name__
    of_disk = isinstance(error, OSError) or code in (sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN)
    hint = "Check the disk, its quota and its permissions." if of_disk else ""
    return StoreError(path=str(path), reason=f"could not be used: {error} ({name})", hint=hint)


def _code(error: BaseException, path: Path) -> int:
    """Give SQLite's primary error code for an error; 0 if it has none."""
    if isinstance(error, OSError):
        return _ERRNO.get(error.errno or 0, 0)
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code == sqlite3.SQLITE_CANTOPEN and not _writable(path):
        return sqlite3.SQLITE_READONLY
    if code == sqlite3.SQLITE_IOERR and _no_room(path):
        return sqlite3.SQLITE_FULL
    return int(code)


def _writable(path: Path) -> bool:
    folder = path.parent
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    return os.access(folder, os.W_OK) and (not path.exists() or os.access(path, os.W_OK))


def _no_room(path: Path) -> bool:
    """Say whether the file system has no block left: SQLite calls some of these an I/O error."""
    try:
        return os.statvfs(path.parent).f_bavail == 0
    except OSError:
        return False
