"""Looks: the sign, colour and word of each status; never colour alone."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import Final

from ergon.model.states import RunStatus, StepState, StepStatus

SPINNER: Final = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"
_R, _S = RunStatus, StepStatus


@dataclass(frozen=True, slots=True)
class Look:
    """How a status is shown."""

    sign: str
    plain: str
    """The sign where the terminal takes no Unicode."""
    colour: str
    """A style of rich."""
    word: str

    @property
    def mark(self) -> str:
        """The sign that this process's stdout can show."""
        return self.sign if takes_unicode() else self.plain


_STEPS: Final = {
    _S.PENDING: Look("○", ".", "dim", "pending"),
    _S.RUNNING: Look("●", "*", "cyan", "running"),
    _S.WAITING: Look("◔", "~", "yellow", "waiting"),
    _S.SUCCEEDED: Look("✓", "+", "green", "succeeded"),
    _S.FAILED: Look("✗", "x", "bold red", "failed"),
    _S.SKIPPED: Look("↷", "-", "dim", "skipped"),
    _S.CANCELLED: Look("⊘", "/", "magenta", "cancelled"),
}
_CACHED: Final = Look("✓", "+", "green", "cached")
_RUNS: Final = {
    _R.QUEUED: Look("○", ".", "dim", "queued"),
    _R.RUNNING: Look("●", "*", "cyan", "running"),
    _R.PAUSED: Look("‖", "=", "yellow", "paused"),
    _R.WAITING: Look("◔", "~", "yellow", "waiting"),
    _R.INTERRUPTED: Look("‖", "=", "magenta", "interrupted"),
    _R.SUCCEEDED: Look("✓", "+", "green", "succeeded"),
    _R.PARTIAL: Look("◐", "%", "yellow", "partial"),
    _R.FAILED: Look("✗", "x", "bold red", "failed"),
    _R.CANCELLED: Look("⊘", "/", "magenta", "cancelled"),
}


def look_of(step: StepState) -> Look:
    """Give the look of a step."""
    return _CACHED if step.cached and step.status is _S.SUCCEEDED else _STEPS[step.status]


def step_look(status: str, *, cached: bool = False) -> Look:
    """Give the look of a step's status."""
    return _CACHED if cached and status == _S.SUCCEEDED else _STEPS[StepStatus(status)]


def run_look(status: str) -> Look:
    """Give the look of a run's status."""
    return _RUNS[RunStatus(status)]


def takes_unicode() -> bool:
    """Say whether stdout takes more than ASCII."""
    return (sys.stdout.encoding or "ascii").lower().replace("-", "") in ("utf8", "utf16", "utf8sig")
