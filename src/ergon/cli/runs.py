"""`ergon runs`: the runs that are kept here, newest first."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from ergon.cli.opening import JsonOption, workspace
from ergon.cli.terminal import terminal
from ergon.cli.words import ago, brief, seconds

if TYPE_CHECKING:
    from ergon.model.records import RunRecord


def _status(text: str) -> str:
    from ergon.model.states import RunStatus

    if text not in {status.value for status in RunStatus}:
        known = ", ".join(status.value for status in RunStatus)
        raise typer.BadParameter(f"there is no status '{text}'; there are {known}.")
    return text


def runs(
    status: Annotated[
        str | None,
        typer.Option(
            "--status", metavar="STATUS", parser=_status, help="Only runs with this status.", show_default=False
        ),
    ] = None,
    workflow: Annotated[str, typer.Option("--workflow", metavar="NAME", help="Only runs of this workflow.")] = "",
    limit: Annotated[int, typer.Option("--limit", metavar="N", min=1, help="How many at most.")] = 20,
    json: JsonOption = False,
) -> None:
    """List runs, newest first.

    Examples:
      ergon runs
      ergon runs --status failed --workflow city-weather
      ergon runs --limit 5 --json
    """
    with workspace() as app:
        records = app.store.runs(status=status or "", workflow=workflow, limit=limit)
        history = app.history()
        documents = [history.summary(record, outputs=json) for record in records]
    if json:
        terminal.document(documents)
        return
    if not records:
        terminal.note(
            "There are no runs here yet. Begin with: ergon new hello" if not (status or workflow) else "None."
        )
        return
    from ergon.cli.table import show_table

    rows = [_row(record, document) for record, document in zip(records, documents, strict=True)]
    show_table(["run", "workflow", "status", "started", "took", "about"], rows, fold=["about"])


def _row(record: RunRecord, document: dict[str, Any]) -> list[Any]:  # Any: JSON, and cells
    from rich.text import Text

    from ergon.cli.looks import run_look

    look = run_look(record.status)
    return [
        record.id,
        record.workflow,
        Text(f"{look.mark} {look.word}", look.colour),
        ago(record.started_at or record.created_at),
        seconds(document["duration_s"]),
        _about(record, document["error"]),
    ]


def _about(record: RunRecord, error: dict[str, Any] | None) -> str:  # Any: JSON
    if error is not None:
        place = f"{error['step']}: " if error["step"] else ""
        return place + brief(f"{error['type']}: {error['message']}", 120)
    return brief(record.reason, 120)
