"""The ending: what became of a run, where its files are, what went wrong, and what to type next."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from shlex import quote
from typing import Final

from ergon.cli.looks import Look, run_look
from ergon.cli.notes import error_text
from ergon.cli.tracebacks import place_of
from ergon.cli.words import brief, clean, plural, seconds, shown_path
from ergon.model.report import instances, kept_error, run_duration
from ergon.model.states import RunState, RunStatus, StepState, StepStatus

_MOST: Final = 6
"""Failures, warnings and groups of files that are told of."""
_NUMBERED: Final = re.compile(r"\d+")


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a section: a label, and what stands beside it."""

    label: str
    text: str
    style: str = ""


_NOT_KEPT: Final = Line("", "nothing: durability is off, so nothing of the run is kept", "dim")


@dataclass(frozen=True, slots=True)
class Section:
    """Lines under a heading."""

    heading: str
    lines: Sequence[Line]


@dataclass(frozen=True, slots=True)
class Ending:
    """What is told at the end of a run."""

    look: Look
    title: str
    sections: Sequence[Section]


def ending_of(
    state: RunState,
    *,
    status: str,
    until: float | None,
    outputs: object,
    files: Sequence[Path],
    warnings: Sequence[tuple[str, str]] = (),
    shown: bool = False,
    kept: bool = True,
) -> Ending:
    """Tell of a run; `outputs` are those of its document, `files` those that it wrote.

    `shown` says that its steps stand above already, `kept` that it can be asked for later.
    """
    look = run_look(status)
    workflow = state.frame.graph.workflow
    lasted = run_duration(state, until)
    took = "" if lasted is None else f" in {seconds(lasted)}"
    reason = f": {clean(state.reason)}" if state.reason else ""
    title = f"{clean(workflow.title or workflow.name)}: {look.word}{took}{reason}"
    sections = (
        Section("Outputs", [*_outputs(outputs), *_untold(state, outputs)]),
        Section("Files", list(_files(files))),
        Section("Went wrong", list(_failures(state))),
        Section("Warnings", list(_warnings(warnings))),
        Section("Waits", list(_waits(state))),
        Section("Next", list(_next(state, status, shown)) if kept else [_NOT_KEPT]),
    )
    return Ending(look, title, [section for section in sections if section.lines])


def _outputs(outputs: object) -> Iterator[Line]:
    if isinstance(outputs, dict):
        for name, value in outputs.items():
            yield Line(str(name), _near(value) if isinstance(value, str) else brief(value, 200))


def _untold(state: RunState, outputs: object) -> Iterator[Line]:
    """Name the outputs that a run of a part cannot tell."""
    if state.start.get("leave_out") and state.outputs is not None and isinstance(outputs, dict):
        missing = [name for name in state.frame.graph.workflow.outputs if name not in outputs]
        if missing:
            yield Line("", f"not told, as they read steps outside the part: {', '.join(missing)}", "dim")


def _near(text: str) -> str:
    """Give a text; if it is the path of a file, from where the reader is."""
    if len(text) < 1000 and "\n" not in text and os.path.isabs(text) and os.path.exists(text):
        return shown_path(Path(text))
    return brief(text, 200)


# ---- files ---------------------------------------------------------------------------------------------------


def _files(files: Sequence[Path]) -> Iterator[Line]:
    """Tell of files, of those that differ in a number only the first and the last."""
    groups: dict[tuple[Path, str], list[Path]] = {}
    for path in files:
        groups.setdefault((path.parent, _NUMBERED.sub("#", path.name)), []).append(path)
    for group in list(groups.values())[:_MOST]:
        first, last = shown_path(group[0]), group[-1].name
        more = f" … {last} ({len(group)} files)" if len(group) > 1 else ""
        yield Line("", clean(first + more))
    if len(groups) > _MOST:
        hidden = sum(len(group) for group in list(groups.values())[_MOST:])
        yield Line("", f"and {plural(hidden, 'more file')}", "dim")


# ---- what went wrong -----------------------------------------------------------------------------------------


def _failures(state: RunState) -> Iterator[Line]:
    failed = [step for step in instances(state) if step.status is StepStatus.FAILED and not _is_echo(step)]
    for step in failed[:_MOST]:
        error = kept_error(step)
        if error is None:
            continue
        tries = f" (attempt {error.attempt})" if error.attempt > 1 else ""
        yield Line(step.path, error_text(error) + tries, "red")
        if place := place_of(error.traceback):
            yield Line("", place, "dim")
        if error.hint:
            yield Line("", clean(error.hint), "cyan")
    if len(failed) > _MOST:
        yield Line("", f"and {plural(len(failed) - _MOST, 'more step')}", "dim")
    if state.error is not None and not state.failed_step:
        yield Line("the run", error_text(state.error), "red")


def _is_echo(step: StepState) -> bool:
    """Say whether a block merely failed with what is inside it."""
    return any(child.status is StepStatus.FAILED for body in (step.bodies or {}).values() for child in body.children)


def _warnings(warnings: Sequence[tuple[str, str]]) -> Iterator[Line]:
    for step, message in warnings[:_MOST]:
        yield Line(step, clean(message), "yellow")
    if len(warnings) > _MOST:
        yield Line("", f"and {plural(len(warnings) - _MOST, 'more warning')}", "dim")


def _waits(state: RunState) -> Iterator[Line]:
    if state.status in (RunStatus.PAUSED, RunStatus.WAITING, RunStatus.INTERRUPTED):
        for step in instances(state):
            if step.wait is not None and step.wait.why == "person":
                yield Line(step.path, clean(step.wait.question), "yellow")
            elif step.wait is not None and step.wait.signal:
                yield Line(step.path, f"for signal '{clean(step.wait.signal)}'", "yellow")


# ---- what to type next ---------------------------------------------------------------------------------------


def _next(state: RunState, status: str, shown: bool) -> Iterator[Line]:
    run = state.run
    failed = state.failed_step or next((step.path for step in instances(state) if step.status is StepStatus.FAILED), "")
    if status in ("failed", "partial"):
        yield Line(f"ergon show {run} --traceback", "where it went wrong")
        if failed:
            yield Line(f"ergon logs {run} {quote(failed)}", "what the step printed")
    elif not shown:
        yield Line(f"ergon show {run}", "what every step did")
    if status == "failed":
        yield Line(f"ergon resume {run}", "go on from there, with the file as it is then")
    elif status == "partial":
        yield Line(f"ergon retry {run}", "run what failed again")
    elif status in ("paused", "waiting", "interrupted", "cancelled"):
        yield from _answers(state)
        yield Line(f"ergon resume {run}", "go on")


def _answers(state: RunState) -> Iterator[Line]:
    for step in instances(state):
        if step.wait is not None and step.wait.why == "person":
            yield Line(f"ergon answer {state.run} {quote(step.path)} retry", "or fail, or its output")
        elif step.wait is not None and step.wait.signal:
            yield Line(f"ergon signal {state.run} {quote(step.wait.signal)}", "what it waits for")


# ---- showing -------------------------------------------------------------------------------------------------


def as_text(ending: Ending) -> list[str]:
    """Give an ending as plain lines."""
    lines = [f"{ending.look.mark} {ending.title}"]
    for section in ending.sections:
        width = max(len(line.label) for line in section.lines)
        lines += ["", section.heading]
        for line in section.lines:
            lines.append(f"  {line.label:{width}}  {line.text}".rstrip() if width else f"  {line.text}")
    return lines


def show_panel(ending: Ending) -> None:
    """Show an ending as a panel."""
    from rich.box import ROUNDED
    from rich.console import Group
    from rich.panel import Panel
    from rich.table import Table
    from rich.text import Text

    from ergon.cli.terminal import terminal

    parts: list[Text | Table] = []
    for section in ending.sections:
        if parts:
            parts.append(Text())
        parts.append(Text(section.heading, "bold"))
        table = Table.grid(padding=(0, 2, 0, 0))
        table.add_column(no_wrap=True)
        table.add_column(overflow="fold")
        for line in section.lines:
            label = Text("  " + line.label, "cyan" if section.heading == "Next" else "")
            table.add_row(label, Text(line.text, line.style or ("dim" if section.heading == "Next" else "")))
        if not any(line.label for line in section.lines):
            table = Table.grid()
            for line in section.lines:
                table.add_row(Text("  " + line.text, line.style))
        parts.append(table)
    heading = Text.assemble(" ", (f"{ending.look.mark} {ending.title}", f"{ending.look.colour} bold"), " ")
    style = ending.look.colour.replace("bold ", "")
    terminal.console.print(
        Panel(Group(*parts), title=heading, title_align="left", border_style=style, box=ROUNDED, padding=(1, 2))
    )
