"""Logs: what the steps of a run print and log, as JSON lines in a file of the run's own (S40, S41).

One line is one object: `at` (seconds since 1970 UTC), `step`, `attempt`, `source` (`stdout`, `stderr` or `log`),
`level` and `text`. The file is made with its first line, and bounded: by attempt, so that a step that talks much does
not drown the others, and as a whole.
"""

from __future__ import annotations

import contextlib
import json
import os
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from ergon.model import events as e
from ergon.model.events import Event
from ergon.ports import Signal

ATTEMPT_LIMIT: Final = 1_000_000
"""Bytes of text that one attempt may leave."""
RUN_LIMIT: Final = 50_000_000
"""Bytes that the log of one run may have."""
_LONGEST_LINE: Final = 8_192
_SOURCES: Final = frozenset({"output", "log"})
_ENDS: Final = frozenset(
    {e.STEP_SUCCEEDED, e.STEP_FAILED, e.STEP_CANCELLED, e.ATTEMPT_FAILED, e.ATTEMPT_LOST, e.STEP_WAITING}
)
_RESTS: Final = frozenset({e.RUN_FINISHED, e.RUN_PAUSED, e.RUN_INTERRUPTED})


@dataclass(frozen=True, slots=True)
class LogLine:
    """One line of a run's log."""

    at: float
    """Seconds since 1970 UTC."""
    step: str
    attempt: int
    source: str
    """`stdout`, `stderr`, or `log` for what an action logged."""
    level: str
    """debug, info, warning or error."""
    text: str


class Lines:
    """Makes lines of the pieces in which output comes; safe to use from any thread."""

    def __init__(self, emit: Callable[[LogLine], None], *, clock: Callable[[], float] = time.time) -> None:
        """`emit` gets each line when it is whole."""
        self._emit = emit
        self._clock = clock
        self._open: dict[tuple[str, int, str], str] = {}
        self._lock = threading.Lock()

    def take(self, signal: Signal) -> None:
        """Take in a signal of type `output` or `log`; others are let pass."""
        if signal.type not in _SOURCES:
            return
        text = str(signal.data.get("text", ""))
        if signal.type == "log":
            level = str(signal.data.get("level", "info"))
            for line in text.splitlines() or [""]:
                self._tell(signal.step, signal.attempt, "log", level, line)
            return
        source = str(signal.data.get("stream", "stdout"))
        key = (signal.step, signal.attempt, source)
        with self._lock:
            *whole, rest = (self._open.pop(key, "") + text).split("\n")
            if len(rest) > _LONGEST_LINE:
                whole.append(rest)
            elif rest:
                self._open[key] = rest
        for line in whole:
            self._tell(*key, "info", line)

    def end(self, step: str) -> None:
        """Give what a step printed without ending the line."""
        with self._lock:
            keys = [key for key in self._open if key[0] == step]
            left = [(key, self._open.pop(key)) for key in keys]
        for key, text in left:
            self._tell(*key, "info", text)

    def _tell(self, step: str, attempt: int, source: str, level: str, text: str) -> None:
        shown = text.rstrip("\r").rpartition("\r")[2]  # what a progress bar wrote over is gone
        self._emit(LogLine(self._clock(), step, attempt, source, level, shown))


class LogWriter:
    """A subscriber of the bus that keeps what steps print and log."""

    def __init__(self, folder: Path, *, attempt_limit: int = ATTEMPT_LIMIT, run_limit: int = RUN_LIMIT) -> None:
        self._folder = folder
        self._attempt_limit = attempt_limit
        self._run_limit = run_limit
        self._logs: dict[str, _RunLog] = {}
        self._lock = threading.Lock()

    def __call__(self, what: Event | Signal) -> None:
        """Take in what the bus hands on."""
        if isinstance(what, Signal):
            if what.type in _SOURCES:
                self._log(what.run).lines.take(what)
            return
        log = self._logs.get(what.run)
        if log is None:
            return
        if what.type in _ENDS:
            log.lines.end(what.step)
        elif what.type in _RESTS:
            with self._lock:
                self._logs.pop(what.run, None)
            log.close()

    def _log(self, run: str) -> _RunLog:
        log = self._logs.get(run)
        if log is None:
            with self._lock:
                log = self._logs.setdefault(
                    run, _RunLog(log_path(self._folder, run), self._attempt_limit, self._run_limit)
                )
        return log


class _RunLog:
    """The file of one run; a line is one write, so that two processes never mix theirs."""

    def __init__(self, path: Path, attempt_limit: int, run_limit: int) -> None:
        self.lines = Lines(self._write)
        self._path = path
        self._attempt_limit = attempt_limit
        self._run_limit = run_limit
        self._written: dict[tuple[str, int], int] = {}
        self._file = -1
        self._size = 0
        self._lock = threading.Lock()

    def _write(self, line: LogLine) -> None:
        with self._lock:
            key = (line.step, line.attempt)
            used = self._written.get(key, 0)
            if used > self._attempt_limit or self._size > self._run_limit:
                return
            self._written[key] = used + len(line.text) + 1
            self._append(line)
            if self._size > self._run_limit:
                self._append(_cut(line, "run", self._run_limit))
            elif self._written[key] > self._attempt_limit:
                self._append(_cut(line, "attempt", self._attempt_limit))

    def _append(self, line: LogLine) -> None:
        if self._file < 0:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._file = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
            self._size = os.fstat(self._file).st_size
        data = json.dumps(asdict(line)).encode() + b"\n"
        self._size += os.write(self._file, data)

    def close(self) -> None:
        """Close the file; a later line opens it again."""
        with self._lock:
            if self._file >= 0:
                os.close(self._file)
                self._file = -1


def _cut(line: LogLine, what: str, limit: int) -> LogLine:
    text = f"(the log of this {what} is cut here, at {limit:,} bytes)"
    return LogLine(line.at, line.step, line.attempt, "log", "warning", text)


# ---- reading -------------------------------------------------------------------------------------------------


def log_path(folder: Path, run: str) -> Path:
    """Give the file of a run's log."""
    return folder / f"{run}.jsonl"


class LogReader:
    """Reads a run's log from the start, and what is added to it later."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._offset = 0

    def read(self) -> Iterator[LogLine]:
        """Give the lines that were added since the last call; a line that is not whole yet waits for the next."""
        with contextlib.suppress(FileNotFoundError), self._path.open("rb") as file:
            file.seek(self._offset)
            for data in file:
                if not data.endswith(b"\n"):
                    return
                self._offset += len(data)
                line = _parse(data)
                if line is not None:
                    yield line


def _parse(data: bytes) -> LogLine | None:
    """Read a line; one that a dying process left torn is passed over."""
    try:
        found = json.loads(data)
        return LogLine(
            float(found["at"]),
            str(found["step"]),
            int(found["attempt"]),
            str(found["source"]),
            str(found["level"]),
            str(found["text"]),
        )
    except (ValueError, KeyError, TypeError):
        return None
