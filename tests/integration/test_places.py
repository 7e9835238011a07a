"""How many runs of a workflow go on at once, over the processes that share a home (S54)."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ergon.app import App, open_app
from ergon.testing.journals import wait_until

ERGON = Path(sys.executable).with_name("ergon")

# The step fails if another one is inside. A mark that a killed process left is taken over.
ALONE = """
ergon: 1
name: alone
settings: {{max_runs: 1, overlap: {overlap}, durability: {durability}}}
steps:
  - id: only
    uses: python.run
    with:
      code: |
        import os, time
        mark, log = str(ctx.path("inside")), str(ctx.path("log"))
        try:
            os.close(os.open(mark, os.O_CREAT | os.O_EXCL))
        except FileExistsError:
            alive = os.path.exists("/proc/" + open(mark).read())
            if alive:
                raise RuntimeError("another run is inside")
        with open(mark, "w") as file:
            file.write(str(os.getpid()))
        deadline = time.monotonic() + 50
        while not ctx.path("go").exists() and not ctx.cancelled and time.monotonic() < deadline:
            time.sleep(0.01)
        with open(log, "a") as file:
            file.write(ctx.run + "\\n")
        os.unlink(mark)
"""

WAITS = """
ergon: 1
name: waits
settings: {max_runs: 1, overlap: cancel}
steps:
  - {id: only, uses: wait.for, with: {signal: go}}
"""

WITH_PRIORITY = """
import sys
from pathlib import Path
from ergon.app import Options, open_app

app = open_app()
app.start(app.load(Path("alone.ergon.yaml")), {}, options=Options(priority=sys.argv[1])).wait()
app.close()
"""


class Runs:
    """Processes that run one workflow in one folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._processes: list[subprocess.Popen[str]] = []

    def write(self, *, overlap: str = "queue", durability: str = "process") -> None:
        """Write the workflow."""
        (self.folder / "alone.ergon.yaml").write_text(ALONE.format(overlap=overlap, durability=durability))

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """Start `ergon`."""
        process = subprocess.Popen(
            [str(ERGON), *(arguments or ("run", "alone.ergon.yaml")), "--json"],
            cwd=self.folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self._processes.append(process)
        return process

    def start_with_priority(self, priority: str) -> subprocess.Popen[str]:
        """Start a process that runs the workflow with a priority."""
        process = subprocess.Popen([sys.executable, "-c", WITH_PRIORITY, priority], cwd=self.folder, text=True)
        self._processes.append(process)
        return process

    def inside(self) -> int:
        """Give the process whose run is inside; 0 if none is."""
        try:
            return int((self.folder / "inside").read_text() or 0)
        except FileNotFoundError:
            return 0

    def until_inside(self, process: subprocess.Popen[str]) -> None:
        """Wait until a process's run is inside."""
        wait_until(lambda: self.inside() == process.pid, "its run is inside")

    def go(self) -> None:
        """Let all runs go on."""
        (self.folder / "go").touch()

    def logged(self) -> list[str]:
        """Give the runs that came through, in order."""
        return (self.folder / "log").read_text().split()

    def end(self) -> None:
        """End all processes."""
        for process in self._processes:
            process.kill()
            process.communicate()


@pytest.fixture
def runs(workspace: Path) -> Iterator[Runs]:
    """Give a folder with the workflow in it."""
    runs = Runs(workspace)
    runs.write()
    yield runs
    runs.end()


@pytest.fixture
def app(runs: Runs) -> Iterator[App]:
    """Give this process's view of it."""
    app = open_app(runs.folder)
    yield app
    app.close()


def _statuses(app: App) -> list[str]:
    return sorted(record.status for record in app.store.runs())


def _document(process: subprocess.Popen[str], code: int = 0) -> dict[str, object]:
    out, err = process.communicate(timeout=60)
    assert process.returncode == code, (process.returncode, out, err)
    document = json.loads(out)
    assert isinstance(document, dict)
    return document


def _started(app: App, status: str, count: int) -> Callable[[], bool]:
    return lambda: _statuses(app).count(status) == count


def test_s54_of_four_processes_one_has_the_place_and_when_it_is_killed_the_others_go_on(runs: Runs, app: App) -> None:
    processes = [runs.start() for _ in range(4)]
    wait_until(lambda: runs.inside() != 0, "a run is inside")
    wait_until(_started(app, "queued", 3), "the others wait")
    assert _statuses(app) == ["queued"] * 3 + ["running"]
    (killed,) = [process for process in processes if process.pid == runs.inside()]
    os.kill(killed.pid, signal.SIGKILL)
    killed.wait()
    wait_until(lambda: runs.inside() not in (0, killed.pid), "the next one is inside")
    assert _statuses(app) == ["interrupted", "queued", "queued", "running"]
    runs.go()
    for process in processes:
        if process is not killed:
            assert _document(process)["status"] == "succeeded"
    assert len(set(runs.logged())) == len(runs.logged()) == 3
    assert _statuses(app) == ["interrupted", "succeeded", "succeeded", "succeeded"]


def test_s54_they_begin_in_the_order_of_their_priority_whichever_process_has_them(runs: Runs, app: App) -> None:
    first = runs.start()
    runs.until_inside(first)
    later: list[subprocess.Popen[str]] = []
    for count, priority in enumerate(("deferred", "scheduled", "immediate"), 1):
        later.append(runs.start_with_priority(priority))
        wait_until(lambda count=count: _in_line(app) == count, "it stands in the line")  # type: ignore[misc]
    runs.go()
    for process in (first, *later):
        process.communicate(timeout=60)
    priority_of = {record.id: record.priority for record in app.store.runs()}
    assert [priority_of[run] for run in runs.logged()] == ["immediate", "immediate", "scheduled", "deferred"]


def _in_line(app: App) -> int:
    from ergon.adapters.stores.sqlite import SqliteStore

    assert isinstance(app.store, SqliteStore)
    query = "SELECT count(*) FROM places WHERE rank IS NOT NULL"
    return int(app.store._read(lambda db: db.execute(query).fetchone()[0]))


def test_s54_a_process_that_stands_still_keeps_nobody_in_the_line_waiting(runs: Runs, app: App) -> None:
    first = runs.start()
    runs.until_inside(first)
    second = runs.start()
    wait_until(lambda: _in_line(app) == 1, "the second one stands in the line")
    third = runs.start()
    wait_until(lambda: _in_line(app) == 2, "the third one stands in the line")
    second.send_signal(signal.SIGSTOP)
    runs.go()
    for process in (first, third):
        assert _document(process)["status"] == "succeeded"
    assert _statuses(app) == ["queued", "succeeded", "succeeded"]
    second.send_signal(signal.SIGCONT)
    assert _document(second)["status"] == "succeeded"
    assert len(runs.logged()) == 3


def test_s54_a_kernel_and_a_command_line_share_the_place(runs: Runs, app: App) -> None:
    ours = app.start(app.load(runs.folder / "alone.ergon.yaml"), {})
    wait_until(lambda: runs.inside() == os.getpid(), "our run is inside")
    theirs = runs.start()
    wait_until(_started(app, "queued", 1), "the other one waits")
    runs.go()
    assert _document(theirs)["status"] == "succeeded"
    assert ours.wait(60)
    assert runs.logged()[0] == ours.run


def test_s54_skip_turns_away_a_run_while_another_process_has_the_place(runs: Runs, app: App) -> None:
    runs.write(overlap="skip")
    first = runs.start()
    runs.until_inside(first)
    document = _document(runs.start(), 130)
    assert document["status"] == "cancelled"
    assert app.store.run(str(document["run_id"])).reason == "another run of the workflow was under way"
    runs.go()
    assert _document(first)["status"] == "succeeded"
    assert _document(runs.start())["status"] == "succeeded"


def test_s54_cancel_makes_room_in_whichever_process_it_is(runs: Runs, app: App) -> None:
    (runs.folder / "alone.ergon.yaml").write_text(WAITS)
    first = runs.start()
    wait_until(_started(app, "waiting", 1), "the first one waits")
    second = runs.start()
    assert _document(first, 130)["status"] == "cancelled"
    wait_until(_started(app, "waiting", 1), "the second one waits")
    assert _statuses(app) == ["cancelled", "waiting"]
    app.send("last", "signal", data={"name": "go"})
    assert _document(second)["status"] == "succeeded"


def test_s54_a_run_that_was_resumed_waits_for_its_place_too(runs: Runs, app: App) -> None:
    first = runs.start()
    runs.until_inside(first)
    first.kill()
    first.wait()
    second = runs.start()
    runs.until_inside(second)
    resumed = runs.start("resume", app.store.runs()[-1].id)
    wait_until(lambda: _in_line(app) == 1, "it stands in the line")
    runs.go()
    assert _document(resumed)["status"] == "succeeded"
    assert _document(second)["status"] == "succeeded"
    assert len(runs.logged()) == 2
