"""What every store must do (S39 to S45, S49, S52, S53)."""

from __future__ import annotations

import abc
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from ergon.errors import LeaseLost, RunNotFound, RunOwned, StoreError
from ergon.model import events as e
from ergon.model.events import Event
from ergon.model.records import Command, StepRecord, WaitRecord
from ergon.ports import Change, Store
from ergon.testing.journals import START, Scribe, commit, wait_until

SHA = "0123456789abcdef" * 4


class StoreContract(abc.ABC):
    """Subclass as `TestMine` and give the fixture `store`: an empty one; `view` is another on the same runs."""

    @pytest.fixture
    @abc.abstractmethod
    def store(self, tmp_path: Path) -> Iterator[Store]:
        """Give an empty store, and close it."""

    @pytest.fixture
    def view(self, store: Store) -> Store | Iterator[Store]:
        """Give a second store on the same runs, if there can be one, and close it."""
        return store

    # ---- nothing yet ---------------------------------------------------------------------------------------

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

    # ---- the journal ---------------------------------------------------------------------------------------

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

    # ---- runs ----------------------------------------------------------------------------------------------

    def test_a_run_is_told_about_s41(self, store: Store, view: Store) -> None:
        scribe = Scribe(store, "r")
        data: dict[str, object] = {
            "definition": SHA,
            "file": "/flows/flow.ergon.yaml",
            "parent": "p",
            "priority": "deferred",
            "actor": "ada",
            "trigger": {"name": "nightly"},
            "tags": ["x", "y"],
        }
        scribe.begin(**data)
        record = view.run("r")
        assert (record.id, record.workflow, record.status) == ("r", "flow", "running")
        assert (record.created_at, record.started_at, record.ended_at) == (START + 1, START + 2, None)
        assert (record.definition, record.file) == (SHA, "/flows/flow.ergon.yaml")
        assert (record.parent, record.priority, record.actor) == ("p", "deferred", "ada")
        assert (record.trigger, record.tags) == ("nightly", ("x", "y"))
        assert (record.epoch, record.last_seq) == (1, 2)

    @pytest.mark.parametrize(
        ("event", "status"),
        [
            (e.RUN_PAUSING, "running"),
            (e.RUN_PAUSED, "paused"),
            (e.RUN_WAITING, "waiting"),
            (e.RUN_INTERRUPTED, "interrupted"),
            (e.RUN_REOPENED, "queued"),
        ],
    )
    def test_a_run_has_the_status_that_its_events_say_s37(self, store: Store, event: str, status: str) -> None:
        scribe = Scribe(store, "r")
        scribe.begin()
        scribe.tell(event, data={"reason": "why"})
        assert store.run("r").status == status

    @pytest.mark.parametrize("status", ["succeeded", "partial", "failed", "cancelled"])
    def test_a_run_ends_as_its_last_event_says(self, store: Store, status: str) -> None:
        scribe = Scribe(store, "r")
        scribe.begin()
        scribe.tell(e.RUN_FINISHED, data={"status": status, "reason": "so it was"})
        record = store.run("r")
        assert (record.status, record.reason, record.ended_at) == (status, "so it was", START + 3)
        scribe.tell(e.RUN_REOPENED, data={"how": "retry"})
        assert (store.run("r").status, store.run("r").ended_at) == ("queued", None)

    def test_a_step_that_starts_ends_the_waiting_of_a_run(self, store: Store) -> None:
        scribe = Scribe(store, "r")
        scribe.begin()
        scribe.tell(e.RUN_WAITING)
        scribe.tell(e.STEP_STARTED, "a", 1)
        assert store.run("r").status == "running"

    def test_runs_are_found_by_id_prefix_and_last(self, store: Store) -> None:
        for run in ("ab1", "ab12", "ac%_"):
            Scribe(store, run).begin()
        assert store.run("ab1").id == "ab1"
        assert store.run("ab12").id == "ab12"
        assert store.run("ac").id == "ac%_"
        assert store.run("last").id == "ac%_"
        with pytest.raises(RunNotFound, match=r"could be any of ab1, ab12\."):
            store.run("ab")
        for reference in ("b", "ab123", "", "%", "ac_"):
            with pytest.raises(RunNotFound, match="There is no run"):
                store.run(reference)

    def test_runs_are_listed_newest_first(self, store: Store) -> None:
        scribes = [Scribe(store, f"r{n}", workflow="odd" if n % 2 else "even") for n in range(6)]
        for scribe in scribes:
            scribe.begin()
        scribes[1].finish("failed")
        scribes[2].finish("succeeded")
        scribes[4].lease.release()
        wait_until(lambda: store.owner("r4") is None, "r4 is released")
        assert [record.id for record in store.runs()] == ["r5", "r4", "r3", "r2", "r1", "r0"]
        assert [record.id for record in store.runs(limit=2)] == ["r5", "r4"]
        assert [record.id for record in store.runs(workflow="odd")] == ["r5", "r3", "r1"]
        assert [record.id for record in store.runs(status="running")] == ["r5", "r3", "r0"]
        assert [record.id for record in store.runs(status="running", limit=1)] == ["r5"]
        assert [record.id for record in store.runs(status="interrupted")] == ["r4"]
        assert [record.id for record in store.runs(status="failed", workflow="odd")] == ["r1"]
        assert store.runs(status="paused") == []

    # ---- steps and waits -----------------------------------------------------------------------------------

    def test_a_step_is_told_about_through_its_life(self, store: Store, view: Store) -> None:
        scribe = Scribe(store, "r")
        scribe.begin()
        lost = {"error": {"type": "Timeout", "message": "too long"}}
        expected = [
            (scribe.event(e.STEP_STARTED, "a", 1), ("running", 1, START + 3, None, "", 0)),
            (scribe.event(e.ATTEMPT_FAILED, "a", 1, lost), ("pending", 1, START + 3, None, "Timeout", 0)),
            (
                scribe.event(e.STEP_WAITING, "a", 1, {"why": "backoff", "due": 9.0}),
                ("waiting", 1, START + 3, None, "Timeout", 0),
            ),
            (scribe.event(e.STEP_RESUMED, "a", 1), ("pending", 1, START + 3, None, "Timeout", 0)),
            (scribe.event(e.STEP_STARTED, "a", 2), ("running", 2, START + 3, None, "", 0)),
            (scribe.event(e.ATTEMPT_LOST, "a", 2), ("pending", 2, START + 3, None, "", 0)),
            (scribe.event(e.STEP_STARTED, "a", 3), ("running", 3, START + 3, None, "", 0)),
            (
                scribe.event(e.STEP_SUCCEEDED, "a", 3, value="1"),
                ("succeeded", 3, START + 3, START + 10, "", 10),
            ),
        ]
        for event, state in expected:
            scribe.write(event)
            (step,) = view.steps("r")
            seen = (step.status, step.attempts, step.started_at, step.ended_at, step.error_type, step.succeeded_seq)
            assert (event.type, seen) == (event.type, state)

    def test_steps_end_in_every_way_and_are_listed_by_their_first_event(self, store: Store) -> None:
        scribe = Scribe(store, "r")
        scribe.begin()
        failed = {"error": {"type": "ValueError", "message": "no"}}
        scribe.tell(e.STEP_STARTED, "z", 1)
        scribe.tell(e.STEP_SKIPPED, "b", data={"reason": "when"})
        scribe.tell(e.STEP_SUCCEEDED, "c", 1, {"origin": "cached"}, "1")
        scribe.tell(e.STEP_CANCELLED, "a", 0, {"reason": "stop"})
        scribe.tell(e.STEP_FAILED, "z", 1, failed)
        scribe.tell(e.STEP_SUCCEEDED, "d", 1, {**failed, "origin": "continued"}, "2")
        steps = store.steps("r")
        assert [(s.path, s.status) for s in steps] == [
            ("z", "failed"),
            ("b", "skipped"),
            ("c", "succeeded"),
            ("a", "cancelled"),
            ("d", "succeeded"),
        ]
        assert [s.path for s in steps if s.cached] == ["c"]
        assert [s.error_type for s in steps] == ["ValueError", "", "", "", "ValueError"]

    def test_a_retry_resets_steps_and_forgets_what_was_inside_s50(self, store: Store) -> None:
        scribe = Scribe(store, "r")
        scribe.begin()
        for path in ("a", "fan", "fan[0].x", "fan[1].x", "fanatic", "route", "route.hot", "kept"):
            scribe.do(path)
        scribe.tell(e.RUN_FINISHED, data={"status": "failed"})
        scribe.tell(e.RUN_REOPENED, data={"reset": ["a", "fan"], "recheck": ["kept"], "open": ["route"]})
        assert store.steps("r") == [
            StepRecord("r", "a", "pending", attempts=1),
            StepRecord("r", "fan", "pending", attempts=1),
            *[step for step in store.steps("r") if step.path == "fanatic"],
            *[step for step in store.steps("r") if step.path.startswith("route")],
            StepRecord("r", "kept", "pending", attempts=1),
        ]
        statuses = {step.path: step.status for step in store.steps("r")}
        assert statuses["fanatic"] == statuses["route.hot"] == "succeeded"
        assert statuses["route"] == "running"
        scribe.do("fan[0].x")
        assert [step.path for step in store.steps("r")][-1] == "fan[0].x"

    def test_an_edit_supersedes_what_it_took_out_s51(self, store: Store) -> None:
        scribe = Scribe(store, "r")
        scribe.begin(definition=SHA)
        for path in ("a", "fan", "fan[0].x", "b"):
            scribe.do(path, '"out"')
        data = {"definition": "f" * 64, "superseded": ["fan", "b"], "reset": ["a"]}
        scribe.write(scribe.event(e.RUN_EDITED, data=data), definitions={"f" * 64: "{}"})
        assert [(s.path, s.status, s.superseded) for s in store.steps("r")] == [
            ("a", "pending", False),
            ("fan", "succeeded", True),
            ("fan[0].x", "succeeded", True),
            ("b", "succeeded", True),
        ]
        assert store.definition("f" * 64) == "{}"
        assert store.run("r").definition == SHA
        assert store.latest_output("flow", "b") is None

    @pytest.mark.parametrize(
        "end",
        [
            e.STEP_RESUMED,
            e.STEP_STARTED,
            e.STEP_SUCCEEDED,
            e.STEP_FAILED,
            e.STEP_CANCELLED,
            e.RUN_FINISHED,
        ],
    )
    def test_waits_are_open_until_the_step_goes_on_s34(self, store: Store, view: Store, end: str) -> None:
        scribe, other = Scribe(store, "r"), Scribe(store, "other")
        for each in (scribe, other):
            each.begin()
        other.tell(e.STEP_WAITING, "ask", 1, {"why": "person"})
        scribe.tell(e.STEP_WAITING, "a", 1, {"why": "signal", "signal": "go", "due": START + 60})
        scribe.tell(e.STEP_WAITING, "b", 1, {"why": "sleep", "due": START + 30})
        open_ = [WaitRecord("r", "a", "signal", START + 60, "go"), WaitRecord("r", "b", "sleep", START + 30)]
        assert view.waits("r") == open_
        assert sorted(view.waits(), key=lambda wait: wait.run) == [WaitRecord("other", "ask", "person"), *open_]
        for path in ("a", "b"):
            scribe.tell(end, path, 1, {"status": "failed"})
        assert view.waits("r") == []
        assert view.waits() == [WaitRecord("other", "ask", "person")]

    # ---- results of earlier runs ---------------------------------------------------------------------------

    def test_a_cached_result_is_the_newest_computed_one_s52(self, store: Store, view: Store) -> None:
        first, second = Scribe(store, "r1"), Scribe(store, "r2")
        for scribe in (first, second):
            scribe.begin()
        first.do("a", '"old"', cache_key="k")
        found = view.cached("k")
        assert found is not None
        assert (found.run, found.path, found.value, found.files) == ("r1", "a", '"old"', {})
        second.at += 100
        told = second.do("b", '"new"', cache_key="k", files={"out.csv": SHA})
        second.do("c", '"hit"', cache_key="k", origin="cached")
        first.do("d", '"other"', cache_key="j")
        found = view.cached("k")
        assert found is not None
        assert (found.key, found.run, found.path, found.at) == ("k", "r2", "b", told.at)
        assert (found.value, found.files) == ('"new"', {"out.csv": SHA})

    def test_the_latest_output_is_of_the_newest_run_that_has_one_s53(self, store: Store) -> None:
        for number, value in enumerate(('"1"', '"2"', "")):
            scribe = Scribe(store, f"r{number}")
            scribe.begin()
            if value:
                scribe.do("a", value)
            else:
                scribe.tell(e.STEP_FAILED, "a", 1)
        other = Scribe(store, "other", workflow="another")
        other.begin()
        other.do("a", '"3"')
        assert store.latest_output("flow", "a") == ("r1", '"2"')
        assert store.latest_output("another", "a") == ("other", '"3"')
        assert store.latest_output("flow", "b") is None

    def test_artifacts_are_named_by_values_and_data_s49(self, store: Store, view: Store) -> None:
        a, b, c, d = (letter * 64 for letter in "abcd")
        scribe = Scribe(store, "r")
        scribe.begin()
        scribe.tell(e.STEP_STARTED, "a", 1, value=f'[{{"$artifact":"{a}","type":"bytes","size":1}}]')
        inside = f'{{"$artifact":"{b}","holds":[{{"$artifact":"{c}"}}]}}'
        scribe.tell(e.STEP_SUCCEEDED, "a", 1, {"inputs": inside, "plain": {"$artifact": d}}, '"$artifact"')
        assert view.artifacts_named() == {a, b, c, d}

    def test_statistics_add_up_over_runs(self, store: Store) -> None:
        for number, (status, seconds) in enumerate([("succeeded", 3), ("failed", 8), ("partial", 4)]):
            scribe = Scribe(store, f"r{number}", start=START + 100 * number)
            scribe.begin()
            scribe.at += seconds - 1
            scribe.finish(status)
        Scribe(store, "live").begin()
        statistics = store.statistics("flow")
        assert (statistics.executions, statistics.succeeded, statistics.failed) == (3, 1, 1)
        assert (statistics.last_at, statistics.last_status) == (START + 206, "partial")
        assert (statistics.mean_s, statistics.minimum_s, statistics.maximum_s) == (5.0, 3.0, 8.0)
        assert statistics.success_rate == 0.5

    def test_a_run_that_is_retried_counts_once(self, store: Store) -> None:
        scribe = Scribe(store, "r")
        scribe.begin()
        scribe.tell(e.RUN_FINISHED, data={"status": "failed"})
        scribe.tell(e.RUN_REOPENED, data={"how": "retry"})
        assert store.statistics("flow").executions == 0
        scribe.finish("succeeded")
        statistics = store.statistics("flow")
        assert (statistics.executions, statistics.succeeded, statistics.failed) == (1, 1, 0)

    # ---- ownership -----------------------------------------------------------------------------------------

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

    # ---- commands ------------------------------------------------------------------------------------------

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

    # ---- forgetting ----------------------------------------------------------------------------------------

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

    # ---- many at once, and the end -------------------------------------------------------------------------

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
