"""Every error becomes one sentence, a hint and an exit code; nobody sees a traceback."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ergon.cli.faults import tell
from ergon.errors import ErgonError, ParameterInvalid, RunNotFound, StoreFull, WorkflowInvalid
from ergon.model.diagnostics import Diagnostic


@pytest.mark.parametrize(
    ("error", "code", "expected"),
    [
        (
            RunNotFound(reference="x"),
            2,
            "error: There is no run 'x' here.\nhint:  See `ergon runs` for the list.\n",
        ),
        (ParameterInvalid(name="n", reason="it is too large"), 2, "error: Parameter 'n': it is too large.\n"),
        (StoreFull(path="runs.db", reason="has no room"), 1, "error: The store runs.db has no room.\n"),
    ],
)
def test_an_error_is_a_sentence(
    error: ErgonError, code: int, expected: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert tell(error) == code
    assert capsys.readouterr() == ("", expected)


def test_an_invalid_workflow_is_told_as_check_tells_it(capsys: pytest.CaptureFixture[str]) -> None:
    found = [Diagnostic("E101", "error", "One.", "w.yaml", 3, 4), Diagnostic("W201", "warning", "Two.", "w.yaml", 5, 6)]
    assert tell(WorkflowInvalid(diagnostics=found, file="w.yaml")) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.splitlines() == [
        "w.yaml:3:4: error E101: One.",
        "",
        "w.yaml:5:6: warning W201: Two.",
        "",
        "1 error, 1 warning",
    ]


def test_a_fault_of_ergons_own_is_kept_in_a_file(workspace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(KeyError) as caught:
        os.environ["NOTHING_OF_THIS_NAME"]
    assert tell(caught.value) == 1
    err = capsys.readouterr().err
    assert "a fault of Ergon's own" in err
    assert "Traceback" not in err
    (kept,) = (workspace / ".ergon" / "faults").iterdir()
    assert str(kept) in err
    assert "KeyError: 'NOTHING_OF_THIS_NAME'" in kept.read_text()
    assert "Traceback" in kept.read_text()


def test_without_a_workspace_the_file_lies_among_the_temporary_ones(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "temporary").mkdir()
    monkeypatch.setenv("ERGON_HOME", str(tmp_path / "none" / ".ergon"))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temporary"))
    assert tell(RuntimeError("oh")) == 1
    (kept,) = (tmp_path / "temporary").iterdir()
    assert str(kept) in capsys.readouterr().err
    assert not (tmp_path / "none").exists()
