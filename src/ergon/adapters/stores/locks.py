"""Locks: byte ranges of one file that end with the process and are not inherited by a fork (S44).

POSIX drops all of a process's locks on a file as soon as *any* descriptor of that file in the process is
closed. So each lock file is opened once in a process and never closed, and what the process holds is kept in a
table of its own as well: the system's locks do not tell two stores in one process apart.
"""

from __future__ import annotations

import os
import struct
import sys
import threading
from pathlib import Path
from typing import Final

from ergon.adapters.stores.home import make_home
from ergon.errors import StoreError, Unsupported

if sys.platform == "win32":
    raise Unsupported(what="A store on disk under Windows", hint="Use WSL, or `store: memory:`.")

import fcntl

_RUNS: Final = (1 << 61) - 1
"""Run ids fall onto the bytes below this prime; two that shared one would only wait for one another."""
_GATE: Final = 1 << 62
_BSD: Final = sys.platform != "linux"
_FLOCK: Final = "qqihh" if _BSD else "hhqqi0q"


def _flock(kind: int, start: int, length: int) -> bytes:
    fields = (start, length, 0, kind, os.SEEK_SET) if _BSD else (kind, os.SEEK_SET, start, length, 0)
    return struct.pack(_FLOCK, *fields)


def _blocker(answer: bytes) -> int | None:
    """Read the process that holds a lock from the system's answer; None if nobody does."""
    fields = struct.unpack(_FLOCK, answer)
    kind, pid = (fields[3], fields[2]) if _BSD else (fields[0], fields[4])
    return None if kind == fcntl.F_UNLCK else int(pid)


class LockFile:
    """The lock file of one store; get it from `lock_file`."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.turn = threading.Lock()
        """Held by the store of this process that is at the gate."""
        self._mutex = threading.Lock()
        self._descriptor = -1
        self._identity: tuple[int, int] | None = None
        self._writable = False
        self._held: set[str] = set()

    # ---- runs ----------------------------------------------------------------------------------------------

    def acquire(self, run: str) -> bool:
        """Lock a run; gives whether that went well. Raises OSError where files cannot be locked."""
        with self._mutex:
            if run in self._held:
                return False
            if not self._lock(self._open(), _byte(run)):
                return False
            self._held.add(run)
            return True

    def release(self, run: str) -> None:
        """Unlock a run."""
        with self._mutex:
            if run in self._held:
                self._held.discard(run)
                fcntl.lockf(self._descriptor, fcntl.LOCK_UN, 1, _byte(run))

    def holds(self, run: str) -> bool:
        """Say whether this process has locked a run."""
        return run in self._held

    def holder(self, run: str) -> int | None:
        """Give the process that has locked a run (0 if the system cannot name it), or None; takes no lock."""
        if run in self._held:
            return os.getpid()
        return self._blocked_by(_byte(run), 1)

    def anybody(self) -> int | None:
        """Give a process that has locked any run."""
        return os.getpid() if self._held else self._blocked_by(0, _RUNS)

    def assure(self) -> None:
        """Lock again what this process holds, in case somebody closed or replaced the file under it.

        A lock that another process has taken meanwhile stays with it: the epoch keeps this one from writing.
        """
        with self._mutex:
            if self._held:
                descriptor = self._open()
                for run in self._held:
                    self._lock(descriptor, _byte(run))

    # ---- the gate ------------------------------------------------------------------------------------------

    def try_gate(self) -> bool:
        """Take the gate if it is free."""
        if not self._writable:
            with self._mutex:
                self._open()
        return self._lock(self._descriptor, _GATE)

    def wait_gate(self) -> None:
        """Take the gate, however long that takes."""
        with self._mutex:
            descriptor = self._open()
        fcntl.lockf(descriptor, fcntl.LOCK_EX, 1, _GATE)

    def leave_gate(self) -> None:
        """Give the gate to the next."""
        fcntl.lockf(self._descriptor, fcntl.LOCK_UN, 1, _GATE)

    def gate_holder(self) -> int | None:
        """Give the process that holds the gate."""
        return self._blocked_by(_GATE, 1)

    # ---- the file ------------------------------------------------------------------------------------------

    def forget(self) -> None:
        """Start anew in a forked child, which has none of its parent's locks."""
        self._held = set()
        self._mutex = threading.Lock()
        self.turn = threading.Lock()

    def _open(self) -> int:
        """Give a descriptor of the file that lies there now, opened for writing."""
        if not self._writable or self._identity != _identity(self.path):
            make_home(self.path.parent)
            self._adopt(os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644))
            self._writable = True
        return self._descriptor

    def _adopt(self, descriptor: int) -> None:
        status = os.fstat(descriptor)
        self._descriptor = descriptor
        self._identity = (status.st_dev, status.st_ino)

    def _lock(self, descriptor: int, byte: int) -> bool:
        try:
            fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, byte)
        except (BlockingIOError, PermissionError):
            return False
        except OSError as error:
            reason = f"cannot be locked: {error.strerror}"
            hint = "Put it on a file system with POSIX locks, by ERGON_HOME."
            raise StoreError(path=str(self.path), reason=reason, hint=hint) from error
        return True

    def _blocked_by(self, start: int, length: int) -> int | None:
        with self._mutex:
            if self._identity is None or self._identity != _identity(self.path):
                try:
                    self._adopt(os.open(self.path, os.O_RDWR | os.O_CLOEXEC))
                    self._writable = True
                except FileNotFoundError:
                    return None
                except OSError:
                    self._adopt(os.open(self.path, os.O_RDONLY | os.O_CLOEXEC))
                    self._writable = False
            answer = fcntl.fcntl(self._descriptor, fcntl.F_GETLK, _flock(fcntl.F_WRLCK, start, length))
        return _blocker(answer)


def _byte(run: str) -> int:
    return int.from_bytes(run.encode("utf-8", "surrogatepass")) % _RUNS


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        status = os.stat(path)
    except OSError:
        return None
    return status.st_dev, status.st_ino


_files: dict[str, LockFile] = {}
_files_mutex = threading.Lock()


def lock_file(path: Path) -> LockFile:
    """Give the lock file at a path, the same for all stores of the process."""
    name = os.path.realpath(path)
    with _files_mutex:
        return _files.setdefault(name, LockFile(Path(name)))


def _after_fork() -> None:
    global _files_mutex  # noqa: PLW0603  (a fork may have copied it locked)
    _files_mutex = threading.Lock()
    for file in _files.values():
        file.forget()


os.register_at_fork(after_in_child=_after_fork)
