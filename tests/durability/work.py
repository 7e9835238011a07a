"""Actions that leave a line outside the journal, so that a test can count what really ran."""

from __future__ import annotations

import os
import time
from pathlib import Path

from ergon import Context


def _leave(name: str, ctx: Context) -> None:
    line = f"{name} {ctx.step} {ctx.attempt}\n".encode()
    log = os.open(Path(ctx.folder) / "ran.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    os.write(log, line)
    os.close(log)


def note(name: str, value: object, *, ctx: Context) -> object:
    """Gives the value back."""
    _leave(name, ctx)
    time.sleep(0.004)
    return value


def big(name: str, *, ctx: Context) -> str:
    """Gives more than fits inline."""
    _leave(name, ctx)
    return "x" * 100_000


def flaky(name: str, times: int, *, ctx: Context) -> int:
    """Fails until it has left enough lines."""
    _leave(name, ctx)
    lines = (Path(ctx.folder) / "ran.log").read_text().splitlines()
    if sum(line.startswith(f"{name} ") for line in lines) < times:
        raise ValueError("not yet")
    return times


def fail(name: str, *, ctx: Context) -> None:
    """Fails."""
    _leave(name, ctx)
    raise RuntimeError("as it should")


def slow(name: str, seconds: float, *, ctx: Context) -> str:
    """Takes its time, unless it is told to stop."""
    _leave(name, ctx)
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and not ctx.cancelled:
        time.sleep(0.01)
    return name
