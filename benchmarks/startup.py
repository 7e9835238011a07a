"""The rows of start-up: `import ergon` beside `import pydantic`, and `ergon run` of one step as a whole process."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

REPEATS = 9
_WORKFLOW = "ergon: 1\nname: one\nsteps:\n  - {id: a, uses: core.noop, with: {value: 1}}\n"


def seconds(command: list[str], folder: Path) -> float:
    """Give the seconds that a process takes, from its start to its end."""
    begun = time.perf_counter()
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    subprocess.run(command, check=True, cwd=folder, capture_output=True, env=environment)
    return time.perf_counter() - begun


def report() -> None:
    """Print both rows."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / ".ergon").mkdir()
        (folder / "one.ergon.yaml").write_text(_WORKFLOW)
        ergon = str(Path(sys.executable).with_name("ergon"))
        commands = {
            "bare": [sys.executable, "-c", "pass"],
            "import pydantic": [sys.executable, "-c", "import pydantic.main"],
            "import ergon": [sys.executable, "-c", "import ergon"],
            "import ergon; ergon.Workflow": [sys.executable, "-c", "import ergon; ergon.Workflow"],
            "ergon run": [ergon, "run", "one.ergon.yaml"],
        }
        taken: dict[str, list[float]] = {what: [] for what in commands}
        for _ in range(REPEATS):
            for what, command in commands.items():
                taken[what].append(seconds(command, folder))
    medians = {what: statistics.median(times) for what, times in taken.items()}
    bare = medians["bare"]
    ratio = (medians["import ergon"] - bare) / (medians["import pydantic"] - bare)
    for what, median in medians.items():
        print(f"{what:44} {median:9.3f} s")
    print(f"{'import ergon over bare / import pydantic':44} {ratio:9.2f}   target 2")
    print(f"{'ergon run of one step':44} {medians['ergon run']:9.3f} s target 0.45")
