"""The tables are what the events say, however these come: in which transactions, and after which reloads."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ergon.adapters.stores import queries
from ergon.adapters.stores.lease import Host
from ergon.adapters.stores.ledger import Ledger
from ergon.adapters.stores.projection import Projection
from ergon.adapters.stores.schema import SCHEMA
from ergon.errors import LeaseLost, StoreError
from ergon.model import events as e
from ergon.model.events import Event
from ergon.ports import Change

_PATHS = ["a", "b", "fan", "fan[0]", "fan[0].x", "fan[1].x", "fan[1].x.y", "route", "route.hot"]
_STEP_TYPES = [
    e.STEP_STARTED,
    e.STEP_WAITING,
    e.STEP_RESUMED,
    e.ATTEMPT_FAILED,
    e.ATTEMPT_LOST,
    e.STEP_SUCCEEDED,
    e.STEP_FAILED,
    e.STEP_SKIPPED,
    e.STEP_CANCELLED,
    e.STEP_WARNED,
    "of_tomorrow",
]
_RUN_TYPES = [
    e.RUN_STARTED,
    e.RUN_PAUSED,
    e.RUN_WAITING,
    e.RUN_INTERRUPTED,
    e.RUN_FINISHED,
    e.RUN_REOPENED,
    e.RUN_EDITED,
]
_SOME_PATHS = st.lists(st.sampled_from(_PATHS), max_size=3)
_STEP_FACTS = st.tuples(
    st.sampled_from(_STEP_TYPES),
    st.sampled_from(_PATHS),
    st.integers(0, 3),
    st.fixed_dictionaries(
        {},
        optional={
            "error": st.just({"type": "Timeout"}),
            "origin": st.sampled_from(["cached", "computed"]),
            "cache_key": st.sampled_from(["k1", "k2"]),
            "why": st.just("signal"),
            "due": st.just(5.0),
        },
    ),
)
_RUN_FACTS = st.tuples(
    st.sampled_from(_RUN_TYPES),
    st.just(""),
    st.just(0),
    st.fixed_dictionaries(
        {"status": st.sampled_from(["failed", "succeeded"]), "definition": st.sampled_from(["d1", "d2"])},
        optional={"reset": _SOME_PATHS, "recheck": _SOME_PATHS, "open": _SOME_PATHS, "superseded": _SOME_PATHS},
    ),
)


@pytest.fixture
def db() -> Iterator[sqlite3.Connection]:
    db = _empty()
    yield db
    db.close()


def _empty() -> sqlite3.Connection:
    db = sqlite3.connect(":memory:", isolation_level=None)
    for statement in SCHEMA.tables:
        db.execute(statement)
    return db


def _ledger() -> Ledger:
    return Ledger(path=Path("runs.db"), host=Host("here", ""))


def _created(run: str = "r") -> Event:
    return Event(run, 1, 1.0, e.RUN_CREATED, data={"workflow": "flow", "definition": "d0"}, correlation=run)


@given(facts=st.lists(_STEP_FACTS | _RUN_FACTS, max_size=40), draw=st.data())
def test_tables_are_the_fold_of_the_journal_s38(
    facts: list[tuple[str, str, int, dict[str, object]]], draw: st.DataObject
) -> None:
    events = [_created()]
    for seq, (kind, step, attempt, data) in enumerate(facts, start=2):
        events.append(Event("r", seq, float(seq), kind, step, attempt, data, "1", correlation="r"))
    folded = Projection()
    for event in events:
        folded.apply(event)
    with contextlib.closing(_empty()) as db:
        _write_somehow(db, events, draw)
        _compare(db, events, folded)


def _write_somehow(db: sqlite3.Connection, events: list[Event], draw: st.DataObject) -> None:
    """Write events in changes and transactions of any size, forgetting in between what was written."""
    ledger, left = _ledger(), list(events)
    while left:
        for _ in range(draw.draw(st.integers(1, 3))):
            count = draw.draw(st.integers(1, 6))
            ledger.enter(db, Change("r", 1, left[:count]))
            del left[:count]
        ledger.flush(db)
        if draw.draw(st.booleans()):
            ledger.forget("r")


def _compare(db: sqlite3.Connection, events: list[Event], folded: Projection) -> None:
    assert queries.events(db, "r", after=0, limit=None) == events
    assert queries.run(db, "r").record == folded.run.record("r", epoch=1, last_seq=len(events))
    steps = sorted(folded.steps.items(), key=lambda item: item[1].first)
    assert queries.steps(db, "r") == [each.record("r", path) for path, each in steps]
    waits = sorted(folded.waits.items())
    assert queries.waits(db, "r") == [each.record("r", path) for path, each in waits]
    cached = set(db.execute("SELECT key, event & 4294967295 FROM cache").fetchall())
    assert cached == set(folded.touched.cached)
    named = {sha256 for (sha256,) in db.execute("SELECT sha256 FROM named WHERE kind = 'definition'").fetchall()}
    assert named == folded.touched.definitions


def test_a_step_with_many_events_in_a_transaction_is_written_once(db: sqlite3.Connection) -> None:
    written: list[str] = []
    ledger = _ledger()
    ledger.enter(db, Change("r", 1, [_created()]))
    events = [Event("r", seq, 1.0, e.STEP_STARTED if seq % 2 else e.ATTEMPT_FAILED, "a", seq) for seq in range(2, 20)]
    ledger.enter(db, Change("r", 1, events))
    db.set_trace_callback(written.append)
    ledger.flush(db)
    assert sum("INTO steps" in statement for statement in written) == 1
    assert sum("INTO events" in statement for statement in written) == 19


def test_what_is_refused_leaves_no_trace_s44(db: sqlite3.Connection) -> None:
    ledger = _ledger()
    ledger.enter(db, Change("r", 2, [_created()]))
    ledger.flush(db)
    with pytest.raises(LeaseLost):
        _ledger().enter(db, Change("r", 1, [Event("r", 2, 1.0, "noted")], {"d1": "{}"}, commands_done=[1]))
    with pytest.raises(StoreError, match="got event 3 of run r where 2 follows"):
        ledger.enter(db, Change("r", 2, [Event("r", 3, 1.0, "noted")], {"d2": "{}"}))
    with pytest.raises(StoreError, match="got event 2 of run x where 1 follows"):
        ledger.enter(db, Change("x", 1, [_created("x")._replace(seq=2)]))
    with pytest.raises(StoreError, match="has no run x"):
        ledger.enter(db, Change("x", 1, []))
    before = list(db.iterdump())
    ledger.flush(db)
    assert list(db.iterdump()) == before


def test_a_step_costs_less_than_a_kilobyte(tmp_path: Path) -> None:
    """DESIGN.md section 10: journal ≤ 1 KB per step, all tables and indexes together."""
    db = sqlite3.connect(tmp_path / "runs.db", isolation_level=None)
    for statement in SCHEMA.tables:
        db.execute(statement)
    (empty,) = db.execute("PRAGMA page_count").fetchone()
    ledger, count = _ledger(), 2000
    ledger.enter(db, Change("r", 1, [_created()]))
    db.execute("BEGIN")
    for index in range(count):
        path, seq = f"outer[{index}].inner", 2 * index + 2
        inputs = {"inputs": '{"city":"Oslo","year":2012,"rows":[1,2,3]}', "cache_key": f"{index:064x}"}
        started = Event("r", seq, 1.7e9 + seq, e.STEP_STARTED, path, 1, correlation="r")
        ended = Event("r", seq + 1, 1.7e9 + seq, e.STEP_SUCCEEDED, path, 1, inputs, '{"mean":12.5,"count":365}')
        ledger.enter(db, Change("r", 1, [started, ended]))
        ledger.flush(db)
    db.execute("COMMIT")
    (pages,) = db.execute("PRAGMA page_count").fetchone()
    (size,) = db.execute("PRAGMA page_size").fetchone()
    db.close()
    assert (pages - empty) * size / count < 600
