"""What reaches a run in the foreground: signals of the terminal, and commands of other processes (S36, S45, S50)."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

ERGON = Path(sys.executable).with_name("ergon")
DEADLINE = 40.0

TWO = """
ergon: 1
name: two
steps:
  - id: first
    uses: python.run
    with:
      code: |
        import time
        print("begun")
        deadline = time.monotonic() + 30
        while not ctx.path("go").exists() and not ctx.cancelled and time.monotonic() < deadline:
            time.sleep(0.02)
        open(ctx.path("count"), "a").write("x")
        1
  - {id: second, uses: core.noop, with: {value: "{{ steps.first.output + 1 }}"}}
"""

WAITS = """
ergon: 1
name: waits
steps:
  - {id: ok, uses: wait.for, with: {signal: approved}}
  - {id: after, uses: core.noop, with: {value: "{{ steps.ok.output }}"}}
outputs: {by: "{{ steps.after.output.by }}"}
"""

ASKS = """
ergon: 1
name: asks
steps:
  - id: charge
    on_crash: ask
    uses: python.run
    with: {code: "import time; print('begun'); time.sleep(60)"}
  - {id: after, uses: core.noop, with: {value: "{{ steps.charge.output }}"}}
outputs: {paid: "{{ steps.after.output }}"}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / ".ergon").mkdir()
    for text in (TWO, WAITS, ASKS):
        (tmp_path / f"{text.split('name: ')[1].split()[0]}.ergon.yaml").write_text(text)
    return tmp_path


@pytest.fixture
def start(folder: Path) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Start `ergon` in the background; what still runs at the end is killed."""
    started: list[subprocess.Popen[str]] = []

    def start(*arguments: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [str(ERGON), *arguments], cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        started.append(process)
        return process

    yield start
    for process in started:
        if process.poll() is None:
            process.kill()
        process.communicate()


def ergon(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([str(ERGON), *arguments], cwd=folder, capture_output=True, text=True, timeout=DEADLINE)


def document(process: subprocess.Popen[str]) -> dict[str, Any]:
    out, err = process.communicate(timeout=DEADLINE)
    assert "Traceback" not in err
    found: dict[str, Any] = json.loads(out)
    return found


def until(what: Callable[[], bool]) -> None:
    deadline = time.monotonic() + DEADLINE
    while not what():
        assert time.monotonic() < deadline, "it did not come to pass"
        time.sleep(0.02)


def begun(folder: Path) -> bool:
    return any("begun" in path.read_text() for path in (folder / ".ergon" / "logs").glob("*.jsonl"))


def waits(folder: Path) -> bool:
    return '"status": "waiting"' in ergon(folder, "runs", "--json").stdout


# ---- signals ---------------------------------------------------------------------------------------


def test_ctrl_c_once_ends_what_runs_and_a_resume_goes_on(
    folder: Path, start: Callable[..., subprocess.Popen[str]]
) -> None:
    run = start("run", "two.ergon.yaml", "--json")
    until(lambda: begun(folder))
    run.send_signal(signal.SIGINT)
    (folder / "go").touch()
    interrupted = document(run)
    assert run.returncode == 130
    assert interrupted["status"] == "interrupted"
    assert {path: step["status"] for path, step in interrupted["steps"].items()} == {
        "first": "succeeded",
        "second": "pending",
    }
    resumed = ergon(folder, "resume", "last", "--json")
    assert resumed.returncode == 0
    assert json.loads(resumed.stdout)["run_id"] == interrupted["run_id"]
    assert json.loads(resumed.stdout)["steps"]["second"]["output"] == 2
    assert (folder / "count").read_text() == "x"


def test_ctrl_c_twice_stops_at_once_and_the_step_runs_again(
    folder: Path, start: Callable[..., subprocess.Popen[str]]
) -> None:
    run = start("run", "two.ergon.yaml")
    until(lambda: begun(folder))
    run.send_signal(signal.SIGINT)
    assert run.stderr is not None
    assert "Stopping when what runs now has ended" in run.stderr.readline()
    run.send_signal(signal.SIGINT)
    out, err = run.communicate(timeout=DEADLINE)
    assert run.returncode == 130
    assert "Stopping at once" in err
    assert "two: interrupted" in out
    (folder / "go").touch()
    resumed = json.loads(ergon(folder, "resume", "last", "--json").stdout)
    assert resumed["status"] == "succeeded"
    assert resumed["steps"]["first"]["attempts"] == 2


def test_sigterm_is_ctrl_c_once(folder: Path, start: Callable[..., subprocess.Popen[str]]) -> None:
    run = start("run", "two.ergon.yaml", "--json")
    until(lambda: begun(folder))
    run.send_signal(signal.SIGTERM)
    (folder / "go").touch()
    assert document(run)["status"] == "interrupted"
    assert run.returncode == 130


# ---- commands --------------------------------------------------------------------------------------


def test_s45_a_run_is_paused_signalled_and_followed_from_other_processes(
    folder: Path, start: Callable[..., subprocess.Popen[str]]
) -> None:
    run = start("run", "waits.ergon.yaml", "--json")
    until(lambda: waits(folder))
    assert ergon(folder, "pause", "last").returncode == 0
    assert document(run)["status"] == "paused"
    assert run.returncode == 4
    left = ergon(folder, "signal", "last", "approved", "--data", '{"by": "Ada"}')
    assert left.returncode == 0
    assert "it takes effect with: ergon resume" in left.stdout
    resumed = ergon(folder, "resume", "last", "--json")
    assert resumed.returncode == 0
    assert json.loads(resumed.stdout)["outputs"] == {"by": "Ada"}


def test_s36_a_run_is_cancelled_from_another_process(folder: Path, start: Callable[..., subprocess.Popen[str]]) -> None:
    run = start("run", "waits.ergon.yaml", "--json")
    until(lambda: waits(folder))
    assert ergon(folder, "cancel", "last").returncode == 0
    found = document(run)
    assert run.returncode == 130
    assert (found["status"], found["steps"]["ok"]["status"]) == ("cancelled", "cancelled")


def test_a_run_that_no_process_has_is_cancelled_on_the_spot(
    folder: Path, start: Callable[..., subprocess.Popen[str]]
) -> None:
    run = start("run", "waits.ergon.yaml", "--json")
    until(lambda: waits(folder))
    run.send_signal(signal.SIGINT)
    run.communicate(timeout=DEADLINE)
    (folder / "waits.ergon.yaml").write_text("broken meanwhile")
    cancelled = ergon(folder, "cancel", "last")
    assert cancelled.returncode == 0
    assert "was cancelled" in cancelled.stdout
    assert json.loads(ergon(folder, "show", "last", "--json").stdout)["status"] == "cancelled"


def test_s34_a_step_that_waits_for_a_person_is_answered(
    folder: Path, start: Callable[..., subprocess.Popen[str]]
) -> None:
    run = start("run", "asks.ergon.yaml")
    until(lambda: begun(folder))
    run.kill()
    run.communicate(timeout=DEADLINE)
    paused = ergon(folder, "resume", "last")
    assert paused.returncode == 4
    assert "ergon answer" in paused.stdout
    wrong = ergon(folder, "answer", "last", "chrage", "retry")
    assert wrong.returncode == 2
    assert "Did you mean 'charge'?" in wrong.stderr
    assert ergon(folder, "answer", "last", "charge", "42").returncode == 0
    assert json.loads(ergon(folder, "resume", "last", "--json").stdout)["outputs"] == {"paid": 42}


def test_logs_are_followed_to_the_end_of_the_run(folder: Path, start: Callable[..., subprocess.Popen[str]]) -> None:
    start("run", "two.ergon.yaml")
    until(lambda: begun(folder))
    logs = start("logs", "last", "-f")
    assert logs.stdout is not None
    assert "first" in logs.stdout.readline()
    assert logs.poll() is None
    (folder / "go").touch()
    logs.communicate(timeout=DEADLINE)
    assert logs.returncode == 0


def test_s44_a_run_that_a_live_process_has_is_refused_by_name(
    folder: Path, start: Callable[..., subprocess.Popen[str]]
) -> None:
    run = start("run", "waits.ergon.yaml")
    until(lambda: waits(folder))
    refused = ergon(folder, "resume", "last", "--json")
    assert refused.returncode == 2
    assert json.loads(refused.stdout)["error"]["type"] == "RunOwned"
    assert f"process {run.pid}" in refused.stderr
