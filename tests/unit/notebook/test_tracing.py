"""Tracing: calls of actions inside a function become steps."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import ergon
from ergon.actions.action import registry
from ergon.errors import NotPossible, WorkflowInvalid
from ergon.notebook.session import close_all


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ERGON_HOME", str(tmp_path / "home"))
    known = dict(registry)
    yield
    close_all()
    registry.clear()
    registry.update(known)


def _actions() -> tuple[object, object]:
    @ergon.action("sample.shout")
    def shout(text: str, times: int = 1) -> str:
        """Shouts."""
        return text.upper() + "!" * times

    @ergon.action("sample.join")
    def join(left: str, right: str) -> dict[str, str]:
        """Joins."""
        return {"joined": f"{left} {right}"}

    return shout, join


def test_calls_are_recorded_and_run() -> None:
    shout, join = _actions()

    @ergon.workflow
    def greeting(name: str, times: int = 2) -> object:
        """Greets."""
        first = shout(name, times)  # type: ignore[operator]  # decorated functions are typed as they were
        second = shout(f"dear {name}")  # type: ignore[operator]  # as above
        return join(first, second)["joined"]  # type: ignore[operator]  # as above

    assert [step.id for step in greeting.definition.steps] == ["shout", "shout_2", "join"]
    assert greeting.definition.steps[1].with_ == {"text": "dear {{ parameters.name }}"}
    assert greeting.order() == [["shout", "shout_2"], ["join"]]
    assert ergon.run(greeting, name="ada").outputs == {"result": "ADA!! DEAR ADA!"}
    assert "uses: sample.join" in greeting.to_yaml()


def test_outside_of_tracing_an_action_is_its_function() -> None:
    shout, _ = _actions()
    assert shout("a") == "A!"  # type: ignore[operator]  # as above


def test_a_value_of_a_run_cannot_be_looked_at() -> None:
    shout, _ = _actions()

    def bad(name: str) -> object:
        return "yes" if shout(name) else "no"  # type: ignore[operator]  # as above

    with pytest.raises(NotPossible, match="it does not exist yet"):
        ergon.workflow(bad)


def test_wrong_inputs_are_diagnostics() -> None:
    shout, _ = _actions()

    def bad() -> object:
        return shout("a", loudness=3)  # type: ignore[operator]  # as above

    with pytest.raises(WorkflowInvalid, match="loudness"):
        ergon.workflow(bad)
