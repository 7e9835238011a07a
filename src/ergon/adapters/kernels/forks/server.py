"""Server: loads the modules once, and forks a kernel for everyone who asks over its socket.

A connection is a kernel's leash: the kernel is killed when it closes, or when the process that opened it ends, however
that happens; and a kernel dies with this process. A child that ended is reaped when its connection closes, so that
its number is nobody else's as long as somebody may send it signals.
"""

from __future__ import annotations

import contextlib
import gc
import json
import os
import select
import signal
import socket
import struct
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, NoReturn

from ergon.adapters.kernels.forks import numeric, preload
from ergon.adapters.kernels.forks.wire import receive, send

_PATIENCE: Final = 5.0
"""Seconds that a request may take to come in whole."""
_PEER: Final = struct.Struct("3i")


@dataclass(slots=True, eq=False)
class _Asker:
    """Somebody who is connected, and the kernel that they got."""

    connection: socket.socket
    process: int
    """A file that tells when the process that asked ends; -1 if it cannot be seen."""
    pid: int = 0
    child: int = -1
    """A file that tells when the kernel ends."""
    left: bool = False


class Server:
    """Serves one socket until it has been idle for long enough."""

    def __init__(self, listener: socket.socket, told: dict[str, Any]) -> None:
        self._listener = listener
        self._path: str = told["path"]
        self._inode: int = told["inode"]
        self._idle: float = told["idle"]
        self._listening = True
        self._askers: set[_Asker] = set()
        self._handlers: dict[int, Callable[[], None]] = {}
        self._poll = select.poll()
        before = dict(os.environ)
        preload.load_kernel()
        loaded, refused = preload.load(told["preload"], told["refused"])
        self._facts = {"pid": os.getpid(), "preloaded": loaded, "refused": refused}
        self._added = {name: value for name, value in os.environ.items() if before.get(name) != value}
        self._setters = numeric.setters()
        self._stamps = preload.stamps()

    def serve(self) -> None:
        """Serve until nobody has asked for anything for a while."""
        self._watch(self._listener.fileno(), self._accept)
        gc.collect()
        gc.freeze()
        try:
            while self._listening or self._askers:
                ready = self._poll.poll(self._idle * 1000 if not self._askers else None)
                for file, handler in [(file, self._handlers[file]) for file, _ in ready]:
                    if self._handlers.get(file) is handler:  # its number may have become another's
                        handler()
                if not ready and not self._askers:
                    self._stop_listening()
        finally:
            for asker in self._askers:
                _kill(asker)

    def _watch(self, file: int, handler: Callable[[], None]) -> None:
        self._handlers[file] = handler
        self._poll.register(file, select.POLLIN)

    def _forget(self, file: int) -> None:
        if self._handlers.pop(file, None) is not None:
            self._poll.unregister(file)

    def _stop_listening(self) -> None:
        """Let nobody find us any more; whoever is at the door already is still served."""
        if not self._listening:
            return
        self._listening = False
        with contextlib.suppress(OSError):
            if os.stat(self._path).st_ino == self._inode:
                os.unlink(self._path)
        self._listener.setblocking(False)
        with contextlib.suppress(OSError):
            while True:
                self._accept()
        self._forget(self._listener.fileno())
        self._listener.close()

    # ---- those who ask -------------------------------------------------------------------------------------------

    def _accept(self) -> None:
        connection, _ = self._listener.accept()
        packed = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _PEER.size)
        pid, user, _ = _PEER.unpack(packed)
        if user != os.getuid():
            connection.close()
            return
        connection.settimeout(_PATIENCE)
        try:
            process = os.pidfd_open(pid)
        except OSError:
            process = -1
        asker = _Asker(connection, process)
        self._askers.add(asker)
        self._watch(connection.fileno(), lambda: self._read(asker))
        if process >= 0:
            self._watch(process, lambda: self._leave(asker))

    def _read(self, asker: _Asker) -> None:
        if asker.pid:  # there is nothing more to say: the connection was closed
            self._leave(asker)
            return
        files: list[int] = []
        try:
            request, files = receive(asker.connection)
            if place := preload.changed(self._stamps):
                self._stop_listening()  # before they ask again
                send(asker.connection, {"stale": place})
                self._leave(asker)
            elif request["wanted"] == "facts":
                send(asker.connection, self._facts)
                self._leave(asker)
            else:
                self._fork(asker, request, files)
        except (EOFError, OSError, ValueError, KeyError):
            self._leave(asker)
        finally:
            for file in files:
                os.close(file)

    def _fork(self, asker: _Asker, request: dict[str, Any], files: list[int]) -> None:
        reader, writer = os.pipe()
        server = os.getpid()
        gc.disable()
        asker.pid = os.fork()
        if not asker.pid:
            os.close(writer)
            self._become(asker, request, files, reader, server)
        gc.enable()
        os.close(reader)
        try:
            asker.child = os.pidfd_open(asker.pid)
            self._watch(asker.child, lambda: self._ended(asker))
            send(asker.connection, {"pid": asker.pid}, [asker.child])
        finally:
            os.close(writer)

    def _become(self, asker: _Asker, request: dict[str, Any], files: list[int], go: int, server: int) -> NoReturn:
        """Be the kernel, in the child."""
        from ergon.adapters.kernels.forks.child import leave, run_kernel

        code = 1
        try:
            self._listener.close()
            for other in self._askers:
                for file in (other.process, other.child):
                    if file >= 0:
                        os.close(file)
                if other is not asker:
                    other.connection.close()
            request["environment"] = {**self._added, **request["environment"]}  # what imports do in any process
            code = run_kernel(
                request, connection=asker.connection, output=files, go=go, server=server, setters=self._setters
            )
        except BaseException:
            sys.excepthook(*sys.exc_info())
        finally:
            leave(code)
            os._exit(code)  # `leave` does not return

    def _ended(self, asker: _Asker) -> None:
        """Tell how the kernel ended; it is reaped when it is let go of."""
        self._forget(asker.child)
        found = os.waitid(os.P_PID, asker.pid, os.WEXITED | os.WNOWAIT)
        if asker.left:
            self._reap(asker)
        elif found is not None:
            code = found.si_status if found.si_code == os.CLD_EXITED else -found.si_status
            with contextlib.suppress(OSError):
                send(asker.connection, {"ended": code})

    def _leave(self, asker: _Asker) -> None:
        """Let go of somebody: their kernel is killed, and reaped when it has ended."""
        if asker.left:
            return
        asker.left = True
        self._forget(asker.connection.fileno())
        asker.connection.close()
        if asker.process >= 0:
            self._forget(asker.process)
            os.close(asker.process)
            asker.process = -1
        _kill(asker)
        if not asker.pid or asker.child not in self._handlers:
            self._reap(asker)

    def _reap(self, asker: _Asker) -> None:
        if asker.pid:
            _kill(asker)  # what it started and left behind
            os.waitpid(asker.pid, 0)
        if asker.child >= 0:
            os.close(asker.child)
            asker.child = -1
        self._askers.discard(asker)


def _kill(asker: _Asker) -> None:
    if not asker.pid:
        return
    try:
        os.killpg(asker.pid, signal.SIGKILL)
    except ProcessLookupError:  # it has no group of its own yet
        with contextlib.suppress(ProcessLookupError):
            os.kill(asker.pid, signal.SIGKILL)


def main() -> None:
    """Serve the socket that was given as a file, as told by the JSON of the second argument."""
    if not sys.flags.safe_path:
        sys.path.pop(0)
    told = json.loads(sys.argv[2])
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(0))
    file = int(sys.argv[1])
    try:
        server = Server(socket.socket(fileno=file), told)
    except preload.UncarriedError as carried:
        told["refused"][carried.module] = carried.reason
        os.set_inheritable(file, True)
        options = [sys.executable, *told["options"], "-m", __spec__.name]
        os.execv(sys.executable, [*options, str(file), json.dumps(told)])
    server.serve()


if __name__ == "__main__":
    main()
