"""`ergon run`: runs a workflow in the foreground."""

from __future__ import annotations

import getpass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ergon.cli.opening import JsonOption, ProfileOption, SetOption, choice, workspace
from ergon.cli.terminal import terminal

if TYPE_CHECKING:
    from ergon.app import App, Options, Source


FileArgument = Annotated[Path, typer.Argument(metavar="FILE", help="A workflow file.", show_default=False)]
ParameterOption = Annotated[
    list[str] | None,
    typer.Option(
        "--parameter",
        "-p",
        metavar="NAME=VALUE",
        help="A parameter; may be given several times.",
        show_default=False,
    ),
]
ParamsOption = Annotated[
    Path | None,
    typer.Option(
        "--params",
        metavar="FILE",
        help="Parameters from a YAML or JSON file; -p goes over it.",
        show_default=False,
    ),
]
OnlyOption = Annotated[
    list[str] | None,
    typer.Option("--only", metavar="ID", help="Run only this step (and others so named).", show_default=False),
]
EnableOption = Annotated[
    list[str] | None,
    typer.Option("--enable", metavar="ID", help="Run this step though the file disables it.", show_default=False),
]
DisableOption = Annotated[
    list[str] | None, typer.Option("--disable", metavar="ID", help="Skip this step.", show_default=False)
]
FromOption = Annotated[str, typer.Option("--from", metavar="ID", help="Run this step and what follows from it.")]
ToOption = Annotated[str, typer.Option("--to", metavar="ID", help="Run this step and what it follows from.")]
DryRunOption = Annotated[bool, typer.Option("--dry-run", help="Check everything and show the order; run nothing.")]


def run(
    file: FileArgument,
    parameter: ParameterOption = None,
    params: ParamsOption = None,
    only: OnlyOption = None,
    start: FromOption = "",
    end: ToOption = "",
    enable: EnableOption = None,
    disable: DisableOption = None,
    dry_run: DryRunOption = False,
    json: JsonOption = False,
    profile: ProfileOption = None,
    set: SetOption = None,  # noqa: A002  # the option's name
) -> int:
    """Run a workflow, and stay with it to its end.

    Exit code: 0 succeeded, 1 failed, 2 invalid (nothing was run), 3 partial, 4 paused or waiting, 130 interrupted
    or cancelled. Ctrl-C stops cleanly and can be resumed; twice stops at once, and can be resumed too.

    Examples:
      ergon run weather.ergon.yaml
      ergon run weather.ergon.yaml -p city=Oslo -p years=2
      ergon run weather.ergon.yaml --from clean --json > result.json
      ergon run weather.ergon.yaml --dry-run
    """
    choice.add(profile, set)
    texts = _pairs(parameter or [])
    with workspace() as app:
        from ergon.app import Options, Selection

        source = app.load(file)
        given = {**(app.read_parameters(params) if params is not None else {}), **texts}
        options = Options(
            selection=Selection(only=only or (), start=start, end=end),
            enable=enable or (),
            disable=disable or (),
            actor=_me(),
        )
        if dry_run:
            return _dry_run(app, source, given, list(texts), options, json=json)
        from ergon.cli.foreground import Foreground

        return Foreground(app, json).follow(lambda: app.start(source, given, from_text=list(texts), options=options))


def _pairs(given: list[str]) -> dict[str, str]:
    pairs: dict[str, str] = {}
    for text in given:
        name, equals, value = text.partition("=")
        if not equals:
            raise typer.BadParameter(f"write it as NAME=VALUE, not '{text}'.", param_hint="-p")
        pairs[name.strip()] = value
    return pairs


def _me() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # a container without names
        return ""


def _dry_run(app: App, source: Source, given: dict[str, Any], texts: list[str], options: Options, *, json: bool) -> int:
    plan = app.plan(source, given, from_text=texts, options=options)
    if json:
        terminal.document(plan.as_json())
        return 0
    from ergon.cli.planned import show_plan

    show_plan(plan)
    return 0
