"""Several processes on one home, and processes that are killed (S42, S43, S45)."""

from __future__ import annotations

import signal
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from tests.integration.store_process import Remote, url_of

from ergon.adapters.stores.sqlite import SqliteStore
from ergon.errors import StoreBusy
from ergon.model import events as e
from ergon.model.records import Command
from ergon.testing.journals import Scribe, commit, wait_until


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteStore]:
    store = SqliteStore(url_of(tmp_path), patience=20.0)
    yield store
    store.close()


def _sound(store: SqliteStore) -> bool:
    db = sqlite3.connect(store.path)
    (answer,) = db.execute("PRAGMA integrity_check").fetchone()
    db.close()
    return bool(answer == "ok")


def test_four_processes_write_to_one_home_each_in_order_s43(store: SqliteStore) -> None:
    """All begin at once, so that they make the database together too."""
    with ExitStack() as stack:
        remotes = [stack.enter_context(Remote(store.url)) for _ in range(4)]
        for number, remote in enumerate(remotes):
            remote.tell("begin", f"r{number}")
            remote.tell("note", f"r{number}", 60, "full")
        for remote in remotes:
            assert remote.answer() == {"result": None}
            assert remote.answer() == {"result": ""}
        for number in range(4):
            assert [event.seq for event in store.events(f"r{number}")] == list(range(1, 63))
        assert [record.status for record in store.runs()] == ["running"] * 4
    assert [record.status for record in store.runs()] == ["interrupted"] * 4
    assert _sound(store)


@pytest.mark.parametrize(("moment", "kept"), [("before", 3), ("inside", 3), ("after", 4)])
@pytest.mark.parametrize("durability", ["full", "process"])
def test_killed_at_a_commit_a_journal_has_it_whole_or_not_at_all_s42(
    store: SqliteStore, moment: str, kept: int, durability: str
) -> None:
    with Remote(store.url) as remote:
        remote.ask("begin", "r")  # the first transaction
        remote.ask("note", "r", 1, durability)
        remote.ask("die_at", moment, 3, "SIGKILL")
        remote.tell("note", "r", 5, durability)
        assert remote.ended_by() == signal.SIGKILL
    assert [event.seq for event in store.events("r")] == list(range(1, kept + 1))
    assert store.run("r").status == "interrupted"
    assert _sound(store)
    scribe = Scribe(store, "r")
    scribe.seq = kept
    scribe.finish()
    assert store.run("r").status == "succeeded"


def test_killed_while_it_makes_the_database_it_leaves_none_or_a_whole_one_s42(store: SqliteStore) -> None:
    with Remote(store.url) as remote:
        remote.ask("die_at", "inside", 1, "SIGKILL")
        remote.tell("begin", "r")
        assert remote.ended_by() == signal.SIGKILL
    assert store.runs() == []
    Scribe(store, "r").begin()
    assert store.run("r").epoch == 1


def test_who_stands_still_inside_a_commit_holds_others_up_for_a_stated_time_s43(tmp_path: Path) -> None:
    store = SqliteStore(url_of(tmp_path), patience=0.3)
    with Remote(store.url) as remote:
        remote.ask("begin", "theirs")
        scribe = Scribe(store, "ours")
        scribe.begin()
        remote.ask("die_at", "inside", 2, "SIGSTOP")
        remote.tell("note", "theirs", 1)
        remote.wait_until_stopped()
        for _ in range(2):
            error = commit(store, scribe.change(scribe.event("noted")))
            assert isinstance(error, StoreBusy)
            assert str(remote.pid) in str(error) or "longer than 0.3 s" in str(error)
            scribe.seq -= 1
        remote.go_on()
        assert remote.answer() == {"result": ""}
        wait_until(lambda: commit(store, scribe.change(scribe.event("noted"))) is None or _again(scribe), "it goes on")
    assert store.run("ours").last_seq == 3
    store.close()


def _again(scribe: Scribe) -> bool:
    scribe.seq -= 1
    return False


def test_another_process_is_noticed_and_ones_own_commits_are_not_s45(store: SqliteStore) -> None:
    scribe = Scribe(store, "r")
    scribe.begin()
    told = threading.Semaphore(0)
    end = store.watch(told.release)
    for number in range(200):
        scribe.do(f"s{number}")
    assert not told.acquire(timeout=0.2)
    with Remote(store.url) as remote:
        remote.ask("begin", "theirs")
        assert told.acquire(timeout=30)
        while told.acquire(timeout=0.2):
            pass
        scribe.do("own")
        remote.ask("note", "theirs", 1)
        assert told.acquire(timeout=30)
    end()


def test_a_watch_sees_a_database_come_and_go_s45(store: SqliteStore) -> None:
    told = threading.Semaphore(0)
    end = store.watch(told.release)
    other = SqliteStore(store.url)
    Scribe(other, "r").begin()
    assert told.acquire(timeout=30)
    other.close()
    for path in store.path.parent.glob("runs.db*"):
        path.unlink()
    other = SqliteStore(store.url)
    Scribe(other, "again").begin()
    wait_until(lambda: [record.id for record in store.runs()] == ["again"], "the new database is read")
    while told.acquire(timeout=0.3):
        pass
    other.send(Command("pause", "again"))
    assert told.acquire(timeout=30)
    end()
    other.close()


def test_a_store_that_is_never_closed_writes_what_is_queued_when_its_process_ends(store: SqliteStore) -> None:
    with Remote(store.url) as remote:
        remote.tell("begin", "r")
        remote.tell("leave", "r", 40)
        assert remote.ended_by() == 0
    assert store.run("r").last_seq == 42
    assert store.events("r")[0].type == e.RUN_CREATED
