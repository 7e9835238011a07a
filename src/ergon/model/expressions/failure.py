"""Failures: why an evaluation went wrong, in one clause."""

from __future__ import annotations

from ergon.errors import ErgonError
from ergon.model.expressions.limits import TooLarge


def reason_of(error: Exception) -> str:
    """Say why, without a final full stop; never raises."""
    if isinstance(error, ZeroDivisionError):
        return "it divides by zero"
    if isinstance(error, RecursionError):
        return "it is nested too deeply, or calls itself without end"
    if isinstance(error, MemoryError):
        return "it needs more memory than there is"
    text = clause(_text(error))
    if isinstance(error, (TooLarge, TypeError, ValueError, ErgonError)) and text:
        return text
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def clause(text: str, limit: int = 300) -> str:
    """Make a sentence a clause: one line, cut, without a final full stop."""
    flat = " ".join(text.split())
    return (flat if len(flat) <= limit else flat[: limit - 1] + "…").rstrip(".")


def _text(error: Exception) -> str:
    try:
        return str(error)
    except Exception:
        return ""
