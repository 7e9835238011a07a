"""`ergon stats`: how the runs of a workflow went."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from ergon.cli.opening import JsonOption, workspace
from ergon.cli.terminal import terminal
from ergon.cli.words import ago, seconds
from ergon.errors import NotPossible
from ergon.model.report import timestamp

if TYPE_CHECKING:
    from ergon.app import App
    from ergon.model.records import Statistics


def stats(
    workflow: Annotated[str, typer.Argument(metavar="WORKFLOW", help="The name of a workflow.", show_default=False)],
    json: JsonOption = False,
) -> None:
    """Tell how the runs of a workflow went: how often, how long, how well. Pruned runs count.

    Examples:
      ergon stats city-weather
      ergon stats city-weather --json
    """
    with workspace() as app:
        found = app.store.statistics(workflow)
        if not found.executions and not app.store.runs(workflow=workflow, limit=1):
            raise NotPossible(what=f"tell about '{workflow}'", reason="no run of it is known here", hint=_known(app))
    if json:
        document = asdict(found) | {"last_at": timestamp(found.last_at), "success_rate": found.success_rate}
        terminal.document(document)
        return
    for label, value in _facts(found):
        terminal.say(f"{label:14} {value}")


def _known(app: App) -> str:
    names = dict.fromkeys(record.workflow for record in app.store.runs(limit=200))
    return f"Known are: {', '.join(names)}." if names else ""


def _facts(found: Statistics) -> list[tuple[str, str]]:
    rate = found.success_rate
    last = "never" if found.last_at is None else f"{ago(found.last_at)}, {found.last_status}"
    return [
        ("workflow", found.workflow),
        ("executions", str(found.executions)),
        ("success rate", "–" if rate is None else f"{rate:.0%} ({found.succeeded} succeeded, {found.failed} failed)"),
        ("last", last),
        ("mean", seconds(found.mean_s)),
        ("shortest", seconds(found.minimum_s)),
        ("longest", seconds(found.maximum_s)),
    ]
