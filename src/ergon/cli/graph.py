"""`ergon graph`: the picture of a workflow."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from ergon.cli.opening import workspace
from ergon.cli.terminal import terminal
from ergon.errors import NotPossible


class Format(StrEnum):
    """What the picture is written as."""

    MERMAID = "mermaid"
    DOT = "dot"
    SVG = "svg"


def graph(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A workflow file.", show_default=False)],
    format: Annotated[Format, typer.Option("--format", help="What to write it as.")] = Format.MERMAID,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="PATH", help="Write it there instead.", show_default=False),
    ] = None,
) -> None:
    """Draw a workflow's graph, without any other tool.

    Mermaid is drawn by GitHub, JupyterLab and many wikis; dot by Graphviz; SVG by any browser.

    Examples:
      ergon graph weather.ergon.yaml --format svg -o weather.svg
      ergon graph weather.ergon.yaml | pbcopy
    """
    with workspace() as app:
        source = app.load(file)
        compiled, _ = app.prepared(source.workflow)
    from ergon.model import drawing

    draw = {Format.MERMAID: drawing.mermaid, Format.DOT: drawing.dot, Format.SVG: drawing.svg}[format]
    text = draw(compiled)
    if output is None:
        terminal.say(text.rstrip("\n"))
        return
    try:
        output.write_text(text, encoding="utf-8")
    except OSError as error:
        raise NotPossible(what=f"write {output}", reason=error.strerror or str(error)) from None
    terminal.say(f"Wrote {output}.")
