"""Who owns a run, between real processes (S44)."""

from __future__ import annotations

import os
import signal
import sqlite3
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.integration.store_process import Remote, url_of

from ergon.adapters.stores.lease import Host
from ergon.adapters.stores.locks import lock_file
from ergon.adapters.stores.sqlite import SqliteStore
from ergon.errors import LeaseLost, RunOwned
from ergon.testing.journals import Scribe, commit, wait_until


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteStore]:
    store = SqliteStore(url_of(tmp_path))
    yield store
    store.close()


def test_a_second_process_is_refused_by_name_while_the_owner_lives_s44(store: SqliteStore) -> None:
    with Remote(store.url) as remote:
        remote.ask("begin", "r")
        with pytest.raises(RunOwned, match=f"Run r is owned by process {remote.pid} on {os.uname().nodename}"):
            store.claim("r")
        owner = store.owner("r")
        assert owner is not None
        assert owner.pid == remote.pid
        assert store.run("r").status == "running"


def test_after_kill_9_a_run_can_be_claimed_at_once_s44(store: SqliteStore) -> None:
    with Remote(store.url) as remote:
        remote.ask("begin", "r")
        remote.kill()
        assert store.run("r").status == "interrupted"
        assert store.owner("r") is None
        assert store.claim("r").epoch == 2


def test_a_run_that_was_given_up_is_free_for_others_s44(store: SqliteStore) -> None:
    with Remote(store.url) as remote:
        remote.ask("begin", "r")
        remote.ask("release", "r")
        wait_until(lambda: store.owner("r") is None, "the run has no owner")
        lease = store.claim("r")
        assert remote.ask("owner", "r") == os.getpid()
        lease.release()


def test_a_fork_inherits_no_lease_s44(store: SqliteStore) -> None:
    with Remote(store.url) as remote:
        remote.ask("begin", "r")
        assert f"RunOwned: Run r is owned by process {remote.pid} " in remote.ask("fork_claims", "r")
        assert "Run r was taken over" in remote.ask("fork_writes", "r")
        assert remote.ask("fork_begins", "child") == "done"
        assert remote.ask("note", "r", 3) == ""
        assert store.run("r").last_seq == 5
        assert store.run("child").status == "interrupted"


def test_a_fork_that_survives_keeps_nothing_from_being_claimed_s44(store: SqliteStore) -> None:
    with Remote(store.url) as remote:
        remote.ask("begin", "r")
        child = remote.ask("fork_stays")
        try:
            remote.kill()
            assert store.claim("r").epoch == 2
        finally:
            os.kill(child, signal.SIGKILL)


def test_a_process_that_wakes_after_its_run_was_taken_writes_nothing_s44(store: SqliteStore) -> None:
    """The lock is lost with its file; the epoch still keeps the old owner out."""
    with Remote(store.url) as remote:
        remote.ask("begin", "r")
        remote.ask("note", "r", 5)
        remote.stop()
        with pytest.raises(RunOwned):
            store.claim("r")
        lock_file(store.path.with_name("runs.db.leases")).path.unlink()
        scribe = Scribe(store, "r")
        assert scribe.lease.epoch == 2
        scribe.seq = store.run("r").last_seq
        scribe.tell("taken_over")
        remote.go_on()
        assert remote.ask("note", "r", 5) == ("LeaseLost: Run r was taken over by another process (epoch 2).")
        assert [event.type for event in store.events("r")][-1] == "taken_over"
        assert store.run("r").last_seq == 8
        scribe.tell("goes_on")


def test_an_owner_that_was_stopped_just_before_a_commit_writes_nothing_s44(store: SqliteStore) -> None:
    with Remote(store.url) as remote:
        remote.ask("begin", "r")
        remote.ask("die_at", "before", 3, "SIGSTOP")
        remote.tell("note", "r", 5)
        remote.wait_until_stopped()
        lock_file(store.path.with_name("runs.db.leases")).path.unlink()
        scribe = Scribe(store, "r")
        scribe.seq = store.run("r").last_seq
        scribe.tell("taken_over")
        remote.go_on()
        assert remote.answer()["result"].startswith("LeaseLost")
        assert store.run("r").last_seq == scribe.seq


def test_a_stale_change_keeps_no_others_out_of_its_transaction_s44(tmp_path: Path) -> None:
    transactions: list[int] = []
    store = SqliteStore(url_of(tmp_path), hook=lambda moment, number: transactions.append(number))
    stale, good = Scribe(store, "stale"), Scribe(store, "good")
    for scribe in (stale, good):
        scribe.begin()
    with sqlite3.connect(store.path) as db:
        db.execute("UPDATE runs SET epoch = 7 WHERE id = 'stale'")
    db.close()
    queued, outcomes = threading.Event(), list[BaseException | None]()

    def hold(error: BaseException | None) -> None:
        queued.wait(60)

    store.commit(good.change(good.event("noted")), hold)
    for scribe in (stale, good, stale, good):
        store.commit(scribe.change(scribe.event("noted")), outcomes.append)
    before = transactions[-1]
    queued.set()
    wait_until(lambda: len(outcomes) == 4, "all are told")
    assert [type(outcome) for outcome in outcomes] == [LeaseLost, type(None), LeaseLost, type(None)]
    assert transactions[-1] <= before + 2
    assert (store.run("stale").last_seq, store.run("good").last_seq) == (2, 5)
    store.close()


def test_locks_that_a_stray_close_dropped_are_taken_again_s44(tmp_path: Path) -> None:
    """POSIX drops a process's locks when any descriptor of the file is closed, as a backup tool's would be."""
    store = SqliteStore(url_of(tmp_path), beat_every=0.05)
    with Remote(store.url) as remote:
        assert remote.ask("owner", "r") == 0
        Scribe(store, "r").begin()
        assert remote.ask("owner", "r") == os.getpid()
        locks = lock_file(store.path.with_name("runs.db.leases"))
        locks.path.read_bytes()
        wait_until(lambda: bool(remote.ask("owner", "r") == os.getpid()), "the lock is held again")
    store.close()


def test_an_owner_on_another_host_counts_while_its_heart_beats_s44(tmp_path: Path) -> None:
    here = SqliteStore(url_of(tmp_path), host=Host("here", "machine-1"))
    there = SqliteStore(url_of(tmp_path), host=Host("there", "machine-2"))
    scribe = Scribe(there, "r")
    scribe.begin()
    _drop_lock(there, "r")  # locks of another host are not seen here
    owner = here.owner("r")
    assert owner is not None
    assert owner.host == "there"
    assert here.run("r").status == "running"
    with pytest.raises(RunOwned, match="on there, which is alive"):
        here.claim("r")
    with sqlite3.connect(here.path) as db:
        db.execute("UPDATE runs SET beat = ?", (time.time() - 61,))
    db.close()
    assert here.run("r").status == "interrupted"
    assert here.claim("r").epoch == 2
    assert isinstance(commit(there, scribe.change(scribe.event("noted"))), LeaseLost)
    there.close()
    here.close()


def test_a_container_of_this_machine_is_not_elsewhere_s44() -> None:
    host = Host("laptop", "boot-1")
    assert not host.is_elsewhere("laptop", "boot-0")  # restarted since
    assert not host.is_elsewhere("container", "boot-1")
    assert host.is_elsewhere("server", "boot-2")
    assert host.is_elsewhere("server", "")


def test_a_lease_beats_so_that_other_hosts_know_s44(tmp_path: Path) -> None:
    here = SqliteStore(url_of(tmp_path), host=Host("here", "machine-1"))
    there = SqliteStore(url_of(tmp_path), host=Host("there", "machine-2"), beat_every=0.01)
    scribe = Scribe(there, "r")
    scribe.begin()
    with sqlite3.connect(here.path) as db:
        db.execute("UPDATE runs SET beat = 0")
    db.close()
    wait_until(lambda: _beat(here) > time.time() - 60, "its heart beats")
    _drop_lock(there, "r")
    assert str(here.owner("r")).endswith("on there")
    scribe.lease.release()
    wait_until(lambda: _beat(here) == 0, "its heart beats no more")
    assert here.owner("r") is None
    there.close()
    here.close()


def _beat(store: SqliteStore) -> float:
    db = sqlite3.connect(store.path)
    (beat,) = db.execute("SELECT beat FROM runs WHERE id = 'r'").fetchone()
    db.close()
    return float(beat)


def _drop_lock(store: SqliteStore, run: str) -> None:
    """Make a lock invisible to the others in this process, as those of another host may be."""
    locks = lock_file(store.path.with_name("runs.db.leases"))
    locks.release(run)
    assert locks.holder(run) is None
