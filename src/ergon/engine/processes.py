"""Child processes of steps, known by pid and start time, so that a resume can end a survivor (S35)."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import psutil


def process_start_time(pid: int) -> float | None:
    """Give when a process started (seconds since 1970 UTC), or None if it has ended."""
    import psutil  # noqa: PLC0415  # it takes 30 ms, which only steps with child processes pay

    try:
        return float(psutil.Process(pid).create_time())
    except psutil.NoSuchProcess:
        return None


def end_survivors(processes: Sequence[tuple[int, float]]) -> int:
    """Kill at once the processes that have these pids and start times, and their groups; gives how many there were.

    A pid is used again by the system, so only one whose start time is the journaled one is ended. Waits for them,
    5 s at most.
    """
    import psutil  # noqa: PLC0415  # as above

    ended = [process for pid, started in processes if (process := _kill(pid, started)) is not None]
    psutil.wait_procs(ended, timeout=5)
    return len(ended)


def _kill(pid: int, started: float) -> psutil.Process | None:
    """Kill one of them, and its group, without waiting; gives it if there is one."""
    import psutil  # noqa: PLC0415  # as above

    now = process_start_time(pid)
    if now is None or abs(now - started) > 1.0:
        return None
    with contextlib.suppress(ProcessLookupError, PermissionError):
        if os.getpgid(pid) == pid:
            os.killpg(pid, signal.SIGKILL)
    with contextlib.suppress(psutil.NoSuchProcess):
        process = psutil.Process(pid)
        process.kill()
        return process
    return None
