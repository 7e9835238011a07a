"""Failures: what an action raised, as an ordinary exception that can be kept, sent and raised again."""

from __future__ import annotations

import pickle
import traceback
from collections.abc import Callable
from typing import Final, NamedTuple

from ergon.errors import NotStorable

_PICKLABLE: Final = "A value that leaves the step's process must be one that pickle can take."
_IMPORTABLE: Final = "Return JSON-able values, or objects of classes that can be imported outside the step's process."


class StandIn(Exception):  # noqa: N818  # its subclasses bear other names
    """An exception in the place of one that cannot be raised here, under its name.

    Workflows choose by the names of error types (S33), so the name is what must stay.
    """

    def __reduce__(self) -> tuple[object, tuple[str, str]]:
        return stand_in, (type(self).__name__, str(self))


def stand_in(kind: str, message: str) -> StandIn:
    """Make an exception whose class is called `kind`."""
    made: type[StandIn] = type(kind, (StandIn,), {"__module__": __name__})
    return made(message)


def as_failure(error: BaseException) -> Exception:
    """Give an exception that fails an attempt and nothing more.

    What would do more than that (SystemExit, KeyboardInterrupt, GeneratorExit, StopIteration, a cancellation
    that nobody asked for) is replaced by a stand-in, and is its cause.
    """
    if isinstance(error, Exception) and not isinstance(error, StopIteration):
        return error
    failure = stand_in(type(error).__name__, f"The action raised {error!r}.")
    failure.__cause__ = error
    return failure


class RemoteTraceback(Exception):  # noqa: N818  # it is a text, not a fault
    """The traceback of an exception in another process, as text; it is the cause of the exception here."""

    def __str__(self) -> str:
        return f"\n{self.args[0]}"


class Failure(NamedTuple):
    """An exception on its way to another process."""

    pickled: bytes
    """Empty if the exception cannot be pickled."""
    kind: str
    message: str
    trace: str

    @classmethod
    def of(cls, error: BaseException) -> Failure:
        """Pack an exception."""
        failure = as_failure(error)
        trace = "".join(traceback.format_exception(failure)).rstrip("\n")
        return cls(_pickled(failure), type(failure).__name__, str(failure), trace)

    def error(self) -> Exception:
        """Give the exception again, or a stand-in if it cannot be made here."""
        error = _unpickled(self.pickled) or stand_in(self.kind, self.message)
        error.__cause__ = RemoteTraceback(self.trace)
        return error


def _pickled(error: Exception) -> bytes:
    try:
        data = pickle.dumps(error, protocol=5)
    except Exception:  # pickling runs the code of anybody's class
        return b""
    return data if _unpickled(data) else b""


def _unpickled(data: bytes) -> Exception | None:
    try:
        error = pickle.loads(data)
    except Exception:  # the same, or its class cannot be imported here
        return None
    return error if isinstance(error, Exception) else None


class Result(NamedTuple):
    """A value or a failure on its way to another process."""

    value: bytes = b""
    kind: str = ""
    """Name of the value's type."""
    failure: Failure | None = None

    def open(self) -> object:
        """Give the value, or raise the failure."""
        if self.failure is not None:
            raise self.failure.error()
        try:
            return pickle.loads(self.value)
        except Exception as error:  # unpickling runs the code of anybody's class
            raise NotStorable(where="", kind=self.kind, hint=_IMPORTABLE) from error


def packed(value: object) -> Result:
    """Pack a value; raises `NotStorable` with the place in it that cannot be pickled."""
    try:
        return Result(pickle.dumps(value, protocol=5), type(value).__qualname__)
    except Exception as error:  # pickling runs the code of anybody's class
        where, culprit = _culprit(value)
        raise NotStorable(where=where, kind=type(culprit).__qualname__, hint=_PICKLABLE) from error


def result_of(function: Callable[[], object]) -> Result:
    """Pack what a function gives or raises."""
    try:
        return packed(function())
    except BaseException as error:  # an action may raise anything
        return Result(failure=Failure.of(error))


def _culprit(value: object, where: str = "", depth: int = 20) -> tuple[str, object]:
    """Find the innermost part of lists and mappings that cannot be pickled."""
    parts: list[tuple[str, object]] = []
    if isinstance(value, dict):
        parts = [
            (f"{where}.{key}" if str(key).isidentifier() else f"{where}[{key!r}]", part) for key, part in value.items()
        ]
    elif isinstance(value, list | tuple):
        parts = [(f"{where}[{index}]", part) for index, part in enumerate(value)]
    for place, part in parts:
        if depth and not _can_be_pickled(part):
            return _culprit(part, place, depth - 1)
    return where, value


def _can_be_pickled(value: object) -> bool:
    try:
        pickle.dumps(value, protocol=5)
    except Exception:  # pickling runs the code of anybody's class
        return False
    return True
