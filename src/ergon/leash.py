"""Leash: ties the life of a child process, and of all that it starts, to this one's (S35).

A child starts in a session of its own, as a small shell that waits for a word from us before it becomes the
command: if this process dies before the child is journaled and guarded, the child ends without having begun.
After that a guard, one small shell for the whole process, knows the child's group. The guard reads a pipe
that only this process writes to; when that ends, in whatever way this process dies, the guard kills every
group that was not released.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import signal
import subprocess
import threading
from collections.abc import Sequence
from typing import Final

_GUARD: Final = r"""
trap '' HUP INT QUIT TERM
held=' '
while read -r sign group; do
  case $sign in
    +) held="$held$group " ;;
    -) case $held in *" $group "*) held="${held%%" $group "*} ${held#*" $group "}" ;; esac ;;
  esac
done
for group in $held; do kill -s KILL -- "-$group"; done
"""
_GATE: Final = 'read -r _ || exit 125; exec "$@" <"$0"'
_SHELL: Final = "/bin/sh"
_CAN_GUARD: Final = os.name == "posix" and os.path.exists(_SHELL)


class _Guard:
    """The process that kills what this one leaves behind; started on first use."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._held: set[int] = set()
        self._process: subprocess.Popen[bytes] | None = None

    def hold(self, group: int) -> None:
        """Have a group killed when this process dies."""
        with self._lock:
            self._held.add(group)
            self._tell(f"+ {group}\n")

    def release(self, group: int) -> None:
        """Let a group be, because it has ended."""
        with self._lock:
            if group in self._held:
                self._held.remove(group)
                self._tell(f"- {group}\n")

    def _tell(self, line: str) -> None:
        if self._process is not None:
            try:
                self._write(self._process, line)
                return
            except OSError:  # somebody ended it: another one takes over all that is held
                self._close(self._process)
        self._process = self._start()
        self._write(self._process, "".join(f"+ {group}\n" for group in self._held))

    @staticmethod
    def _start() -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [_SHELL, "-c", _GUARD],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            bufsize=0,
            cwd="/",
            start_new_session=True,
        )

    @staticmethod
    def _write(process: subprocess.Popen[bytes], text: str) -> None:
        assert process.stdin is not None
        process.stdin.write(text.encode())

    @staticmethod
    def _close(process: subprocess.Popen[bytes]) -> None:
        assert process.stdin is not None
        process.stdin.close()
        process.wait()

    def close(self) -> None:
        """End the guard, which kills what is still held."""
        with self._lock:
            process, self._process = self._process, None
            if process is not None:
                self._close(process)

    def forget(self) -> None:
        """In a fork of this process: let go of the pipe, which is the parent's."""
        self._lock = threading.Lock()
        self._held = set()
        process, self._process = self._process, None
        if process is not None and process.stdin is not None:
            process.stdin.close()
            process.returncode = 0  # it is no child of the fork, so there is nothing to wait for


_guard: Final = _Guard()
atexit.register(_guard.close)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_guard.forget)


class Leash:
    """Holds one child process and all that it starts."""

    def __init__(self) -> None:
        self._reader, self._writer = os.pipe() if _CAN_GUARD else (-1, -1)
        self._group = 0

    @property
    def stdin(self) -> int:
        """What to give the child as its standard input."""
        return self._reader if _CAN_GUARD else subprocess.DEVNULL

    def command(self, argv: Sequence[str], *, stdin: str = os.devnull) -> list[str]:
        """Give the command to start in the child's place; it reads the file `stdin` as its standard input."""
        return [_SHELL, "-c", _GATE, stdin, *argv] if _CAN_GUARD else list(argv)

    def spawned(self) -> None:
        """Note that the child has its end of the pipe, or that there is no child."""
        if self._reader >= 0:
            os.close(self._reader)
            self._reader = -1

    def go(self, pid: int) -> None:
        """Let the child begin, which leads a session of its own."""
        self._group = pid
        if _CAN_GUARD:
            _guard.hold(pid)
            with contextlib.suppress(BrokenPipeError):  # it was ended before it began
                os.write(self._writer, b"go\n")
            self._close_gate()

    def release(self) -> None:
        """Kill what is left of the child's group; done once, more does nothing.

        Call it before the child is reaped, so that its number cannot be another's.
        """
        self.spawned()
        self._close_gate()
        group, self._group = self._group, 0
        if group:
            end_group(group, force=True)
            _guard.release(group)

    def _close_gate(self) -> None:
        if self._writer >= 0:
            os.close(self._writer)
            self._writer = -1


def hold(group: int) -> None:
    """Have a process group killed when this process dies, though it was not started here."""
    if _CAN_GUARD:
        _guard.hold(group)


def release(group: int) -> None:
    """Let a group be that was held, because it has ended."""
    if _CAN_GUARD:
        _guard.release(group)


def end_group(pid: int, *, force: bool = False) -> None:
    """Ask a session's processes to end, or kill them; nothing happens if they are gone."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        if hasattr(os, "killpg"):
            os.killpg(pid, signal.SIGKILL if force else signal.SIGTERM)
        else:
            os.kill(pid, signal.SIGTERM)


def await_end(pid: int) -> int | None:
    """Block until a child has ended, without reaping it; gives its exit code.

    The code is minus the signal's number if a signal ended it, and None where the platform cannot wait so.
    """
    if not hasattr(os, "waitid"):
        return None
    try:
        found = os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
    except ChildProcessError:  # somebody else reaped it
        return None
    assert found is not None  # only without waiting there may be no answer
    return found.si_status if found.si_code == os.CLD_EXITED else -found.si_status
