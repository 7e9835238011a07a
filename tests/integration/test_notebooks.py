"""The notebooks that people read run from top to bottom, and give what they show."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
NOTEBOOKS = sorted(path.name for path in (ROOT / "notebooks").glob("*.ipynb"))


@pytest.mark.parametrize("notebook", NOTEBOOKS)
def test_a_notebook_gives_what_it_shows(notebook: str, tmp_path: Path) -> None:
    """Cells tagged `nbval-check-output` must give the output that is stored; all must run."""
    for folder in ("notebooks", "workflows"):
        ignored = shutil.ignore_patterns("build", ".ergon", "__pycache__")
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=ignored)
    (tmp_path / ".ergon").mkdir()
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    options = ["--nbval-lax", "--nbval-cell-timeout=60", "-p", "no:cacheprovider", "-p", "no:xdist"]
    command = [sys.executable, "-m", "pytest", "-q", *options, f"notebooks/{notebook}"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=110)
    assert done.returncode == 0, done.stdout
