"""What every store must tell about runs, steps, waits and results (S37, S41, S52, S53)."""

from __future__ import annotations

import pytest

from ergon.errors import RunNotFound
from ergon.model import events as e
from ergon.model.records import StepRecord, WaitRecord
from ergon.ports import Store
from ergon.testing.contracts.store_fixtures import SHA, StoreFixtures
from ergon.testing.journals import START, Scribe, wait_until


class RecordsContract(StoreFixtures):
    """Records are what the events say."""

    # ---- runs ---------------------------------------------------------------------------------------------

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

    # ---- steps and waits ----------------------------------------------------------------------------------

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

    # ---- results of earlier runs --------------------------------------------------------------------------

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
        assert store.latest_output("flow", "a", before="r1") == ("r0", '"1"')
        assert store.latest_output("flow", "a", before="r0") is None

    def test_the_latest_output_of_a_block_is_put_together_elsewhere_s53(self, store: Store) -> None:
        first, second = Scribe(store, "r1"), Scribe(store, "r2")
        for scribe in (first, second):
            scribe.begin()
        first.do("fan", "[1]")
        second.tell(e.STEP_STARTED, "fan", data={"count": 1}, value="[1]")
        second.do("fan[0]", "1")
        second.tell(e.STEP_SUCCEEDED, "fan", data={"gathers": "items"})
        assert store.latest_output("flow", "fan") == ("r2", None)
        assert store.latest_output("flow", "fan[0]") == ("r2", "1")
        assert store.latest_output("flow", "fan", before="r2") == ("r1", "[1]")

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

    @pytest.mark.parametrize("rest", [e.RUN_PAUSED, e.RUN_INTERRUPTED, e.STEP_STARTED])
    def test_what_a_run_rested_is_not_among_its_seconds_s36(self, store: Store, rest: str) -> None:
        scribe = Scribe(store, "r")
        scribe.begin()
        scribe.tell(rest, "a" if rest == e.STEP_STARTED else "", 1)
        scribe.lease.release()
        scribe.lease = store.claim("r")  # somebody else takes it over, days later
        scribe.at += 9_999
        scribe.tell(e.RUN_STARTED, data={"epoch": scribe.lease.epoch})
        assert store.run("r").rested == 10_000
        scribe.finish("failed")
        scribe.lease = store.claim("r")
        scribe.at += 99
        scribe.tell(e.RUN_REOPENED, data={"how": "resume"})
        scribe.at += 9
        scribe.tell(e.RUN_STARTED, data={"epoch": scribe.lease.epoch})
        scribe.finish("succeeded")
        record = store.run("r")
        assert (record.started_at, record.ended_at, record.rested) == (START + 2, START + 10_115, 10_110)
        assert store.statistics("flow").mean_s == 3.0
        store.prune(before=None, keep=0)
        assert store.statistics("flow").maximum_s == 3.0

    def test_a_run_that_is_retried_counts_once(self, store: Store) -> None:
        scribe = Scribe(store, "r")
        scribe.begin()
        scribe.tell(e.RUN_FINISHED, data={"status": "failed"})
        scribe.tell(e.RUN_REOPENED, data={"how": "retry"})
        assert store.statistics("flow").executions == 0
        scribe.finish("succeeded")
        statistics = store.statistics("flow")
        assert (statistics.executions, statistics.succeeded, statistics.failed) == (1, 1, 0)
