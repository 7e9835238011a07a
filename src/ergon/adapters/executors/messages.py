"""Messages between this process and one that runs actions for it, and how they are framed."""

from __future__ import annotations

import pickle
import struct
from pathlib import Path
from typing import Final, NamedTuple

from ergon.adapters.executors.failures import Result

_LENGTH: Final = struct.Struct("!Q")


class Facts(NamedTuple):
    """What a context is without asking anybody."""

    run: str
    step: str
    attempt: int
    epoch: int
    workflow: str
    actor: str
    workspace: Path
    folder: Path
    idempotency_key: str


# ---- to the child


class Setup(NamedTuple):
    """The first message: how modules are found."""

    path: list[str]


class Work(NamedTuple):
    """One attempt."""

    name: str
    handler: bytes
    inputs: dict[str, bytes]
    facts: Facts


class Compute(NamedTuple):
    """`once` has no result yet: the child calls its function and says what it gave."""

    number: int


class Answer(NamedTuple):
    """What a context's method gave."""

    number: int
    result: Result


class Stop(NamedTuple):
    """There is no more work."""


# ---- from the child


class Ready(NamedTuple):
    """The child can take work."""


class Tell(NamedTuple):
    """A call of a context's method that gives nothing."""

    method: str
    arguments: bytes


class Ask(NamedTuple):
    """A call of a context's method that gives something; `Answer` has its number."""

    number: int
    method: str
    arguments: bytes


class Computed(NamedTuple):
    """What the function of a `once` gave."""

    number: int
    result: Result


class Done(NamedTuple):
    """The attempt has ended."""

    result: Result
    is_clean: bool
    """Whether the process is as it was before, so that it can take more work."""


Message = Setup | Work | Compute | Answer | Stop | Ready | Tell | Ask | Computed | Done

HINT: Final = "Move it into a Python file beside the workflow, or use `run_on: thread`."
"""What to do about an action that another process cannot find."""
TELLS: Final = frozenset({"log", "write", "progress", "emit", "note"})
"""Methods of a context that give nothing."""
ASKS: Final = frozenset({"artifact", "secret", "path", "output_folder", "process_started", "once"})
"""Methods of a context that give something, or must be done when they return."""


def framed(message: Message) -> tuple[bytes, bytes]:
    """Give a message's bytes: its length, and itself."""
    data = pickle.dumps(message, protocol=5)
    return _LENGTH.pack(len(data)), data


class Inbox:
    """Puts messages together from the bytes that arrive."""

    def __init__(self) -> None:
        self._received = bytearray()

    def feed(self, data: bytes) -> list[Message]:
        """Take bytes and give the messages that they complete."""
        self._received += data
        messages: list[Message] = []
        while (message := self._next()) is not None:
            messages.append(message)
        return messages

    def _next(self) -> Message | None:
        received = self._received
        if len(received) < _LENGTH.size:
            return None
        (length,) = _LENGTH.unpack_from(received)
        end = _LENGTH.size + length
        if len(received) < end:
            return None
        message: Message = pickle.loads(memoryview(received)[_LENGTH.size : end].toreadonly())
        del received[:end]
        return message
