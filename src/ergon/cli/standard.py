"""The standard streams, such that a command goes on whatever becomes of them: closed, full, or a pipe nobody reads."""

from __future__ import annotations

import errno
import os
import sys
from typing import Final, TextIO

_GONE: Final = frozenset({errno.EPIPE, errno.EIO, errno.EBADF})


class LastingStream:
    """A text stream that swallows what can no longer be written, and says so once unless the reader just left."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def __getattr__(self, name: str) -> object:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        """Write a text, if there still is where to."""
        try:
            return self._stream.write(text)
        except OSError as error:
            self._give_up(error)
            return len(text)

    def flush(self) -> None:
        """Flush what was written, if there still is where to."""
        try:
            self._stream.flush()
        except OSError as error:
            self._give_up(error)

    def _give_up(self, error: OSError) -> None:
        """Write into nothing from now on: what a command does matters more than who reads of it."""
        nothing = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nothing, self._stream.fileno())
        os.close(nothing)
        if error.errno not in _GONE and self._stream is not sys.__stderr__ and sys.stderr is not None:
            sys.stderr.write(f"error: Standard output cannot be written: {error.strerror}.\n")


def prepare_streams() -> None:
    """Open what is closed, so that no file gets a standard descriptor, and make the streams last."""
    descriptor = os.open(os.devnull, os.O_RDWR)
    while descriptor <= 2:
        descriptor = os.dup(descriptor)
    os.close(descriptor)
    for name, mode, number in (("stdin", "r", 0), ("stdout", "w", 1), ("stderr", "w", 2)):
        if getattr(sys, name) is None:
            # Not closed by anybody: it lasts as long as the process.
            setattr(sys, name, open(number, mode, encoding="utf-8", closefd=False))  # noqa: SIM115
    sys.stdout = LastingStream(sys.stdout)
    sys.stderr = LastingStream(sys.stderr)
