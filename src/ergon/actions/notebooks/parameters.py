"""Parameters: what a notebook takes, read from its parameters cell without running it."""

from __future__ import annotations

import ast
import difflib
import io
import tokenize
from collections.abc import Collection, Iterator, Mapping
from typing import Any, Final

from pydantic import ValidationError

from ergon.actions.notebooks.book import PARAMETERS, Notebook, tagged
from ergon.actions.notebooks.handover import stored, without_magics
from ergon.model.parameters import Parameter

Schema = dict[str, Any]  # Any: JSON Schema

METADATA: Final = "ergon"
"""Key of the notebook's metadata whose `parameters` say more of them, by name."""
_TYPES: Final[Mapping[str, Schema]] = {
    "str": {"type": "string"},
    "int": {"type": "integer"},
    "float": {"type": "number"},
    "bool": {"type": "boolean"},
    "list": {"type": "array"},
    "tuple": {"type": "array"},
    "set": {"type": "array"},
    "Sequence": {"type": "array"},
    "dict": {"type": "object"},
    "Mapping": {"type": "object"},
    "Path": {"type": "string"},
    "date": {"type": "string", "format": "date"},
    "datetime": {"type": "string", "format": "date-time"},
}
_DECLARED: Final[Mapping[str, Schema]] = {
    "string": {"type": "string"},
    "text": {"type": "string"},
    "file": {"type": "string"},
    "secret": {"type": "string", "writeOnly": True},
    "integer": {"type": "integer"},
    "number": {"type": "number"},
    "boolean": {"type": "boolean"},
    "date": {"type": "string", "format": "date"},
    "datetime": {"type": "string", "format": "date-time"},
    "enum": {},
    "json": {},
}
_BOUNDS: Final = {
    "minimum": "minimum",
    "maximum": "maximum",
    "min_length": "minLength",
    "max_length": "maxLength",
    "pattern": "pattern",
}
_OPTIONAL: Final = frozenset({"Optional", "Annotated"})


def parameters_of(book: Notebook) -> dict[str, Schema] | None:
    """Give the JSON Schema of each parameter by its name; None if the notebook does not let them be known.

    A notebook's metadata `ergon: {parameters: {name: …}}`, with the keys of a workflow's parameter, adds to what the
    parameters cell says, and goes before it. A notebook without such a cell takes none that it knows of.
    """
    declared = _declared(book)
    found = _inferred(book)
    if found is None:
        return declared or None
    for name, schema in declared.items():
        found[name] = {**found.get(name, {}), **schema}
    return found


def strangers(book: Notebook, given: Collection[str]) -> dict[str, str]:
    """Give the given names that are no parameters of a notebook, each with the name that was perhaps meant."""
    known = parameters_of(book)
    if known is None:
        return {}
    names = [name for name in given if name not in known]
    free = [name for name in known if name not in set(given)]
    return {name: next(iter(difflib.get_close_matches(name, free, n=1)), "") for name in names}


def _inferred(book: Notebook) -> dict[str, Schema] | None:
    place = tagged(book, PARAMETERS)
    if place < 0:
        return {}
    if not _is_python(book):
        return None
    source = without_magics(book["cells"][place]["source"])
    try:
        body = ast.parse(source).body
    except (SyntaxError, ValueError):
        return None
    comments = _comments(source)
    return {name: schema for statement in body for name, schema in _schemas(statement, source, comments)}


def _is_python(book: Notebook) -> bool:
    metadata = book["metadata"]
    named = metadata.get("language_info", {}).get("name") or metadata.get("kernelspec", {}).get("language")
    return str(named or "python").lower() in ("python", "ipython")


# ---- the parameters cell -------------------------------------------------------------------------------------


def _schemas(statement: ast.stmt, source: str, comments: Mapping[int, str]) -> Iterator[tuple[str, Schema]]:
    """Give the parameters that a statement assigns."""
    comment = comments.get(statement.end_lineno or statement.lineno, "")
    if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
        yield statement.target.id, _schema(statement.value, _of_annotation(statement.annotation), source, comment)
    elif isinstance(statement, ast.Assign):
        for target in statement.targets:
            if isinstance(target, ast.Name):
                yield target.id, _schema(statement.value, {}, source, comment)
            else:
                yield from ((name, {}) for name in stored(target))


def _schema(value: ast.expr | None, annotated: Schema, source: str, comment: str) -> Schema:
    schema = dict(annotated)
    kind, said = _typed(comment)
    if kind and not schema:
        schema = _of_text(kind)
    if help_ := said:
        schema["description"] = help_
    if value is not None:
        schema |= _default(value, source, known=bool(annotated or kind))
    return schema


def _typed(comment: str) -> tuple[str, str]:
    """Give the type that a comment such as `type: int  how many` names, and what else it says."""
    if not comment.startswith("type:"):
        return "", comment
    kind, _, said = comment.removeprefix("type:").strip().partition(" ")
    return kind, said.strip()


def _default(value: ast.expr, source: str, *, known: bool) -> Schema:
    """Give the default, and its type where no annotation says it; what is computed is given as its source."""
    try:
        default = _plain(ast.literal_eval(value))
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return {"x-default": ast.get_source_segment(source, value) or ""}
    schema: Schema = {"default": default}
    if not known and default is not None:
        schema |= _TYPES.get(type(default).__name__, {})
    return schema


def _plain(value: object) -> object:
    """Give a literal as JSON has it; raises TypeError for one that JSON has not."""
    if value is None or isinstance(value, str | bool | int | float):
        return value
    if isinstance(value, list | tuple | set):
        return [_plain(member) for member in value]
    if isinstance(value, dict) and all(isinstance(key, str) for key in value):
        return {key: _plain(member) for key, member in value.items()}
    raise TypeError(type(value).__name__)


def _of_text(text: str) -> Schema:
    try:
        return _of_annotation(ast.parse(text, mode="eval").body)
    except (SyntaxError, ValueError):
        return {}


def _of_annotation(node: ast.expr) -> Schema:
    """Give the schema that an annotation says; empty for one that JSON Schema has no word for."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return _of_text(node.value)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr):
        sides = [side for side in (node.left, node.right) if ast.unparse(side) != "None"]
        return _of_annotation(sides[0]) if len(sides) == 1 else {}
    if isinstance(node, ast.Subscript):
        return _of_subscript(_name(node.value), node.slice)
    return dict(_TYPES.get(_name(node), _TYPES.get(_name(node).lower(), {})))


def _of_subscript(name: str, inside: ast.expr) -> Schema:
    members = inside.elts if isinstance(inside, ast.Tuple) else [inside]
    if name == "Literal":
        return {"enum": [each.value for each in members if isinstance(each, ast.Constant)]}
    if name in _OPTIONAL:
        return _of_annotation(members[0])
    schema = dict(_TYPES.get(name, _TYPES.get(name.lower(), {})))
    if schema.get("type") == "array" and len(members) == 1 and (items := _of_annotation(members[0])):
        schema["items"] = items
    return schema


def _name(node: ast.expr) -> str:
    return node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""


def _comments(source: str) -> dict[int, str]:
    """Give the comment at the end of each line that has one."""
    found: dict[int, str] = {}
    try:
        for token in tokenize.generate_tokens(io.StringIO(source).readline):
            if token.type == tokenize.COMMENT:
                found[token.start[0]] = token.string.lstrip("#").strip()
    except (tokenize.TokenError, SyntaxError):
        pass
    return found


# ---- the notebook's metadata ---------------------------------------------------------------------------------


def fault_of_declared(book: Notebook) -> str:
    """Say what is wrong with the parameters that a notebook's metadata declares; empty if nothing is."""
    own = book["metadata"].get(METADATA, {})
    entries = own.get("parameters", {}) if isinstance(own, dict) else None
    if not isinstance(entries, dict):
        return "its metadata `ergon` has no mapping of `parameters`"
    for name, entry in entries.items():
        if not isinstance(entry, dict):
            return f"its metadata `ergon` says of parameter '{name}' what is not a mapping"
        try:
            Parameter.model_validate({**entry, "name": name})
        except ValidationError as error:
            fault = error.errors()[0]
            place = ".".join(str(part) for part in fault["loc"])
            return f"its metadata `ergon` declares parameter '{name}' wrongly: {place}: {fault['msg']}"
    return ""


def _declared(book: Notebook) -> dict[str, Schema]:
    if fault_of_declared(book):
        return {}
    entries = book["metadata"].get(METADATA, {}).get("parameters", {})
    return {name: _of_entry(name, entry) for name, entry in entries.items()}


def _of_entry(name: str, entry: Mapping[str, Any]) -> Schema:
    parameter = Parameter.model_validate({**entry, "name": name})
    schema: Schema = dict(_DECLARED[parameter.type]) if "type" in entry else {}
    if parameter.options:
        schema["enum"] = list(parameter.choices)
    for key, word in (("label", "title"), ("description", "description"), ("default", "default"), *_BOUNDS.items()):
        if key in entry:
            schema[word] = entry[key]
    return schema
