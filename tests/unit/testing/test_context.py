"""The context in memory that tests of actions use (S56)."""

from __future__ import annotations

from pathlib import Path

import pytest

from ergon.errors import PathRefused, SecretMissing
from ergon.model.values import Artifact
from ergon.testing.context import FakeContext


def test_it_keeps_what_an_action_says(tmp_path: Path) -> None:
    context = FakeContext(tmp_path)
    context.log("a")
    context.log("b", "warning")
    context.write("out")
    context.write("put")
    context.write("err", "stderr")
    context.progress(0.5, "half")
    context.emit("tick", {"n": 1})
    context.note("done", {"n": 2})
    context.process_started(7)
    assert context.noted == [("done", {"n": 2})]
    assert context.logged == [("info", "a"), ("warning", "b")]
    assert context.written == {"stdout": "output", "stderr": "err"}
    assert (context.progressed, context.emitted, context.processes) == ([(0.5, "half")], [("tick", {"n": 1})], [7])


def test_paths_start_from_the_workflows_folder_and_stay_in_the_workspace(tmp_path: Path) -> None:
    """S11."""
    (tmp_path / "flows").mkdir()
    (tmp_path / "out").symlink_to("/")
    context = FakeContext(tmp_path, folder=tmp_path / "flows")
    assert context.path("a.txt") == tmp_path / "flows/a.txt"
    assert context.path("../a.txt") == tmp_path / "a.txt"
    assert context.path(tmp_path / "a.txt") == tmp_path / "a.txt"
    for path in ("../../a.txt", "/etc/passwd", "../out/etc/passwd"):
        with pytest.raises(PathRefused):
            context.path(path)


def test_artifacts_can_be_read_again(tmp_path: Path) -> None:
    context = FakeContext(tmp_path)
    (tmp_path / "x").write_bytes(b"abc")
    for kept in (context.artifact(b"abc", name="x"), context.artifact(tmp_path / "x", type="thing")):
        assert isinstance(kept, Artifact)
        assert kept.load() == b"abc"


def test_secrets_are_those_that_were_given(tmp_path: Path) -> None:
    context = FakeContext(tmp_path, secrets={"A": "s3cret"})
    assert context.secret("A") == "s3cret"
    with pytest.raises(SecretMissing):
        context.secret("B")
    shown = {"a": ["my s3cret", {"b": "s3cret"}], "n": 1}
    assert context.redacted(shown) == {"a": ["my ***", {"b": "***"}], "n": 1}


def test_what_was_done_once_is_kept_for_the_next_attempt(tmp_path: Path) -> None:
    journal: dict[str, object] = {}
    first = FakeContext(tmp_path, journal=journal).once("key", lambda: 1)
    assert (first, FakeContext(tmp_path, attempt=2, journal=journal).once("key", lambda: 2)) == (1, 1)


def test_cancelling_calls_back_once_also_who_comes_late(tmp_path: Path) -> None:
    context, calls = FakeContext(tmp_path), list[str]()
    context.on_cancel(lambda: calls.append("early"))
    assert not context.cancelled
    context.cancel()
    context.cancel()
    context.on_cancel(lambda: calls.append("late"))
    assert (context.cancelled, calls) == (True, ["early", "late"])


def test_its_output_folder_is_made_on_first_use(tmp_path: Path) -> None:
    context = FakeContext(tmp_path)
    assert list(tmp_path.iterdir()) == []
    assert context.output_folder().is_dir()
    assert context.output_folder().is_relative_to(tmp_path)
