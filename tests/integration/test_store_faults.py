"""What a store says, and what it keeps, when the disk, the file or another program stands in its way."""

from __future__ import annotations

import os
import sqlite3
import tempfile
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from tests.integration.store_process import Remote, url_of

from ergon.adapters.stores.schema import SCHEMA
from ergon.adapters.stores.sqlite import SqliteStore
from ergon.errors import StoreBusy, StoreDamaged, StoreError, StoreFull, StoreNewer, Unsupported
from ergon.testing.journals import Scribe, commit, wait_until


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteStore]:
    store = SqliteStore(url_of(tmp_path), patience=0.3)
    yield store
    store.close()


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """Give a folder that other users reach too, and remove it."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        yield folder
        for path in (folder / "home", folder):
            path.chmod(0o755)


# ---- the disk ----------------------------------------------------------------------------------------------


def _cramped(tmp_path: Path, pages: int) -> SqliteStore:
    """Give a store whose file cannot grow: SQLite's own limit stands for the disk's."""
    schema = replace(SCHEMA, tables=(*SCHEMA.tables, f"PRAGMA max_page_count = {pages}"))
    return SqliteStore(url_of(tmp_path), schema=schema)


def test_a_full_disk_is_said_and_nothing_is_torn(tmp_path: Path) -> None:
    store = _cramped(tmp_path, pages=40)
    scribe = Scribe(store, "r")
    scribe.begin()
    error = None
    while error is None:
        error = commit(store, scribe.change(scribe.event("noted", value='"' + "x" * 3000 + '"')))
    assert isinstance(error, StoreFull)
    assert error.path == str(store.path)
    assert str(error) == f"The store {store.path} cannot grow. Free some space, or `ergon prune`; then resume."
    kept = store.run("r").last_seq
    assert kept == scribe.seq - 1
    after = commit(store, scribe.change(scribe.event("noted")))
    assert isinstance(after, StoreError)
    store.close()
    store = SqliteStore(store.url)
    scribe = Scribe(store, "r")
    scribe.seq = kept
    scribe.tell("noted")
    assert [event.seq for event in store.events("r")] == list(range(1, kept + 2))
    store.close()


def test_a_change_that_does_not_fit_keeps_no_others_out(tmp_path: Path) -> None:
    store = _cramped(tmp_path, pages=60)
    large, small = Scribe(store, "large"), Scribe(store, "small")
    for scribe in (large, small):
        scribe.begin()
    queued, outcomes = threading.Event(), list[BaseException | None]()

    def hold(error: BaseException | None) -> None:
        queued.wait(60)

    store.commit(small.change(small.event("noted")), hold)
    store.commit(large.change(large.event("noted", value='"' + "x" * 400_000 + '"')), outcomes.append)
    store.commit(small.change(small.event("noted")), outcomes.append)
    queued.set()
    wait_until(lambda: len(outcomes) == 2, "both are told")
    assert isinstance(outcomes[0], StoreFull)
    assert outcomes[1] is None
    assert (store.run("large").last_seq, store.run("small").last_seq) == (2, 4)
    store.close()


def test_a_file_that_may_not_grow_is_said_and_what_was_told_is_kept(store: SqliteStore) -> None:
    with Remote(store.url) as remote:
        remote.ask("begin", "r")
        remote.ask("limit_files", 300_000)
        error = remote.ask("note", "r", 1000)
        assert error.startswith("Store")
        assert str(store.path) in error
        kept = store.run("r").last_seq
        assert kept > 2
        remote.kill()
    assert [event.seq for event in store.events("r")] == list(range(1, kept + 1))
    db = sqlite3.connect(store.path)
    assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    db.close()


def test_a_folder_that_may_not_be_written_is_said(open_folder: Path) -> None:
    (open_folder / "home").mkdir(mode=0o555)
    with Remote(url_of(open_folder)) as remote:
        remote.ask("become_nobody")
        remote.tell("begin", "r")
        answer = remote.answer()
        assert answer["error"] == "StoreReadOnly"
        assert f"{open_folder}/home/runs.db may not be written" in answer["message"]
        assert remote.ask("runs") == []


@pytest.mark.parametrize("left_open", [False, True])
def test_runs_can_be_read_where_nothing_may_be_written(open_folder: Path, left_open: bool) -> None:
    """As it lies there after a clean end, and while its owner lives."""
    store = SqliteStore(url_of(open_folder))
    Scribe(store, "r").begin()
    if not left_open:
        store.close()
    (open_folder / "home").chmod(0o555)
    with Remote(store.url) as remote:
        remote.ask("become_nobody")
        assert remote.ask("runs") == ["r"]
        assert remote.ask("status", "r") == ("running" if left_open else "interrupted")
        remote.tell("claim", "r")
        assert remote.answer()["error"] == "StoreReadOnly"
    store.close()


# ---- other programs ----------------------------------------------------------------------------------------


def test_a_database_that_another_program_locks_is_said_after_a_stated_time(store: SqliteStore) -> None:
    scribe = Scribe(store, "r")
    scribe.begin()
    db = sqlite3.connect(store.path, isolation_level=None)
    db.execute("BEGIN IMMEDIATE")
    error = commit(store, scribe.change(scribe.event("noted")))
    assert isinstance(error, StoreBusy)
    assert str(error).startswith(f"The store {store.path} is locked by another program.")
    assert store.run("r").last_seq == 2
    db.execute("ROLLBACK")
    db.close()
    scribe.seq -= 1
    scribe.tell("noted")


def test_who_waits_behind_a_lock_is_told_together(store: SqliteStore) -> None:
    """A hundred queued changes do not wait for the same lock one after the other."""
    scribe = Scribe(store, "r")
    scribe.begin()
    db = sqlite3.connect(store.path, isolation_level=None)
    db.execute("BEGIN IMMEDIATE")
    outcomes: list[BaseException | None] = []
    for _ in range(100):
        store.commit(scribe.change(scribe.event("noted")), outcomes.append)
    wait_until(lambda: len(outcomes) == 100, "all are told")
    assert {type(outcome) for outcome in outcomes} == {StoreBusy}
    db.execute("ROLLBACK")
    db.close()


def test_a_home_that_is_removed_under_a_run_is_noticed(store: SqliteStore) -> None:
    """What is committed to a file that nobody can open any more would be lost in silence."""
    scribe = Scribe(store, "r")
    scribe.begin()
    for path in store.path.parent.iterdir():
        path.unlink()
    errors: list[str] = []

    def noticed() -> bool:
        error = commit(store, scribe.change(scribe.event("noted")))
        errors.append(str(error))
        return error is not None

    wait_until(noticed, "it is noticed")
    assert errors[-1] == f"The store {store.path} has no run r."
    assert store.runs() == []


# ---- files that are no store of ours -----------------------------------------------------------------------


def _damaged(tmp_path: Path) -> str:
    """Give what reading and writing say, which must be the same."""
    store = SqliteStore(url_of(tmp_path))
    before = store.path.read_bytes()
    with pytest.raises(StoreDamaged) as reading:
        store.runs()
    with pytest.raises(StoreDamaged) as claiming:
        store.claim("r")
    store.close()
    assert str(reading.value) == str(claiming.value)
    assert store.path.read_bytes() == before
    return str(reading.value).removeprefix(f"The store {store.path} ")


@pytest.mark.parametrize("content", [b"not a database at all, but a text\n" * 100, os.urandom(8192), b"x"])
def test_a_file_that_is_no_database_is_said_and_left_alone(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "runs.db").write_bytes(content)
    assert _damaged(tmp_path) == "is not a database. Move it away, or name another file."


def test_a_database_of_another_program_is_said_and_left_alone(tmp_path: Path) -> None:
    (tmp_path / "home").mkdir()
    db = sqlite3.connect(tmp_path / "home" / "runs.db")
    db.execute("CREATE TABLE customers (name TEXT)")
    db.commit()
    db.close()
    assert _damaged(tmp_path) == "is a database of another program. Name another file for the runs."


def test_a_damaged_database_is_said(tmp_path: Path) -> None:
    store = SqliteStore(url_of(tmp_path))
    scribe = Scribe(store, "r")
    scribe.begin()
    for number in range(200):
        scribe.do(f"s{number}", '"' + "x" * 500 + '"')
    store.close()
    data = bytearray(store.path.read_bytes())
    data[4096 * 4 :] = os.urandom(len(data) - 4096 * 4)
    store.path.write_bytes(data)
    store = SqliteStore(store.url)
    with pytest.raises(StoreDamaged, match=r"is damaged\. Move it away, or put a backup in its place\."):
        store.events("r")
    store.close()


def test_an_empty_file_becomes_a_store(tmp_path: Path) -> None:
    """SQLite makes such a file when somebody only looked."""
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "runs.db").touch()
    store = SqliteStore(url_of(tmp_path))
    assert store.runs() == []
    Scribe(store, "r").begin()
    assert store.run("r").status == "running"
    store.close()


def test_a_newer_store_is_refused_by_name_and_left_alone_s43(tmp_path: Path) -> None:
    store = SqliteStore(url_of(tmp_path))
    Scribe(store, "r").begin()
    store.close()
    db = sqlite3.connect(store.path)
    db.execute(f"PRAGMA user_version = {SCHEMA.version + 1}")
    db.close()
    before = store.path.read_bytes()
    store = SqliteStore(store.url)
    for ask in (store.runs, lambda: store.claim("r")):
        with pytest.raises(StoreNewer, match=r"was written by a newer Ergon .*Upgrade"):
            ask()
    store.close()
    assert store.path.read_bytes() == before


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///", "sqlite:runs.db", "postgres://x"])
def test_a_url_that_names_no_file_is_refused(url: str) -> None:
    with pytest.raises(Unsupported, match=r"sqlite:///folder/runs\.db"):
        SqliteStore(url)


def test_a_path_may_hold_what_a_url_would_escape(tmp_path: Path) -> None:
    folder = tmp_path / "50% off?#really & ünïcode"
    store = SqliteStore(f"sqlite:///{folder}/runs.db")
    Scribe(store, "r").begin()
    store.close()
    assert sorted(path.name for path in folder.iterdir()) == [".gitignore", "runs.db", "runs.db.leases"]
