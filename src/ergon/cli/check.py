"""`ergon check`: what is wrong with workflow files."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from ergon.cli import codes
from ergon.cli.opening import JsonOption, workspace
from ergon.cli.terminal import paint, terminal


def check(
    files: Annotated[list[Path], typer.Argument(metavar="FILE", help="Workflow files.", show_default=False)],
    json: JsonOption = False,
) -> int:
    """Check workflow files, all faults at once. Runs nothing and imports nothing.

    Exit code 0 if there is no error (warnings and notes may be), else 2.

    Examples:
      ergon check weather.ergon.yaml
      ergon check *.ergon.yaml --json
    """
    with workspace() as app:
        loaded = [app.check(file) for file in files]
    ok = all(found.ok for found in loaded)
    if json:
        diagnostics = [d.as_json() for found in loaded for d in found.diagnostics]
        terminal.document({"ok": ok, "diagnostics": diagnostics})
        return codes.OK if ok else codes.INVALID
    from ergon.cli.diagnostics import show_diagnostics

    for found in loaded:
        if found.diagnostics:
            show_diagnostics(
                found.diagnostics, stream=sys.stdout, sources=lambda file, text=found.text: text.splitlines()
            )
        else:
            terminal.say(f"{paint('✓', 'green', sys.stdout)} {found.file} is without a fault.")
    return codes.OK if ok else codes.INVALID
