"""`runs`, `show`, `logs`, `stats` and `prune`: what is told about runs, in this process and from the store."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from ergon.app import App, open_app
from ergon.cli.main import command
from ergon.model import events as e
from ergon.model.definitions import definition_hash, definition_text
from ergon.model.workflow import Workflow
from ergon.testing.journals import Scribe

ERGON = Path(sys.executable).with_name("ergon")

WORKFLOW = """
ergon: 1
name: looked-at
parameters:
  - {name: break, type: boolean, default: false}
  - {name: key, type: secret}
steps:
  - id: says
    uses: python.run
    with: {code: "print('out'); ctx.log('careful', 'warning'); ctx.artifact(b'x' * 10_000)"}
  - id: big
    uses: python.run
    with: {code: "'y' * 100_000"}
  - id: fan
    for_each: [1, 2]
    steps:
      - {id: in, uses: core.log, with: {message: "item {{ item }}"}}
  - id: file
    uses: file.write
    with: {path: made.txt, content: hello}
  - id: may_break
    needs: [says, big, fan, file]
    uses: python.run
    with: {bad: "{{ parameters['break'] }}", code: "1 / 0 if bad else 'fine'"}
outputs:
  big: "{{ steps.big.output }}"
  file: "{{ steps.file.output.path }}"
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a workspace with two runs: one that succeeded, and a later one that failed."""
    folder = tmp_path_factory.mktemp("looking")
    (folder / ".ergon").mkdir()
    (folder / "w.ergon.yaml").write_text(WORKFLOW)
    app = open_app(folder)
    for parameters in ({"key": "swordfish!"}, {"break": True}):
        handle = app.start(app.load(folder / "w.ergon.yaml"), parameters)
        assert handle.wait(60)
    app.close()
    return folder


@pytest.fixture(autouse=True)
def here(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Work in that workspace."""
    monkeypatch.chdir(folder)


def told(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    capsys.readouterr()
    assert command(arguments) == 0
    return capsys.readouterr().out


def document(*arguments: str) -> Any:  # Any: JSON
    done = subprocess.run([str(ERGON), *arguments, "--json"], capture_output=True, text=True, timeout=60, check=True)
    return json.loads(done.stdout, parse_constant=pytest.fail)


# ---- runs ------------------------------------------------------------------------------------------


def test_runs_lists_the_newest_first(capsys: pytest.CaptureFixture[str]) -> None:
    lines = told(capsys, "runs").splitlines()
    assert lines[0].split() == ["RUN", "WORKFLOW", "STATUS", "STARTED", "TOOK", "ABOUT"]
    assert "✗ failed" in lines[1]
    assert "may_break: ZeroDivisionError" in lines[1]
    assert "✓ succeeded" in lines[2]
    assert len(lines) == 3


def test_runs_are_filtered(capsys: pytest.CaptureFixture[str]) -> None:
    assert "failed" not in told(capsys, "runs", "--status", "succeeded")
    assert len(told(capsys, "runs", "--limit", "1").splitlines()) == 2
    assert command(["runs", "--workflow", "other"]) == 0
    assert capsys.readouterr().out == ""


def test_runs_as_json_are_runs_without_their_steps(folder: Path) -> None:
    newest, oldest = document("runs")
    assert list(newest) == ["run_id", "workflow", "status", "started_at", "duration_s", "outputs", "error"]
    assert newest["error"]["type"] == "ZeroDivisionError"
    assert newest["error"]["step"] == "may_break"
    assert newest["outputs"] == {}
    assert oldest["outputs"]["file"] == str(folder / "made.txt")
    for listed in (newest, oldest):
        shown = document("show", listed["run_id"])
        assert {key: value for key, value in shown.items() if key != "steps"} == listed


# ---- show ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("begun", [False, True])
def test_show_of_a_run_whose_process_died(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, begun: bool
) -> None:
    (tmp_path / ".ergon").mkdir()
    monkeypatch.chdir(tmp_path)
    app = open_app(tmp_path)
    text = definition_text(Workflow.model_validate({"ergon": 1, "name": "w", "steps": [{"id": "a", "uses": "x:y"}]}))
    sha256 = definition_hash(text)
    scribe = Scribe(app.store, "r")
    created = scribe.event(e.RUN_CREATED, data={"workflow": "w", "definition": sha256}, value="{}")
    scribe.write(created, definitions={sha256: text})
    if begun:
        scribe.tell(e.RUN_STARTED, data={"epoch": 1})
        scribe.tell(e.STEP_STARTED, "a", 1)
    scribe.lease.release()
    out = told(capsys, "show", "r")
    assert ("started   " in out, "created   " in out) == (begun, not begun)
    assert "w: interrupted" in out
    assert ("a     ‖ interrupted" in out, "running" in out) == (begun, False)
    assert "\n\n\n" not in out
    app.close()


def test_show_tells_of_every_step(capsys: pytest.CaptureFixture[str]) -> None:
    out = told(capsys, "show", "last")
    for part in ("looked-at", "fan[0].in 1", "✗ failed", "ZeroDivisionError: division by zero", "made.txt"):
        assert part in out
    assert "Traceback" not in out


def test_tracebacks_are_shown_when_they_are_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    assert "Traceback (most recent call last)" in told(capsys, "show", "last", "--traceback")


def test_s48_a_secret_parameter_is_not_shown(capsys: pytest.CaptureFixture[str]) -> None:
    run = document("runs")[1]["run_id"]
    out = told(capsys, "show", run)
    assert "swordfish" not in out
    assert "key=***" in out


def test_events_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    out = told(capsys, "show", "last", "--events")
    assert "run_created" in out
    assert "step_failed" in out


def test_events_as_json_are_the_journal() -> None:
    found = document("show", "last", "--events")
    events = found["events"]
    assert [event["seq"] for event in events] == list(range(1, len(events) + 1))
    assert events[0]["type"] == "run_created"
    assert events[0]["step"] is None
    (failed,) = [event for event in events if event["type"] == "step_failed"]
    assert failed["step"] == "may_break"
    assert "traceback" not in failed["data"]["error"]
    assert all(event["at"].endswith("Z") for event in events)
    assert "events" not in document("show", "last")


def test_s46_a_large_output_is_a_reference_and_the_runs_outputs_are_open() -> None:
    run = document("show", document("runs")[1]["run_id"])
    assert set(run["steps"]["big"]["output"]) == {"$artifact", "type", "size"}
    assert run["steps"]["says"]["output"]["type"] == "bytes"
    assert run["outputs"]["big"] == "y" * 100_000


def test_a_run_is_found_by_the_beginning_of_its_id(capsys: pytest.CaptureFixture[str]) -> None:
    run = document("runs")[1]["run_id"]
    assert run in told(capsys, "show", run[:6])
    assert command(["show", "nosuchrun"]) == 2
    assert "There is no run 'nosuchrun' here." in capsys.readouterr().err


# ---- logs ------------------------------------------------------------------------------------------


def test_logs_tell_what_steps_printed_and_logged(capsys: pytest.CaptureFixture[str]) -> None:
    out = told(capsys, "logs", "last")
    assert "says  out" in out
    assert "says  warning: careful" in out
    assert "fan[1].in  item 2" in out


def test_logs_of_a_block_are_those_of_all_inside(capsys: pytest.CaptureFixture[str]) -> None:
    lines = told(capsys, "logs", "last", "fan").splitlines()
    assert [line.split("  ")[-1] for line in lines] == ["item 1", "item 2"]
    assert told(capsys, "logs", "last", "fan[0].in").split()[-2:] == ["item", "1"]


def test_a_step_that_said_nothing_or_that_there_is_not(capsys: pytest.CaptureFixture[str]) -> None:
    assert command(["logs", "last", "file"]) == 0
    assert "printed and logged nothing" in capsys.readouterr().err
    assert command(["logs", "last", "fiel"]) == 2
    assert "Did you mean 'file'?" in capsys.readouterr().err


# ---- resume of what has ended ----------------------------------------------------------------------


def test_s50_resuming_a_run_that_succeeded_prints_it_and_runs_nothing() -> None:
    run = document("runs")[1]["run_id"]
    again = document("resume", run)
    assert again == document("show", run)


# ---- stats, prune ----------------------------------------------------------------------------------


def test_stats(capsys: pytest.CaptureFixture[str]) -> None:
    assert "50% (1 succeeded, 1 failed)" in told(capsys, "stats", "looked-at")
    found = document("stats", "looked-at")
    assert (found["executions"], found["success_rate"], found["last_status"]) == (2, 0.5, "failed")
    assert command(["stats", "looked-ta"]) == 2
    assert "looked-at" in capsys.readouterr().err


def test_s49_pruning_forgets_runs_with_all_that_was_kept_for_them(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".ergon").mkdir()
    (tmp_path / "w.ergon.yaml").write_text(WORKFLOW)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("ergon.engine.pruning.GRACE", 0.0)
    app = open_app(tmp_path)
    runs = [run_once(app, tmp_path) for _ in range(3)]
    app.close()
    out = told(capsys, "prune", "--keep", "1")
    assert out.startswith("Forgot 2 runs and 0 artifacts; that freed ")
    assert [run for run in runs if (tmp_path / ".ergon" / "logs" / f"{run}.jsonl").exists()] == runs[2:]
    assert command(["show", runs[0]]) == 2
    assert told(capsys, "prune", "--older", "1h", "--keep", "0").startswith("Forgot 0 runs")
    assert told(capsys, "prune", "--keep", "0").startswith("Forgot 1 run and ")
    app = open_app(tmp_path)
    assert app.artifacts.hashes() == set()
    app.close()


def run_once(app: App, folder: Path) -> str:
    handle = app.start(app.load(folder / "w.ergon.yaml"), {})
    assert handle.wait(60)
    return handle.run
