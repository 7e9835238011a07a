"""Exit codes: what a command's end says to the shell."""

from __future__ import annotations

from typing import Final

from ergon.model.states import RunStatus

OK: Final = 0
FAILED: Final = 1
INVALID: Final = 2
"""An invalid file, parameter or usage: nothing was run."""
PARTIAL: Final = 3
RESUMABLE: Final = 4
"""Paused or waiting."""
STOPPED: Final = 130
"""Interrupted or cancelled."""

_OF: Final = {
    RunStatus.SUCCEEDED: OK,
    RunStatus.FAILED: FAILED,
    RunStatus.PARTIAL: PARTIAL,
    RunStatus.PAUSED: RESUMABLE,
    RunStatus.WAITING: RESUMABLE,
    RunStatus.QUEUED: STOPPED,
    RunStatus.RUNNING: STOPPED,
    RunStatus.INTERRUPTED: STOPPED,
    RunStatus.CANCELLED: STOPPED,
}


def exit_code(status: str) -> int:
    """Give the exit code for what became of a run; one that was left before its end counts as interrupted."""
    return _OF[RunStatus(status)]
