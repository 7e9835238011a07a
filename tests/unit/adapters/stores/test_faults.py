from __future__ import annotations

import errno
import pickle
import sqlite3
from pathlib import Path

import pytest

from ergon.adapters.stores.faults import is_broken, translate
from ergon.errors import LeaseLost, StoreBusy, StoreDamaged, StoreError, StoreFull, StoreReadOnly

PATH = Path("/tmp/runs.db")


def _sqlite_error(code: int) -> sqlite3.OperationalError:
    error = sqlite3.OperationalError("said by SQLite")
    error.sqlite_errorcode = code
    error.sqlite_errorname = "SQLITE_SOMETHING"
    return error


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (sqlite3.SQLITE_BUSY, StoreBusy),
        (sqlite3.SQLITE_BUSY_SNAPSHOT, StoreBusy),
        (sqlite3.SQLITE_FULL, StoreFull),
        (sqlite3.SQLITE_READONLY_DBMOVED, StoreReadOnly),
        (sqlite3.SQLITE_CORRUPT_INDEX, StoreDamaged),
        (sqlite3.SQLITE_NOTADB, StoreDamaged),
        (sqlite3.SQLITE_IOERR_WRITE, StoreError),
        (sqlite3.SQLITE_ERROR, StoreError),
    ],
)
def test_what_sqlite_says_is_an_error_of_the_store(code: int, kind: type[StoreError]) -> None:
    error = translate(_sqlite_error(code), PATH)
    assert type(error) is kind
    assert str(error).startswith("The store /tmp/runs.db ")
    assert str(pickle.loads(pickle.dumps(error))) == str(error)


@pytest.mark.parametrize(
    ("number", "kind"),
    [
        (errno.ENOSPC, StoreFull),
        (errno.EDQUOT, StoreFull),
        (errno.EROFS, StoreReadOnly),
        (errno.EACCES, StoreReadOnly),
        (errno.EIO, StoreError),
    ],
)
def test_what_the_system_says_is_an_error_of_the_store(number: int, kind: type[StoreError]) -> None:
    assert type(translate(OSError(number, "no"), PATH)) is kind


def test_an_unknown_fault_keeps_its_own_words() -> None:
    assert str(translate(_sqlite_error(sqlite3.SQLITE_ERROR), PATH)) == (
        "The store /tmp/runs.db could not be used: said by SQLite (SQLITE_SOMETHING)."
    )
    assert "quota" in str(translate(_sqlite_error(sqlite3.SQLITE_IOERR), PATH))


def test_an_error_of_ours_stays_what_it_is() -> None:
    error = LeaseLost(run="r", epoch=2)
    assert translate(error, PATH) is error


def test_a_connection_is_given_up_after_a_fault_of_its_own_only() -> None:
    assert is_broken(_sqlite_error(sqlite3.SQLITE_IOERR_FSYNC))
    assert not is_broken(_sqlite_error(sqlite3.SQLITE_FULL))
    assert not is_broken(_sqlite_error(sqlite3.SQLITE_BUSY))
    assert not is_broken(ValueError("a fault of the caller's"))
