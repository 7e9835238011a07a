"""Compares notebook.run with papermill on the notebooks of a folder: outcomes, outputs, metadata.

    python -m benchmarks.compatibility FOLDER [--kernel python3]

`docs/reference/notebooks.md` has what it said of papermill's and nbclient's own test notebooks.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ergon.actions.catalog import ActionCatalog
from ergon.errors import ErgonError
from ergon.testing.context import FakeContext

LIMIT = 20
"""Seconds that a cell may take, for both."""
_PAPERMILL = """
import json, sys
import papermill
source, target, kernel, folder, limit = json.loads(sys.argv[1])
options = {"progress_bar": False, "execution_timeout": limit, "cwd": folder}
papermill.execute_notebook(source, target, kernel_name=kernel or None, **options)
"""
_ALIKE = (
    (re.compile(r"\x1b\[[0-9;]*m"), ""),
    (re.compile(r"0x[0-9a-f]{6,}"), "ADDRESS"),
    (re.compile(r"(?<![0-9a-f])[0-9a-f]{32}(?![0-9a-f])"), "ID"),
    (re.compile(r"\d{4}-\d\d-\d\dT[0-9:.]+Z"), "TIME"),
    (re.compile(r"/tmp/ipykernel_\d+/\d+\.py"), "CELL"),
)
"""What differs from run to run, and what it is taken for."""
_TIMES = ("start_time", "end_time", "duration", "output_path", "input_path")


def report(folder: Path, kernel: str) -> None:
    """Print how each notebook fares, and each difference."""
    for source in sorted(folder.rglob("*.ipynb")):
        with tempfile.TemporaryDirectory(dir=folder, prefix=".compared-") as made:
            theirs, ours = Path(made) / "theirs.ipynb", Path(made) / "ours.ipynb"
            outcomes = _under_papermill(source, theirs, kernel), _under_ergon(source, ours, kernel, folder)
            found = list(_differences(theirs, ours)) if theirs.exists() and ours.exists() else []
        if outcomes[0] != outcomes[1]:
            found.insert(0, f"papermill {outcomes[0]}, notebook.run {outcomes[1]}")
        print(f"{source.relative_to(folder)}: {outcomes[0]}, {'different' if found else 'same'}", flush=True)
        for each in found:
            print(f"  - {each[:400]}")


def _under_papermill(source: Path, target: Path, kernel: str) -> str:
    given = json.dumps([str(source), str(target), kernel, str(source.parent), LIMIT])
    try:
        command = [sys.executable, "-W", "ignore", "-c", _PAPERMILL, given]
        done = subprocess.run(command, check=False, capture_output=True, timeout=120)
    except subprocess.TimeoutExpired:
        return "hangs"
    return "fails" if done.returncode else "succeeds"


def _under_ergon(source: Path, target: Path, kernel: str, folder: Path) -> str:
    action = ActionCatalog().find("notebook.run")
    inputs = {"path": source, "output": str(target), "kernel": kernel, "cell_timeout": LIMIT}

    async def run() -> None:
        awaitable: Any = action.call(FakeContext(folder), action.bind(inputs))
        await awaitable

    try:
        asyncio.run(run())
    except ErgonError:
        return "fails"
    return "succeeds"


# ---- differences -------------------------------------------------------------------------------------------------


def _differences(theirs: Path, ours: Path) -> Iterator[str]:
    import nbformat

    read: Any = nbformat.read
    a, b = read(theirs, as_version=4), read(ours, as_version=4)
    if len(a.cells) != len(b.cells):
        yield f"{len(a.cells)} cells, {len(b.cells)} here"
        return
    for number, (one, other) in enumerate(zip(a.cells, b.cells, strict=True)):
        for what, left, right in zip(_FACTS, _facts(one), _facts(other), strict=True):
            if left != right:
                yield f"cell {number}, {what}: {left}, {right} here"
    for name in sorted({*a.metadata, *b.metadata}):
        left, right = (_metadata(name, book.metadata.get(name)) for book in (a, b))
        if left != right:
            yield f"metadata {name}: {left}, {right} here"


_FACTS = ("type", "source", "count", "outputs", "tags", "status", "exception", "times", "hidden")


def _facts(cell: Any) -> tuple[object, ...]:
    notes = cell.metadata.get("papermill", {})
    return (
        cell.cell_type,
        _alike(cell.source),
        cell.get("execution_count"),
        _outputs(cell.get("outputs", [])),
        cell.metadata.get("tags"),
        notes.get("status"),
        notes.get("exception"),
        sorted(cell.metadata.get("execution", {})),
        cell.metadata.get("jupyter"),
    )


def _outputs(outputs: list[Any]) -> list[Any]:
    """Give outputs with the text of a stream put together; a kernel sends its two streams in either order."""
    made: list[Any] = []
    for output in map(dict, outputs):
        if made and output["output_type"] == "stream" and made[-1].get("name") == output["name"]:
            made[-1]["text"] += output["text"]
        else:
            made.append(output)
    for place in range(len(made) - 1):
        if (made[place].get("name"), made[place + 1].get("name")) == ("stderr", "stdout"):
            made[place], made[place + 1] = made[place + 1], made[place]
    return [_alike(each) for each in made]


def _metadata(name: str, value: Any) -> object:
    if name == "papermill":
        return {key: each for key, each in (value or {}).items() if key not in _TIMES}
    if name == "widgets" and value:
        models = value["application/vnd.jupyter.widget-state+json"]["state"].values()
        return sorted(json.dumps(_alike(model), sort_keys=True) for model in models)
    return value


def _alike(value: Any) -> Any:
    if isinstance(value, str):
        for pattern, stands_for in _ALIKE:
            value = pattern.sub(stands_for, value)
    elif isinstance(value, dict):
        return {key: _alike(member) for key, member in value.items()}
    elif isinstance(value, list):
        return [_alike(member) for member in value]
    return value


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m benchmarks.compatibility", description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--kernel", default="")
    arguments = parser.parse_args()
    report(arguments.folder.resolve(), arguments.kernel)
