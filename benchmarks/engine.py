"""The rows of engine, journal, growth and memory, each beside its floor.

Each measurement is a process of its own, floor and engine take turns in one run, and medians are compared: absolute
times hold on no shared machine, ratios do.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
import time
import tracemalloc
from pathlib import Path

from benchmarks import floors
from benchmarks.shapes import SHAPES, WIDTH, workflow
from ergon.app import Options, Source, open_app
from ergon.model.policies import Durability

REPEATS = 5


def run_once(folder: Path, shape: str, size: int, durability: Durability) -> float:
    """Give the seconds that a run takes, from its start to its end."""
    (folder / ".ergon").mkdir(parents=True, exist_ok=True)
    app = open_app(folder)
    source = Source(workflow(shape, size))
    app.start(Source(workflow(shape, 2)), {}, options=Options(durability=durability)).wait()
    app.prepared(source.workflow)
    begun = time.perf_counter()
    handle = app.start(source, {}, options=Options(durability=durability))
    handle.wait()
    took = time.perf_counter() - begun
    assert handle.state.status.value == "succeeded", handle.state.error
    app.close()
    return took


def journal_bytes(folder: Path, size: int) -> float:
    """Give the bytes of database a step of a chain takes."""
    run_once(folder, "chain", size, "process")
    return (folder / ".ergon" / "runs.db").stat().st_size / size


def memory(shape: str, size: int) -> float:
    """Give the bytes a step that a run holds at its end, above what the definition itself holds."""
    folder = Path(tempfile.mkdtemp())
    (folder / ".ergon").mkdir()
    app = open_app(folder)
    source = Source(workflow(shape, size))
    app.start(Source(workflow(shape, 2)), {}, options=Options(durability="off")).wait()
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    handle = app.start(source, {}, options=Options(durability="off"))
    handle.wait()
    peak = tracemalloc.get_traced_memory()[1]
    return (peak - before) / size


def measure(what: str, shape: str, size: int) -> float:
    """Do one measurement in this process."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        match what:
            case "off" | "process" | "full":
                return run_once(folder, shape, size, what)
            case "tasks":
                return floors.asyncio_tasks(shape, size)
            case "inline":
                return floors.journal_inline(folder, size)
            case "thread":
                return floors.journal_in_thread(folder, size)
            case "group":
                return floors.journal_in_thread(folder, size, together=size if shape == "fan-out" else WIDTH)
            case "bytes":
                return journal_bytes(folder, size)
            case "memory":
                return memory(shape, size)
    raise ValueError(what)


def child(what: str, shape: str, size: int) -> float:
    """Do one measurement in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.engine", what, shape, str(size)]
    return float(json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout))


def side_by_side(ours: str, floor: str, shape: str, size: int) -> tuple[float, float, float]:
    """Give (ours, floor, ratio), medians in microseconds a step; the two take turns."""
    pairs = [(child(ours, shape, size), child(floor, shape, size)) for _ in range(REPEATS)]
    mine = statistics.median(a for a, _ in pairs) / size * 1e6
    theirs = statistics.median(b for _, b in pairs) / size * 1e6
    return mine, theirs, mine / theirs


def report() -> None:
    """Print every row with its target."""
    print(f"{'row':44} {'ours µs':>9} {'floor µs':>9} {'ratio':>7} {'target':>7}")
    grown: dict[str, float] = {}
    for size in (1000, 10_000):
        for shape in (*SHAPES, "values", "for_each", "thread"):
            ours, floor, ratio = side_by_side("off", "tasks", shape, size)
            target = "" if shape == "thread" else "5"
            _row(f"no-op, durability off, {shape}, {size}", ours, floor, ratio, target)
            grown.setdefault(shape, ours)
            if size > 1000:
                _row(f"  growth 1,000 → 10,000, {shape}", ours, grown[shape], ours / grown[shape], "1.3")
    for shape, floor_name, target in (
        ("chain", "inline", "1.5"),
        ("chain", "thread", "1.25"),
        ("fan-out", "group", "7"),
        ("grid", "group", "2.5"),
    ):
        ours, floor, ratio = side_by_side("full", floor_name, shape, 1000)
        _row(f"durable step, full, {shape} / {floor_name} journal", ours, floor, ratio, target)
    print(f"{'journal, bytes a step (target 1,024)':44} {child('bytes', 'chain', 1000):9.0f}")
    for shape in ("chain", "fan-out"):
        print(f"{f'memory, bytes a step, {shape} (target 6,144)':44} {child('memory', shape, 10_000):9.0f}")


def _row(name: str, ours: float, floor: float, ratio: float, target: str) -> None:
    print(f"{name:44} {ours:9.1f} {floor:9.1f} {ratio:7.2f} {target:>7}", flush=True)


if __name__ == "__main__":
    print(json.dumps(measure(sys.argv[1], sys.argv[2], int(sys.argv[3]))))
