"""The group of all commands. A command's module is imported only when the command is used."""

from __future__ import annotations

import importlib
from difflib import get_close_matches
from typing import Annotated, Any, Final

import typer
from typer.core import TyperGroup

from ergon.cli.opening import ProfileOption, SetOption, choice
from ergon.cli.terminal import terminal

_RUN: Final = "Run"
_LOOK: Final = "Look"
_STEER: Final = "Steer"
_AUTHOR: Final = "Author"
_HOUSE: Final = "Keep house"

COMMANDS: Final[dict[str, tuple[str, str]]] = {
    "new": ("ergon.cli.new:new", _AUTHOR),
    "check": ("ergon.cli.check:check", _AUTHOR),
    "graph": ("ergon.cli.graph:graph", _AUTHOR),
    "actions": ("ergon.cli.actions:actions", _AUTHOR),
    "schema": ("ergon.cli.schema:schema", _AUTHOR),
    "run": ("ergon.cli.run:run", _RUN),
    "resume": ("ergon.cli.resume:resume", _RUN),
    "retry": ("ergon.cli.resume:retry", _RUN),
    "runs": ("ergon.cli.runs:runs", _LOOK),
    "show": ("ergon.cli.show:show", _LOOK),
    "logs": ("ergon.cli.logs:logs", _LOOK),
    "stats": ("ergon.cli.stats:stats", _LOOK),
    "pause": ("ergon.cli.steer:pause", _STEER),
    "cancel": ("ergon.cli.steer:cancel", _STEER),
    "signal": ("ergon.cli.steer:signal", _STEER),
    "answer": ("ergon.cli.steer:answer", _STEER),
    "kernels": ("ergon.cli.kernels:kernels", _HOUSE),
    "settings": ("ergon.cli.settings:settings", _HOUSE),
    "prune": ("ergon.cli.prune:prune", _HOUSE),
    "doctor": ("ergon.cli.doctor:doctor", _HOUSE),
}
"""Every command: where its function is, and under which heading the help lists it."""


class LazyGroup(TyperGroup):
    """A group whose commands are imported when they are asked for."""

    def list_commands(self, ctx: Any) -> list[str]:  # Any: typer's own context
        """Give the names of all commands, in the order of the help."""
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:  # Any: typer's own
        """Import a command; None if there is none of that name."""
        if cmd_name not in COMMANDS:
            return None
        if cmd_name not in self.commands:
            place, heading = COMMANDS[cmd_name]
            module, _, function = place.partition(":")
            holder = typer.Typer(add_completion=False, rich_markup_mode="rich")
            registered = holder.command(cmd_name, rich_help_panel=heading)
            registered(getattr(importlib.import_module(module), function))
            self.commands[cmd_name] = typer.main.get_command(holder)
        return self.commands[cmd_name]

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:  # Any: typer's own
        """Find the command that is asked for; of one that there is not, say which was probably meant."""
        if args[0] not in COMMANDS and not args[0].startswith("-"):
            near = get_close_matches(args[0], COMMANDS, 1)
            ctx.fail(f"There is no command '{args[0]}'." + (f" Did you mean '{near[0]}'?" if near else ""))
        return super().resolve_command(ctx, args)


def _version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        terminal.say(f"ergon {version('jupyter-ergon')}")
        raise typer.Exit


def ergon(
    profile: ProfileOption = None,
    set: SetOption = None,  # noqa: A002  # the option's name
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Workflows that live in the notebook: readable files, durable runs, notebooks as steps.

    Begin with `ergon new hello` and `ergon run hello.ergon.yaml`.
    """
    choice.reset()
    choice.add(profile, set)


def carry_out(given: list[str]) -> int:
    """Carry out a command; gives its exit code. Wrong usage is told here, everything else is raised."""
    options = {"help_option_names": ["-h", "--help"]}
    group = typer.Typer(cls=LazyGroup, rich_markup_mode="rich", context_settings=options)
    group.callback()(ergon)
    command = typer.main.get_command(group)
    try:
        return int(command(given, prog_name="ergon", standalone_mode=False) or 0)
    except typer.TyperException as error:
        from typer.rich_utils import rich_format_error

        from ergon.cli.faults import tell_usage

        rich_format_error(error)  # type: ignore[arg-type]  # typer raises no other kind here
        tell_usage(error.format_message())
        return error.exit_code
    except typer.Abort:
        return 130
