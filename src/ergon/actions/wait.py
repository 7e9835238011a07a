"""Waiting: for time to pass, for a moment, or for a signal."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Final

from pydantic import Field

from ergon.actions.action import action
from ergon.errors import InputInvalid
from ergon.model.base import Duration
from ergon.model.directives import Wait
from ergon.ports import Problem

_WAYS: Final = ("duration", "until", "signal")
_ONE: Final = "give one of duration, until and signal"


def _check(config: Mapping[str, object]) -> list[Problem]:
    given = [way for way in _WAYS if config.get(way) is not None]
    if len(given) != 1:
        return [Problem((), f"wait.for cannot wait: {_ONE}.")]
    if config.get("timeout") is not None and given != ["signal"]:
        return [Problem(("timeout",), "Input 'timeout' of wait.for: only a wait for a signal has a limit.")]
    return []


@action(
    "wait.for",
    check=_check,
    example="""
    id: approval
    uses: wait.for
    with: {signal: approved, timeout: 2d}
    """,
)
async def wait_for(
    duration: Duration | None = None,
    until: datetime | None = None,
    signal: Annotated[str, Field(min_length=1, max_length=200)] | None = None,
    timeout: Duration | None = None,
) -> Wait:
    """Waits for time to pass, for a moment, or for a signal from outside.

    The wait is durable: the run may be stopped and resumed meanwhile. A signal comes from `ergon signal RUN
    NAME` or `run.signal(name, data)`, and the output is the data that came with it.

    Args:
        duration: How long, such as `10m`.
        until: A date and time such as `2030-01-31T08:00:00`; without an offset, in this machine's time zone.
        signal: The name of a signal.
        timeout: The longest wait for the signal; the step fails with `Timeout` after it.
    """
    given = [way for way, value in zip(_WAYS, (duration, until, signal), strict=True) if value is not None]
    if len(given) != 1:
        raise InputInvalid(action="wait.for", field=" and ".join(given) or "duration", reason=_ONE)
    if timeout is not None and signal is None:
        raise InputInvalid(action="wait.for", field="timeout", reason="only a wait for a signal has a limit")
    if until is not None:
        return Wait(until=until.timestamp())
    return Wait(seconds=timeout, signal=signal) if signal is not None else Wait(seconds=duration)


ACTIONS: Final = (wait_for,)
