"""S11: a workflow's folder is on the import path last, however the program is started, and is not where it stands."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

WORKFLOW = """
ergon: 1
name: where
steps:
  - {id: read, uses: file.read, with: {path: data.txt, format: text}}
  - {id: here, uses: "beside_it:here"}
  - {id: standard, uses: "json:dumps", with: {obj: [1]}}
outputs: {read: "{{ steps.read.output }}", here: "{{ steps.here.output }}", json: "{{ steps.standard.output }}"}
"""
COMMANDS = ([str(Path(sys.executable).with_name("ergon"))], [sys.executable, "-m", "ergon"])


@pytest.mark.parametrize("command", COMMANDS, ids=["ergon", "python -m ergon"])
@pytest.mark.parametrize("start", ["", "sub"])
def test_s11_paths_imports_and_the_process_s_directory(tmp_path: Path, command: list[str], start: str) -> None:
    folder = tmp_path / "sub"
    folder.mkdir()
    (tmp_path / ".ergon").mkdir()
    (folder / "where.ergon.yaml").write_text(WORKFLOW)
    (folder / "data.txt").write_text("beside it")
    (folder / "json.py").write_text("raise RuntimeError('a module of the standard library goes before this one')")
    (folder / "beside_it.py").write_text("import os\ndef here(): return os.getcwd()")
    stands = tmp_path / start
    file = Path("where.ergon.yaml") if start else Path("sub/where.ergon.yaml")
    done = subprocess.run([*command, "run", str(file), "--json"], cwd=stands, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["outputs"] == {"read": "beside it", "here": str(stands), "json": "[1]"}
    assert not (folder / ".ergon").exists(), "the workspace is the folder that holds .ergon"
