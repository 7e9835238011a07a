"""Client: finds the fork server of this user and environment, or starts it, and asks it for kernels."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import resource
import select
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

from ergon.adapters.kernels.folders import private_folder
from ergon.adapters.kernels.forks import numeric
from ergon.adapters.kernels.forks.wire import receive, send

_PREFIXES: Final = ("PYTHON", "LD_", "LC_", "MPL", "PYDEVD", "DEBUGPY")
_NAMES: Final = frozenset({"HOME", "LANG", "PATH", "TMPDIR", "TZ", "USER", "VIRTUAL_ENV"})
_INLINE: Final = "module://matplotlib_inline.backend_inline"
_STARTING: Final = 120.0
"""Seconds that the server may take to load what it was told to."""
_TRIES: Final = 3
"""Times that a server may be found about to end, as one whose modules were changed is."""


class ForkError(Exception):
    """There is no kernel from the fork server, and the reason is told."""


@dataclass(frozen=True, slots=True)
class ForkServer:
    """Where to find a fork server, and how to start it."""

    preload: tuple[str, ...] = ()
    idle: float = 600.0
    """Seconds without a kernel after which it ends."""
    folder: Path | None = None
    """Where its socket lies; by default a private folder of the user."""

    def facts(self, environment: Mapping[str, str], options: Sequence[str] = ()) -> dict[str, Any]:
        """Say which modules are loaded in it and which were refused; raises `ForkError`."""
        answer, _files, connection = self._ask({"wanted": "facts"}, (), environment, options)
        connection.close()
        return answer

    def fork(
        self,
        arguments: Sequence[str],
        *,
        folder: Path,
        environment: Mapping[str, str],
        output: tuple[int, int],
        options: Sequence[str] = (),
    ) -> Fork:
        """Ask for a kernel with a command line, whose output goes to two open files; raises `ForkError`.

        `options` are those of the interpreter.
        """
        mask = os.umask(0)
        os.umask(mask)
        request = {
            "wanted": "kernel",
            "arguments": list(arguments),
            "folder": str(folder),
            "environment": dict(environment),
            "umask": mask,
        }
        answer, files, connection = self._ask(request, output, environment, options)
        return Fork(connection, answer["pid"], files[0])

    def _ask(
        self,
        request: Mapping[str, object],
        files: Sequence[int],
        environment: Mapping[str, str],
        options: Sequence[str],
    ) -> tuple[dict[str, Any], list[int], socket.socket]:
        """Ask the server, and a new one if it is about to end; gives the answer and the connection."""
        reason = ""
        for _ in range(_TRIES):
            connection = self._connect(environment, options)
            connection.settimeout(_STARTING)
            try:
                send(connection, request, files)
                answer, came = receive(connection)
            except (OSError, EOFError) as error:
                reason = f"the fork server does not answer ({type(error).__name__})"
            else:
                if "stale" not in answer:
                    return answer, came, connection
                reason = f"the fork server does not come to rest: {answer['stale']} changes all the time"
            connection.close()
        raise ForkError(reason)

    # ---- finding and starting it ---------------------------------------------------------------------------------

    def _connect(self, environment: Mapping[str, str], options: Sequence[str]) -> socket.socket:
        own = _kept(environment)
        path = private_folder(self.folder) / f"fork-{self._key(own, options)}.sock"
        connection = _connected(path)
        if connection is not None:
            return connection
        lock = os.open(path.with_suffix(".lock"), os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            connection = _connected(path)
            if connection is None:
                self._start(path, own, options)
                connection = _connected(path)
        except OSError as error:
            raise ForkError(f"the fork server cannot be started: {error}") from None
        finally:
            os.close(lock)
        if connection is None:
            raise ForkError("the fork server cannot be started")
        return connection

    def _key(self, environment: Mapping[str, str], options: Sequence[str]) -> str:
        """Give what tells servers apart: whatever a child inherits that cannot be set in it."""
        limits = [resource.getrlimit(number) for name, number in vars(resource).items() if name.startswith("RLIMIT_")]
        with open("/proc/self/cgroup") as file:
            groups = file.read()
        facts = [sys.executable, version("jupyter-ergon"), list(options), sorted(environment.items())]
        described = json.dumps([*facts, list(self.preload), self.idle, limits, groups, os.getgroups()])
        return hashlib.sha256(described.encode()).hexdigest()[:16]

    def _start(self, path: Path, environment: Mapping[str, str], options: Sequence[str]) -> None:
        """Start the server on a socket that takes connections at once."""
        with contextlib.suppress(FileNotFoundError):
            path.unlink()
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(str(path))
            path.chmod(0o600)
            listener.listen(128)
            told = {
                "path": str(path),
                "inode": path.stat().st_ino,
                "idle": self.idle,
                "options": list(options),
                "preload": list(self.preload),
                "refused": {},
            }
            file = listener.fileno()
            command = [sys.executable, *options, "-m", "ergon.adapters.kernels.forks.server", str(file)]
            with path.with_suffix(".log").open("wb") as log:
                child = subprocess.Popen(
                    [*command, json.dumps(told)],
                    cwd="/",
                    env={"MPLBACKEND": _INLINE, **environment, **numeric.ONE_THREAD},
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    pass_fds=[file],
                    start_new_session=True,
                )
        threading.Thread(target=child.wait, name="ergon-fork-server", daemon=True).start()


def _kept(environment: Mapping[str, str]) -> dict[str, str]:
    """Give those variables that a process reads while it loads; all others are set in the child."""
    return {name: value for name, value in environment.items() if name in _NAMES or name.startswith(_PREFIXES)}


def _connected(path: Path) -> socket.socket | None:
    connection = socket.socket(socket.AF_UNIX)
    try:
        connection.connect(str(path))
    except OSError:
        connection.close()
        return None
    return connection


class Fork:
    """A forked kernel, used as a `subprocess.Popen` is. Its end is that of the connection."""

    stdin = stdout = stderr = None

    def __init__(self, connection: socket.socket, pid: int, process: int) -> None:
        self.pid = pid
        self.returncode: int | None = None
        self._connection = connection
        self._process = process
        self._lock = threading.RLock()

    def bound(self) -> dict[str, int]:
        """Wait until its ports are bound, and give them; raises `ForkError`."""
        try:
            message, _ = receive(self._connection)
        except (OSError, EOFError):
            message = {"failed": "the fork server ended"}
        if "bound" not in message:
            reason = message.get("failed", "it ended while it started")
            self.close()
            raise ForkError(f"the forked kernel did not start: {reason}")
        ports: dict[str, int] = message["bound"]
        return ports

    def poll(self) -> int | None:
        """Give its exit code, or None while it runs."""
        return self.wait(0)

    def wait(self, timeout: float | None = None) -> int | None:
        """Wait until it has ended, `timeout` seconds at most; gives its exit code, or None if it runs."""
        if self.returncode is None and self._process >= 0 and _readable(self._process, timeout):
            with self._lock:
                if self.returncode is None:
                    self.returncode = self._told()
        return self.returncode

    def _told(self) -> int:
        try:
            while True:
                message, _ = receive(self._connection)
                if "ended" in message:
                    return int(message["ended"])
        except (OSError, EOFError):  # the server was killed, and the kernel with it
            return -signal.SIGKILL

    def send_signal(self, number: int) -> None:
        """Send a signal to the kernel itself."""
        with contextlib.suppress(ProcessLookupError), self._lock:
            if self._process >= 0:
                signal.pidfd_send_signal(self._process, number)

    def send_group(self, number: int) -> None:
        """Send a signal to the kernel and all that it started in its group."""
        with contextlib.suppress(ProcessLookupError), self._lock:
            if self._process >= 0:
                os.killpg(self.pid, number)

    def terminate(self) -> None:
        """Ask it to end."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """Kill it."""
        self.send_signal(signal.SIGKILL)

    def close(self) -> None:
        """Kill what is left of it and let it be reaped; more does nothing."""
        with self._lock:
            if self._process < 0:
                return
            self.send_group(signal.SIGKILL)
            self.kill()
            self.wait(_STARTING)
            if self.returncode is None:
                self.returncode = -signal.SIGKILL
            os.close(self._process)
            self._process = -1
            self._connection.close()


def _readable(file: int, seconds: float | None) -> bool:
    poll = select.poll()
    poll.register(file, select.POLLIN)
    return bool(poll.poll(None if seconds is None else seconds * 1000))
