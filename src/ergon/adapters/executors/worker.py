"""Worker: the program of a child process, which runs actions for the process that started it.

It is started as `python -m ergon.adapters.executors.worker OWNER SOCKET` with the owner's pid and the descriptor of
its socket, and ends with its owner: when the socket is closed, and on Linux by a signal of the system as well.
"""

from __future__ import annotations

import contextlib
import ctypes
import faulthandler
import os
import pickle
import signal
import socket
import sys
import threading
from io import TextIOWrapper
from queue import SimpleQueue
from types import FrameType
from typing import Final, NoReturn

from ergon.adapters.executors.failures import Result, result_of
from ergon.adapters.executors.invocation import invoke, tell_to_stop
from ergon.adapters.executors.messages import (
    HINT,
    Answer,
    Compute,
    Done,
    Inbox,
    Message,
    Ready,
    Setup,
    Stop,
    Work,
    framed,
)
from ergon.adapters.executors.proxy import ProxyContext
from ergon.errors import CallableUnknown, InputInvalid
from ergon.ports import ActionHandler

_CHUNK: Final = 262_144
_PR_SET_PDEATHSIG: Final = 1


class Worker:
    """Runs one action after another in the main thread, while another thread listens to the owner."""

    def __init__(self, connection: socket.socket) -> None:
        self._socket = connection
        self._sending = threading.RLock()
        self._inbox = Inbox()
        self._jobs: SimpleQueue[Work | None] = SimpleQueue()
        self._context: ProxyContext | None = None
        self._handlers: dict[bytes, ActionHandler] = {}
        """Actions by their pickled form: a run calls few of them, many times."""
        self._is_stopped = False
        self._pid = os.getpid()
        self._c = ctypes.CDLL(None)

    def serve(self) -> None:
        """Work until there is no more."""
        signal.signal(signal.SIGTERM, self._on_sigterm)
        threading.Thread(target=self._listen, name="ergon-owner", daemon=True).start()
        self._threads = threading.active_count()
        self._surroundings = _surroundings()
        self.send(Ready())
        while not self._is_stopped and (work := self._jobs.get()) is not None:
            self._do(work)
            del work  # nothing of it is kept while the next one is waited for

    def send(self, message: Message) -> None:
        """Send a message to the owner."""
        if os.getpid() != self._pid:
            raise RuntimeError("a process that an action forks cannot use the action's context")
        with self._sending:
            for part in framed(message):
                self._socket.sendall(part)

    # ---- work

    def _do(self, work: Work) -> None:
        context = self._context = ProxyContext(work.facts, self.send)
        result = result_of(lambda: self._output(work, context))
        self._context = None
        if not self._is_stopped:
            self._flush()
            self.send(Done(result, self._is_clean(result)))

    def _output(self, work: Work, context: ProxyContext) -> object:
        handler = self._handlers.get(work.handler)
        if handler is None:
            handler = self._handlers[work.handler] = _loaded_handler(work)
        inputs = {name: _loaded_input(work.name, name, data) for name, data in work.inputs.items()}
        return invoke(handler, context, inputs)

    def _flush(self) -> None:
        """Push out what was printed, so that it arrives before the result."""
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(OSError, ValueError, AttributeError):  # the action put its own there
                stream.flush()
        self._c.fflush(None)

    def _is_clean(self, result: Result) -> bool:
        """Say whether a next action finds this process as the last one did."""
        return (
            (result.failure is None or result.failure.kind != "SystemExit")
            and threading.active_count() <= self._threads
            and _surroundings() == self._surroundings
            and not _has_children()
        )

    # ---- the owner

    def _listen(self) -> None:
        """Take messages; when there can be no more, the owner is gone, and so must this process be."""
        while True:
            try:
                data = self._socket.recv(_CHUNK)
            except OSError:
                data = b""
            if not data:
                _die()
            for message in self._inbox.feed(data):
                self._hear(message)

    def _hear(self, message: Message) -> None:
        context = self._context
        if isinstance(message, Setup):
            sys.path[:] = message.path
        elif isinstance(message, Work):
            self._jobs.put(message)
        elif isinstance(message, Stop):
            self._jobs.put(None)
        elif isinstance(message, Answer | Compute) and context is not None:
            context.reply(message)

    def _on_sigterm(self, number: int, frame: FrameType | None) -> None:
        """Let the action clean up behind itself; what takes too long is killed."""
        self._is_stopped = True
        if self._context is not None:
            tell_to_stop(self._context)
        raise SystemExit(128 + number)


def _loaded_handler(work: Work) -> ActionHandler:
    try:
        handler: ActionHandler = pickle.loads(work.handler)
    except CallableUnknown as unknown:
        unknown.hint = unknown.hint or HINT
        raise
    except Exception as error:  # unpickling runs the code of anybody's class
        failed = CallableUnknown(name=work.name, reason=f"another process cannot load it ({error})")
        failed.hint = HINT
        raise failed from error
    return handler


def _loaded_input(action: str, name: str, data: bytes) -> object:
    try:
        return pickle.loads(data)
    except Exception as error:  # unpickling runs the code of anybody's class
        reason = f"another process cannot load it ({error})"
        raise InputInvalid(action=action, field=name, reason=reason, hint="Use `run_on: thread`.") from error


def _surroundings() -> tuple[object, ...]:
    """Give what an action may change and the next one would notice."""
    try:
        folder = os.getcwd()
    except FileNotFoundError:
        folder = ""
    return folder, dict(os.environ), sys.stdout, sys.stderr, signal.getsignal(signal.SIGTERM)


def _has_children() -> bool:
    if not hasattr(os, "waitid"):  # macOS before Python 3.13
        import psutil

        return bool(psutil.Process().children())
    try:
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return False
    return True


def _die() -> NoReturn:
    """End this process and all that it started, at once."""
    if os.getpgrp() == os.getpid():
        os.killpg(os.getpid(), signal.SIGKILL)
    os._exit(1)


def _die_with(owner: int) -> None:
    """Have the system end this process with its owner, also while C code keeps the interpreter's lock."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, ctypes.c_ulong(signal.SIGKILL), 0, 0, 0)
    if os.getppid() != owner:  # it was quicker
        _die()


def main() -> None:
    """Work for the process that is named in the arguments."""
    owner, descriptor = map(int, sys.argv[1:])
    _die_with(owner)
    del sys.argv[1:]
    os.set_inheritable(descriptor, False)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(encoding="utf-8", errors="backslashreplace", line_buffering=True)
    faulthandler.enable()
    with socket.socket(fileno=descriptor) as connection:
        Worker(connection).serve()


if __name__ == "__main__":
    main()
