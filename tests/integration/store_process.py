"""A process with a store of its own, which does what it is told: the other side of the store's tests.

Run as a program it reads one JSON list a line, `[what, …arguments]`, and answers each with one JSON object a line.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ergon.adapters.stores.sqlite import SqliteStore
from ergon.errors import ErgonError
from ergon.testing.journals import Scribe, commit, wait_until

_NOBODY = 65534


class Remote:
    """A handle on such a process; use it as a context manager, which ends the process."""

    def __init__(self, url: str, *, patience: float = 20.0) -> None:
        self._process = subprocess.Popen(
            [sys.executable, __file__, url, str(patience)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.pid = self._process.pid

    def __enter__(self) -> Remote:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.communicate()

    def tell(self, *words: object) -> None:
        """Say what to do, without waiting for it."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(words) + "\n")
        self._process.stdin.flush()

    def answer(self) -> dict[str, Any]:
        """Wait for what came of the oldest thing that was told."""
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line, "the process has ended"
        answer: dict[str, Any] = json.loads(line)
        return answer

    def ask(self, *words: object) -> Any:
        """Have something done; gives its result, and fails if it raised."""
        self.tell(*words)
        answer = self.answer()
        assert "error" not in answer, answer
        return answer["result"]

    def kill(self) -> None:
        """End it as `kill -9` does."""
        self._process.kill()
        self._process.wait()

    def ended_by(self) -> int:
        """Wait until it has ended; gives the number of the signal, or its exit code."""
        return abs(self._process.wait(timeout=60))

    def stop(self) -> None:
        """Stop it as SIGSTOP does, and wait until it stands still."""
        os.kill(self.pid, signal.SIGSTOP)
        self.wait_until_stopped()

    def wait_until_stopped(self) -> None:
        """Wait until all its threads stand still."""
        wait_until(lambda: os.waitid(os.P_PID, self.pid, os.WSTOPPED | os.WNOHANG) is not None, "it stops")

    def go_on(self) -> None:
        """Let it run again."""
        os.kill(self.pid, signal.SIGCONT)


# ---- the process itself ------------------------------------------------------------------------------------


class _Process:
    def __init__(self, url: str, patience: float) -> None:
        self._deadly = ("", 0, signal.SIGKILL)
        self.store = SqliteStore(url, patience=patience, hook=self._hook)
        self.scribes: dict[str, Scribe] = {}

    def _hook(self, moment: str, number: int) -> None:
        if (moment, number) == self._deadly[:2]:
            signal.pthread_kill(threading.get_ident(), self._deadly[2])  # this thread first, and now

    def die_at(self, moment: str, number: int, by: str) -> None:
        self._deadly = (moment, number, getattr(signal, by))

    def claim(self, run: str) -> int:
        scribe = self.scribes[run] = Scribe(self.store, run)
        scribe.seq = self.store.run(run).last_seq if scribe.lease.epoch > 1 else 0
        return scribe.lease.epoch

    def begin(self, run: str) -> None:
        self.claim(run)
        self.scribes[run].begin()

    def note(self, run: str, count: int, durability: str = "process") -> str:
        """Write events, each in a change of its own; gives the error that stopped it."""
        scribe = self.scribes[run]
        scribe.durability = durability  # type: ignore[assignment]
        for _ in range(count):
            error = commit(self.store, scribe.change(scribe.event("noted", data={"text": "x" * 100})))
            if error is not None:
                return f"{type(error).__name__}: {error}"
        return ""

    def leave(self, run: str, count: int) -> None:
        """Queue events and end the program without closing anything."""
        scribe = self.scribes[run]
        for _ in range(count):
            self.store.commit(scribe.change(scribe.event("noted")), lambda error: None)
        sys.exit(0)

    def status(self, run: str) -> str:
        return self.store.run(run).status

    def release(self, run: str) -> None:
        self.scribes[run].lease.release()

    def owner(self, run: str) -> int:
        owner = self.store.owner(run)
        return owner.pid if owner is not None else 0

    def fork_claims(self, run: str) -> str:
        """Fork a child that claims a run which this process owns; gives what the child says."""
        return _in_child(lambda: str(self.store.claim(run)))

    def fork_writes(self, run: str) -> str:
        """Fork a child that writes to a run which this process owns; gives what the child says."""
        scribe = self.scribes[run]
        return _in_child(lambda: str(commit(self.store, scribe.change(scribe.event("noted")))))

    def fork_begins(self, run: str) -> str:
        """Fork a child that writes a run of its own; gives what the child says."""

        def begin() -> str:
            Scribe(self.store, run).begin()
            return "done"

        return _in_child(begin)

    def fork_stays(self) -> int:
        """Fork a child that lives on until its input ends, and gives its pid."""
        pid = os.fork()
        if not pid:
            signal.pause()
        return pid

    def become_nobody(self) -> None:
        if os.geteuid() == 0:
            os.setresgid(_NOBODY, _NOBODY, _NOBODY)
            os.setresuid(_NOBODY, _NOBODY, _NOBODY)

    def limit_files(self, size: int) -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))

    def notes(self) -> list[str]:
        return list(self.store.notes)

    def runs(self) -> list[str]:
        return [record.id for record in self.store.runs()]

    def close(self) -> None:
        self.store.close()


def _in_child(body: Callable[[], str]) -> str:
    out, into = os.pipe()
    pid = os.fork()
    if not pid:
        try:
            said = body()
        except ErgonError as error:
            said = f"{type(error).__name__}: {error}"
        except BaseException as error:  # a child of a test must never run on into its parent's code
            said = repr(error)
        os.write(into, said.encode())
        os._exit(0)
    os.close(into)
    with open(out, encoding="utf-8") as file:
        said = file.read()
    os.waitpid(pid, 0)
    return said


def main(url: str, patience: str) -> None:
    process = _Process(url, float(patience))
    for line in sys.stdin:
        what, *arguments = json.loads(line)
        try:
            answer = {"result": getattr(process, what)(*arguments)}
        except ErgonError as error:
            answer = {"error": type(error).__name__, "message": str(error)}
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


def url_of(folder: Path) -> str:
    """Give the URL of the store in a folder."""
    return f"sqlite:///{folder}/home/runs.db"


if __name__ == "__main__":
    main(*sys.argv[1:])
