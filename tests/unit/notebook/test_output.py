"""`ergon.output`, as a notebook calls it."""

from __future__ import annotations

import sys
import types
from pathlib import Path
from typing import Any

import pytest

from ergon.errors import NotStorable
from ergon.model.values import Artifact, decode_plain
from ergon.notebook.output import FOLDER, output


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(FOLDER, str(tmp_path))
    return tmp_path


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """Be a notebook, as far as IPython tells, and collect what is shown in it."""
    found: list[object] = []
    ipython: Any = types.ModuleType("IPython")
    ipython.get_ipython = object
    ipython.display = types.SimpleNamespace(display=found.append)
    monkeypatch.setitem(sys.modules, "IPython", ipython)
    return found


def handed(folder: Path) -> list[object]:
    return [decode_plain(file.read_text()) for file in sorted(folder.glob("*.json"))]


def test_values_are_handed_over_in_the_order_of_the_calls(folder: Path) -> None:
    output(a=1, b=[None, "é"])
    output(a=(2, 3))
    assert handed(folder) == [{"a": 1, "b": [None, "é"]}, {"a": (2, 3)}]


def test_bytes_and_data_frames_are_files_beside_them(folder: Path) -> None:
    """S46."""
    import pandas

    output(raw=b"xyz", frames=[pandas.DataFrame({"a": [1]})])
    (values,) = handed(folder)
    assert isinstance(values, dict)
    raw, frame = values["raw"], values["frames"][0]
    assert isinstance(raw, Artifact)
    assert (raw.type, frame.type) == ("bytes", "dataframe")
    assert (folder / raw.sha256).read_bytes() == b"xyz"
    assert (folder / frame.sha256).stat().st_size == frame.size
    assert not list(folder.glob("*.tmp"))


def test_what_cannot_be_stored_is_told_at_once(folder: Path) -> None:
    """S47."""
    with pytest.raises(NotStorable) as caught:
        output(good=1, models=[object()])
    assert caught.value.where == "models[0]"
    assert handed(folder) == []


def test_by_hand_values_are_only_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, shown: list[object]) -> None:
    monkeypatch.delenv(FOLDER, raising=False)
    monkeypatch.chdir(tmp_path)
    output(n=1, anything=object)
    assert [repr(each) for each in shown] == ["n = 1", "anything = <class 'object'>"]
    assert list(tmp_path.iterdir()) == []


def test_what_has_a_picture_is_shown_as_one(folder: Path, shown: list[object]) -> None:
    import pandas

    frame = pandas.DataFrame({"a": [1]})
    output(frame=frame)
    assert repr(shown[0]) == "frame ="
    assert shown[1] is frame


def test_long_values_are_cut_where_they_are_shown(folder: Path, shown: list[object]) -> None:
    output(text="x" * 100_000)
    assert len(repr(shown[0])) < 1100


def test_outside_of_a_notebook_nothing_is_shown(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delitem(sys.modules, "IPython", raising=False)
    output(a=1)
    output()
    assert capsys.readouterr().out == ""
    assert len(handed(folder)) == 1
