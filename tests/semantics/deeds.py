"""Actions of the semantic tests, which count how often they really ran, and short ways to write steps."""

from __future__ import annotations

import builtins
import threading
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ergon import Context
from ergon.actions.action import action
from ergon.errors import ActionFailed
from ergon.testing.gates import gates_of
from ergon.testing.runs import Bench, BenchRun

RAN: Counter[tuple[str, str]] = Counter()
"""How often an action of these began, by run and step."""
UNDONE: list[tuple[str, object]] = []
"""What was undone: step and output."""
_LOCK = threading.Lock()


def ran(run: str, step: str) -> int:
    """Say how often a step's action began in a run."""
    return RAN[run, step]


def _count(ctx: Context) -> None:
    with _LOCK:
        RAN[ctx.run, ctx.step] += 1


@action("trial.give")
async def give(value: object = None, *, ctx: Context) -> object:
    """Gives its value."""
    _count(ctx)
    return value


@action("trial.give_in_thread")
def give_in_thread(value: object = None, *, ctx: Context) -> object:
    """Gives its value, from a thread."""
    _count(ctx)
    return value


@action("trial.fail")
async def fail(message: str = "no", type: str = "ActionFailed", times: int = 1_000, *, ctx: Context) -> int:
    """Fails the first `times` attempts, with an error of a type; gives the number of the attempt."""
    _count(ctx)
    if ctx.attempt > times:
        return ctx.attempt
    kind = getattr(builtins, type, None)
    raise ActionFailed(message) if kind is None else kind(message)


@action("trial.flaky")
async def flaky(name: str, value: object = None, *, ctx: Context) -> object:
    """Gives its value if the test has mended what is named, and fails otherwise."""
    _count(ctx)
    if name not in MENDED:
        raise ActionFailed(f"{name} is broken")
    return value


@action("trial.gated_failure")
async def gated_failure(name: str, *, ctx: Context) -> None:
    """Fails when the test opens a gate."""
    await gates_of(ctx)[name].stand()
    raise ActionFailed("behind the gate")


@action("trial.size")
def size(path: Path, *, ctx: Context) -> int:
    """Gives the number of bytes of a file."""
    _count(ctx)
    return ctx.path(path).stat().st_size


ONCE: list[str] = []
"""What `trial.once` did for the first time."""


@action("trial.once")
def once(value: object, name: str, *, ctx: Context) -> object:
    """Does something once, and then fails unless the test has mended what is named."""
    _count(ctx)

    def do() -> object:
        ONCE.append(str(value))
        return value

    done = ctx.once("do", do)
    if name not in MENDED:
        raise ActionFailed(f"{name} is broken")
    return done


MENDED: set[str] = set()
"""What `trial.flaky` no longer fails for."""


HOLD_UNDO: tuple[threading.Event, threading.Event] | None = None
"""An undo sets the first and waits for the second, if there are such."""


def _unmake(output: object, ctx: Context) -> None:
    if HOLD_UNDO is not None:
        HOLD_UNDO[0].set()
        HOLD_UNDO[1].wait(10)
    if output == "stuck":
        raise OSError("it is stuck")
    UNDONE.append((ctx.step, output))


@action("trial.make", undo=_unmake)
async def make(value: object = None, *, ctx: Context) -> object:
    """Makes something that can be undone."""
    _count(ctx)
    return value


# ---- steps ---------------------------------------------------------------------------------------------------

Step = dict[str, Any]


def give_step(id: str, value: object = None, **keys: object) -> Step:
    """Write a step that gives a value."""
    return {"id": id, "uses": "trial.give", "with": {"value": value}, **keys}


def fail_step(id: str, *, inputs: Mapping[str, object] | None = None, **keys: object) -> Step:
    """Write a step that fails."""
    return {"id": id, "uses": "trial.fail", "with": dict(inputs or {}), **keys}


def gate_step(id: str, value: object = None, *, gate: str = "", **keys: object) -> Step:
    """Write a step that waits at a gate of its own name."""
    return {"id": id, "uses": "bench.gate", "with": {"name": gate or id, "value": value}, **keys}


def flaky_step(id: str, value: object = None, *, name: str = "", **keys: object) -> Step:
    """Write a step that fails until the test mends it."""
    return {"id": id, "uses": "trial.flaky", "with": {"name": name or id, "value": value}, **keys}


def bad_step(reads: str = "1", **keys: Any) -> Step:
    """Write a step that fails after another one, until it is mended."""
    return flaky_step("bad", f"{{{{ {reads} }}}}", **keys)


def failed(bench: Bench, document: list[Step] | dict[str, object]) -> BenchRun:
    """Run what fails at a flaky step, and mend that."""
    run = bench.run(document)
    assert (run.status, run.state.failed_step) == ("failed", "bad"), run
    MENDED.add("bad")
    return run


def counts(run: BenchRun, *paths: str) -> list[int]:
    """Give how often the actions of some steps began."""
    return [ran(run.id, path) for path in paths]
