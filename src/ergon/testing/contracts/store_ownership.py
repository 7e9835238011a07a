"""What every store must do about owners (S44)."""

from __future__ import annotations

import pytest

from ergon.errors import LeaseLost, RunOwned
from ergon.model import events as e
from ergon.model.events import Event
from ergon.ports import Change, Store
from ergon.testing.contracts.store_fixtures import StoreFixtures
from ergon.testing.journals import START, Scribe, commit, wait_until


class OwnershipContract(StoreFixtures):
    """A run has one owner at a time, and nobody else writes to it."""

    # ---- ownership ----------------------------------------------------------------------------------------

    def test_a_run_has_one_owner_at_a_time_s44(self, store: Store, view: Store) -> None:
        lease = store.claim("r")
        assert (lease.run, lease.epoch) == ("r", 1)
        owner = view.owner("r")
        assert owner is not None
        assert owner.alive
        for each in (store, view):
            with pytest.raises(RunOwned, match=f"Run r is owned by process {owner.pid} on "):
                each.claim("r")
        lease.release()
        lease.release()
        wait_until(lambda: view.owner("r") is None, "the run has no owner")
        view.claim("r").release()

    def test_a_run_that_was_given_up_can_be_owned_again_at_once(self, store: Store) -> None:
        scribe = Scribe(store, "r")
        scribe.begin()
        told: list[BaseException | None] = []
        for epoch in range(2, 12):
            store.commit(scribe.change(scribe.event("noted")), told.append)
            scribe.lease.release()
            scribe.lease = store.claim("r")
            assert scribe.lease.epoch == epoch
        assert told == [None] * 10
        assert store.run("r").last_seq == 12

    def test_each_claim_of_a_run_raises_its_epoch_s44(self, store: Store, view: Store) -> None:
        scribe = Scribe(store, "r")
        scribe.begin()
        for epoch in (2, 3, 4):
            scribe.lease.release()
            wait_until(lambda: view.owner("r") is None, "the run has no owner")
            scribe.lease = view.claim("r")
            assert scribe.lease.epoch == epoch == store.run("r").epoch
            scribe.store = view

    def test_who_has_no_lease_writes_nothing_s44(self, store: Store) -> None:
        created = Event("r", 1, START, e.RUN_CREATED, data={"workflow": "flow"})
        assert isinstance(commit(store, Change("r", 1, [created])), LeaseLost)
        scribe = Scribe(store, "r")
        assert isinstance(commit(store, Change("r", 2, [created])), LeaseLost)
        scribe.begin()
        scribe.lease.release()
        assert isinstance(commit(store, scribe.change(scribe.event("noted"))), LeaseLost)
        assert len(store.events("r")) == 2

    def test_who_was_replaced_writes_nothing_s44(self, store: Store) -> None:
        scribe = Scribe(store, "r")
        scribe.begin()
        stale = scribe.change(scribe.event("noted"))
        scribe.lease.release()
        wait_until(lambda: store.owner("r") is None, "the run has no owner")
        lease = store.claim("r")
        error = commit(store, stale)
        assert isinstance(error, LeaseLost)
        assert (error.run, error.epoch) == ("r", 2)
        assert commit(store, Change("r", lease.epoch, [stale.events[0]])) is None

    def test_a_run_whose_owner_is_gone_reads_as_interrupted_at_once_s44(self, store: Store, view: Store) -> None:
        running, paused, queued = (Scribe(store, run) for run in ("running", "paused", "queued"))
        running.begin()
        paused.begin()
        paused.tell(e.RUN_PAUSED)
        queued.tell(e.RUN_CREATED, data={"workflow": "flow"})
        assert [record.status for record in view.runs()] == ["queued", "paused", "running"]
        for scribe in (running, paused, queued):
            scribe.lease.release()
        wait_until(lambda: view.owner("queued") is None, "the runs have no owner")
        assert [record.status for record in view.runs()] == ["interrupted", "paused", "interrupted"]
        assert view.run("running").status == "interrupted"
        view.claim("running")
        assert store.run("running").status == "running"
