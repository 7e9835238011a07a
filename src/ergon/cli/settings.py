"""`ergon settings`: what holds here, and who said so."""

from __future__ import annotations

import os
from typing import Any

from ergon.cli.opening import JsonOption, ProfileOption, SetOption, choice, workspace
from ergon.cli.terminal import terminal


def settings(
    json: JsonOption = False,
    profile: ProfileOption = None,
    set: SetOption = None,  # noqa: A002  # the option's name
) -> None:
    """Show every setting, its value, and where it came from.

    Sources, each over the one before: defaults, your own file, the workspace's ergon.yaml, a profile in it, a
    workflow's `settings`, variables ERGON_NAME, and `--set NAME=VALUE`.

    Examples:
      ergon settings
      ergon settings --profile ci --set concurrency=2
    """
    choice.add(profile, set)
    from ergon.app import unknown_variables, user_settings_file
    from ergon.settings import setting_fields

    with workspace() as app:
        held, root = app.settings, app.workspace.root
        found = held.single()
    if json:
        terminal.document({name: _document(value, held.origin(name)) for name, value in found.items()})
        return
    from ergon.cli.table import show_table

    fields = setting_fields()
    rows = [
        [name, _shown(value), str(held.origin(name)), str(fields[name].description or "")]
        for name, value in found.items()
    ]
    show_table(["setting", "value", "from", "about"], rows, fold=["from", "about"])
    terminal.say(f"Your file:         {user_settings_file()}")
    terminal.say(f"The workspace's:   {root / 'ergon.yaml'}")
    for variable in unknown_variables(os.environ):
        terminal.note(f"warning: {variable} looks like a setting, and there is none of that name.")


def _document(value: object, origin: Any) -> dict[str, object]:  # Any: Origin, which the settings define
    return {"value": value, "layer": origin.layer, "origin": origin.place or None}


def _shown(value: object) -> str:
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "(none)"
    return str(value) if value != "" else "(built in)"
