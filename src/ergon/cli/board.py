"""The board: a run's steps live in a terminal, with bars, states, attempts, times and their last words."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Final

from rich.console import Console
from rich.text import Text

from ergon.cli.looks import SPINNER, look_of, run_look, takes_unicode
from ergon.cli.notes import item_label, note_of
from ergon.cli.rows import Row, counts, done_of, rows, share_done
from ergon.cli.watching import Watched
from ergon.cli.words import clean, seconds
from ergon.model.report import duration, step_duration
from ergon.model.states import RunState, RunStatus, StepState, StepStatus

_BAR: Final = 18
_WIDEST_LABEL: Final = 38
_AROUND: Final = 6
"""Lines of the frame that are no rows."""
_S = StepStatus
_COUNTED: Final = (
    (_S.SUCCEEDED, "done", "green"),
    (_S.RUNNING, "running", "cyan"),
    (_S.WAITING, "waiting", "yellow"),
    (_S.FAILED, "failed", "bold red"),
    (_S.SKIPPED, "skipped", "dim"),
    (_S.CANCELLED, "cancelled", "magenta"),
    (_S.PENDING, "to come", "dim"),
)


class Board:
    """Makes the frames of one run."""

    def __init__(self, watch: Watched) -> None:
        self._watch = watch
        self._label = 12
        """The widest label so far: columns do not jump."""
        self._share = 0.0
        """The share done so far: a bar does not go back when a block turns out to be large."""

    def frame(self, width: int, height: int, *, hint: str = "", now: float | None = None) -> list[Text]:
        """Give the lines of a frame that fits."""
        now = time.time() if now is None else now
        watch = self._watch
        found = rows(watch.state, watch.active.values(), room=max(1, height - _AROUND))
        labels = [self._labelled(row) for row in found]
        widths = [label.cell_len for row, label in zip(found, labels, strict=True) if row.step is not None]
        self._label = min(_WIDEST_LABEL, max([self._label, *widths]))
        lines = [self._header(now), Text()]
        lines += [self._line(row, label, now) for row, label in zip(found, labels, strict=True)]
        lines += [Text(), self._footer(width)]
        if hint:
            lines.append(Text(f"  {hint}", "dim"))
        for line in lines:
            line.truncate(max(1, width - 1), overflow="ellipsis")
            line.rstrip()
        return lines

    def _header(self, now: float) -> Text:
        state = self._watch.state
        workflow = state.frame.graph.workflow
        pausing = bool(state.pausing) and state.status is RunStatus.RUNNING
        look = run_look(state.status)
        elapsed = seconds(duration(state.started_at or state.created_at, state.ended_at, now, rested=state.rested))
        word = "pausing" if pausing else look.word
        return Text.assemble(
            (_spin(look.mark, state.status is RunStatus.RUNNING, now), "yellow" if pausing else look.colour),
            " ",
            (clean(workflow.title or workflow.name), "bold"),
            (f"  run {state.run}  ", "dim"),
            (word, "yellow" if pausing else look.colour),
            (f"  {elapsed}", "dim"),
        )

    def _labelled(self, row: Row) -> Text:
        text = Text("  " * (row.depth + 1))
        if row.step is None:
            text.append(row.label, "dim")
            return text
        style = "dim" if row.step.status in (_S.PENDING, _S.SKIPPED) else ""
        text.append(row.label, style)
        if row.depth and (label := item_label(row.step)):
            text.append(f" {label}", "dim")
        text.truncate(_WIDEST_LABEL, overflow="ellipsis")
        return text

    def _line(self, row: Row, label: Text, now: float) -> Text:
        step = row.step
        if step is None:
            return label
        look, watch = look_of(step), self._watch
        progress = watch.progress.get(step.path)
        mark = _spin(look.mark, step.status is _S.RUNNING, now)
        note = note_of(watch.state, step, now=now, progress=progress, said=watch.said.get(step.path, ""))
        pad = " " * (self._label - label.cell_len)
        return Text.assemble(
            "  " * row.depth,
            (mark, look.colour),
            label[2 * row.depth + 1 :],
            pad,
            "  ",
            (f"{look.word:9}", look.colour),
            "  ",
            (f"{_elapsed(watch.state, step, now):>9}", "dim"),
            "  ",
            *_progress(step, progress),
            (note, _note_style(step)),
        )

    def _now_done(self) -> float:
        fractions = {path: share for path, (share, _) in self._watch.progress.items() if share is not None}
        return share_done(self._watch.state, fractions)

    def _footer(self, width: int) -> Text:
        state = self._watch.state
        self._share = 1.0 if state.status is RunStatus.SUCCEEDED else max(self._share, self._now_done())
        found = counts(state)
        text = Text("  ")
        colour = run_look(state.status).colour if state.ended else "cyan"
        text.append_text(bar(self._share, min(2 * _BAR, width // 4), colour.replace("bold ", "")))
        text.append(f" {self._share:4.0%}   ")
        parts = [(f"{found[status]} {word}", colour) for status, word, colour in _COUNTED if found[status]]
        for number, (words, colour) in enumerate(parts):
            text.append(" · " if number else "", "dim")
            text.append(words, colour)
        return text


def _progress(step: StepState, progress: tuple[float | None, str] | None) -> list[Text | str]:
    if step.status is not _S.RUNNING:
        return []
    found = done_of(step)
    if found is not None and found[1]:
        return [bar(found[0] / found[1], _BAR), f" {found[0]}/{found[1]}  "]
    if progress is not None and progress[0] is not None:
        return [bar(progress[0], _BAR), f" {progress[0]:4.0%}  "]
    return []


def bar(share: float, width: int, colour: str = "cyan") -> Text:
    """Give a bar of a width, filled to a share from 0 to 1."""
    halves = round(min(1.0, max(0.0, share)) * width * 2)
    full, half = divmod(halves, 2)
    if not takes_unicode():
        return Text.assemble("[", ("#" * full, colour), ("-" * (width - full), "dim"), "]")
    rest = width - full - half
    return Text.assemble(("━" * full, colour), ("╸" * half, colour), ("━" * rest, "bright_black"))


def _spin(mark: str, running: bool, now: float) -> str:
    return SPINNER[int(now * 10) % len(SPINNER)] if running and takes_unicode() else mark


def _elapsed(state: RunState, step: StepState, now: float) -> str:
    if step.started_at is None or step.status is _S.PENDING:
        return ""
    return seconds(step_duration(state, step, now))


def _note_style(step: StepState) -> str:
    return {_S.FAILED: "red", _S.WAITING: "yellow"}.get(step.status, "dim")


def as_ansi(console: Console, lines: Sequence[Text]) -> list[str]:
    """Give lines as the terminal takes them."""
    found: list[str] = []
    for line in lines:
        with console.capture() as capture:
            console.print(line, end="", no_wrap=True, overflow="crop", crop=False, soft_wrap=True)
        found.append(capture.get())
    return found
