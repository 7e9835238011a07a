"""What every store must do with a journal (S40, S42), its commands (S45) and its age (S49)."""

from __future__ import annotations

import threading

import pytest

from ergon.errors import RunNotFound, StoreError
from ergon.model import events as e
from ergon.model.events import Event
from ergon.model.records import Command
from ergon.ports import Store
from ergon.testing.contracts.store_fixtures import SHA, StoreFixtures
from ergon.testing.journals import START, Scribe, commit, wait_until


class JournalContract(StoreFixtures):
    """Events come back as they were, in order, whole; commands wait; old runs are forgotten."""

    # ---- nothing yet --------------------------------------------------------------------------------------

    def test_an_empty_store_knows_nothing(self, store: Store) -> None:
        assert ":" in store.url
        assert store.runs() == []
        assert store.events("r") == []
        assert store.steps("r") == []
        assert store.waits() == store.waits("r") == []
        assert store.commands("r") == []
        assert store.owner("r") is None
        assert store.cached("k") is None
        assert store.latest_output("flow", "a") is None
        assert store.artifacts_named() == set()
        assert store.statistics("flow").executions == 0
        with pytest.raises(KeyError):
            store.definition(SHA)
        for reference in ("last", "r", ""):
            with pytest.raises(RunNotFound):
                store.run(reference)

    # ---- the journal --------------------------------------------------------------------------------------

    def test_events_come_back_as_they_were_s40(self, store: Store, view: Store) -> None:
        scribe = Scribe(store, "r")
        created = scribe.event(e.RUN_CREATED, data={"workflow": "flow", "tags": ["ä", "b"]}, value='{"x":1}')
        full = Event(
            "r",
            2,
            START + 0.123456,
            "a_type_of_tomorrow",
            "fan[2].clean",
            3,
            {"text": "ü\x00 \udcff", "list": [1, 2.5, None, True], "deep": {"a": {"b": []}}},
            '"värde"',
            "ada",
            "other",
            1,
            7,
        )
        bare = Event("r", 3, START, "another")
        scribe.write(created, full, bare)
        assert view.events("r") == [created, full, bare]
        assert type(view.events("r")[0]) is Event

    def test_events_are_given_from_a_number_and_up_to_a_count(self, store: Store) -> None:
        scribe = Scribe(store, "r")
        scribe.begin()
        for _ in range(8):
            scribe.tell("noted")
        assert [event.seq for event in store.events("r", after=7)] == [8, 9, 10]
        assert [event.seq for event in store.events("r", after=2, limit=3)] == [3, 4, 5]
        assert store.events("r", after=10) == []
        assert store.events("r", limit=0) == []

    def test_an_unknown_type_changes_no_projection_s40(self, store: Store) -> None:
        scribe = Scribe(store, "r")
        scribe.begin()
        scribe.do("a")
        before = (store.run("r").status, store.steps("r"), store.waits("r"))
        scribe.tell("step_transmogrified", "a", 2, {"status": "odd"})
        assert (store.run("r").status, store.steps("r"), store.waits("r")) == before
        assert store.events("r")[-1].type == "step_transmogrified"

    def test_changes_are_kept_in_the_order_of_the_calls_s42(self, store: Store) -> None:
        scribe = Scribe(store, "r")
        scribe.begin()
        told: list[int] = []
        ended = threading.Event()
        for number in range(200):
            change = scribe.change(scribe.event("noted", data={"number": number}))

            def done(error: BaseException | None, number: int = number) -> None:
                assert error is None
                told.append(number)
                if number == 199:
                    ended.set()

            store.commit(change, done)
        assert ended.wait(60)
        assert told == list(range(200))
        assert [event.data["number"] for event in store.events("r", after=2)] == told

    def test_a_fact_is_there_when_its_writer_is_told_s42(self, store: Store, view: Store) -> None:
        scribe = Scribe(store, "r")
        scribe.begin()
        seen: list[int] = []
        ended = threading.Event()

        def done(error: BaseException | None) -> None:
            seen.append(len(view.events("r")))
            ended.set()

        store.commit(scribe.change(scribe.event("noted"), scribe.event("noted")), done)
        assert ended.wait(60)
        assert seen == [4]

    def test_a_change_is_kept_whole_or_not_at_all_s42(self, store: Store) -> None:
        scribe = Scribe(store, "r")
        scribe.begin()
        torn = scribe.change(scribe.event(e.STEP_STARTED, "a", 1), scribe.event("noted")._replace(seq=9))
        assert isinstance(commit(store, torn), StoreError)
        assert store.run("r").last_seq == 2
        assert store.steps("r") == []

    def test_after_a_change_was_lost_none_follows_s42(self, store: Store) -> None:
        scribe = Scribe(store, "r")
        scribe.begin()
        scribe.event("lost")
        error = commit(store, scribe.change(scribe.event("noted")))
        assert isinstance(error, StoreError)
        assert "event 4 of run r where 3 follows" in str(error)
        assert len(store.events("r")) == 2

    def test_a_run_begins_with_its_creation(self, store: Store) -> None:
        scribe = Scribe(store, "r")
        assert isinstance(commit(store, scribe.change(scribe.event(e.RUN_STARTED))), StoreError)
        assert store.runs() == []

    def test_a_definition_is_kept_by_its_hash(self, store: Store, view: Store) -> None:
        scribe = Scribe(store, "r")
        created = scribe.event(e.RUN_CREATED, data={"workflow": "flow", "definition": SHA})
        scribe.write(created, definitions={SHA: '{"name":"flow"}'})
        assert view.definition(SHA) == '{"name":"flow"}'
        assert view.run("r").definition == SHA

    # ---- commands -----------------------------------------------------------------------------------------

    def test_commands_wait_until_events_carry_them_out_s45(self, store: Store, view: Store) -> None:
        scribe, other = Scribe(store, "r"), Scribe(store, "other")
        for each in (scribe, other):
            each.begin()
        first = view.send(Command("signal", "r", data={"name": "go"}, value='{"n":1}', actor="ada", at=START))
        second = view.send(Command("pause", "r"))
        third = view.send(Command("cancel", "other"))
        assert first < second < third
        commands = store.commands("r")
        assert commands[0] == Command("signal", "r", first, {"name": "go"}, '{"n":1}', "ada", START)
        assert [(c.kind, c.number) for c in commands] == [("signal", first), ("pause", second)]
        assert commands[1].at > START
        scribe.write(scribe.event(e.SIGNAL_RECEIVED, data={"name": "go"}), commands_done=[first])
        assert [c.number for c in view.commands("r")] == [second]
        scribe.write(commands_done=[second])
        assert view.commands("r") == []
        assert [c.number for c in view.commands("other")] == [third]
        assert [c.number for c in view.commands()] == [third]
        assert view.send(Command("pause", "r")) > third

    def test_a_command_needs_a_run(self, store: Store) -> None:
        with pytest.raises(RunNotFound):
            store.send(Command("pause", "nobody"))

    def test_a_watch_is_told_of_commands_until_it_ends_s45(self, store: Store, view: Store) -> None:
        Scribe(store, "r").begin()
        told, later = threading.Event(), threading.Event()
        end, end_later = store.watch(told.set), store.watch(later.set)
        view.send(Command("pause", "r"))
        assert told.wait(30)
        assert later.wait(30)
        end()
        told.clear()
        later.clear()
        view.send(Command("pause", "r"))
        assert later.wait(30)
        assert not told.is_set()
        end_later()
        end_later()

    # ---- forgetting ---------------------------------------------------------------------------------------

    def test_ended_runs_are_forgotten_by_age_and_count_s49(self, store: Store, view: Store) -> None:
        for number in range(6):
            scribe = Scribe(store, f"r{number}", start=START + 100 * number)
            scribe.begin(definition=str(number) * 64)
            scribe.do("a", f'{{"$artifact":"{str(number) * 64}"}}', cache_key=f"k{number}")
            scribe.finish("failed" if number == 0 else "succeeded")
        live = Scribe(store, "live", start=START - 1000)
        live.begin(definition="f" * 64)
        live.tell(e.RUN_PAUSED)
        wait_until(lambda: all(store.owner(f"r{n}") is None for n in range(6)), "the runs have no owner")
        before = store.statistics("flow")
        pruned = view.prune(before=START + 350, keep=3)
        assert (pruned.runs, pruned.artifacts) == (3, 0)
        assert [record.id for record in store.runs()] == ["live", "r5", "r4", "r3"]
        assert store.artifacts_named() == {"3" * 64, "4" * 64, "5" * 64}
        assert store.events("r0") == []
        assert store.steps("r0") == []
        assert store.cached("k0") is None
        assert store.cached("k3") is not None
        assert store.statistics("flow") == before
        assert view.prune(before=START + 350, keep=3).runs == 0
        assert view.prune(before=None, keep=1).runs == 2
        assert view.prune(before=START, keep=0).runs == 0
        assert [record.id for record in store.runs()] == ["live", "r5"]
        assert store.statistics("flow") == before

    def test_forgetting_takes_definitions_and_commands_along_s49(self, store: Store) -> None:
        for run, name in (("old", "a"), ("new", "b")):
            scribe = Scribe(store, run)
            data = {"workflow": "flow", "definition": name * 64}
            scribe.write(scribe.event(e.RUN_CREATED, data=data), definitions={name * 64: name})
            store.send(Command("pause", run))
            scribe.finish()
        wait_until(lambda: store.owner("new") is None, "the runs have no owner")
        assert store.prune(before=None, keep=1).runs == 1
        assert store.definition("b" * 64) == "b"
        with pytest.raises(KeyError):
            store.definition("a" * 64)
        assert store.commands("old") == []
        assert len(store.commands("new")) == 1

    def test_a_run_that_somebody_owns_is_not_forgotten(self, store: Store) -> None:
        scribe = Scribe(store, "r")
        scribe.begin()
        scribe.tell(e.RUN_FINISHED, data={"status": "failed"})
        assert store.prune(before=None, keep=0).runs == 0
        scribe.tell(e.RUN_REOPENED, data={"how": "retry"})
        assert store.run("r").status == "queued"

    def test_a_run_that_was_forgotten_may_come_again(self, store: Store) -> None:
        for _ in range(2):
            scribe = Scribe(store, "r")
            scribe.begin()
            scribe.do("a", cache_key="k")
            scribe.finish()
            wait_until(lambda: store.owner("r") is None, "the run has no owner")
            assert store.prune(before=None, keep=0).runs == 1
            assert store.cached("k") is None
        assert store.statistics("flow").executions == 2

    # ---- many at once, and the end ------------------------------------------------------------------------

    def test_ten_runs_are_written_at_once_each_in_order(self, store: Store, view: Store) -> None:
        scribes = [Scribe(store, f"r{n}") for n in range(10)]

        def write(scribe: Scribe) -> None:
            scribe.begin()
            for number in range(20):
                scribe.do(f"s{number}", str(number))

        threads = [threading.Thread(target=write, args=(scribe,)) for scribe in scribes]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for scribe in scribes:
            assert [event.seq for event in view.events(scribe.run)] == list(range(1, 43))
            assert [step.status for step in view.steps(scribe.run)] == ["succeeded"] * 20

    def test_a_callback_that_raises_stops_nobody(self, store: Store, caplog: pytest.LogCaptureFixture) -> None:
        scribe = Scribe(store, "r")
        scribe.begin()

        def broken(error: BaseException | None) -> None:
            raise RuntimeError("a fault of the caller's own")

        try:
            store.commit(scribe.change(scribe.event("noted")), broken)
        except RuntimeError:
            assert store.run("r").last_seq == 3
        scribe.tell("noted")
        assert store.run("r").last_seq == 4

    def test_a_closed_store_writes_what_it_has_and_takes_no_more(self, store: Store) -> None:
        scribe = Scribe(store, "r")
        scribe.begin()
        outcomes: list[BaseException | None] = []
        for _ in range(50):
            store.commit(scribe.change(scribe.event("noted")), outcomes.append)
        store.close()
        assert outcomes == [None] * 50
        assert isinstance(commit(store, scribe.change(scribe.event("noted"))), StoreError)
        store.close()
        with pytest.raises(StoreError, match="is closed"):
            store.runs()
