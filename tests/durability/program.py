"""Runs or resumes the workflow of the durability tests in a process that is going to be killed.

    python program.py FOLDER start|resume [--at before|inside|after N]

prints the run's status and exits 0 when the run is at rest. With `--at` it kills itself at the store's Nth commit.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path

from ergon.adapters.stores.sqlite import SqliteStore
from ergon.app import App, open_app
from ergon.engine.handle import Handle


def main(folder: Path, what: str, moment: str, number: int) -> None:
    """Do what the command line says."""
    os.chdir(folder)
    app = open_app(folder)
    if moment:
        app.__dict__["store"] = _deadly_store(app, moment, number)
    if what == "start":
        handle: object = app.start(app.load(folder / "everything.ergon.yaml"), {})
    else:
        handle = app.resume("last")
    if isinstance(handle, Handle):
        handle.wait()
        if handle.error is not None:
            raise handle.error
    sys.stdout.write(json.dumps({"status": app.record("last").status}) + "\n")
    app.close()


def _deadly_store(app: App, moment: str, number: int) -> SqliteStore:
    def hook(now: str, commit: int) -> None:
        if now == moment and commit == number:
            os.kill(os.getpid(), signal.SIGKILL)

    return SqliteStore(f"sqlite:///{app.workspace.home / 'runs.db'}", hook=hook)


if __name__ == "__main__":
    arguments = sys.argv[1:]
    at = arguments.index("--at") if "--at" in arguments else len(arguments)
    main(
        Path(arguments[0]).resolve(),
        arguments[1],
        arguments[at + 1] if at < len(arguments) else "",
        int(arguments[at + 2]) if at < len(arguments) else 0,
    )
