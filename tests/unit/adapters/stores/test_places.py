"""Whose turn it is in the line of a workflow's runs (S54)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ergon.adapters.stores.places import Standing, judge
from ergon.adapters.stores.sqlite import SqliteStore
from ergon.model import events as e
from ergon.model.records import Place, Placed
from ergon.testing.journals import Scribe, wait_until


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteStore]:
    store = SqliteStore(f"sqlite:///{tmp_path}/home/runs.db")
    yield store
    store.close()


def _ask(scribe: Scribe, rank: float) -> Placed:
    place = Place(scribe.run, scribe.lease.epoch, "flow", most=1, rank=rank)
    return scribe.store.take_place(place)


def _queued(store: SqliteStore, run: str) -> Scribe:
    scribe = Scribe(store, run)
    scribe.tell(e.RUN_CREATED, data={"workflow": "flow"})
    return scribe


@given(st.lists(st.one_of(st.none(), st.integers(0, 5)), max_size=8), st.integers(1, 4), st.integers(0, 5))
def test_s54_of_all_who_wait_the_first_ones_get_the_places(ranks: list[int | None], most: int, rank: int) -> None:
    others = [Standing(f"r{number}", each) for number, each in enumerate(ranks)]
    verdict = judge(Place("r", 1, "flow", most=most, rank=rank), others)
    held = sum(each is None for each in ranks)
    waiting = sorted((each.rank, each.run) for each in [*others, Standing("r", rank)] if each.rank is not None)
    assert verdict.free == (held < most)
    assert verdict.first == ((rank, "r") in waiting[: max(0, most - held)])


def test_s54_who_leaves_a_free_place_lying_is_passed_over_and_who_waits_is_told(store: SqliteStore) -> None:
    """The process of who is first may have stopped, or be full."""
    other = SqliteStore(store.url)
    first, early, late = _queued(store, "a"), _queued(store, "b"), _queued(other, "c")
    for scribe, rank in ((first, 0.0), (early, 10.0), (late, 20.0)):
        _ask(scribe, rank)
    told: list[bool] = []
    end = other.watch(lambda: told.append(_ask(late, 20.0).has))
    first.lease.release()
    wait_until(lambda: True in told, "it is told, asks again and gets the place")
    assert told[0] is False
    assert not _ask(early, 10.0).has
    end()
    other.close()


def test_s54_who_asks_again_in_vain_writes_nothing(store: SqliteStore) -> None:
    first, second = _queued(store, "a"), _queued(store, "b")
    _ask(first, 0.0)
    _ask(second, 1.0)
    before = store._transactions.commits
    for _ in range(20):
        assert not _ask(second, 1.0).has
    assert store._transactions.commits == before


def test_s54_places_of_the_dead_are_swept(store: SqliteStore) -> None:
    for number in range(3):
        dead = Scribe(store, f"dead{number}")
        dead.begin()
        store._owners._locks.release(dead.run)  # as the system does when a process ends
    assert _ask(_queued(store, "a"), 0.0) == Placed(has=True)
    assert store._read(lambda db: db.execute("SELECT count(*) FROM places").fetchone()[0]) == 1
