"""Probes: actions that the executors' contract runs, in a module so that another process finds them."""

from __future__ import annotations

import asyncio
import sys
import time
from pathlib import Path
from typing import Final

from ergon.errors import ActionFailed
from ergon.model.directives import Wait
from ergon.ports import Context

RAISED: Final[dict[str, type[BaseException]]] = {
    each.__name__: each
    for each in (
        SystemExit,
        KeyboardInterrupt,
        GeneratorExit,
        StopIteration,
        StopAsyncIteration,
        asyncio.CancelledError,
    )
}
"""Exceptions that mean something to an interpreter, a loop or a generator."""


def echo(value: object) -> object:
    """Give the value."""
    return value


def fail(message: str) -> object:
    """Raise a ValueError."""
    raise ValueError(message)


def raise_special(kind: str) -> object:
    """Raise one of `RAISED`."""
    raise RAISED[kind]


async def raise_special_later(kind: str) -> object:
    """Raise one of `RAISED` after a turn of the loop."""
    await asyncio.sleep(0)
    raise RAISED[kind]


def directive() -> Wait:
    """Give a directive."""
    return Wait(seconds=3.0, output="later")


def say(text: str) -> None:
    """Print to both streams."""
    print(text)  # noqa: T201  # what is printed is what is tested
    sys.stderr.write(f"{text}!\n")
    sys.stderr.flush()


def report(ctx: Context) -> str:
    """Use what a context offers, and say what it is."""
    ctx.log("a line", "warning")
    ctx.write("written\n")
    ctx.progress(0.5, "half")
    ctx.emit("mine", {"n": 1})
    ctx.note("mine_noted", {"n": 2})
    return f"{ctx.run} {ctx.step} {ctx.attempt} {ctx.epoch} {ctx.workflow} {ctx.idempotency_key}"


def ask(ctx: Context) -> dict[str, object]:
    """Ask a context for all that it gives."""
    folder = ctx.output_folder()
    (folder / "made.txt").write_text("made", encoding="utf-8")
    return {
        "artifact": ctx.artifact(b"bytes", name="b"),
        "file": ctx.artifact(folder / "made.txt", type="text"),
        "secret": ctx.secret("TOKEN"),
        "path": ctx.path("a/b.txt"),
        "folder": folder,
    }


def escape(ctx: Context) -> Path:
    """Ask for a path outside the workspace."""
    return ctx.path("../../outside")


def once(ctx: Context, value: str) -> list[object]:
    """Ask twice for a value that is made once, in which the context is used too."""
    made: list[str] = []

    def make() -> str:
        ctx.log("making")
        made.append(value)
        return value

    return [ctx.once("key", make), ctx.once("key", make), len(made)]


def once_failing(ctx: Context) -> object:
    """Let the function of a `once` fail."""
    return ctx.once("key", lambda: fail("inside"))


def hang(ctx: Context) -> str:
    """Run until told to stop, then end by itself."""
    ctx.emit("started", {})
    while not ctx.cancelled:
        time.sleep(0.002)
    return "late"


async def hang_async(ctx: Context) -> str:
    """Run until cancelled."""
    ctx.emit("started", {})
    await asyncio.sleep(3600)
    return "never"


def linger(ctx: Context, seconds: float) -> str:
    """Take no notice of being told to stop, for a while."""
    ctx.emit("started", {})
    time.sleep(seconds)
    return "late"


async def linger_async(ctx: Context, seconds: float) -> str:
    """Take no notice of being cancelled, for a while."""
    ctx.emit("started", {})
    try:
        await asyncio.sleep(seconds)
    except asyncio.CancelledError:
        await asyncio.sleep(seconds)
    return "late"


async def say_around_a_pause(text: str) -> None:
    """Print before and after others have had their turn."""
    print(text)  # noqa: T201  # what is printed is what is tested
    await asyncio.sleep(0.01)
    print(text)  # noqa: T201  # the same


def _fail_when_told() -> None:
    raise ValueError("callback")


def with_bad_callback(ctx: Context) -> str:
    """Register a callback that fails, then run until told to stop."""
    ctx.on_cancel(_fail_when_told)
    return hang(ctx)


async def with_bad_callback_async(ctx: Context) -> str:
    """Register a callback that fails, then run until cancelled."""
    ctx.on_cancel(_fail_when_told)
    return await hang_async(ctx)


def say_no() -> None:
    """Fail on purpose."""
    raise ActionFailed("No.", hint="Ask again.")
