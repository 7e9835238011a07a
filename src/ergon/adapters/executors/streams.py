"""Streams: what an action prints goes to its own log, everything else to where it went before."""

from __future__ import annotations

import sys
from contextvars import ContextVar
from typing import BinaryIO, Final, Literal, TextIO, cast

from ergon.ports import Context

StreamName = Literal["stdout", "stderr"]

current_context: Final[ContextVar[Context | None]] = ContextVar("current_context", default=None)
"""The context of the action that runs here; executors set it around the call."""


class ContextStream:
    """Stands in for `sys.stdout` or `sys.stderr` and routes by context.

    It is no `io.TextIOBase`, so that whatever is not routed is looked up in the original stream: `isatty`,
    `fileno`, `encoding`, and the methods that a kernel's own stream has beside them.
    """

    def __init__(self, original: TextIO, name: StreamName) -> None:
        self._original = original
        self._name: StreamName = name

    def __getattr__(self, name: str) -> object:
        return getattr(self._original, name)

    def __repr__(self) -> str:
        return f"<{self._name} by context, over {self._original!r}>"

    @property
    def original(self) -> TextIO:
        """The stream that this one stands in for."""
        return self._original

    def write(self, text: str) -> int:
        """Write text; gives the number of characters."""
        context = current_context.get()
        if context is None:
            return self._original.write(text)
        if not isinstance(text, str):
            raise TypeError(f"write() argument must be str, not {type(text).__name__}")
        _tell(context, text, self._name)
        return len(text)

    def writelines(self, lines: list[str]) -> None:
        """Write texts one after the other."""
        for line in lines:
            self.write(line)

    def flush(self) -> None:
        """Flush the original stream; a context holds nothing back."""
        if current_context.get() is None:
            self._original.flush()

    @property
    def buffer(self) -> BinaryIO:
        """The stream's bytes, for programs that write those."""
        original = self._original.buffer
        context = current_context.get()
        return original if context is None else cast("BinaryIO", _ContextBytes(original, context, self._name))


class _ContextBytes:
    """The `buffer` of a stream inside an action: bytes go to the context as text."""

    def __init__(self, original: BinaryIO, context: Context, name: StreamName) -> None:
        self._original = original
        self._context = context
        self._name: StreamName = name

    def __getattr__(self, name: str) -> object:
        return getattr(self._original, name)

    def write(self, data: bytes) -> int:
        """Write bytes; gives their number."""
        view = memoryview(data)
        _tell(self._context, bytes(view).decode("utf-8", "backslashreplace"), self._name)
        return view.nbytes

    def flush(self) -> None:
        """Do nothing: a context holds nothing back."""


def _tell(context: Context, text: str, name: StreamName) -> None:
    token = current_context.set(None)  # whatever the context prints meanwhile is not the action's
    try:
        context.write(text, name)
    finally:
        current_context.reset(token)


def install() -> None:
    """Route what running actions print; once installed, more calls do nothing."""
    if not isinstance(sys.stdout, ContextStream) and sys.stdout is not None:
        sys.stdout = cast("TextIO", ContextStream(sys.stdout, "stdout"))
    if not isinstance(sys.stderr, ContextStream) and sys.stderr is not None:
        sys.stderr = cast("TextIO", ContextStream(sys.stderr, "stderr"))


def uninstall() -> None:
    """Put the original streams back, unless somebody put others in their place since."""
    if isinstance(sys.stdout, ContextStream):
        sys.stdout = sys.stdout.original
    if isinstance(sys.stderr, ContextStream):
        sys.stderr = sys.stderr.original
