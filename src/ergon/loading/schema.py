"""The schema: the format as JSON Schema, made from the model, for editors and for `ergon schema`."""

from __future__ import annotations

import functools
import re
from typing import Any, Final

from ergon.loading.migrations import FORMAT
from ergon.loading.rules.blocks import ACTION_KEYS, BLOCK_KEYS, FITS, file_key
from ergon.loading.shape import IGNORED
from ergon.model.base import Definition
from ergon.model.descriptions import descriptions
from ergon.model.workflow import StepKind, Workflow

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
_RULES: Final = re.compile(r" \(S\d+(?:(?:, | to )S\d+)*\)")
_TEMPLATE: Final = {"type": "string", "pattern": r"\{\{"}
_SHORT: Final[dict[str, list[dict[str, Any]]]] = {  # Any: JSON Schema
    "needs": [{"type": "string"}],
    "retry": [{"type": "integer", "minimum": 1, "maximum": 1000}, _TEMPLATE],
    "cache": [{"type": "boolean"}],
}
"""The short forms of keys, which the model reads before it checks them."""

Schema = dict[str, Any]  # Any: JSON Schema


def workflow_schema() -> Schema:
    """Give the JSON Schema of a workflow file (draft 2020-12)."""
    schema: Schema = Workflow.model_json_schema(by_alias=True)
    parts: dict[str, Schema] = schema["$defs"]
    models = _models()
    for name, part in (("Workflow", schema), *parts.items()):
        if name in models:  # the rest is not ours: what JSON holds
            _describe(part, models[name])
        if part.get("additionalProperties") is False:
            part["patternProperties"] = {f"^{IGNORED}": True}
        for key, forms in _SHORT.items():
            if key in part.get("properties", {}):
                part["properties"][key] = _with_short(part["properties"][key], forms)
    _needs(parts["Step"])
    parts["Step"]["oneOf"] = [_kind(kind) for kind in BLOCK_KEYS]
    parts["Branch"]["oneOf"] = [{"required": ["when"]}, {"required": ["otherwise"]}]
    parts["OnError"]["oneOf"] = [{"required": ["continue"]}, {"required": ["step"]}]
    schema["required"] = ["ergon", "name"]
    schema["properties"]["ergon"] = {"const": FORMAT, "description": "The version of the format."}
    return {"$schema": DIALECT, "$id": f"urn:ergon:workflow:{FORMAT}", **schema, "title": "Ergon workflow"}


@functools.cache
def _models() -> dict[str, type[Definition]]:
    """Give the models that the format is made of, by the name that the schema calls them by."""
    found, pending = dict[str, type[Definition]](), [Definition]
    while pending:
        made = pending.pop().__subclasses__()
        found |= {model.__name__: model for model in made}
        pending += made
    return found


def _describe(part: Schema, model: type[Definition]) -> None:
    """Say what the keys mean, without the numbers of rules."""
    if "description" in part:
        part["description"] = _RULES.sub("", part["description"])
    said = descriptions(model)
    fields: dict[str, Schema] = part.get("properties", {})
    for name, field in model.model_fields.items():
        key = field.alias or name
        fields[key].pop("title", None)
        if name in said:
            fields[key] = {"description": _RULES.sub("", said[name]), **fields[key]}


def _with_short(field: Schema, forms: list[Schema]) -> Schema:
    """Let the short forms of a key stand beside its full one."""
    told: Schema = {key: field.pop(key) for key in ("description", "default") if key in field}
    return told | {"anyOf": [*field.get("anyOf", [field]), *forms]}


def _needs(step: Schema) -> None:
    """Let an id stand for an edge in the list of `needs`."""
    for form in step["properties"]["needs"]["anyOf"]:
        if form.get("type") == "array":
            form["items"] = {"anyOf": [form["items"], {"type": "string"}]}


def _kind(kind: StepKind) -> Schema:
    """Say which keys a step of a kind must have, and which it cannot."""
    refused = [name for name, kinds in FITS.items() if kind not in kinds]
    refused += [key for other, keys in BLOCK_KEYS.items() if other != kind for key in keys]
    own = BLOCK_KEYS[kind]
    rule: Schema = {"title": kind}
    if kind == "action":
        rule["required"] = ["uses"]
    elif len(own) == 1:
        rule["required"] = [file_key(own[0])]
    else:
        rule["required"] = ["max_iterations"]
        rule["oneOf"] = [{"required": [file_key(key)]} for key in own]
    if kind in ("for_each", "while"):
        inside: Schema = {"required": ["steps"], "properties": {file_key(key): False for key in (*ACTION_KEYS, "uses")}}
        leaf: Schema = {"required": ["uses"], "properties": {"steps": False, "output": False}}
        rule["anyOf"] = [inside, leaf]
    elif kind != "action":
        refused += [*ACTION_KEYS, "uses"]
    rule["properties"] = {file_key(name): False for name in dict.fromkeys(refused)}
    return rule
