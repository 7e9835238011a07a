"""The workspaces that this process has open, one app for each."""

from __future__ import annotations

import atexit
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from ergon.app import App, find_home, open_app

if TYPE_CHECKING:
    from ergon.engine.recovery import How
    from ergon.notebook.run import Run

_apps: dict[Path, App] = {}
_lock = threading.Lock()


def app_of(folder: Path | None = None) -> App:
    """Give the app of a folder's workspace, opened once per process and closed when it ends."""
    home, _ = find_home(folder)
    with _lock:
        if home not in _apps:
            if not _apps:
                atexit.register(close_all)
            _apps[home] = open_app(folder)
        return _apps[home]


def close_all() -> None:
    """Interrupt what runs in this process, and close its stores; the runs can be resumed."""
    with _lock:
        apps = list(_apps.values())
        _apps.clear()
    for app in apps:
        app.close()


def runs(*, status: str = "", workflow: str = "", limit: int | None = 20) -> list[Run]:
    """List the runs of the working directory's workspace, newest first."""
    from ergon.notebook.run import Run  # noqa: PLC0415  # run.py stands on this module

    app = app_of()
    return [Run(app, record.id) for record in app.store.runs(status=status, workflow=workflow, limit=limit)]


def resume(run: str, *, how: How = "resume") -> Run:
    """Go on with a run that was interrupted, paused, cancelled or failed; gives it at once.

    `run` is an id, a unique prefix, or `last`. With `how="retry"` failed steps and items run again, also those that
    the run tolerated. Raises `RunNotFound`, `RunOwned`.
    """
    from ergon.notebook.run import Run  # noqa: PLC0415  # run.py stands on this module

    app = app_of()
    record = app.record(run)
    app.resume(record.id, how=how)
    return Run(app, record.id)
