"""The board shows each step by sign, word and colour, and never more than fits."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest
from rich.console import Console
from tests.journals import START, Journal, error, noop

from ergon.cli.board import Board, as_ansi, bar
from ergon.model import events as e
from ergon.model.states import RunState, StepState, StepStatus

ACTIVE = (StepStatus.RUNNING, StepStatus.WAITING)


@dataclass
class Seen:
    """A run as a watch has it."""

    state: RunState
    progress: dict[str, tuple[float | None, str]] = field(default_factory=dict)
    said: dict[str, str] = field(default_factory=dict)

    @property
    def active(self) -> dict[str, StepState]:
        return {path: step for path, step in self.state.steps.items() if step.status in ACTIVE}


def frame(seen: Seen, *, width: int = 100, height: int = 30, hint: str = "", now: float = START + 5) -> list[str]:
    return [line.plain for line in Board(seen).frame(width, height, hint=hint, now=now)]


def line_of(lines: list[str], step: str) -> str:
    return next(line for line in lines if f" {step} " in f"{line} ")


def busy() -> Journal:
    """Make a run with a step in each state."""
    journal = Journal(
        noop("done"),
        noop("cached"),
        noop("busy", retry=3),
        noop("waits"),
        noop("failed"),
        noop("skipped"),
        noop("stopped"),
        noop("pending", name="What comes last"),
    )
    journal.ran("done", '"a result"').ran("cached", "1", origin="cached")
    journal.add(e.STEP_STARTED, "busy", 1).add(e.ATTEMPT_FAILED, "busy", 1, {"error": error("no")})
    journal.add(e.STEP_STARTED, "busy", 2)
    journal.add(e.STEP_STARTED, "waits", 1).add(e.STEP_WAITING, "waits", 1, {"why": "signal", "signal": "go"})
    journal.add(e.STEP_STARTED, "failed", 1).add(e.STEP_FAILED, "failed", 1, {"error": error("it broke")})
    journal.add(e.STEP_SKIPPED, "skipped", 0, {"reason": "its condition does not hold"})
    return journal.add(e.STEP_STARTED, "stopped", 1).add(e.STEP_CANCELLED, "stopped", 1, {"reason": "asked"})


@pytest.mark.parametrize(
    ("step", "sign", "words"),
    [
        ("done", "✓", ["succeeded", "0.10 s", "a result"]),
        ("cached", "✓", ["cached"]),
        ("waits", "◔", ["waiting", "waits for signal 'go'"]),
        ("failed", "✗", ["failed", "ActionFailed: it broke"]),
        ("skipped", "↷", ["skipped", "its condition does not hold"]),
        ("stopped", "⊘", ["cancelled", "asked"]),
        ("pending", "○", ["pending", "What comes last"]),
    ],
)
def test_every_status_has_a_sign_and_a_word(step: str, sign: str, words: list[str]) -> None:
    line = line_of(frame(Seen(busy().state)), step)
    assert line.startswith(sign)
    for word in words:
        assert word in line


def test_what_runs_shows_its_attempt_how_far_it_is_and_its_last_words() -> None:
    seen = Seen(busy().state, progress={"busy": (0.25, "cell 3 of 9")}, said={"busy": "reading"})
    line = line_of(frame(seen), "busy")
    for part in ("running", " 25%", "attempt 2 of 3", "cell 3 of 9", "reading", "━"):
        assert part in line


def test_the_header_and_the_footer_tell_of_the_whole_run() -> None:
    lines = frame(Seen(busy().state), width=140, hint="Ctrl-C stops")
    assert "w" in lines[0]
    assert "run r1" in lines[0]
    assert "running" in lines[0]
    assert lines[-2].endswith("2 done · 1 running · 1 waiting · 1 failed · 1 skipped · 1 cancelled · 1 to come")
    assert lines[-1] == "  Ctrl-C stops"


def test_a_block_shows_how_many_items_are_done() -> None:
    journal = Journal(noop("fan", for_each=[1, 2, 3, 4]))
    journal.add(e.STEP_STARTED, "fan", 0, {"count": 4}, '["Oslo", "Rome", 3, 4]').ran("fan[0]").add(
        e.STEP_STARTED, "fan[1]", 1
    )
    lines = frame(Seen(journal.state))
    assert "━━━━╸" in line_of(lines, "fan")
    assert " 1/4" in line_of(lines, "fan")
    assert "running" in line_of(lines, "[1] Rome")


@pytest.mark.parametrize("width", [20, 40, 80, 200])
def test_no_line_is_wider_than_the_terminal(width: int) -> None:
    assert max(map(len, frame(Seen(busy().state), width=width))) < width


@pytest.mark.parametrize("height", [8, 12, 24])
def test_a_frame_fits_on_the_screen(height: int) -> None:
    journal = Journal(*(noop(f"s{n}") for n in range(100)))
    assert len(frame(Seen(journal.state), height=height, hint="x")) < height


def test_the_bar_does_not_go_back_when_a_block_turns_out_to_be_large() -> None:
    steps = noop("a"), noop("fan", for_each="{{ x }}")
    early, late = Journal(*steps).ran("a"), Journal(*steps).ran("a")
    late.add(e.STEP_STARTED, "fan", 0, {"count": 98}, "[]")
    seen = Seen(early.state)
    board = Board(seen)
    assert " 50% " in board.frame(100, 30)[-1].plain
    seen.state = late.state
    assert " 50% " in board.frame(100, 30)[-1].plain


def test_a_workflows_words_do_not_steer_the_terminal() -> None:
    journal = Journal(noop("a")).add(e.STEP_STARTED, "a", 1)
    journal.add(e.STEP_FAILED, "a", 1, {"error": error("\x1b[2Jgone\nnext [bold]x[/bold]")})
    line = line_of(frame(Seen(journal.state)), "a")
    assert "gone next [bold]x[/bold]" in line
    console = Console(force_terminal=True, width=200)
    (ansi,) = as_ansi(console, Board(Seen(journal.state)).frame(100, 30)[2:3])
    assert "\x1b[2J" not in ansi
    assert "\n" not in ansi


@pytest.mark.parametrize(("share", "expected"), [(-1, "━" * 4), (0.5, "━" * 4), (0.4, "━╸━━"), (2, "━" * 4)])
def test_a_bar_is_as_wide_as_it_is_to_be(share: float, expected: str) -> None:
    assert bar(share, 4).plain == expected
