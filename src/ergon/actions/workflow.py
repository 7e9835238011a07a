"""Workflows as steps."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from ergon.actions.action import action
from ergon.errors import ActionFailed
from ergon.model.directives import Child
from ergon.ports import Context


@action(
    "workflow.run",
    example="""
    id: report
    uses: workflow.run
    with:
      path: report.ergon.yaml
      parameters: {city: Oslo}
    """,
)
async def run(path: Path, parameters: Mapping[str, object] | None = None, *, ctx: Context) -> Child:
    """Runs another workflow in the step's place; its outputs are the step's output.

    Its steps are written to this run's journal under the step's path, and it takes no place among the runs
    at once.

    Args:
        path: The workflow's file.
        parameters: Its parameters.
    """
    file = ctx.path(path)
    if not file.is_file():
        raise ActionFailed(f"There is no workflow file {path}.")
    return Child(path=file, parameters=dict(parameters or {}))


ACTIONS: Final = (run,)
