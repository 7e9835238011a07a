"""The documents of a run, to the letter."""

from __future__ import annotations

import json

import pytest
from tests.journals import START, Journal, error, noop

from ergon.model import events as e
from ergon.model.events import Event
from ergon.model.report import event_document, run_document, run_summary, strict_json, timestamp


def test_a_run_is_told_to_the_letter() -> None:
    history = Journal(noop("a"))
    history.ran("a", '{"x": 1}').ended("succeeded", '{"n": 1}')
    assert run_document(history.state) == {
        "run_id": "r1",
        "workflow": "w",
        "status": "succeeded",
        "started_at": "2023-11-14T22:13:20.200000Z",
        "duration_s": 0.3,
        "outputs": {"n": 1},
        "error": None,
        "steps": {
            "a": {
                "status": "succeeded",
                "attempts": 1,
                "duration_s": 0.1,
                "cached": False,
                "output": {"x": 1},
                "error": None,
            }
        },
    }


def test_a_failure_names_its_step_and_attempt() -> None:
    history = Journal(noop("a"))
    history.add(e.STEP_STARTED, "a", 1).add(e.ATTEMPT_FAILED, "a", 1, {"error": error("no", 1)})
    history.add(e.STEP_STARTED, "a", 2).add(e.STEP_FAILED, "a", 2, {"error": error("again no", 2)})
    history.ended("failed", step="a", error=error("again no", 2))
    document = run_document(history.state)
    assert document["error"] == {"type": "ActionFailed", "message": "again no", "step": "a"}
    (step,) = document["steps"].values()
    assert step["attempts"] == 2
    assert step["output"] is None
    assert step["error"] == {"type": "ActionFailed", "message": "again no", "attempt": 2}


def test_a_failure_of_the_run_itself_names_no_step() -> None:
    history = Journal().ended("failed", error={"type": "Timeout", "message": "too long"})
    assert run_document(history.state)["error"] == {"type": "Timeout", "message": "too long", "step": None}


def test_an_error_that_a_later_attempt_made_good_is_not_told() -> None:
    history = Journal(noop("a"))
    history.add(e.STEP_STARTED, "a", 1).add(e.ATTEMPT_FAILED, "a", 1, {"error": error("no")})
    history.add(e.STEP_STARTED, "a", 2).add(e.STEP_SUCCEEDED, "a", 2, value="1")
    assert run_document(history.state)["steps"]["a"]["error"] is None


def test_s31_an_error_that_was_continued_is_kept_beside_the_output() -> None:
    history = Journal(noop("a", on_error={"continue": 7}))
    history.add(e.STEP_STARTED, "a", 1)
    history.add(e.STEP_SUCCEEDED, "a", 1, {"origin": "continued", "error": error("no")}, "7")
    step = run_document(history.state)["steps"]["a"]
    assert (step["status"], step["output"]) == ("succeeded", 7)
    assert step["error"]["message"] == "no"


def test_every_instance_is_there_and_an_item_itself_only_where_uses_stands_on_the_block() -> None:
    leaf = noop("leaf", for_each=[1, 2])
    deep = {"id": "deep", "for_each": [1], "steps": [noop("x"), noop("y", enabled=False)]}
    history = Journal(leaf, deep, noop("last"))
    history.add(e.STEP_STARTED, "leaf", 0, {"count": 2}, "[1,2]")
    history.ran("leaf[1]", "2").ran("leaf[0]", "1")
    history.add(e.STEP_SUCCEEDED, "leaf", 0, {"gathers": "items"})
    history.add(e.STEP_STARTED, "deep", 0, {"count": 1}, "[1]")
    history.add(e.BODY_OPENED, "deep[0]", 0, {"owner": "deep", "index": 0})
    history.ran("deep[0].x", "5").add(e.STEP_SKIPPED, "deep[0].y", 0, {"reason": "it is not enabled"})
    history.add(e.BODY_CLOSED, "deep[0]", 0, {"owner": "deep", "index": 0, "status": "succeeded"}, "5")
    history.add(e.STEP_SUCCEEDED, "deep", 0, {"gathers": "items"})
    steps = run_document(history.state)["steps"]
    assert list(steps) == ["leaf", "leaf[0]", "leaf[1]", "deep", "deep[0].x", "deep[0].y", "last"]
    assert steps["leaf"]["output"] == [1, 2]
    assert steps["deep"]["output"] == [5]
    assert steps["deep[0].y"] == {
        "status": "skipped",
        "attempts": 0,
        "duration_s": None,
        "cached": False,
        "output": None,
        "error": None,
    }
    assert steps["last"]["status"] == "pending"


def test_what_has_not_ended_is_timed_until_the_time_given() -> None:
    history = Journal(noop("a")).add(e.STEP_STARTED, "a", 1)
    document = run_document(history.state, until=START + 10, status="interrupted")
    assert document["status"] == "interrupted"
    assert document["duration_s"] == 9.8
    assert document["steps"]["a"]["duration_s"] == 9.7
    assert document["outputs"] == {}
    assert run_document(history.state)["duration_s"] is None


def test_outputs_that_were_too_large_to_be_inline_are_opened() -> None:
    reference = json.dumps({"$artifact": "0" * 64, "type": "json", "size": 70_000})
    history = Journal().ended("succeeded", reference)
    assert run_summary(history.state, whole=lambda text: '{"n": 1}')["outputs"] == {"n": 1}
    assert "steps" not in run_summary(history.state)


def test_values_are_strict_json() -> None:
    history = Journal(noop("a"), noop("b"))
    history.ran("a", '{"x": {"$float": "nan"}, "at": {"$date": "2024-02-29"}, "t": {"$tuple": [1, 2]}}')
    artifact = {"$artifact": "0" * 64, "type": "dataframe", "size": 12}
    history.ran("b", json.dumps(artifact))
    document = run_document(history.state)
    assert document["steps"]["a"]["output"] == {"x": None, "at": "2024-02-29", "t": [1, 2]}
    assert document["steps"]["b"]["output"] == artifact
    json.loads(strict_json(document), parse_constant=pytest.fail)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (float("nan"), "null"),
        ([float("inf"), 1.5], "[null,1.5]"),
        ({1: {"a": -float("inf")}}, '{"1":{"a":null}}'),
        ("ü", '"ü"'),
        (("a", None, True), '["a",null,true]'),
    ],
)
def test_strict_json_knows_no_nan(value: object, expected: str) -> None:
    assert strict_json(value, indent=None).replace(" ", "") == expected


def test_an_event_is_told_with_its_inputs_and_without_its_traceback() -> None:
    data = {"error": {**error("no"), "traceback": "Traceback …"}, "inputs": '{"x": {"$float": "inf"}}'}
    event = Event("r1", 4, START, e.STEP_FAILED, "a", 2, data)
    assert event_document(event) == {
        "seq": 4,
        "at": "2023-11-14T22:13:20.000000Z",
        "type": "step_failed",
        "version": 1,
        "step": "a",
        "attempt": 2,
        "actor": None,
        "correlation": None,
        "causation": None,
        "data": {"error": error("no"), "inputs": {"x": None}},
        "value": None,
    }
    assert event_document(event, traceback=True)["data"]["error"]["traceback"] == "Traceback …"


def test_an_event_of_the_run_has_no_step() -> None:
    document = event_document(Event("r1", 1, START, e.RUN_FINISHED, value='{"a": 1}'))
    assert (document["step"], document["attempt"], document["value"]) == (None, None, {"a": 1})


def test_a_time_is_iso_in_utc() -> None:
    assert timestamp(0.5) == "1970-01-01T00:00:00.500000Z"
    assert timestamp(None) is None
