"""What every store must do about the places of a workflow's runs (S54)."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from ergon.errors import LeaseLost
from ergon.model import events as e
from ergon.model.records import Place, Placed
from ergon.ports import Store
from ergon.testing.contracts.store_fixtures import StoreFixtures
from ergon.testing.journals import Scribe, wait_until

_MANY = 12


def queued(store: Store, run: str, workflow: str = "flow") -> Scribe:
    """Give a run that was created and has not begun."""
    scribe = Scribe(store, run, workflow=workflow)
    scribe.tell(e.RUN_CREATED, data={"workflow": workflow})
    return scribe


def ask(scribe: Scribe, *, most: int = 1, rank: float = 0.0, waits: bool = True) -> Placed:
    """Ask for a place for a run."""
    place = Place(scribe.run, scribe.lease.epoch, scribe.workflow, most=most, rank=rank, waits=waits)
    return scribe.store.take_place(place)


class PlacesContract(StoreFixtures):
    """As many runs of a workflow have a place as may, whoever asks, and the first in the line comes next."""

    def test_s54_a_place_is_given_once(self, store: Store, view: Store) -> None:
        first, second = queued(store, "a"), queued(view, "b")
        assert ask(first) == Placed(has=True)
        assert ask(second) == Placed(has=False, others=("a",))
        assert ask(first).has
        assert not ask(second).has
        assert ask(second, most=2).has

    def test_s54_other_workflows_have_their_own(self, store: Store, view: Store) -> None:
        assert ask(queued(store, "a")).has
        assert ask(queued(view, "b", "another")) == Placed(has=True)

    def test_s54_runs_that_began_without_asking_count(self, store: Store, view: Store) -> None:
        Scribe(store, "a").begin()
        assert ask(queued(view, "b")) == Placed(has=False, others=("a",))

    @pytest.mark.parametrize("end", [e.RUN_FINISHED, e.RUN_PAUSED, e.RUN_INTERRUPTED, ""])
    def test_s54_a_place_is_free_when_its_run_was_given_up(self, store: Store, view: Store, end: str) -> None:
        first, second = queued(store, "a"), queued(view, "b")
        assert ask(first).has
        first.tell(e.RUN_STARTED)
        assert not ask(second).has
        if end:
            first.tell(end)
        first.lease.release()
        wait_until(lambda: ask(second).has, "the place is free")

    def test_s54_who_waits_is_told_that_a_place_is_free(self, store: Store, view: Store) -> None:
        first, second = queued(store, "a"), queued(view, "b")
        ask(first)
        ask(second)
        told = threading.Event()
        end = view.watch(told.set)
        first.lease.release()
        assert told.wait(30)
        wait_until(lambda: ask(second).has, "the place is free")
        end()

    def test_s54_the_first_in_the_line_comes_next(self, store: Store, view: Store) -> None:
        first, late, early = queued(store, "a"), queued(store, "b"), queued(view, "c")
        ask(first)
        assert not ask(late, rank=20.0).has
        assert ask(early, rank=10.0) == Placed(has=False, others=("a", "b"))
        first.lease.release()
        wait_until(lambda: view.owner("a") is None, "the place is free")
        assert ask(late, rank=20.0) == Placed(has=False, others=("c",))
        assert ask(early, rank=10.0).has

    def test_s54_who_leaves_the_line_is_in_nobodys_way(self, store: Store, view: Store) -> None:
        first, early, late = queued(store, "a"), queued(store, "b"), queued(view, "c")
        ask(first)
        ask(early, rank=10.0)
        ask(late, rank=20.0)
        for scribe in (early, first):
            scribe.lease.release()
        wait_until(lambda: view.owner("a") is None, "both have gone")
        assert ask(late, rank=20.0) == Placed(has=True)

    def test_s54_who_does_not_wait_is_in_nobodys_way(self, store: Store, view: Store) -> None:
        first, hasty, late = queued(store, "a"), queued(store, "b"), queued(view, "c")
        ask(first)
        assert not ask(hasty, rank=10.0, waits=False).has
        first.lease.release()
        wait_until(lambda: view.owner("a") is None, "the place is free")
        assert ask(late, rank=20.0) == Placed(has=True)

    def test_s54_a_run_that_is_claimed_anew_has_no_place_yet(self, store: Store, view: Store) -> None:
        """What had a place when its owner let it go, and now waits to be resumed, keeps nobody waiting."""
        first, second = Scribe(store, "a"), queued(view, "b")
        first.begin()
        first.lease.release()
        wait_until(lambda: view.owner("a") is None, "the run has no owner")
        first.lease = store.claim("a")
        assert ask(second) == Placed(has=True)
        assert not ask(first).has

    def test_s54_only_the_owner_may_ask(self, store: Store) -> None:
        scribe = queued(store, "a")
        with pytest.raises(LeaseLost):
            store.take_place(Place("a", 7, "flow", most=1, rank=0.0))
        scribe.lease.release()
        with pytest.raises(LeaseLost):
            ask(scribe)

    @pytest.mark.parametrize("most", [1, 3])
    def test_s54_of_many_who_ask_at_the_same_instant_as_many_have_one_as_may(
        self, store: Store, view: Store, most: int
    ) -> None:
        scribes = [queued(each, f"{name}{number}") for number in range(_MANY) for name, each in _both(store, view)]
        start, found = threading.Barrier(len(scribes)), list[bool]()

        def race(scribe: Scribe) -> Callable[[], None]:
            def run() -> None:
                start.wait()
                found.append(ask(scribe, most=most, waits=False).has)

            return run

        threads = [threading.Thread(target=race(scribe)) for scribe in scribes]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert found.count(True) == most


def _both(store: Store, view: Store) -> list[tuple[str, Store]]:
    return [("a", store), ("b", view)]
