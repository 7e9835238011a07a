"""What is said of a step while it runs (S16: its name may be a template)."""

from __future__ import annotations

from typing import Any

from tests.journals import Journal, noop

from ergon.cli.notes import note_of
from ergon.model import events as e


def note(journal: Journal, path: str) -> str:
    return note_of(journal.state, journal.state.steps[path], now=0.0, progress=None, said="")


def test_a_running_step_is_called_by_its_name_s16() -> None:
    plain: dict[str, Any] = {**noop("a"), "name": "Plain"}
    made: dict[str, Any] = {**noop("b"), "name": "City {{ parameters.city }}"}
    journal = Journal(plain, made).add(e.STEP_STARTED, "a", 1).add(e.STEP_STARTED, "b", 1)
    assert (note(journal, "a"), note(journal, "b")) == ("Plain", "")
    journal.add(e.STEP_NAMED, "b", 1, {"name": "City Oslo"})
    assert note(journal, "b") == "City Oslo"
