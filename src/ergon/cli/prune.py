"""`ergon prune`: forgets old runs."""

from __future__ import annotations

import time
from typing import Annotated

import typer

from ergon.cli.opening import workspace
from ergon.cli.terminal import terminal
from ergon.cli.words import plural, size
from ergon.model.base import parse_duration


def _age(text: str) -> float:
    try:
        return parse_duration(float(text) if text.replace(".", "", 1).isdigit() else text)
    except ValueError as error:
        raise typer.BadParameter(f"{error}.") from None


def prune(
    older: Annotated[
        float | None,
        typer.Option(
            "--older",
            metavar="AGE",
            parser=_age,
            help="Only runs that ended longer ago, such as 90d.",
            show_default=False,
        ),
    ] = None,
    keep: Annotated[
        int | None,
        typer.Option("--keep", metavar="N", min=0, help="Keep the newest N of each workflow.", show_default=False),
    ] = None,
) -> None:
    """Forget ended runs, with their logs, outputs and the artifacts that nothing else names.

    Runs that can still go on are never forgotten: they are running, waiting, paused or interrupted.

    Examples:
      ergon prune --older 90d --keep 10
      ergon prune --keep 0
    """
    if older is None and keep is None:
        raise typer.BadParameter("say which runs: `--older 90d`, `--keep 10`, or both.")
    before = None if older is None else time.time() - older
    with workspace() as app:
        pruned = app.prune(before=before, keep=keep or 0)
    told = f"{plural(pruned.runs, 'run')} and {plural(pruned.artifacts, 'artifact')}"
    terminal.say(f"Forgot {told}; that freed {size(pruned.bytes)}.")
