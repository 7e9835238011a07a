from __future__ import annotations

from pathlib import Path

import pytest

from ergon.adapters.stores.home import identity, make_home


@pytest.mark.parametrize("name", ["new/folder", ".ergon", "empty"])
def test_a_home_keeps_itself_out_of_version_control(tmp_path: Path, name: str) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / ".ergon" / "logs").mkdir(parents=True)
    make_home(tmp_path / name)
    assert (tmp_path / name / ".gitignore").read_text() == "*\n"


def test_a_folder_of_somebody_elses_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "README.md").touch()
    make_home(tmp_path)
    assert not (tmp_path / ".gitignore").exists()


def test_a_gitignore_that_is_there_is_kept(tmp_path: Path) -> None:
    (tmp_path / ".ergon").mkdir()
    (tmp_path / ".ergon" / ".gitignore").write_text("runs.db\n")
    make_home(tmp_path / ".ergon")
    assert (tmp_path / ".ergon" / ".gitignore").read_text() == "runs.db\n"


def test_a_file_is_told_from_one_that_took_its_place(tmp_path: Path) -> None:
    path = tmp_path / "runs.db"
    assert identity(path) is None
    path.touch()
    assert identity(path) is None
    path.write_bytes(b"x")
    first = identity(path)
    path.rename(tmp_path / "moved")
    path.write_bytes(b"x")
    assert first is not None
    assert identity(path) != first
