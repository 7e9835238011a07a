"""The gate: where writers of all processes queue before they begin a transaction (S43).

The system wakes those who wait for a file lock in order; SQLite's own busy wait sleeps and tries its luck.
"""

from __future__ import annotations

import threading
from pathlib import Path

from ergon.adapters.stores.locks import LockFile
from ergon.errors import StoreBusy


class Gate:
    """The gate of one store."""

    def __init__(self, file: LockFile, *, path: Path, patience: float) -> None:
        self._file = file
        self._path = path
        self._patience = patience
        """Seconds to wait before `StoreBusy`."""

    def enter(self) -> None:
        """Wait until it is this store's turn; raises `StoreBusy` when that takes too long."""
        if not self._file.turn.acquire(timeout=self._patience):
            raise self._busy()
        try:
            entered = self._file.try_gate() or self._wait()
        except BaseException:
            self._file.turn.release()
            raise
        if not entered:
            raise self._busy()

    def leave(self) -> None:
        """Give the turn to the next."""
        self._file.leave_gate()
        self._file.turn.release()

    def _wait(self) -> bool:
        queued = _Queued(self._file)
        return queued.wait(self._patience)

    def _busy(self) -> StoreBusy:
        pid = self._file.gate_holder()
        who = f"process {pid}" if pid else "another process"
        reason = f"is being written by {who}, for longer than {self._patience:g} s"
        return StoreBusy(path=str(self._path), reason=reason, hint="Is that process stopped? Then end it.")


class _Queued:
    """One wait for the lock, in a thread of its own, because the system's wait for it has no limit."""

    def __init__(self, file: LockFile) -> None:
        self._file = file
        self._mutex = threading.Lock()
        self._ended = threading.Event()
        self._error: BaseException | None = None
        self._given_up = False
        threading.Thread(target=self._lock, name="ergon-store-gate", daemon=True).start()

    def wait(self, seconds: float) -> bool:
        """Say whether the lock was got in time; if not, it is given back when it comes."""
        if not self._ended.wait(seconds):
            with self._mutex:
                self._given_up = not self._ended.is_set()
                return not self._given_up
        if self._error is not None:
            raise self._error
        return True

    def _lock(self) -> None:
        try:
            self._file.wait_gate()
        except BaseException as error:  # handed to who waits
            self._error = error
        with self._mutex:
            self._ended.set()
            if self._given_up:
                if self._error is None:
                    self._file.leave_gate()
                self._file.turn.release()
