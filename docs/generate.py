"""Writes the reference pages that follow from the code: `python docs/generate.py`.

A test compares them with what lies in `docs/reference`, so that they never fall behind.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import typer
from pydantic import BaseModel

from ergon import errors
from ergon.actions.action import Action
from ergon.actions.catalog import ActionCatalog
from ergon.cli.group import COMMANDS, LazyGroup, ergon
from ergon.model.parameters import Option, Parameter
from ergon.model.policies import Cache, OnError, Retry, RunSettings, Validation
from ergon.model.states import RUN_TRANSITIONS, STEP_TRANSITIONS
from ergon.model.workflow import Branch, Defaults, Need, Step, Trigger, Workflow
from ergon.settings import KernelSettings, Settings

REFERENCE = Path(__file__).parent / "reference"
_NOTE = "<!-- Written by docs/generate.py from the code: change it there. -->\n"


def pages() -> dict[str, str]:
    """Give every generated page by its name."""
    return {
        "format.md": _format(),
        "actions.md": _actions(),
        "states.md": _states(),
        "errors.md": _errors(),
        "cli.md": _command_line(),
        "settings.md": _settings(),
    }


# ---- the file's format -------------------------------------------------------------------------------------------


def _format() -> str:
    parts = [
        "# The workflow file\n",
        _NOTE,
        "A workflow is YAML (`*.ergon.yaml`) or JSON (`*.ergon.json`). `ergon schema` prints its JSON Schema, which "
        "editors can use. Keys that begin with `x-` are kept and ignored everywhere; any other unknown key is a "
        "diagnostic. Durations are seconds, or `500ms 10s 5m 2h 1d`.\n",
    ]
    sections: list[tuple[str, type[BaseModel]]] = [
        ("The workflow", Workflow),
        ("Parameters", Parameter),
        ("Options of a parameter", Option),
        ("Settings", RunSettings),
        ("Defaults", Defaults),
        ("Steps", Step),
        ("Edges: `needs`", Need),
        ("Branches of `choose`", Branch),
        ("`retry`", Retry),
        ("`validate`", Validation),
        ("`on_error`", OnError),
        ("`cache`", Cache),
        ("Triggers", Trigger),
    ]
    for title, model in sections:
        parts.append(f"## {title}\n")
        parts.append(f"{inspect.getdoc(model)}\n")
        parts.append(_table(model))
    return "\n".join(parts)


def _table(model: type[BaseModel]) -> str:
    properties: Mapping[str, Mapping[str, object]] = model.model_json_schema(by_alias=True).get("properties", {})
    definition = model.model_json_schema(by_alias=True)
    if not properties:  # a recursive model stands among its own definitions
        properties = definition["$defs"][model.__name__]["properties"]
    rows = ["| key | form | meaning |", "| --- | --- | --- |"]
    for name, field in model.model_fields.items():
        key = field.alias or name
        described = (field.description or "").replace("\n", " ").replace("|", "\\|")
        form = _form(properties.get(key, {})).replace("|", "\\|")
        must = " (must be there)" if field.is_required() else ""
        rows.append(f"| `{key}` | {form}{must} | {described} |")
    return "\n".join(rows) + "\n"


def _form(schema: Mapping[str, object]) -> str:
    """Say a JSON Schema in a few words."""
    if "$ref" in schema:
        return str(schema["$ref"]).rpartition("/")[2].lower()
    if "const" in schema:
        return f"`{schema['const']}`"
    if "enum" in schema:
        values = schema["enum"]
        return " ".join(f"`{value}`" for value in values) if isinstance(values, list) else ""
    if "anyOf" in schema or "oneOf" in schema:
        choices = schema.get("anyOf") or schema.get("oneOf")
        forms = [_form(s) for s in choices] if isinstance(choices, list) else []
        return " or ".join(dict.fromkeys(form for form in forms if form and form != "null"))
    kind = schema.get("type")
    if kind == "array":
        items = schema.get("items")
        inner = _form(items) if isinstance(items, dict) else ""
        return f"list of {inner}" if inner else "list"
    if kind == "object":
        return "mapping"
    return str(kind) if isinstance(kind, str) else "any value"


# ---- actions -----------------------------------------------------------------------------------------------------


def _actions() -> str:
    own = [action for action in ActionCatalog(None).actions() if action.is_released]
    parts = [
        "# Actions\n",
        _NOTE,
        "What a step's `uses` may name. `ergon actions NAME` prints the same. Besides these, `module:function` calls "
        "any Python callable that can be imported, and packages bring further actions by the entry point "
        "`ergon.actions`.\n",
    ]
    for action in sorted(own, key=lambda a: a.name):
        parts += _action(action)
    return "\n".join(parts)


def _action(action: Action) -> Iterator[str]:
    yield f"## `{action.name}`\n"
    yield f"{action.summary}\n"
    if action.help:
        yield f"{action.help}\n"
    properties = action.schema.get("properties")
    required = action.schema.get("required")
    if isinstance(properties, dict) and properties:
        yield "| input | form | meaning |"
        yield "| --- | --- | --- |"
        for name, schema in properties.items():
            must = " (must be there)" if isinstance(required, list) and name in required else ""
            described = str(schema.get("description", "")).replace("\n", " ").replace("|", "\\|")
            yield f"| `{name}` | {_form(schema)}{must} | {described} |"
        yield ""
    facts = [f"Runs in: {action.runs_in}."]
    if action.can_undo:
        facts.append("A rollback can undo it.")
    yield " ".join(facts) + "\n"
    if action.example:
        yield f"```yaml\n{_as_list_item(action.example)}\n```\n"


def _as_list_item(example: str) -> str:
    lines = example.strip().splitlines()
    return "\n".join([f"- {lines[0]}", *(f"  {line}" if line else "" for line in lines[1:])])


# ---- states ------------------------------------------------------------------------------------------------------


def _states() -> str:
    parts = [
        "# States\n",
        _NOTE,
        "Status changes only by applying an event, and only along these arrows (`ergon.model.states`).\n",
    ]
    tables: list[tuple[str, str, Mapping[object, frozenset[object]]]] = [
        ("Runs", "queued", dict(RUN_TRANSITIONS)),
        ("Steps", "pending", dict(STEP_TRANSITIONS)),
    ]
    for title, first, table in tables:
        arrows = [f"    [*] --> {first}"]
        for source, targets in table.items():
            arrows += [f"    {source} --> {target}" for target in sorted(map(str, targets)) if target != str(source)]
        parts.append(f"## {title}\n\n```mermaid\nstateDiagram-v2\n" + "\n".join(arrows) + "\n```\n")
    return "\n".join(parts)


# ---- errors ------------------------------------------------------------------------------------------------------


def _errors() -> str:
    parts = [
        "# Errors\n",
        _NOTE,
        "Everything that Ergon raises derives from `ergon.ErgonError` and says in one sentence what happened, where, "
        "and the next move. The names under *in a run* are the stable error types that `retry: {on: [...]}` takes, "
        "as does the class name of any Python exception that an action raises.\n",
    ]
    for title, base in (
        ("Before a run", errors.Invalid),
        ("In a run", errors.StepError),
        ("The store", errors.StoreError),
    ):
        parts += [f"## {title}\n", "| type | family | meaning |", "| --- | --- | --- |"]
        for kind in sorted(_below(base), key=lambda k: k.__name__):
            summary = (inspect.getdoc(kind) or "").splitlines()[0].replace("|", "\\|")
            parts.append(f"| `{kind.__name__}` | {kind.family} | {summary} |")
        parts.append("")
    return "\n".join(parts)


def _below(base: type[errors.ErgonError]) -> Iterator[type[errors.ErgonError]]:
    for kind in base.__subclasses__():
        if kind.__module__ == errors.__name__:
            yield kind
            yield from _below(kind)


# ---- the command line --------------------------------------------------------------------------------------------


def _command_line() -> str:
    group: Any = typer.main.get_command(_group())
    parts = [
        "# The command line\n",
        _NOTE,
        "`RUN` is a run's id, a unique beginning of one, or `last`. Every command takes `--help`, with examples. "
        "`ergon --install-completion` installs completion for your shell.\n",
    ]
    for name in COMMANDS:
        command = group.get_command(None, name)
        arguments = [p for p in command.params if p.param_type_name == "argument"]
        options = [p for p in command.params if p.param_type_name == "option" and p.name != "help"]
        words = " ".join(_argument(argument) for argument in arguments)
        parts += [f"## `ergon {name} {words}`".rstrip("` ") + "`\n", f"{_plain(command.help or '')}\n"]
        rows = [(_argument(p), p.help or "") for p in arguments]
        rows += [(", ".join([*p.opts, *p.secondary_opts]), p.help or "") for p in options]
        if rows:
            parts += ["| | |", "| --- | --- |"]
            parts += [f"| `{left}` | {_cell(right)} |" for left, right in rows]
            parts.append("")
    return "\n".join(parts)


def _group() -> typer.Typer:
    group = typer.Typer(cls=LazyGroup)
    group.callback()(ergon)
    return group


def _argument(argument: Any) -> str:  # Any: typer's own
    name = (argument.metavar or argument.name).strip("{}").upper() + ("…" if argument.nargs == -1 else "")
    return name if argument.required else f"[{name}]"


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def _plain(text: str) -> str:
    """Give a help text as Markdown: its examples as a code block."""
    paragraphs = [" ".join(p.split()) for p in text.replace("\b", "").split("\n\n")]
    before, *after = text.replace("\b", "").split("Examples:")
    if not after:
        return "\n\n".join(paragraphs)
    told = "\n\n".join(" ".join(p.split()) for p in before.strip().split("\n\n"))
    examples = "\n".join(line.strip() for line in after[0].strip().splitlines() if line.strip())
    return f"{told}\n\n```console\n{examples}\n```"


# ---- settings ----------------------------------------------------------------------------------------------------


def _settings() -> str:
    parts = [
        "# Settings\n",
        _NOTE,
        "Each comes from, one over the other: its default, your own file, the workspace's `ergon.yaml`, a profile "
        "in it (`--profile NAME` or `ERGON_PROFILE`), the workflow's `settings`, the environment "
        "(`ERGON_CONCURRENCY=4`), the command line (`--set concurrency=4`). `ergon settings` shows each value and "
        "where it came from.\n",
        _table(Settings),
        "## `kernel`\n",
        "From the environment as `ERGON_KERNEL_START=pool`, on the command line as `--set kernel.preload=numpy,pandas`."
        "\n",
        _table(KernelSettings),
    ]
    return "\n".join(parts)


def main() -> None:
    """Write all pages."""
    REFERENCE.mkdir(exist_ok=True)
    for name, text in pages().items():
        (REFERENCE / name).write_text(text, encoding="utf-8")
        sys.stderr.write(f"docs/reference/{name}\n")


if __name__ == "__main__":
    main()
