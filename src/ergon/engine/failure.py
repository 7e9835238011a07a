"""Errors of attempts as a run keeps them, and whether another attempt follows (S33)."""

from __future__ import annotations

import random
import re
import traceback
from collections.abc import Callable

from ergon.errors import ErgonError, InputInvalid
from ergon.model.base import parse_duration
from ergon.model.policies import Retry
from ergon.model.records import ErrorRecord

_LONGEST_TRACEBACK = 16_384
_LONGEST_VALUE = 60
_COUNT = re.compile(r"[0-9]{1,9}")
_CONFIGURATION = ("ImportError", "ModuleNotFoundError")


def record_error(error: BaseException, *, attempt: int, redact: Callable[[str], str]) -> ErrorRecord:
    """Turn an exception into the record that the journal keeps; secrets are redacted."""
    kind = type(error).__name__
    if isinstance(error, ErgonError):
        family, message, hint = error.family, error.sentence(), error.hint
    else:
        family = "dependency" if kind in _CONFIGURATION else "execution"
        message, hint = str(error) or kind, ""
    trace = ""
    if error.__traceback__ is not None and not isinstance(error, ErgonError):
        trace = redact("".join(traceback.format_exception(error)))[-_LONGEST_TRACEBACK:]  # a cut secret is not found
    return ErrorRecord(
        type=kind,
        message=redact(message),
        family=family,
        attempt=attempt,
        traceback=trace,
        hint=redact(hint),
    )


def next_delay(
    policy: Retry | None,
    *,
    attempt: int,
    error: ErrorRecord,
    resolve: Callable[[str], object],
    rng: random.Random,
) -> float | None:
    """Give the seconds before the next attempt, or None if there is none.

    `attempt` counts from 1 within the present budget; `resolve` evaluates a field that holds a template.
    The delay before attempt n + 1 is `delay`, `delay · n` or `delay · 2^(n − 1)`, at most `max_delay`, and less a
    random share of up to `jitter`.
    """
    if policy is None or (policy.on and error.type not in policy.on):
        return None
    if attempt >= _attempts(policy.attempts, resolve):
        return None
    delay = _seconds("delay", policy.delay, resolve)
    if policy.backoff == "linear":
        delay *= attempt
    elif policy.backoff == "exponential":
        delay *= 2.0 ** min(attempt - 1, 60)
    if policy.max_delay is not None:
        delay = min(delay, _seconds("max_delay", policy.max_delay, resolve))
    if jitter := _jitter(policy.jitter, resolve):
        delay *= 1.0 - jitter * rng.random()
    return delay


def seconds_of(key: str, value: object) -> float:
    """Give a duration that a template of a step's key gave; raises `InputInvalid` naming the key."""
    try:
        return parse_duration(value)
    except ValueError as error:
        raise InputInvalid(action="the step", field=key, reason=f"{error}, not {_told(value)}") from None


def _seconds(key: str, value: float | str, resolve: Callable[[str], object]) -> float:
    return seconds_of(key, resolve(value)) if isinstance(value, str) else value


def _attempts(value: int | str, resolve: Callable[[str], object]) -> int:
    """Give the number of attempts; text and floats count where they are whole numbers."""
    if not isinstance(value, str):
        return value
    found = resolve(value)
    text = str(found).strip().removesuffix(".0")
    if isinstance(found, bool) or not _COUNT.fullmatch(text):
        reason = f"a whole number of attempts is needed, not {_told(found)}"
        raise InputInvalid(action="the step", field="attempts", reason=reason)
    return int(text)


def _jitter(value: float | str, resolve: Callable[[str], object]) -> float:
    if not isinstance(value, str):
        return value
    found = resolve(value)
    if isinstance(found, bool) or not isinstance(found, (int, float)) or not 0 <= found <= 1:
        raise InputInvalid(
            action="the step", field="jitter", reason=f"a number from 0 to 1 is needed, not {_told(found)}"
        )
    return found


def _told(value: object) -> str:
    text = repr(value)
    return text if len(text) <= _LONGEST_VALUE else text[:_LONGEST_VALUE] + "…"
