"""`ergon resume` and `ergon retry`: go on with a run."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ergon.cli.opening import JsonOption, ProfileOption, RunArgument, SetOption, choice, workspace

if TYPE_CHECKING:
    from ergon.app import How

WorkflowOption = Annotated[
    Path | None,
    typer.Option(
        "--workflow", metavar="FILE", help="Go on by this file; by default the run's own.", show_default=False
    ),
]


def resume(
    run: RunArgument,
    workflow: WorkflowOption = None,
    json: JsonOption = False,
    profile: ProfileOption = None,
    set: SetOption = None,  # noqa: A002  # the option's name
) -> int:
    """Go on with a run that was interrupted, paused, failed or cancelled.

    What succeeded is not run again, unless the file was edited and what was edited comes before it. Of a run that
    succeeded the result is printed, and nothing is run.

    Examples:
      ergon resume last
      ergon resume 7kq2 --workflow fixed.ergon.yaml
    """
    choice.add(profile, set)
    return _go_on(run, "resume", workflow, json=json)


def retry(
    run: RunArgument,
    json: JsonOption = False,
    profile: ProfileOption = None,
    set: SetOption = None,  # noqa: A002  # the option's name
) -> int:
    """Run the failed steps and items of a run again, also those that a partial run tolerated.

    Examples:
      ergon retry last
    """
    choice.add(profile, set)
    return _go_on(run, "retry", None, json=json)


def _go_on(reference: str, how: How, file: Path | None, *, json: bool) -> int:
    from ergon.cli.foreground import Foreground

    with workspace() as app:
        record = app.record(reference)
        return Foreground(app, json).follow(lambda: app.resume(record.id, how=how, file=file), after=record.last_seq)
