"""`ergon logs`: what the steps of a run printed and logged."""

from __future__ import annotations

import gc
import sys
import time
from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated, Final

import typer

from ergon.cli.opening import RunArgument, workspace
from ergon.cli.terminal import paint, terminal
from ergon.cli.words import clean
from ergon.errors import StepUnknown

if TYPE_CHECKING:
    from ergon.app import App
    from ergon.engine.logs import LogLine

_PAUSE: Final = 0.1
_GOING_ON: Final = frozenset({"queued", "running", "waiting"})
_COLOURS: Final = {"warning": "yellow", "error": "red", "debug": "dim"}


def logs(
    run: RunArgument,
    step: Annotated[
        str,
        typer.Argument(metavar="[STEP]", help="The path of a step, or of a block for all inside.", show_default=False),
    ] = "",
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on until the run ends.")] = False,
) -> None:
    """Print what the steps of a run printed and logged, in the order in which it came.

    Examples:
      ergon logs last
      ergon logs last 'fan[2].clean'
      ergon logs last -f
    """
    with workspace() as app:
        record = app.record(run)
        reader = app.history(record.id).log(record.id)
        told = _tell(reader.read(), step)
        gc.enable()
        while follow and app.record(record.id).status in _GOING_ON:
            time.sleep(_PAUSE)
            told += _tell(reader.read(), step)
        told += _tell(reader.read(), step)
        if not told:
            _check_step(app, record.id, step)
            terminal.note(f"{f'Step {step}' if step else f'Run {record.id}'} printed and logged nothing.")


def _tell(lines: Iterable[LogLine], step: str) -> int:
    """Print lines of a step, or of what is inside it; gives how many those were."""
    count = 0
    for line in lines:
        if step and line.step != step and not line.step.startswith((f"{step}.", f"{step}[")):
            continue
        count += 1
        clock = time.strftime("%H:%M:%S", time.localtime(line.at))
        head = clock if line.step == step else f"{clock} {line.step}"
        colour = _COLOURS.get(line.level) or ("yellow" if line.source == "stderr" else "")
        text = clean(line.text)
        if line.source == "log" and line.level != "info":
            text = f"{line.level}: {text}"
        terminal.say(f"{paint(head, 'dim', sys.stdout)}  {paint(text, colour, sys.stdout) if colour else text}")
    return count


def _check_step(app: App, run: str, step: str) -> None:
    """Raise `StepUnknown` where the run has no such step."""
    import difflib

    known = [found.path for found in app.store.steps(run)]
    if step and step not in known:
        close = difflib.get_close_matches(step, known, 1)
        raise StepUnknown(step=step, where=f"run {run}", suggestion=close[0] if close else "")
