"""A run's news line by line."""

from __future__ import annotations

from collections.abc import Iterator

from tests.journals import Journal, error, noop

from ergon.cli.lines import LineView
from ergon.model import events as e
from ergon.model.apply import apply
from ergon.model.events import Event
from ergon.model.states import Frame, RunState, StepState, StepStatus


class Replayed:
    """A watch that plays a journal."""

    def __init__(self, journal: Journal) -> None:
        self._events = journal.events
        self.state = RunState("r1", Frame(journal.graph), graph_of=lambda sha256: journal.graph)
        self.progress: dict[str, tuple[float | None, str]] = {}
        self.said: dict[str, str] = {}

    def news(self) -> Iterator[Event]:
        events, self._events = self._events, []
        for event in events:
            apply(self.state, event)
            yield event

    @property
    def active(self) -> dict[str, StepState]:
        return {path: s for path, s in self.state.steps.items() if s.status is StepStatus.RUNNING}


def told(journal: Journal) -> list[str]:
    lines: list[str] = []
    LineView(Replayed(journal), lines.append).refresh()
    return [line.partition(" ")[2] for line in lines]


def test_each_end_of_a_step_is_a_line() -> None:
    journal = Journal(noop("a"), noop("b"), noop("c")).ran("a", "41").add(e.STEP_STARTED, "b", 1)
    journal.add(e.STEP_FAILED, "b", 1, {"error": error("no")}).add(e.STEP_SKIPPED, "c", 0, {"reason": "not asked"})
    assert told(journal) == [
        "● run r1 of w is running",
        "✓ a succeeded in 0.10 s: 41",
        "✗ b failed in 0.10 s: ActionFailed: no",
        "↷ c skipped: not asked",
    ]


def test_a_failed_attempt_a_wait_and_a_warning_are_lines() -> None:
    journal = Journal(noop("a", retry={"attempts": 2, "delay": 5}), noop("b"))
    journal.add(e.STEP_STARTED, "a", 1).add(e.ATTEMPT_FAILED, "a", 1, {"error": error("no")})
    journal.add(e.STEP_WAITING, "a", 1, {"why": "backoff", "due": 1.0})
    journal.add(e.STEP_STARTED, "b", 1).add(e.STEP_WARNED, "b", 1, {"message": "odd"})
    journal.add(e.STEP_WAITING, "b", 1, {"why": "signal", "signal": "go"})
    journal.add(e.RUN_PAUSING, data={"reason": "asked"})
    assert told(journal)[1:] == [
        "! a: attempt 1 failed: ActionFailed: no",
        "! b: odd",
        "◔ b waits: waits for signal 'go'",
        "‖ run r1 pauses when what runs now has ended",
    ]


def test_what_runs_for_long_is_told_of_once() -> None:
    journal = Journal(noop("slow")).add(e.STEP_STARTED, "slow", 1)  # long ago
    lines: list[str] = []
    view = LineView(Replayed(journal), lines.append)
    view.refresh()
    view.refresh()
    assert [line.partition(" ")[2] for line in lines][1:] == ["● slow is running"]


def test_items_are_told_with_their_value() -> None:
    journal = Journal(noop("fan", for_each=["Oslo"]))
    journal.add(e.STEP_STARTED, "fan", 0, {"count": 1}, '["Oslo"]').ran("fan[0]")
    assert told(journal)[1] == "✓ fan[0] (Oslo) succeeded in 0.10 s"
