"""`ergon run`, as a person or a program runs it: exit codes, the document, and what reaches stdout."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

ERGON = Path(sys.executable).with_name("ergon")

FINE = """
ergon: 1
name: fine
parameters:
  - {name: n, type: integer, default: 1, maximum: 9}
  - {name: text, type: json}
steps:
  - id: noisy
    uses: python.run
    with:
      n: "{{ parameters.n }}"
      code: |
        import os, subprocess, sys
        print("printed by the step")
        os.write(1, b"written by a library\\n")
        subprocess.run([sys.executable, "-c", "print('printed by a child')"], check=True)
        {"n": n, "nan": float("nan"), "pair": (1, 2)}
  - {id: off, uses: core.noop, enabled: false}
  - id: fan
    for_each: [1, 2]
    uses: core.noop
    with: {value: "{{ item * parameters.n }}"}
  - id: deep
    for_each: [5]
    steps: [{id: in, uses: core.noop, with: {value: "{{ item }}"}}]
outputs:
  n: "{{ steps.noisy.output.n }}"
  text: "{{ parameters.text }}"
"""

MIXED = """
ergon: 1
name: mixed
settings: {on_failure: finish}
steps:
  - {id: bad, uses: core.fail, with: {message: "it broke"}, retry: 2}
  - {id: after, uses: core.noop, needs: [bad]}
"""

PARTIAL = """
ergon: 1
name: partial
steps:
  - {id: bad, uses: core.fail, with: {message: "never mind"}, optional: true}
"""

PAUSED = """
ergon: 1
name: paused
settings: {on_failure: pause}
steps:
  - {id: bad, uses: core.fail, with: {message: "look at it"}}
"""


@dataclass(frozen=True)
class Result:
    """What a command answered."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:  # Any: JSON
        return json.loads(self.out, parse_constant=pytest.fail)


def ergon(folder: Path, *arguments: str) -> Result:
    done = subprocess.run([str(ERGON), *arguments], cwd=folder, capture_output=True, text=True, timeout=60)
    assert "Traceback" not in done.stderr
    return Result(done.returncode, done.stdout, done.stderr)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("cli")
    (folder / ".ergon").mkdir()
    for text in (FINE, MIXED, PARTIAL, PAUSED):
        name = text.split("name: ")[1].split("\n")[0]
        (folder / f"{name}.ergon.yaml").write_text(text)
    (folder / "given.yaml").write_text("n: 2\ntext: [a, 1e3]\n")
    return folder


@pytest.fixture(scope="module")
def fine(folder: Path) -> Result:
    return ergon(folder, "run", "fine.ergon.yaml", "--params", "given.yaml", "-p", "n=3", "--json")


# ---- the document ----------------------------------------------------------------------------------


def test_the_document_is_the_run_to_the_letter(fine: Result) -> None:
    document = fine.document
    assert fine.code == 0
    assert list(document) == ["run_id", "workflow", "status", "started_at", "duration_s", "outputs", "error", "steps"]
    assert document["workflow"] == "fine"
    assert document["status"] == "succeeded"
    assert document["error"] is None
    assert document["duration_s"] > 0
    assert {tuple(step) for step in document["steps"].values()} == {
        ("status", "attempts", "duration_s", "cached", "output", "error")
    }


def test_given_parameters_are_typed_and_the_command_line_goes_over_the_file(fine: Result) -> None:
    assert fine.document["outputs"] == {"n": 3, "text": ["a", 1000.0]}


def test_steps_holds_every_instance(fine: Result) -> None:
    steps = fine.document["steps"]
    assert list(steps) == ["noisy", "off", "fan", "fan[0]", "fan[1]", "deep", "deep[0].in"]
    assert steps["fan"]["output"] == [3, 6]
    assert steps["off"]["status"] == "skipped"
    assert steps["off"]["output"] is None
    assert steps["noisy"]["output"] == {"n": 3, "nan": None, "pair": [1, 2]}


def test_nothing_else_reaches_stdout(fine: Result, folder: Path) -> None:
    assert "written by a library" in fine.err
    assert "printed by a child" in fine.err
    assert "printed by the step" not in fine.err
    assert "printed by the step" in ergon(folder, "logs", fine.document["run_id"], "noisy").out


def test_a_failure_is_told_with_its_step_and_attempt(folder: Path) -> None:
    failed = ergon(folder, "run", "mixed.ergon.yaml", "--json")
    assert failed.code == 1
    assert failed.document["status"] == "failed"
    assert failed.document["error"] == {"type": "ActionFailed", "message": "it broke", "step": "bad"}
    steps = failed.document["steps"]
    assert steps["bad"]["error"] == {"type": "ActionFailed", "message": "it broke", "attempt": 2}
    assert steps["after"]["status"] == "skipped"


@pytest.mark.parametrize(("workflow", "code", "status"), [("partial", 3, "partial"), ("paused", 4, "paused")])
def test_the_exit_code_says_how_it_ended(workflow: str, code: int, status: str, folder: Path) -> None:
    done = ergon(folder, "run", f"{workflow}.ergon.yaml", "--json")
    assert (done.code, done.document["status"]) == (code, status)


# ---- nothing was run -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "type", "said"),
    [
        (["fine.ergon.yaml", "-p", "n=10"], "ParameterInvalid", "Parameter 'n'"),
        (["fine.ergon.yaml", "--only", "nosy"], "StepUnknown", "'nosy'"),
        (["none.ergon.yaml"], "WorkflowInvalid", "E101"),
        (["fine.ergon.yaml", "--nosuch"], "UsageError", "--nosuch"),
    ],
)
def test_what_is_invalid_exits_with_2_and_one_document(
    arguments: list[str], type: str, said: str, folder: Path
) -> None:
    before = set((folder / ".ergon").rglob("*.jsonl"))
    refused = ergon(folder, "run", *arguments, "--json")
    assert refused.code == 2
    assert refused.document["error"]["type"] == type
    assert said in refused.document["error"]["message"]
    assert said in refused.err
    assert set((folder / ".ergon").rglob("*.jsonl")) == before


def test_a_dry_run_shows_the_waves_and_runs_nothing(tmp_path: Path) -> None:
    (tmp_path / "fine.ergon.yaml").write_text(FINE)
    planned = ergon(tmp_path, "run", "fine.ergon.yaml", "--dry-run", "-p", "n=2", "--disable", "noisy", "--json")
    assert planned.code == 0
    assert planned.document == {
        "ok": True,
        "workflow": "fine",
        "parameters": {"n": 2, "text": None},
        "waves": [["noisy", "off", "fan", "deep"]],
        "replayed": {},
        "left_out": [],
    }
    assert not (tmp_path / ".ergon").exists()


def test_s43_of_a_run_with_durability_off_nothing_is_kept(tmp_path: Path) -> None:
    (tmp_path / "partial.ergon.yaml").write_text(PARTIAL)
    told = ergon(tmp_path, "run", "partial.ergon.yaml", "--set", "durability=off")
    assert told.code == 3
    assert "bad  ActionFailed: never mind" in told.out
    assert "nothing of the run is kept" in told.out
    assert ergon(tmp_path, "runs", "--json").document == []


# ---- a part of it ----------------------------------------------------------------------------------


def statuses(result: Result) -> dict[str, str]:
    return {path: step["status"] for path, step in result.document["steps"].items() if "[" not in path}


def test_s53_a_part_is_run_with_what_an_earlier_run_gave(fine: Result, folder: Path) -> None:
    part = ergon(folder, "run", "fine.ergon.yaml", "--only", "fan", "--only", "noisy", "--disable", "noisy", "--json")
    assert statuses(part) == {"noisy": "skipped", "off": "skipped", "fan": "succeeded", "deep": "skipped"}
    enabled = ergon(folder, "run", "fine.ergon.yaml", "--to", "off", "--enable", "off", "--json")
    assert statuses(enabled) == {"noisy": "skipped", "off": "succeeded", "fan": "skipped", "deep": "skipped"}


def test_s50_retry_runs_what_a_partial_run_tolerated(tmp_path: Path) -> None:
    flaky = "import os\nassert os.path.exists(ctx.path('fixed')), 'not yet'\n'fine'"
    workflow = {
        "ergon": 1,
        "name": "flaky",
        "steps": [{"id": "a", "uses": "python.run", "with": {"code": flaky}, "optional": True}],
    }
    (tmp_path / "flaky.ergon.json").write_text(json.dumps(workflow))
    partial = ergon(tmp_path, "run", "flaky.ergon.json", "--json")
    assert partial.code == 3
    (tmp_path / "fixed").touch()
    assert ergon(tmp_path, "resume", "last", "--json").code == 3
    retried = ergon(tmp_path, "retry", "last", "--json")
    assert (retried.code, retried.document["status"]) == (0, "succeeded")
    assert retried.document["run_id"] == partial.document["run_id"]
    assert retried.document["steps"]["a"]["attempts"] == 2


# ---- words -----------------------------------------------------------------------------------------


def test_without_a_terminal_it_tells_line_by_line(folder: Path) -> None:
    told = ergon(folder, "run", "mixed.ergon.yaml")
    assert told.code == 1
    for said in (
        "of mixed is running",
        "bad: attempt 1 failed: ActionFailed: it broke",
        "✗ bad failed",
        "↷ after skipped",
        "✗ mixed: failed in",
        "Went wrong",
        "ergon resume",
    ):
        assert said in told.out
    assert "\x1b" not in told.out
