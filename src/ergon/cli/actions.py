"""`ergon actions`: what steps can do."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ergon.cli.opening import JsonOption, workspace
from ergon.cli.terminal import terminal
from ergon.errors import NotPossible

if TYPE_CHECKING:
    from ergon.ports import ActionHandler


def complete_action(incomplete: str) -> list[tuple[str, str]]:
    """Offer the names of actions to the shell."""
    with workspace() as app:
        found = [(a.name, a.summary) for a in app.catalog(Path.cwd()).actions()]
    return sorted(pair for pair in found if pair[0].startswith(incomplete))


def actions(
    name: Annotated[
        str | None,
        typer.Argument(
            metavar="[NAME]",
            help="An action, such as file.read, or module:function.",
            autocompletion=complete_action,
            show_default=False,
        ),
    ] = None,
    path: Annotated[
        str | None, typer.Option(metavar="FILE", help="The notebook whose parameters to show.", show_default=False)
    ] = None,
    json: JsonOption = False,
) -> None:
    """List the actions that steps can use, or tell all about one.

    Examples:
      ergon actions
      ergon actions notebook.run
      ergon actions notebook.run --path analyse.ipynb
      ergon actions weather:clean
    """
    with workspace() as app:
        catalog = app.catalog(Path.cwd())
        if name is not None:
            found = catalog.find(name)
            schema = _schema(found, path)
            if json:
                terminal.document(_document(found, schema))
            else:
                _show_one(found, schema)
            return
        if path is not None:
            raise NotPossible(what="show the parameters of a file", reason="it needs the name of an action before it")
        every = sorted(catalog.actions(), key=lambda a: a.name)
        problems = catalog.problems()
    if json:
        terminal.document([_document(action, action.schema) for action in every])
        return
    from ergon.cli.table import show_table

    show_table(["action", "does"], [[a.name, a.summary] for a in every], fold=["does"])
    for problem in problems:
        terminal.note(f"warning: {problem}")


def _schema(action: ActionHandler, path: str | None) -> Mapping[str, object]:
    if path is None:
        return action.schema
    schema = action.schema_for({"path": path}, folder=Path.cwd())
    if schema is action.schema:
        raise NotPossible(what=f"show more of {action.name}", reason="a file says nothing of its other inputs")
    return schema


def _document(action: ActionHandler, schema: Mapping[str, object]) -> dict[str, Any]:  # Any: JSON
    return {
        "name": action.name,
        "summary": action.summary,
        "help": action.help,
        "example": action.example,
        "version": action.version,
        "runs_in": action.runs_in,
        "schema": schema,
    }


def _show_one(action: ActionHandler, about: Mapping[str, object]) -> None:
    from ergon.cli.table import show_table

    terminal.say(f"{action.name}: {action.summary}")
    if action.help:
        terminal.say(f"\n{action.help}")
    schema: Any = about  # Any: JSON Schema
    required = schema.get("required", ())
    rows = [
        [field, _type_of(about), "" if field in required else _default(about), about.get("description", "")]
        for field, about in schema.get("properties", {}).items()
    ]
    if rows:
        terminal.say()
        rows = [[f"{field} *" if field in required else field, *rest] for field, *rest in rows]
        show_table(["input", "type", "default", "about"], rows, fold=["type", "about"])
        if required:
            terminal.say("* must be given")
    if schema.get("additionalProperties"):
        terminal.say("It takes further inputs of any name.")
    if about is not action.schema:
        _show_parameters(schema["properties"]["parameters"]["properties"])
    if action.example:
        terminal.say(f"\nExample:\n\n{_indented(action.example)}")


def _show_parameters(parameters: dict[str, Any]) -> None:  # Any: JSON Schema
    from ergon.cli.table import show_table

    if not parameters:
        terminal.say("\nThe notebook does not say what parameters it has.")
        return
    terminal.say()
    rows = [
        [name, _type_of(about), _default(about), about.get("description", "")] for name, about in parameters.items()
    ]
    show_table(["parameter", "type", "default", "about"], rows, fold=["type", "about"])


def _type_of(about: dict[str, Any]) -> str:  # Any: JSON Schema
    if "enum" in about:
        return " | ".join(map(str, about["enum"]))
    if "const" in about:
        return str(about["const"])
    if "$ref" in about:
        return str(about["$ref"]).rpartition("/")[2].lower()
    for key in ("anyOf", "oneOf"):
        if key in about:
            return " | ".join(dict.fromkeys(_type_of(one) for one in about[key]))
    if about.get("type") == "array":
        return f"list of {_type_of(about['items'])}" if about.get("items") else "list"
    kind = about.get("type", "any")
    return " | ".join(kind) if isinstance(kind, list) else str(kind)


def _default(about: dict[str, Any]) -> str:  # Any: JSON Schema
    default = about.get("default", about.get("x-default"))
    return "" if default is None else str(default)


def _indented(text: str) -> str:
    return "\n".join(f"  {line}" for line in text.splitlines())
