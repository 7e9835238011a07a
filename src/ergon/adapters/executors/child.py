"""Child: a process that runs actions, as the process that started it sees it."""

from __future__ import annotations

import codecs
import contextlib
import math
import os
import selectors
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from typing import Final

from ergon.adapters.executors.messages import Inbox, Message, framed
from ergon.adapters.executors.streams import StreamName

GRACE: Final = 2.0
"""Seconds between SIGTERM and SIGKILL."""
_TICK: Final = 0.25
"""Seconds between looks at a process that says nothing."""
_CHUNK: Final = 262_144
_PIPE: Final = 1 << 20
"""More than any pipe holds, in bytes."""
_WORKER: Final = "ergon.adapters.executors.worker"

Write = Callable[[str, StreamName], None]


class ChildDied(Exception):  # noqa: N818  # what happened, to be told as ProcessDied
    """The child has ended, or is about to."""


class Child:
    """A worker process in a session of its own, with a socket for messages and pipes for what it prints.

    All but `stop` is for the thread that made it. On Linux a worker dies with that thread.
    """

    def __init__(self) -> None:
        """Start the process: a new interpreter, never a fork of this one."""
        self._socket, theirs = socket.socketpair()
        self._socket.setblocking(False)
        with theirs:
            try:
                self._process = _started(theirs.fileno())
            except OSError:
                self._socket.close()
                raise
        self.pid = self._process.pid
        self._inbox = Inbox()
        self._sending = threading.Lock()
        self._signalling = threading.Lock()
        self._is_reaped = False
        self._kill_at: float | None = None
        self._outputs = self._open_outputs()
        self._selector = selectors.PollSelector()
        self._selector.register(self._socket, selectors.EVENT_READ)
        for descriptor in self._outputs:
            self._selector.register(descriptor, selectors.EVENT_READ)

    def _open_outputs(self) -> dict[int, tuple[StreamName, codecs.IncrementalDecoder]]:
        decoder = codecs.getincrementaldecoder("utf-8")
        streams: tuple[StreamName, StreamName] = ("stdout", "stderr")
        found: dict[int, tuple[StreamName, codecs.IncrementalDecoder]] = {}
        for name in streams:
            pipe = getattr(self._process, name)
            os.set_blocking(pipe.fileno(), False)
            found[pipe.fileno()] = name, decoder("backslashreplace")
        return found

    # ---- messages

    def send(self, message: Message) -> None:
        """Send a message; raises `ChildDied`."""
        with self._sending:
            for part in framed(message):
                self._send(memoryview(part))

    def _send(self, view: memoryview) -> None:
        while view:
            try:
                view = view[self._socket.send(view) :]
            except BlockingIOError:
                with selectors.PollSelector() as selector:
                    selector.register(self._socket, selectors.EVENT_WRITE)
                    selector.select(_TICK)
                self._kill_if_due()
                self._check()
            except OSError as error:
                raise ChildDied from error

    def receive(self, write: Write, *, patience: float = math.inf) -> list[Message]:
        """Wait for messages, passing on what the child prints meanwhile.

        Raises `ChildDied`, also if nothing comes for `patience` seconds.
        """
        messages: list[Message] = []
        limit = time.monotonic() + patience
        while not messages:
            events = self._selector.select(_TICK)
            self._kill_if_due()
            if time.monotonic() > limit:
                raise ChildDied
            if not events:
                self._check()
            for key, _ in events:
                if key.fileobj is self._socket:
                    messages = self._received()
                else:
                    self._pass_on(key.fd, write)
        return messages

    def _received(self) -> list[Message]:
        try:
            data = self._socket.recv(_CHUNK)
        except BlockingIOError:
            return []
        except OSError as error:
            raise ChildDied from error
        if not data:
            raise ChildDied
        return self._inbox.feed(data)

    def _kill_if_due(self) -> None:
        if self._kill_at is None or (late := time.monotonic() - self._kill_at) < 0:
            return
        self._signal(signal.SIGKILL)
        if late > GRACE:  # a process that left the group holds the socket
            raise ChildDied

    def _check(self) -> None:
        """Notice a child that is dead though what it started holds its socket."""
        if self._process.poll() is not None:
            raise ChildDied

    # ---- what it prints

    def _pass_on(self, descriptor: int, write: Write) -> int:
        """Pass on what a pipe holds now; gives the number of bytes."""
        try:
            data = os.read(descriptor, _CHUNK)
        except BlockingIOError:
            return 0
        name, decoder = self._outputs[descriptor]
        if not data:
            self._selector.unregister(descriptor)
            del self._outputs[descriptor]
        if text := decoder.decode(data, final=not data):
            write(text, name)
        return len(data)

    def drain(self, write: Write) -> None:
        """Pass on what the child printed before its last message."""
        for descriptor, (name, decoder) in list(self._outputs.items()):
            total = 0
            while (count := self._pass_on(descriptor, write)) and total < _PIPE:
                total += count
            if text := decoder.decode(b"", final=True):
                write(text, name)
            decoder.reset()

    # ---- its end

    def is_alive(self) -> bool:
        """Say whether the process has not ended by itself."""
        return self._process.poll() is None

    def stop(self) -> None:
        """Ask the process and all that it started to end; they are killed after the grace."""
        self._kill_at = time.monotonic() + GRACE
        self._signal(signal.SIGTERM)

    def reap(self) -> int:
        """Wait for the end of the process, killing it after the grace; then end its group, and give its code."""
        limit = GRACE if self._kill_at is None else max(0.0, self._kill_at - time.monotonic())
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(limit)
        with self._signalling:
            # What the process started is in its group, also when the process itself is gone.
            _kill_group(self.pid, signal.SIGKILL)
            self._is_reaped = True
        return self._process.wait()

    def close(self) -> None:
        """Let go of the socket and the pipes; the process has been reaped."""
        self._selector.close()
        self._socket.close()
        for pipe in (self._process.stdout, self._process.stderr):
            assert pipe is not None
            pipe.close()

    def _signal(self, number: signal.Signals) -> None:
        with self._signalling:
            if not self._is_reaped:
                _kill_group(self.pid, number)


def _started(descriptor: int) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-P", "-m", _WORKER, str(os.getpid()), str(descriptor)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        pass_fds=(descriptor,),
        start_new_session=True,
    )


def _kill_group(group: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):  # macOS refuses a group of zombies
        os.killpg(group, number)


def ending(code: int) -> str:
    """Say in a few words how a process ended."""
    if code >= 0:
        return f"exit code {code}"
    try:
        return f"signal {signal.Signals(-code).name}"
    except ValueError:
        return f"signal {-code}"
