"""The examination: what `ergon doctor` looks at, one function per thing."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

from ergon.cli.words import size
from ergon.errors import ErgonError

if TYPE_CHECKING:
    from ergon.app import App

Verdict = Literal["ok", "warn", "fail"]

_OLDEST_SQLITE: Final = (3, 35, 0)
_LITTLE_DISK: Final = 1_000_000_000
_NO_DISK: Final = 50_000_000
_SLOW_COMMIT: Final = 0.05
_SLOW_SPAWN: Final = 2.0
_COARSE_CLOCK: Final = 0.002
_EXTRAS: Final = {
    "data": (("duckdb", "data.query"), ("pandas", "data frames"), ("pyarrow", "Parquet")),
    "lab": (("jupyterlab", "JupyterLab"),),
}


@dataclass(frozen=True, slots=True)
class Finding:
    """What was found about one thing."""

    name: str
    verdict: Verdict
    detail: str
    hint: str = ""

    def as_json(self) -> dict[str, object]:
        """Give the document that `ergon doctor --json` prints for it."""
        return {"name": self.name, "status": self.verdict, "detail": self.detail, "hint": self.hint}


def examine(app: App) -> Iterator[Finding]:
    """Look at everything; a check that fails itself is a finding too."""
    checks: tuple[Callable[[App], Iterator[Finding]], ...] = (
        _python,
        _home,
        _database,
        _store,
        _disk,
        _clock,
        _processes,
        _kernels,
        _extras,
        _actions,
        _encoding,
        _variables,
    )
    for check in checks:
        try:
            yield from check(app)
        except (ErgonError, OSError, sqlite3.Error, subprocess.SubprocessError) as error:
            yield Finding(check.__name__.strip("_"), "fail", str(error))


def _python(app: App) -> Iterator[Finding]:
    found = ".".join(map(str, sys.version_info[:3]))
    fits = (3, 11) <= sys.version_info < (3, 15)
    detail = f"Python {found}, Ergon {version('jupyter-ergon')}"
    yield Finding("python", "ok" if fits else "warn", detail, "" if fits else "Ergon is made for Python 3.11 to 3.14.")


def _home(app: App) -> Iterator[Finding]:
    home = app.workspace.home
    if not home.exists():
        yield Finding("home", "ok", f"{home} is made by the first run")
        return
    allowed = home.is_dir() and os.access(home, os.R_OK | os.W_OK | os.X_OK)
    hint = "" if allowed else "Give yourself the right to write there, or set ERGON_HOME to another folder."
    yield Finding("home", "ok" if allowed else "fail", f"{home} {'can' if allowed else 'cannot'} be written", hint)


def _database(app: App) -> Iterator[Finding]:
    new = sqlite3.sqlite_version_info >= _OLDEST_SQLITE
    yield Finding("sqlite", "ok" if new else "fail", f"SQLite {sqlite3.sqlite_version}")
    with tempfile.TemporaryDirectory(dir=_existing(app.workspace.home), prefix=".ergon-doctor-") as folder:
        with closing(sqlite3.connect(Path(folder) / "probe.db", isolation_level=None)) as db:
            (mode,) = db.execute("PRAGMA journal_mode=WAL").fetchone()
            db.execute("PRAGMA synchronous=FULL")
            db.execute("CREATE TABLE probe (n)")
            took = min(_timed(lambda: db.execute("INSERT INTO probe VALUES (1)")) for _ in range(5))
    hint = "The file system (a network share?) has no shared memory; put ERGON_HOME on a local disk."
    yield Finding("journal", "ok" if mode == "wal" else "warn", f"mode {mode}", "" if mode == "wal" else hint)
    slow = took > _SLOW_COMMIT
    hint = "Steps wait for the disk; `durability: process` waits less, and does not survive power loss." if slow else ""
    yield Finding("commit", "warn" if slow else "ok", f"a durable commit takes {took * 1000:.1f} ms", hint)


def _store(app: App) -> Iterator[Finding]:
    if not (app.workspace.home / "runs.db").exists():
        yield Finding("store", "ok", "no run was kept here yet")
        return
    runs = app.store.runs(limit=1)
    newest = f"the newest run is {runs[0].id}, {runs[0].status}" if runs else "it holds no runs"
    yield Finding("store", "ok", f"{app.store.url} opens; {newest}")


def _disk(app: App) -> Iterator[Finding]:
    free = shutil.disk_usage(_existing(app.workspace.home)).free
    verdict: Verdict = "fail" if free < _NO_DISK else "warn" if free < _LITTLE_DISK else "ok"
    hint = "" if verdict == "ok" else "Make room; `ergon prune --older 90d` forgets old runs."
    yield Finding("disk", verdict, f"{size(free)} free", hint)


def _clock(app: App) -> Iterator[Finding]:
    resolution = time.get_clock_info("monotonic").resolution
    fine = resolution <= _COARSE_CLOCK
    yield Finding("clock", "ok" if fine else "warn", f"ticks every {resolution * 1e6:g} µs")
    if time.time() < 1_700_000_000:
        yield Finding("date", "warn", f"it says {time.strftime('%Y-%m-%d')}", "Set the clock; runs are listed by it.")


def _processes(app: App) -> Iterator[Finding]:
    command = [sys.executable, "-c", "import os; os.getsid(0)"]
    took = _timed(lambda: subprocess.run(command, check=True, start_new_session=True, timeout=60, capture_output=True))
    slow = took > _SLOW_SPAWN
    hint = "Steps with `run_on: process` and notebooks start slowly." if slow else ""
    yield Finding("processes", "warn" if slow else "ok", f"a Python process starts in {took:.2f} s", hint)


def _kernels(app: App) -> Iterator[Finding]:
    from jupyter_client.kernelspec import KernelSpecManager

    found = sorted(KernelSpecManager().find_kernel_specs())
    if found:
        yield Finding("kernels", "ok", ", ".join(found))
    else:
        hint = f"Add one with: {sys.executable} -m ipykernel install --user"
        yield Finding("kernels", "warn", "notebook.run finds no kernel", hint)
    yield _kernel_start(app)


def _kernel_start(app: App) -> Finding:
    """Say how notebook.run gets kernels, by asking for what a first notebook would ask for."""
    from ergon.adapters.kernels.choice import try_way

    state = try_way(app.settings.kernel)
    detail = f"{state.way}: {state.way.reason}"
    if state.preloaded:
        detail += f"; {', '.join(state.preloaded)} loaded"
    if state.fault:
        return Finding(
            "notebooks", "warn", detail, f"It does not work here, so kernels are started anew: {state.fault}."
        )
    refused = "; ".join(f"{name} is not loaded ahead: {reason}" for name, reason in state.refused.items())
    return Finding("notebooks", "warn" if refused else "ok", detail, f"{refused}." if refused else "")


def _extras(app: App) -> Iterator[Finding]:
    for extra, packages in _EXTRAS.items():
        missing = [f"{name} ({purpose})" for name, purpose in packages if find_spec(name) is None]
        if missing:
            hint = f"If you need it: pip install 'jupyter-ergon[{extra}]'"
            yield Finding(f"extra {extra}", "warn", f"not installed: {', '.join(missing)}", hint)
        else:
            yield Finding(f"extra {extra}", "ok", ", ".join(f"{name} {_version(name)}" for name, _ in packages))


def _actions(app: App) -> Iterator[Finding]:
    catalog = app.catalog(Path.cwd())
    problems = catalog.problems()
    yield from (Finding("actions", "warn", problem) for problem in problems)
    if not problems:
        yield Finding("actions", "ok", f"{len(catalog.names())} actions")


def _encoding(app: App) -> Iterator[Finding]:
    encoding = (sys.stdout.encoding or "").lower().replace("-", "")
    fits = encoding == "utf8"
    hint = "" if fits else "Set PYTHONUTF8=1, or a UTF-8 locale."
    yield Finding("encoding", "ok" if fits else "warn", f"the terminal takes {sys.stdout.encoding}", hint)


def _variables(app: App) -> Iterator[Finding]:
    from ergon.app import unknown_variables

    for name in unknown_variables(os.environ):
        yield Finding(
            "variable", "warn", f"{name} looks like a setting", "See `ergon settings` for those that there are."
        )


def _existing(folder: Path) -> Path:
    """Give the folder, or the nearest one above it that exists."""
    return next(place for place in (folder, *folder.parents) if place.is_dir())


def _timed(call: Callable[[], object]) -> float:
    started = time.perf_counter()
    call()
    return time.perf_counter() - started


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""
