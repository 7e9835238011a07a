"""Core actions: the small ones that every workflow uses."""

from __future__ import annotations

from typing import Final, Literal

from ergon.actions.action import action
from ergon.errors import ActionFailed, InputInvalid
from ergon.model.base import Condition, Duration
from ergon.model.directives import Assign, Break, Wait
from ergon.ports import Context, Problem

_MAX_LOG: Final = 64 * 1024


@action(
    "core.noop",
    example="""
    id: start
    uses: core.noop
    with: {value: 42}
    """,
)
async def noop(value: object = None) -> object:
    """Does nothing and gives back its value.

    Good for trying a graph, for joining branches, and for giving a computed value a name.

    Args:
        value: What the output is.
    """
    return value


def _check_set(config: dict[str, object]) -> list[Problem]:
    if config:
        return []
    return [Problem((), "core.set sets nothing.", "Name what to set: {count: 1}.")]


@action(
    "core.set",
    check=_check_set,
    example="""
    id: remember
    uses: core.set
    with: {best: 42, city: Oslo}
    """,
)
async def set_(**values: object) -> object:
    """Sets values that later steps of this run read as `state.<name>`.

    Reading `state` makes no edge: say `needs` where the order matters. A step that reads it is not cached.
    The output is the value, or a mapping if there are several.
    """
    if not values:
        raise ActionFailed("core.set sets nothing.", hint="Name what to set: {count: 1}.")
    return tuple(Assign(name, value) for name, value in values.items())


@action(
    "core.sleep",
    example="""
    id: pause
    uses: core.sleep
    with: {seconds: 1.5}
    """,
)
async def sleep(seconds: Duration) -> object:
    """Waits, and survives a restart: after it only the rest is waited.

    Args:
        seconds: How long: seconds, or a duration such as `5m`.
    """
    return Wait(seconds=seconds)


@action(
    "core.fail",
    example="""
    id: refuse
    uses: core.fail
    with: {message: "The city is unknown."}
    """,
)
async def fail(message: str = "The workflow says that it failed.") -> object:
    """Fails with a message.

    Args:
        message: What the error says.
    """
    raise ActionFailed(message)


@action(
    "core.assert",
    example="""
    id: verify
    uses: core.assert
    with: {that: 1 + 1 == 2, message: "Arithmetic is broken."}
    """,
)
async def assert_(that: Condition, message: str = "") -> bool:
    """Fails unless a condition holds.

    Args:
        that: A bare expression, as in `when`.
        message: What the error says.
    """
    if isinstance(that, str):
        reason = "must be true or false when the step runs, not text"
        raise InputInvalid(action="core.assert", field="that", reason=reason)
    if not that:
        raise ActionFailed(message or "The condition does not hold.")
    return True


@action(
    "core.log",
    example="""
    id: say
    uses: core.log
    with: {message: "All is well.", level: info}
    """,
)
async def log(message: object, level: Literal["debug", "info", "warning", "error"] = "info", *, ctx: Context) -> None:
    """Writes a line into the step's log.

    Args:
        message: What to write; a value that is no text is written as Python shows it.
        level: How much it matters.
    """
    text = message if isinstance(message, str) else repr(message)
    ctx.log(text if len(text) <= _MAX_LOG else text[:_MAX_LOG] + " …", level)


@action(
    "core.break",
    example="""
    id: enough
    when: loop.index >= 3
    uses: core.break
    """,
)
async def break_(value: object = None) -> object:
    """Ends the enclosing loop after this iteration.

    Args:
        value: What this step's output is.
    """
    return Break(value)


ACTIONS: Final = (noop, set_, sleep, fail, assert_, log, break_)
