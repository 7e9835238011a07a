"""One trial of durability: start, kill, resume until the run has ended, and look at what is left."""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import psutil

from ergon.app import open_app
from ergon.model import events as e
from ergon.model.events import Event

HERE = Path(__file__).parent
OUTPUTS = {
    "fan": [1, 11, 21, 31, 41],
    "leaves": [1, 2, 3],
    "loop": 3,
    "poll": 2,
    "route": 5,
    "both": {"left": 1, "right": 2},
    "race": "won",
    "broken": "stood in for RuntimeError",
    "shrugged": 7,
    "flaky": 3,
    "size": 100_000,
    "command": "done\n",
    "last": "end",
}
_MARK = "ERGON_TRIAL"


@dataclass(frozen=True, slots=True)
class Trial:
    """A folder in which the workflow of the durability tests is run and killed."""

    folder: Path

    @staticmethod
    def prepare(folder: Path) -> Trial:
        """Make the folder."""
        folder.mkdir(parents=True)
        (folder / ".ergon").mkdir()
        for name in ("everything.ergon.yaml", "work.py"):
            shutil.copy(HERE / name, folder / name)
        return Trial(folder)

    def launch(self, what: str, *, at: tuple[str, int] | None = None) -> subprocess.Popen[bytes]:
        """Start a process that starts or resumes the run, and may kill itself at a commit."""
        command = [sys.executable, str(HERE / "program.py"), str(self.folder), what]
        if at is not None:
            command += ["--at", at[0], str(at[1])]
        environment = {**os.environ, _MARK: str(self.folder)}
        log = (self.folder / "process.log").open("ab")
        with log:
            return subprocess.Popen(command, env=environment, stdout=log, stderr=log, start_new_session=True)

    def kill_after(self, seconds: float) -> bool:
        """Start the run and kill its process after a while; gives whether it still lived."""
        process = self.launch("start")
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.wait()
            return True
        return False

    def kill_at(self, moment: str, commit: int) -> bool:
        """Start the run in a process that kills itself at a commit; gives whether it came to that."""
        return self.launch("start", at=(moment, commit)).wait(60) == -signal.SIGKILL

    def finish(self) -> None:
        """Resume until the run has ended, answering what it asks."""
        app = open_app(self.folder)
        try:
            if not app.store.runs():
                assert self.launch("start").wait(60) == 0, self.said()
            for _ in range(6):
                record = app.record("last")
                if record.status == "succeeded":
                    return
                assert record.status in ("interrupted", "paused"), (record, self.said())
                for wait in app.store.waits(record.id):
                    if wait.why == "person":
                        app.send(record.id, "answer", data={"step": wait.path, "answer": "retry"})
                assert self.launch("resume").wait(60) == 0, self.said()
            raise AssertionError(f"the run did not end: {app.record('last')}")
        finally:
            app.close()

    def said(self) -> str:
        """Give what the processes said."""
        return (self.folder / "process.log").read_text()

    def check(self) -> None:
        """Look whether anything was lost, done twice, or left behind."""
        app = open_app(self.folder)
        try:
            record = app.record("last")
            events = app.events(record.id)
            state = app.state(record.id)
            assert app.values.decode(state.outputs or "{}") == OUTPUTS
            assert [event.seq for event in events] == list(range(1, len(events) + 1))
            self._check_once(events)
        finally:
            app.close()
        self._check_sound()
        self._check_orphans()

    def _check_once(self, events: list[Event]) -> None:
        """No step starts again after its success was committed, and nothing ran that was not journaled."""
        done: set[str] = set()
        started: Counter[tuple[str, int]] = Counter()
        for event in events:
            if event.type == e.STEP_STARTED and event.attempt:
                assert event.step not in done, f"{event.step} ran again after it was committed"
                started[event.step, event.attempt] += 1
            elif event.type == e.STEP_SUCCEEDED:
                done.add(event.step)
        ran: Counter[tuple[str, int]] = Counter()
        for line in (self.folder / "ran.log").read_text().splitlines():
            _, step, attempt = line.split()
            ran[step, int(attempt)] += 1
        assert not [key for key, count in started.items() if count > 1], "an attempt was started twice"
        assert not [key for key, count in ran.items() if count > 1], "an attempt ran twice"
        assert not set(ran) - set(started), "something ran whose start was not on disk"

    def _check_sound(self) -> None:
        with sqlite3.connect(self.folder / ".ergon" / "runs.db") as db:
            assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)

    def _check_orphans(self) -> None:
        """No process of the trial is alive, its steps' children included."""
        deadline = time.monotonic() + 5
        while alive := self._alive():
            assert time.monotonic() < deadline, f"left behind: {alive}"
            time.sleep(0.02)

    def _alive(self) -> list[str]:
        found: list[str] = []
        for process in psutil.process_iter():
            try:
                if process.environ().get(_MARK) == str(self.folder) and process.status() != psutil.STATUS_ZOMBIE:
                    found.append(" ".join(process.cmdline()))
            except psutil.Error:
                continue
        return found
