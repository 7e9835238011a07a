"""The rows of notebook steps: what a run of one costs over its cells' own time, by how its kernel comes to be.

Papermill runs the same notebook in the same program, kernels of all kinds taking turns.
"""

from __future__ import annotations

import contextlib
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from ergon.adapters.kernels.pool import PooledKernels
from ergon.app import App, Options, open_app
from ergon.settings import KernelSettings, Settings

REPEATS = 9
TARGETS = {"pool": 60, "fork": 120}
"""Milliseconds over the cells' own time."""
_CELLS: dict[str, list[str]] = {"n = 1": ["parameters"], "m = n + 1": [], "m * 2": [], "print(m)": []}
"""Sources of cells, with their tags."""
_WORKFLOW = (
    "ergon: 1\nname: one\nsteps:\n  - {id: a, uses: notebook.run, with: {path: book.ipynb, parameters: {n: 2}}}\n"
)


def report() -> None:
    """Print a row for each way, and papermill's."""
    with tempfile.TemporaryDirectory() as name, _apps(Path(name)) as apps:
        folder = Path(name)
        _write(folder / "book.ipynb")
        (folder / "one.ergon.yaml").write_text(_WORKFLOW)
        ways: dict[str, Callable[[], float]] = {way: _step(app, folder) for way, app in apps.items()}
        ways["papermill"] = lambda: _papermill(folder)
        taken: dict[str, list[float]] = {way: [] for way in ways}
        for turn in range(REPEATS + 1):
            for way, once in ways.items():
                over = once()
                if turn:  # the first one loads what all later ones have
                    taken[way].append(over * 1000)
    papermill = statistics.median(taken["papermill"])
    print(f"{'a notebook of three cells, over their own time':48} {'median':>8} {'worst':>8}")
    for way, times in taken.items():
        median = statistics.median(times)
        target = f"   target {TARGETS[way]} ms" if way in TARGETS else ""
        ratio = f"   papermill / {papermill / median:.1f}" if way != "papermill" else ""
        print(f"{way:48} {median:5.0f} ms {max(times):5.0f} ms{ratio}{target}")


@contextlib.contextmanager
def _apps(folder: Path) -> Iterator[dict[str, App]]:
    """Open a workspace for each way of getting kernels, with a fork server of our own."""
    os.environ["XDG_RUNTIME_DIR"] = str(folder)
    apps = {}
    for way in ("pool", "fork", "spawn"):
        kernel = KernelSettings.model_validate({"start": way, "idle": 30.0})
        (folder / way / ".ergon").mkdir(parents=True)
        apps[way] = open_app(folder / way, settings=Settings(kernel=kernel, allow_paths=(folder,)))
    yield apps
    for app in apps.values():
        app.close()


def _step(app: App, folder: Path) -> Callable[[], float]:
    """Give what runs the notebook as a step; it gives the seconds over its cells' own time."""
    source = app.load(folder / "one.ergon.yaml")

    def once() -> float:
        if isinstance(app.kernels, PooledKernels):
            app.kernels.wait_ready(1, 10)
            time.sleep(0.3)  # so that it has started, as after any pause between two notebooks
        begun = time.perf_counter()
        handle = app.start(source, {}, options=Options())
        handle.wait()
        took = time.perf_counter() - begun
        return took - _own_time(app.workspace.outputs / handle.run / "a" / "book.ipynb")

    return once


def _papermill(folder: Path) -> float:
    import papermill

    begun = time.perf_counter()
    papermill.execute_notebook(
        folder / "book.ipynb", folder / "done.ipynb", parameters={"n": 2}, progress_bar=False, cwd=str(folder)
    )
    return time.perf_counter() - begun - _own_time(folder / "done.ipynb")


def _own_time(file: Path) -> float:
    """Give the seconds that the cells of an executed notebook took."""
    import nbformat

    read: Any = nbformat.read
    return sum(cell.metadata.papermill["duration"] or 0.0 for cell in read(file, as_version=4).cells)


def _write(file: Path) -> None:
    import nbformat

    form: Any = nbformat
    spec = {"name": "python3", "display_name": "Python 3", "language": "python"}
    book = form.v4.new_notebook(metadata={"kernelspec": spec})
    book.cells = [form.v4.new_code_cell(code, metadata={"tags": tags}) for code, tags in _CELLS.items()]
    form.write(book, file)


if __name__ == "__main__":
    report()
