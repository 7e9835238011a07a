"""Runs a workflow that a property test printed, and shows what the engine and the reference make of it.

`python -m tests.property.replay FILE`, from the folder above `tests`, with `src` on the path.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import yaml
from tests.property import play
from tests.property.reference import interpret

from ergon.testing.runs import Bench


def replay(file: Path) -> Iterator[str]:
    """Give the lines to show; those that differ begin with a star."""
    document = yaml.safe_load(file.read_text(encoding="utf-8"))
    end = interpret(document)
    with tempfile.TemporaryDirectory() as folder, Bench(Path(folder)) as bench:
        play.PLAYED.clear()
        run = bench.run(document)
        yield _line("run", (run.status, run.outputs), (end.status, end.outputs))
        for path in sorted(run.state.steps.keys() | end.steps.keys()):
            step, settled = run.state.steps.get(path), end.steps.get(path)
            succeeded = step is not None and step.status.value == "succeeded"
            engine = step and (step.status.value, run.output(path) if succeeded else None)
            yield _line(path, engine, settled and (settled.status, settled.value))


def _line(what: str, engine: object, reference: object) -> str:
    return f"{' ' if engine == reference else '*'} {what}: engine {engine}, reference {reference}\n"


if __name__ == "__main__":
    sys.stdout.writelines(replay(Path(sys.argv[1])))
