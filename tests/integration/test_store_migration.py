"""Stores of older versions (S43)."""

from __future__ import annotations

import sqlite3
from dataclasses import replace
from pathlib import Path

import pytest
from tests.integration.store_process import Remote, url_of

from ergon.adapters.stores.schema import SCHEMA, Schema
from ergon.adapters.stores.sqlite import SqliteStore
from ergon.errors import StoreBusy, StoreDamaged, StoreError, StoreNewer
from ergon.model import events as e
from ergon.model.records import Place, Placed
from ergon.testing.journals import Scribe

NEXT = replace(
    SCHEMA,
    version=SCHEMA.version + 2,
    migrations={
        SCHEMA.version: ("ALTER TABLE runs ADD COLUMN colour TEXT NOT NULL DEFAULT 'green'",),
        SCHEMA.version + 1: ("UPDATE runs SET colour = 'red' WHERE id = 'r'", "CREATE TABLE more (x)"),
    },
)
"""Two versions on, as a later release would have it."""


COLUMNS = (
    "n, id, workflow, status, created_at, definition, file, reason, started_at, ended_at, parent, priority, actor,"
    " trigger, tags, correlation, epoch, host, machine, pid, beat"
)
"""The columns of `runs` in form 1."""


def _old(tmp_path: Path) -> str:
    store = SqliteStore(url_of(tmp_path))
    scribe = Scribe(store, "r")
    scribe.begin()
    scribe.do("a", '"kept"')
    store.close()
    return store.url


def _ask(path: Path, query: str) -> object:
    db = sqlite3.connect(path)
    answer = db.execute(query).fetchone()[0]
    db.close()
    return answer


@pytest.mark.parametrize("first", ["read", "write"])
def test_an_older_store_is_migrated_when_it_is_opened_after_a_backup_s43(tmp_path: Path, first: str) -> None:
    store = SqliteStore(_old(tmp_path), schema=NEXT)
    if first == "write":
        assert store.claim("r").epoch == 2
    assert store.run("r").workflow == "flow"
    assert store.latest_output("flow", "a") == ("r", '"kept"')
    assert _ask(store.path, "PRAGMA user_version") == NEXT.version
    assert _ask(store.path, "SELECT colour FROM runs") == "red"
    backup = store.path.with_name(f"runs.db.backup-v{SCHEMA.version}")
    assert _ask(backup, "PRAGMA user_version") == SCHEMA.version
    assert _ask(backup, "SELECT count(*) FROM events") == 4
    store.close()
    with pytest.raises(StoreNewer):
        SqliteStore(store.url).runs()


def test_form_1_knows_what_runs_rested_once_it_is_migrated_s43(tmp_path: Path) -> None:
    (bare,) = [table.replace("        rested REAL NOT NULL DEFAULT 0,\n", "") for table in SCHEMA.tables[:1]]
    store = SqliteStore(url_of(tmp_path))
    scribes = [Scribe(store, "r"), Scribe(store, "other")]
    for scribe in scribes:
        scribe.begin()
        scribe.tell(e.RUN_PAUSED)
        scribe.at += 99
        scribe.tell(e.RUN_STARTED, data={"epoch": 1})
        scribe.tell(e.RUN_FINISHED, data={"status": "failed"})
    scribes[0].at += 999
    scribes[0].tell(e.RUN_REOPENED)
    assert [store.run(run).rested for run in ("r", "other")] == [1100, 100]
    store.close()
    db = sqlite3.connect(store.path, isolation_level=None)
    for statement in (
        "DROP TABLE places",
        "CREATE TABLE copied AS SELECT * FROM runs",
        "DROP TABLE runs",
        bare,
        f"INSERT INTO runs SELECT {COLUMNS} FROM copied",
        "DROP TABLE copied",
        "PRAGMA user_version = 1",
    ):
        db.execute(statement)
    db.close()
    migrated = SqliteStore(store.url)
    assert [migrated.run(run).rested for run in ("r", "other")] == [1100, 100]
    assert migrated.run("r").id == "r"
    assert _ask(migrated.path, "PRAGMA user_version") == SCHEMA.version
    migrated.close()


def test_under_a_live_owner_nothing_is_migrated_s43(tmp_path: Path) -> None:
    url = _old(tmp_path)
    store = SqliteStore(url, schema=NEXT)
    with Remote(url) as remote:
        remote.ask("claim", "r")
        for ask in (store.runs, lambda: store.claim("other")):
            with pytest.raises(StoreBusy, match=f"newer form, and process {remote.pid} on .* has a run in it"):
                ask()
        assert _ask(store.path, "PRAGMA user_version") == SCHEMA.version
    assert store.run("r").status == "interrupted"
    assert _ask(store.path, "PRAGMA user_version") == NEXT.version
    store.close()


def test_a_migration_that_fails_changes_nothing_s43(tmp_path: Path) -> None:
    broken: Schema = replace(
        NEXT, migrations={**NEXT.migrations, SCHEMA.version + 1: ("CREATE TABLE odd (x)", "UPDATE nowhere SET x = 1")}
    )
    store = SqliteStore(_old(tmp_path), schema=broken)
    with pytest.raises(StoreError, match="no such table: nowhere"):
        store.runs()
    store.close()
    assert _ask(store.path, "PRAGMA user_version") == SCHEMA.version
    assert _ask(store.path, "SELECT count(*) FROM sqlite_master WHERE name = 'odd'") == 0
    store = SqliteStore(store.url)
    assert store.run("r").last_seq == 4
    store.close()


def test_a_version_from_which_no_way_leads_is_said(tmp_path: Path) -> None:
    url = _old(tmp_path)
    store = SqliteStore(url, schema=replace(NEXT, version=SCHEMA.version + 3))
    with pytest.raises(StoreDamaged, match="from which no way leads"):
        store.runs()
    store.close()


def test_a_store_without_places_gets_them_s43_s54(tmp_path: Path) -> None:
    """As the first version wrote it: its journals stay, and its runs take places from then on."""
    url = _old(tmp_path)
    path = tmp_path / "home" / "runs.db"
    with sqlite3.connect(path) as db:
        db.execute("DROP TABLE places")
        db.execute("ALTER TABLE runs DROP COLUMN rested")
        db.execute("PRAGMA user_version = 1")
    db.close()
    store = SqliteStore(url)
    lease = store.claim("r")
    assert store.take_place(Place("r", lease.epoch, "flow", most=1, rank=0.0)) == Placed(has=True)
    assert _ask(path, "PRAGMA user_version") == SCHEMA.version
    assert _ask(path, "SELECT count(*) FROM places") == 1
    assert len(store.events("r")) == 4
    store.close()
