"""`ergon kernels`: the kernels that notebooks can use, and the one that lets Jupyter start them fast."""

from __future__ import annotations

import sys
from typing import Annotated, Literal

import typer

from ergon.cli.opening import JsonOption
from ergon.cli.terminal import terminal


def kernels(
    what: Annotated[
        Literal["list", "install", "remove"], typer.Argument(help="What to do.", metavar="[list|install|remove]")
    ] = "list",
    sys_prefix: Annotated[
        bool, typer.Option("--sys-prefix", help="Install into this environment instead of for you.")
    ] = False,
    json: JsonOption = False,
) -> None:
    """List the Jupyter kernels and how each starts, or install `ergon-python3`, whose kernels start fast.

    JupyterLab, papermill and nbclient get them from the process that forks kernels for `notebook.run` too. With
    JUPYTER_DEFAULT_PROVISIONER_NAME=ergon in the environment they do so for every Python kernel of this environment.

    Examples:
      ergon kernels
      ergon kernels install --sys-prefix
      papermill -k ergon-python3 book.ipynb done.ipynb
    """
    from ergon.adapters.kernels import specs

    if what == "install":
        folder = specs.install(prefix=sys.prefix if sys_prefix else None)
        terminal.say(f"Installed the kernel {specs.NAME} in {folder}.")
    elif what == "remove":
        gone = specs.remove()
        terminal.say("\n".join(f"Removed {folder}." for folder in gone) or f"There is no kernel {specs.NAME}.")
    else:
        _list(json)


def _list(json: bool) -> None:
    from ergon.adapters.kernels import specs

    found = specs.installed()
    if json:
        terminal.document([{"name": each.name, "language": each.language, "start": each.start} for each in found])
        return
    from ergon.cli.table import show_table

    rows = [[each.name, each.language, each.start, each.folder] for each in found]
    show_table(["kernel", "language", "start", "folder"], rows, fold=["start", "folder"])
