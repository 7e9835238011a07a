"""The end of a run: what became of it, where its files are, what went wrong, and what to type next."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.journals import START, Journal, error, noop

from ergon.cli.ending import Ending, as_text, ending_of
from ergon.cli.notes import note_of
from ergon.model import events as e
from ergon.model.states import RunState


def ending(state: RunState, *, status: str = "", outputs: object = None, files: list[Path] | None = None) -> Ending:
    return ending_of(
        state, status=status or state.status.value, until=START + 9, outputs=outputs or {}, files=files or []
    )


def section(found: Ending, heading: str) -> list[str]:
    lines = [
        f"{line.label} {line.text}".strip() for part in found.sections if part.heading == heading for line in part.lines
    ]
    return lines


def test_a_success_tells_outputs_and_what_to_look_at() -> None:
    state = Journal(noop("a")).ran("a").ended("succeeded").state
    found = ending(state, outputs={"n": 3, "text": "two\nlines"})
    assert found.title == "w: succeeded in 0.30 s"
    assert section(found, "Outputs") == ["n 3", "text two lines"]
    assert section(found, "Next") == ["ergon show r1 what every step did"]


def test_files_that_differ_in_a_number_are_told_together(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    files = [tmp_path / "build" / f"{year}.ipynb" for year in (2012, 2013, 2014)] + [tmp_path / "report.html"]
    found = ending(Journal().ended("succeeded").state, files=files)
    assert section(found, "Files") == ["build/2012.ipynb … 2014.ipynb (3 files)", "report.html"]


def test_many_files_are_not_all_told() -> None:
    files = [Path(f"/x/{letter}.txt") for letter in "abcdefgh"]
    assert section(ending(Journal().ended("succeeded").state, files=files), "Files")[-1] == "and 2 more files"


def test_a_failure_names_the_step_and_the_next_move() -> None:
    journal = Journal(noop("a"), noop("b"))
    journal.add(e.STEP_STARTED, "a", 3)
    told = {**error("no such\nthing", 3), "hint": "Look under the bed."}
    journal.add(e.STEP_FAILED, "a", 3, {"error": told}).ended("failed", step="a", error=told)
    found = ending(journal.state)
    assert section(found, "Went wrong") == ["a ActionFailed: no such thing (attempt 3)", "Look under the bed."]
    assert section(found, "Next") == [
        "ergon show r1 --traceback where it went wrong",
        "ergon logs r1 a what the step printed",
        "ergon resume r1 go on from there, with the file as it is then",
    ]


def test_a_block_that_failed_with_what_is_inside_is_not_told_twice() -> None:
    journal = Journal(noop("fan", for_each=[1]))
    journal.add(e.STEP_STARTED, "fan", 0, {"count": 1}, "[1]").add(e.STEP_STARTED, "fan[0]", 1)
    journal.add(e.STEP_FAILED, "fan[0]", 1, {"error": error("no")})
    journal.add(e.STEP_FAILED, "fan", 0, {"error": error("no")})
    found = ending(journal.ended("failed", step="fan", error=error("no")).state)
    assert section(found, "Went wrong") == ["fan[0] ActionFailed: no"]


def test_a_failure_of_the_run_itself_is_told() -> None:
    timeout = {"type": "Timeout", "message": "The run took too long."}
    found = ending(Journal().ended("failed", error=timeout).state)
    assert section(found, "Went wrong") == ["the run Timeout: The run took too long."]


def test_a_partial_run_can_be_retried() -> None:
    found = ending(Journal(noop("a")).ran("a").ended("partial").state)
    assert "ergon retry r1 run what failed again" in section(found, "Next")


def test_who_is_waited_for_is_told_with_the_answer_to_type() -> None:
    journal = Journal(noop("a"), noop("it"))
    journal.add(e.STEP_STARTED, "a", 1)
    journal.add(e.STEP_WAITING, "a", 1, {"why": "person", "question": "Run it again?"})
    journal.add(e.STEP_STARTED, "it", 1).add(e.STEP_WAITING, "it", 1, {"why": "signal", "signal": "go on"})
    found = ending(journal.add(e.RUN_PAUSED, data={"reason": "step 'a' waits for an answer"}).state)
    assert found.title == "w: paused in 8.80 s: step 'a' waits for an answer"
    assert section(found, "Waits") == ["a Run it again?", "it for signal 'go on'"]
    assert section(found, "Next")[1:] == [
        "ergon answer r1 a retry or fail, or its output",
        "ergon signal r1 'go on' what it waits for",
        "ergon resume r1 go on",
    ]


def test_a_run_whose_owner_died_is_told_as_interrupted() -> None:
    found = ending(Journal(noop("a")).add(e.STEP_STARTED, "a", 1).state, status="interrupted")
    assert found.title == "w: interrupted in 8.80 s"
    assert section(found, "Next")[-1] == "ergon resume r1 go on"


def test_in_plain_text_labels_stand_in_a_column() -> None:
    found = ending(Journal().ended("succeeded").state, outputs={"a": 1, "long_name": 2})
    assert as_text(found)[:5] == ["✓ w: succeeded in 0.10 s", "", "Outputs", "  a          1", "  long_name  2"]


def test_s53_a_part_says_which_outputs_it_cannot_tell() -> None:
    journal = Journal(noop("a"), noop("b"), outputs={"x": "{{ steps.a.output }}", "y": "{{ steps.b.output }}"})
    state = journal.ran("a").ended("succeeded", '{"x":1}').state
    assert section(ending(state, outputs={"x": 1}), "Outputs") == ["x 1"]
    state.start = {"leave_out": ["b"], "replayed_from": {"a": "old"}}
    state.steps["a"].origin = "replayed"
    assert section(ending(state, outputs={"x": 1}), "Outputs")[1] == "not told, as they read steps outside the part: y"
    note = note_of(state, state.steps["a"], now=START, progress=None, said="")
    assert note.startswith("from run old")
