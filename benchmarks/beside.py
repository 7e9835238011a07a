"""The rows of a run beside a computing cell: steps a second, alone and while a Python loop computes.

A cell computes in the kernel's main thread while the engine runs in a thread of its own; so does the loop here.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.shapes import workflow
from ergon.app import Options, Source, open_app

SIZE = 300
REPEATS = 5


def rate(*, computing: bool) -> float:
    """Give the steps a second of a durable chain."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / ".ergon").mkdir()
        app = open_app(folder)
        source = Source(workflow("chain", SIZE))
        app.start(Source(workflow("chain", 2)), {}, options=Options(durability="full")).wait()
        app.prepared(source.workflow)
        begun = time.perf_counter()
        handle = app.start(source, {}, options=Options(durability="full"))
        while computing and not handle.state.ended:
            sum(number * number for number in range(1000))
        handle.wait()
        took = time.perf_counter() - begun
        app.close()
        return SIZE / took


def report() -> None:
    """Print both rates and what is left of the first."""
    rates: dict[str, list[float]] = {"alone": [], "computing": []}
    for _ in range(REPEATS):
        for what, found in rates.items():
            command = [sys.executable, "-m", "benchmarks.beside", what]
            found.append(float(json.loads(subprocess.run(command, check=True, capture_output=True).stdout)))
    alone, beside = (statistics.median(found) for found in rates.values())
    print(f"{'durable chain, alone':44} {alone:9.0f} steps a second")
    print(f"{'durable chain, beside a cell that computes':44} {beside:9.0f} steps a second, {beside / alone:.2f} of it")


if __name__ == "__main__":
    print(json.dumps(rate(computing=sys.argv[1] == "computing")))
