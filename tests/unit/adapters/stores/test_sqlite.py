from __future__ import annotations

import logging
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from ergon.adapters.stores.sqlite import SqliteStore
from ergon.errors import RunNotFound, StoreError
from ergon.model.records import Command
from ergon.testing.journals import Scribe, commit, wait_until


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteStore]:
    store = SqliteStore(f"sqlite:///{tmp_path}/home/runs.db")
    yield store
    store.close()


def _held(store: SqliteStore, scribe: Scribe) -> threading.Event:
    """Hold the writer in the callback of a commit until the event is set, so that what follows queues up."""
    reached, go_on = threading.Event(), threading.Event()

    def hold(error: BaseException | None) -> None:
        reached.set()
        go_on.wait(60)

    store.commit(scribe.change(scribe.event("noted")), hold)
    assert reached.wait(60)
    return go_on


# ---- opening -----------------------------------------------------------------------------------------------


def test_reading_makes_nothing(tmp_path: Path) -> None:
    store = SqliteStore(f"sqlite:///{tmp_path}/home/runs.db")
    assert store.runs() == []
    assert store.notes == ()
    store.watch(lambda: None)()
    store.close()
    assert list(tmp_path.iterdir()) == []


def test_the_home_is_made_with_the_first_run(store: SqliteStore) -> None:
    Scribe(store, "r").begin()
    assert (store.path.parent / ".gitignore").read_text() == "*\n"


def test_a_relative_url_starts_at_the_working_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    store = SqliteStore("sqlite:///home/runs.db")
    monkeypatch.chdir("/")
    Scribe(store, "r").begin()
    store.close()
    assert (tmp_path / "home" / "runs.db").exists()


def test_it_is_light_to_import() -> None:
    code = (
        "import sys; before = set(sys.modules); import ergon.adapters.stores.sqlite;"
        "print(*sorted({name.partition('.')[0] for name in set(sys.modules) - before}))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"pydantic", "asyncio", "jinja2", "yaml", "networkx", "hashlib"} & set(done.stdout.split())


def test_it_says_so_where_wal_cannot_be_had_s43(store: SqliteStore, tmp_path: Path) -> None:
    Scribe(store, "r").begin()
    assert store.notes == ()
    other = SqliteStore(f"sqlite:///{tmp_path}/other/runs.db", vfs="unix-dotfile")
    Scribe(other, "r").begin()
    (note,) = other.notes
    assert note == f"The store {other.path} uses a rollback journal, which is slower, because WAL cannot be had there."
    other.close()


def test_full_durability_syncs_and_process_does_not_s43(tmp_path: Path) -> None:
    store = SqliteStore(f"sqlite:///{tmp_path}/home/runs.db")
    seen: list[int] = []
    scribe = Scribe(store, "r")
    scribe.begin()
    opened = store._transactions
    for durability, level in (("full", 2), ("process", 1), ("off", 1), ("full", 2)):
        scribe.durability = durability  # type: ignore[assignment]
        scribe.tell("noted")
        assert opened._db is not None
        seen.append(opened._db.execute("PRAGMA synchronous").fetchone()[0])
        assert seen[-1] == level
    store.close()


# ---- the writer --------------------------------------------------------------------------------------------


def test_what_waits_is_committed_in_one_transaction_s43(tmp_path: Path) -> None:
    numbers: list[int] = []
    store = SqliteStore(f"sqlite:///{tmp_path}/home/runs.db", hook=lambda moment, number: numbers.append(number))
    scribes = [Scribe(store, f"r{n}") for n in range(10)]
    for scribe in scribes:
        scribe.begin()
    go_on, outcomes = _held(store, scribes[0]), list[BaseException | None]()
    before = numbers[-1]
    for _ in range(20):
        for scribe in scribes:
            store.commit(scribe.change(scribe.event("noted")), outcomes.append)
    go_on.set()
    wait_until(lambda: len(outcomes) == 200, "all are told")
    assert outcomes == [None] * 200
    assert numbers[-1] == before + 1
    store.close()


def test_a_change_that_cannot_be_written_keeps_no_others_out(store: SqliteStore) -> None:
    good, bad = Scribe(store, "good"), Scribe(store, "bad")
    for scribe in (good, bad):
        scribe.begin()
    go_on, outcomes = _held(store, good), list[BaseException | None]()
    store.commit(good.change(good.event("noted")), outcomes.append)
    store.commit(bad.change(bad.event("noted", data={"a": {1, 2}})), outcomes.append)
    store.commit(bad.change(bad.event("noted")), outcomes.append)
    store.commit(good.change(good.event("noted", value="\udcff")), outcomes.append)
    store.commit(good.change(good.event("noted")), outcomes.append)
    go_on.set()
    wait_until(lambda: len(outcomes) == 5, "all are told")
    assert outcomes[0] is None
    assert "could not be used: an event's data holds a set, which JSON has not (TypeError)" in str(outcomes[1])
    assert "got event 4 of run bad where 3 follows" in str(outcomes[2])
    assert "surrogates not allowed" in str(outcomes[3])
    assert "got event 6 of run good where 5 follows" in str(outcomes[4])
    assert (store.run("good").last_seq, store.run("bad").last_seq) == (4, 2)


def test_a_hook_that_fails_undoes_its_transaction_but_not_after_it(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    fails = ""

    def hook(moment: str, number: int) -> None:
        if moment == fails:
            raise RuntimeError(moment)

    store = SqliteStore(f"sqlite:///{tmp_path}/home/runs.db", hook=hook)
    scribe = Scribe(store, "r")
    scribe.begin()
    for moment in ("before", "inside"):
        fails = moment
        error = commit(store, scribe.change(scribe.event("noted")))
        assert isinstance(error, StoreError)
        scribe.seq -= 1
        assert store.run("r").last_seq == 2
    assert not caplog.records
    fails = "after"
    scribe.tell("noted")
    assert store.run("r").last_seq == 3
    assert [record.levelno for record in caplog.records] == [logging.ERROR]
    fails = ""
    store.close()


def test_a_callback_may_use_the_store(store: SqliteStore) -> None:
    """It runs in the writer's thread, which must not wait for itself."""
    scribe = Scribe(store, "r")
    scribe.begin()
    seen: list[object] = []
    ended = threading.Event()

    def done(error: BaseException | None) -> None:
        seen.append(store.send(Command("pause", "r")))
        seen.append(store.claim("other").epoch)
        seen.append(store.run("r").last_seq)
        seen.append(store.prune(before=None, keep=0).runs)
        store.commit(scribe.change(scribe.event("noted")), lambda error: ended.set())

    store.commit(scribe.change(scribe.event("noted")), done)
    assert ended.wait(60)
    assert seen == [1, 1, 3, 0]
    assert store.run("r").last_seq == 4


def test_a_command_that_is_refused_leaves_the_writer_as_it_was(store: SqliteStore) -> None:
    scribe = Scribe(store, "r")
    scribe.begin()
    with pytest.raises(RunNotFound):
        store.send(Command("pause", "nobody"))
    scribe.tell("noted")
    assert store.run("r").last_seq == 3


def test_closing_from_a_callback_does_not_wait_for_itself(store: SqliteStore) -> None:
    scribe = Scribe(store, "r")
    scribe.begin()
    ended = threading.Event()

    def done(error: BaseException | None) -> None:
        store.close()
        ended.set()

    store.commit(scribe.change(scribe.event("noted")), done)
    assert ended.wait(60)


# ---- reading -----------------------------------------------------------------------------------------------


def test_no_view_holds_a_transaction_open_s43(store: SqliteStore) -> None:
    """A checkpoint that empties the WAL needs all readers to be gone."""
    scribe = Scribe(store, "r")
    scribe.begin()
    for number in range(50):
        scribe.do(f"s{number}")
        store.runs()
        store.events("r", limit=3)
        store.steps("r")
        store.cached("k")
    db = sqlite3.connect(store.path)
    assert db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0] == 0
    db.close()
    assert Path(f"{store.path}-wal").stat().st_size == 0


def test_many_threads_read_at_once_while_one_writes(store: SqliteStore) -> None:
    scribe = Scribe(store, "r")
    scribe.begin()
    faults: list[BaseException] = []
    stop = threading.Event()

    def read() -> None:
        try:
            while not stop.is_set():
                seen = [event.seq for event in store.events("r")]
                assert seen == list(range(1, len(seen) + 1))
                assert store.run("r").last_seq >= len(seen)
        except BaseException as error:  # shown by the test
            faults.append(error)

    threads = [threading.Thread(target=read) for _ in range(3)]
    for thread in threads:
        thread.start()
    for number in range(15):
        scribe.do(f"s{number}")
    stop.set()
    for thread in threads:
        thread.join()
    assert faults == []


def test_the_journal_can_be_read_with_a_database_shell(store: SqliteStore) -> None:
    scribe = Scribe(store, "r")
    scribe.begin()
    scribe.do("a", '"out"')
    db = sqlite3.connect(store.path)
    rows = db.execute("SELECT run, seq, type, step, value, correlation FROM journal ORDER BY seq").fetchall()
    db.close()
    assert rows[-1] == ("r", 4, "step_succeeded", "a", '"out"', "r")


def test_pruning_gives_room_back_s49(store: SqliteStore) -> None:
    scribe = Scribe(store, "r")
    scribe.begin()
    scribe.write(*[scribe.event("noted", value='"' + "x" * 2000 + '"') for _ in range(2000)])
    scribe.finish()
    wait_until(lambda: store.owner("r") is None, "the run has no owner")
    pruned = store.prune(before=None, keep=0)
    assert pruned.runs == 1
    assert pruned.bytes > 3_000_000
    store.close()
    assert store.path.stat().st_size < 1_000_000
