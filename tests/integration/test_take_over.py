"""A process that stands still while its run is taken over writes nothing when it wakes (S44).

The system does not free a stopped process's lock, so nobody can take its run as long as the lock is seen: another
process is refused by name. Where the lock is lost, with its file or on another host, the epoch keeps the old owner out.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from ergon.adapters.stores.locks import lock_file
from ergon.app import App, open_app
from ergon.model.records import StepRecord
from ergon.testing.journals import wait_until

ERGON = Path(sys.executable).with_name("ergon")

WORKFLOW = """
ergon: 1
name: long
settings: {durability: process}
steps:
  - id: held
    uses: python.run
    with:
      code: |
        import time
        deadline = time.monotonic() + 50
        while not ctx.path("go").exists() and not ctx.cancelled and time.monotonic() < deadline:
            time.sleep(0.01)
        open(ctx.path("came_through"), "a").write(f"{ctx.epoch}\\n")
        ctx.epoch
  - {id: next, uses: core.noop, with: {value: "{{ steps.held.output }}"}}
outputs: {epoch: "{{ steps.next.output }}"}
"""


@pytest.fixture
def app(workspace: Path) -> Iterator[App]:
    """Give this process's view of a folder with the workflow in it."""
    (workspace / "long.ergon.yaml").write_text(WORKFLOW)
    app = open_app(workspace)
    yield app
    app.close()


@pytest.fixture
def owner(app: App) -> Iterator[subprocess.Popen[str]]:
    """Give a process whose run is in the middle of its first step, and that stands still."""
    command = [str(ERGON), "run", "long.ergon.yaml"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        wait_until(lambda: [step.status for step in _steps(app)] == ["running"], "its first step runs")
        process.send_signal(signal.SIGSTOP)
        wait_until(lambda: os.waitid(os.P_PID, process.pid, os.WSTOPPED | os.WNOHANG) is not None, "it stands still")
        yield process
    finally:
        process.kill()
        process.communicate()


def _steps(app: App) -> list[StepRecord]:
    runs = app.store.runs()
    return list(app.store.steps(runs[0].id)) if runs else []


def _resume(run: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([str(ERGON), "resume", run], capture_output=True, text=True, timeout=60, check=False)


def test_s44_the_run_of_a_process_that_stands_still_is_its_own(app: App, owner: subprocess.Popen[str]) -> None:
    run = app.store.runs()[0].id
    assert app.store.run(run).status == "running"
    refused = _resume(run)
    assert refused.returncode != 0
    assert f"Run {run} is owned by process {owner.pid}" in refused.stderr
    Path("go").touch()
    owner.send_signal(signal.SIGCONT)
    owner.communicate(timeout=60)
    assert owner.returncode == 0
    assert app.store.run(run).status == "succeeded"


def test_s44_a_process_that_wakes_after_its_run_was_taken_stops_and_leaves_the_journal_as_it_is(
    app: App, owner: subprocess.Popen[str]
) -> None:
    run = app.store.runs()[0].id
    lock_file(app.workspace.home / "runs.db.leases").path.unlink()
    Path("go").touch()
    resumed = _resume(run)
    assert resumed.returncode == 0, resumed.stderr
    assert app.store.run(run).status == "succeeded"
    before = app.store.events(run)
    owner.send_signal(signal.SIGCONT)
    out, err = owner.communicate(timeout=60)
    assert owner.returncode == 1, (out, err)
    assert f"Run {run} was taken over by another process (epoch 2)." in err
    assert "Traceback" not in out + err
    assert app.store.events(run) == before
    assert app.state(run).outputs == '{"epoch":2}'
    assert app.store.owner(run) is None
