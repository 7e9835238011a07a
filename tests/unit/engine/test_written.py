"""Which files a run left, as far as its steps name them."""

from __future__ import annotations

import json
import time
from pathlib import Path

from tests.journals import Journal, noop

from ergon.engine.workspace import Workspace
from ergon.engine.written import written_files
from ergon.errors import ArtifactDamaged
from ergon.model import events as e


def written(folder: Path, *outputs: object, inputs: object = None, since: float | None = None) -> list[str]:
    """Give the files of a run whose steps had these outputs; it began at `since` or just now."""
    journal = Journal(*(noop(f"s{number}") for number in range(len(outputs))))
    for number, output in enumerate(outputs):
        data = {} if inputs is None else {"inputs": json.dumps(inputs)}
        journal.add(e.STEP_STARTED, f"s{number}", 1).add(e.STEP_SUCCEEDED, f"s{number}", 1, data, json.dumps(output))
    state = journal.state
    state.started_at = time.time() - 5 if since is None else since
    state.frame.folder = str(folder)
    workspace = Workspace(root=folder, home=folder / ".ergon")
    return [str(path.relative_to(folder)) for path in written_files(state, workspace, lambda text: text)]


def test_files_that_are_named_and_new_are_found(tmp_path: Path) -> None:
    (tmp_path / "build").mkdir()
    for name in ("build/a.txt", "b.csv", "unnamed.txt"):
        (tmp_path / name).touch()
    found = written(tmp_path, {"path": str(tmp_path / "b.csv")}, ["x", {"y": "build/../build/a.txt"}, "build"])
    assert found == ["b.csv", "build/a.txt"]


def test_what_was_there_before_is_not_the_runs(tmp_path: Path) -> None:
    (tmp_path / "old.txt").touch()
    assert written(tmp_path, "old.txt", since=time.time() + 60) == []


def test_inputs_name_files_too(tmp_path: Path) -> None:
    (tmp_path / "out.ipynb").touch()
    assert written(tmp_path, None, inputs={"output": "out.ipynb"}) == ["out.ipynb"]


def test_the_runs_own_folder_comes_last(tmp_path: Path) -> None:
    own = tmp_path / ".ergon" / "outputs" / "r1" / "s0"
    own.mkdir(parents=True)
    (own / "kept.ipynb").touch()
    (tmp_path / "a.txt").touch()
    assert written(tmp_path, "a.txt") == ["a.txt", ".ergon/outputs/r1/s0/kept.ipynb"]


def test_texts_that_cannot_be_paths_do_no_harm(tmp_path: Path) -> None:
    hostile = ["", ".", "..", "a\0b.txt", "x" * 10_000 + ".txt", "/", "~/x.txt", "\ud800.txt", {"$artifact": "x.y"}]
    assert written(tmp_path, hostile) == []


def test_a_damaged_artifact_names_no_files(tmp_path: Path) -> None:
    state = Journal(noop("a")).ran("a", '"a.txt"').state
    workspace = Workspace(root=tmp_path, home=tmp_path / ".ergon")

    def damaged(text: str) -> str:
        raise ArtifactDamaged(sha256="0" * 64, reason="is gone")

    assert written_files(state, workspace, damaged) == []
