"""Stray output: what anything but the view writes to descriptors 1 and 2 while the view draws."""

from __future__ import annotations

import os
import sys
from typing import Final

_CHUNK: Final = 65_536
_MOST: Final = 1_000_000
"""Bytes that are taken in at a time, so that a flood does not stop the view."""


class StrayOutput:
    """Points descriptors 1 and 2 at a pipe, so that the view can put what comes there above itself."""

    def __init__(self) -> None:
        sys.stdout.flush()
        sys.stderr.flush()
        self._saved = (os.dup(1), os.dup(2))
        self._reading, writing = os.pipe()
        os.set_blocking(self._reading, False)
        os.dup2(writing, 1)
        os.dup2(writing, 2)
        os.close(writing)
        self._rest = b""

    def write(self, text: str) -> None:
        """Write to the terminal itself."""
        view = memoryview(text.encode("utf-8", "replace"))
        while view:
            view = view[os.write(self._saved[0], view) :]

    def size(self) -> tuple[int, int]:
        """Give the columns and lines of the terminal."""
        try:
            found = os.get_terminal_size(self._saved[0])
        except OSError:
            return 80, 24
        return found.columns or 80, found.lines or 24

    def lines(self) -> list[str]:
        """Give the whole lines that came since."""
        data = [self._rest]
        taken = 0
        while taken < _MOST:
            try:
                chunk = os.read(self._reading, _CHUNK)
            except BlockingIOError:
                break
            if not chunk:
                break
            data.append(chunk)
            taken += len(chunk)
        *whole, self._rest = b"".join(data).split(b"\n")
        return [line.decode("utf-8", "replace") for line in whole]

    def close(self) -> list[str]:
        """Put the descriptors back; gives what was still to come."""
        sys.stdout.flush()
        sys.stderr.flush()
        left = self.lines()
        if self._rest:
            left.append(self._rest.decode("utf-8", "replace"))
        os.dup2(self._saved[0], 1)
        os.dup2(self._saved[1], 2)
        for descriptor in (*self._saved, self._reading):
            os.close(descriptor)
        return left
