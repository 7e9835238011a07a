"""The workspace: where it is (S11)."""

from __future__ import annotations

from pathlib import Path

import pytest

from ergon.engine.workspace import find_home


def test_the_workspace_is_the_folder_that_holds_the_state_s11(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ERGON_HOME", raising=False)
    deep = tmp_path / "a" / "b"
    deep.mkdir(parents=True)
    (tmp_path / ".ergon").mkdir()
    assert find_home(deep) == (tmp_path / ".ergon", tmp_path)
    (deep.parent / ".ergon").write_text("a file is no state")
    assert find_home(deep) == (tmp_path / ".ergon", tmp_path)
    (deep / ".ergon").mkdir()
    assert find_home(deep) == (deep / ".ergon", deep)


def test_with_ergon_home_it_is_the_working_directory_s11(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ERGON_HOME", str(tmp_path / "state"))
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".ergon").mkdir()
    deep = tmp_path / "a"
    deep.mkdir()
    assert find_home() == (tmp_path / "state", tmp_path)
    assert find_home(deep) == (tmp_path / "state", deep)
