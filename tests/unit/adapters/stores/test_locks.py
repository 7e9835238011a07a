from __future__ import annotations

import os
from pathlib import Path

import pytest

from ergon.adapters.stores.gate import Gate
from ergon.adapters.stores.locks import LockFile, lock_file
from ergon.errors import StoreBusy


def test_a_process_has_one_lock_file_for_a_path_s44(tmp_path: Path) -> None:
    """A second descriptor, once closed, would drop the locks of the first."""
    (tmp_path / "link").symlink_to(tmp_path)
    assert lock_file(tmp_path / "x") is lock_file(tmp_path / "link" / "x")


def test_a_run_is_locked_once_in_a_process(tmp_path: Path) -> None:
    locks = lock_file(tmp_path / "leases")
    assert locks.acquire("r")
    assert not locks.acquire("r")
    assert locks.acquire("s")
    assert locks.holder("r") == os.getpid()
    assert locks.anybody() == os.getpid()
    locks.release("r")
    locks.release("r")
    assert locks.holder("r") is None
    assert locks.acquire("r")
    for run in ("r", "s"):
        locks.release(run)
    assert locks.anybody() is None


def test_asking_makes_no_file(tmp_path: Path) -> None:
    locks = lock_file(tmp_path / "none" / "leases")
    assert locks.holder("r") is None
    assert locks.anybody() is None
    assert not (tmp_path / "none").exists()


def test_a_lock_file_that_was_replaced_is_opened_anew(tmp_path: Path) -> None:
    locks = lock_file(tmp_path / "leases")
    assert locks.acquire("r")
    locks.path.unlink()
    assert locks.acquire("s")
    assert locks.path.exists()
    locks.assure()
    other = LockFile(locks.path)
    assert other.holder("r") is None  # one process: the system does not tell its own locks
    for run in ("r", "s"):
        locks.release(run)


def test_the_gate_is_passed_one_at_a_time_s43(tmp_path: Path) -> None:
    locks = lock_file(tmp_path / "leases")
    first, second = (Gate(locks, path=tmp_path / "runs.db", patience=0.05) for _ in range(2))
    first.enter()
    with pytest.raises(StoreBusy, match=r"runs\.db is being written by .*, for longer than 0\.05 s"):
        second.enter()
    first.leave()
    second.enter()
    second.leave()
