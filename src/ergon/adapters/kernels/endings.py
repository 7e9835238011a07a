"""Endings: how a kernel's process ended, in words."""

from __future__ import annotations

import signal
from pathlib import Path

from ergon.adapters.kernels.folders import last_line


def told_end(code: int | None, folder: Path) -> str:
    """Say how a kernel ended by its exit code (minus the signal's number), and what it printed last."""
    if code is None:
        return "its process is gone"
    if code < 0:
        why = ", as happens when memory runs out" if -code == signal.SIGKILL else ""
        return f"its process was ended by {_signal(-code)}{why}"
    said = last_line(folder) if code else ""
    return f"its process ended with code {code}" + (f" ({said})" if said else "")


def _signal(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
