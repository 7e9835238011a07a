"""Child processes of steps, known by pid and start time, so that a resume can end a survivor (S35)."""

from __future__ import annotations

import contextlib
import os
import signal


def process_start_time(pid: int) -> float | None:
    """Give when a process started (seconds since 1970 UTC), or None if it has ended."""
    import psutil  # noqa: PLC0415  # it takes 30 ms, which only steps with child processes pay

    try:
        return float(psutil.Process(pid).create_time())
    except psutil.NoSuchProcess:
        return None


def end_survivor(pid: int, started: float) -> bool:
    """Kill the process that has this pid and start time, and its group; gives whether there was one.

    A pid is used again by the system, so only one whose start time is the journaled one is ended.
    """
    import psutil  # noqa: PLC0415  # as above

    now = process_start_time(pid)
    if now is None or abs(now - started) > 1.0:
        return False
    with contextlib.suppress(ProcessLookupError, PermissionError):
        if os.getpgid(pid) == pid:
            os.killpg(pid, signal.SIGKILL)
    with contextlib.suppress(psutil.NoSuchProcess, psutil.TimeoutExpired):
        process = psutil.Process(pid)
        process.kill()
        process.wait(timeout=5)
    return True
