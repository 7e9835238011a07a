"""Proxy: the context of an action in a child process; what it is asked goes to the parent."""

from __future__ import annotations

import itertools
import pickle
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from queue import SimpleQueue
from typing import Literal, Protocol, cast

from ergon.adapters.executors.failures import Failure, Result, packed
from ergon.adapters.executors.messages import Answer, Ask, Compute, Computed, Facts, Message, Tell
from ergon.adapters.kernels.spawned import SpawnedKernels
from ergon.ports import Context, Kernels


class Send(Protocol):
    """Sends a message to the parent."""

    def __call__(self, message: Message) -> None: ...


class ProxyContext(Context):
    """A context whose run is in the parent process."""

    def __init__(self, facts: Facts, send: Send) -> None:
        self.run = facts.run
        self.step = facts.step
        self.attempt = facts.attempt
        self.epoch = facts.epoch
        self.workflow = facts.workflow
        self.actor = facts.actor
        self.workspace = facts.workspace
        self.folder = facts.folder
        self.idempotency_key = facts.idempotency_key
        self._send = send
        self._numbers = itertools.count()
        self._replies: dict[int, SimpleQueue[Answer | Compute]] = {}
        self._lock = threading.RLock()  # a signal may come while it is held
        self._callbacks: list[Callable[[], None]] = []
        self._cancelled = False

    def reply(self, message: Answer | Compute) -> None:
        """Take what the parent says to a question, from another thread."""
        self._replies[message.number].put(message)

    @property
    def kernels(self) -> Kernels:
        return SpawnedKernels()  # a kernel has to die with the process that uses it, which is this one

    # ---- stopping

    @property
    def cancelled(self) -> bool:
        return self._cancelled

    def cancel(self) -> None:
        with self._lock:
            self._cancelled = True
            callbacks, self._callbacks = self._callbacks, []
        for callback in callbacks:
            callback()

    def on_cancel(self, callback: Callable[[], None]) -> None:
        with self._lock:
            if not self._cancelled:
                self._callbacks.append(callback)
                return
        callback()

    # ---- what gives nothing

    def log(self, message: str, level: Literal["debug", "info", "warning", "error"] = "info") -> None:
        self._tell("log", str(message), level)

    def write(self, text: str, stream: Literal["stdout", "stderr"] = "stdout") -> None:
        self._tell("write", text, stream)

    def progress(self, fraction: float | None, text: str = "") -> None:
        self._tell("progress", fraction, text)

    def emit(self, type: str, data: Mapping[str, object]) -> None:
        self._tell("emit", type, dict(data))

    def note(self, type: str, data: Mapping[str, object]) -> None:
        self._tell("note", type, dict(data))

    # ---- what gives something

    def artifact(self, data: bytes | Path, *, type: str = "bytes", name: str = "") -> object:
        here = data.absolute() if isinstance(data, Path) else bytes(data)
        return self._ask("artifact", here, type=type, name=name)

    def secret(self, name: str) -> str:
        return cast("str", self._ask("secret", name))

    def redacted(self, data: Mapping[str, object]) -> Mapping[str, object]:
        return cast("Mapping[str, object]", self._ask("redacted", dict(data)))

    def path(self, relative: str | Path, *, write: bool = False) -> Path:
        return cast("Path", self._ask("path", relative, write=write))

    def output_folder(self) -> Path:
        return cast("Path", self._ask("output_folder"))

    def once(self, key: str, function: Callable[[], object]) -> object:
        with _Question(self._replies, next(self._numbers)) as question:
            self._send(Ask(question.number, "once", pickle.dumps(((key,), {}), protocol=5)))
            while isinstance(message := question.replies.get(), Compute):
                try:
                    result = packed(function())
                except BaseException as error:  # it is raised here, and the parent keeps nothing
                    self._send(Computed(question.number, Result(failure=Failure.of(error))))
                    question.replies.get()
                    raise
                self._send(Computed(question.number, result))
            return message.result.open()

    def process_started(self, pid: int) -> None:
        self._ask("process_started", pid)

    def _tell(self, method: str, *arguments: object) -> None:
        self._send(Tell(method, pickle.dumps((arguments, {}), protocol=5)))

    def _ask(self, method: str, *arguments: object, **named: object) -> object:
        with _Question(self._replies, next(self._numbers)) as question:
            self._send(Ask(question.number, method, pickle.dumps((arguments, named), protocol=5)))
            message = question.replies.get()
            assert isinstance(message, Answer)
            return message.result.open()


class _Question:
    """A question that waits for its answer."""

    def __init__(self, open_questions: dict[int, SimpleQueue[Answer | Compute]], number: int) -> None:
        self.number = number
        self.replies: SimpleQueue[Answer | Compute] = SimpleQueue()
        self._open = open_questions

    def __enter__(self) -> _Question:
        self._open[self.number] = self.replies
        return self

    def __exit__(self, *_: object) -> None:
        del self._open[self.number]
