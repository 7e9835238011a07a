"""Shape: which keys stand where, read off the model, and a document cleaned of all that is not in it (S3, S4)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from types import UnionType
from typing import Annotated, Final, Union, get_args, get_origin

from ergon.loading.faults import Fault
from ergon.loading.labels import label
from ergon.loading.nodes import MappingNode, Node, SequenceNode
from ergon.loading.positions import Path
from ergon.loading.report import Report
from ergon.model.base import Definition
from ergon.model.workflow import Step, Workflow

IGNORED: Final = "x-"
"""Keys that begin so are kept in the text and mean nothing."""
_ANYBODYS: Final = frozenset({"annotations"})
_SYNONYMS: Final[dict[str, dict[str, str]]] = {
    "Step": {
        "action": "uses",
        "args": "with",
        "arguments": "with",
        "inputs": "with",
        "depends_on": "needs",
        "dependencies": "needs",
        "after": "needs",
        "if": "when",
        "condition": "when",
        "loop": "for_each",
        "switch": "choose",
        "retries": "retry",
        "branches": "choose",
    },
    "Workflow": {
        "inputs": "parameters",
        "params": "parameters",
        "vars": "variables",
        "jobs": "steps",
        "tasks": "steps",
    },
    "Parameter": {"min": "minimum", "max": "maximum", "choices": "options", "help": "description", "regex": "pattern"},
    "Defaults": {"retries": "retry"},
    "Retry": {"max_attempts": "attempts", "times": "attempts", "wait": "delay"},
}


@dataclass(frozen=True, slots=True)
class Field:
    """One key of a part of the format: the part that stands in it, and whether it is a mapping with free keys."""

    nested: type[Definition] | None
    many: bool
    """Whether the part stands there in a list."""
    free: bool


@cache
def fields(part: type[Definition]) -> dict[str, Field]:
    """Give the keys of a part of the format, as a file writes them."""
    given = {}
    for name, info in part.model_fields.items():
        annotations = list(_parts_of(info.annotation))
        nested = [a for a in annotations if isinstance(a, type) and issubclass(a, Definition)]
        many = any(get_origin(a) is tuple for a in annotations)
        free = any(get_origin(a) is dict for a in annotations) and name not in _ANYBODYS
        given[info.alias or name] = Field(nested[0] if nested else None, many, free)
    return given


def _parts_of(annotation: object) -> Iterator[object]:
    yield annotation
    if get_origin(annotation) in (Annotated, Union, UnionType, tuple):
        for inner in get_args(annotation):
            yield from _parts_of(inner)


class Cleaner:
    """Copies a document, leaving out keys that the format ignores or does not know, and reports those."""

    def __init__(self, root: MappingNode, report: Report) -> None:
        self._root, self._report = root, report
        self.renamed: list[tuple[MappingNode, str]] = []
        """Keys that were read as the ones they were probably meant to be."""
        self.steps = 0

    def clean(self) -> MappingNode:
        """Give the cleaned copy of the whole document."""
        return self._part(self._root, Workflow, ())

    def _part(self, node: MappingNode, part: type[Definition], path: Path) -> MappingNode:
        if part is Step:
            self.steps += 1
        known = fields(part)
        copy = MappingNode({}, node.keys, node.line, node.column, node.start, node.end)
        copy.partial = node.partial
        for key, value in node.items.items():
            field = known.get(key)
            if field is None:
                if part.model_config.get("extra") == "allow":
                    copy.items[key] = value
                elif not key.startswith(IGNORED):
                    self._unknown(node, key, part, path, copy)
            else:
                copy.items[key] = self._value(value, field, (*path, key))
        return copy

    def _value(self, node: Node, field: Field, path: Path) -> Node:
        part = field.nested
        if part is None:
            return _without_ignored(node) if field.free else node
        if isinstance(node, MappingNode) and not field.many:
            return self._part(node, part, path)
        if isinstance(node, SequenceNode) and field.many:
            items = [
                self._part(item, part, (*path, index)) if isinstance(item, MappingNode) else item
                for index, item in enumerate(node.items)
            ]
            return SequenceNode(items, node.line, node.column, node.start, node.end)
        return node

    def _unknown(self, node: MappingNode, key: str, part: type[Definition], path: Path, copy: MappingNode) -> None:
        """Report an unknown key, and read it as the known one that it was probably meant to be."""
        known = fields(part)
        meant = _SYNONYMS.get(part.__name__, {}).get(key, "")
        home = "" if meant else _home(key, part)
        if not meant and not home:
            meant = self._report.closest(key, known)
        hint = f"Did you mean '{meant}'?" if meant else f"It belongs under '{home}'." if home else _listed(known)
        line, column = node.keys[key]
        where = label(path, self._root)
        self._report.add_fault(Fault("E121", line, column, {"key": key, "where": where}, hint))
        if not meant or meant in node.items or meant in copy.items:
            copy.partial = True
            return
        self.renamed.append((copy, meant))
        copy.keys = {**copy.keys, meant: node.keys[key]}
        copy.items[meant] = self._value(node.items[key], known[meant], (*path, meant))


def _home(key: str, part: type[Definition]) -> str:
    """Give the key under which an unknown one would be known."""
    for name, field in fields(part).items():
        if field.nested is not None and field.nested.__name__ in _SINGLE and key in fields(field.nested):
            return name
    return ""


_SINGLE: Final = frozenset({"RunSettings", "Retry", "Cache", "Layout"})
"""Parts that stand once under their key, so that a stray key of theirs has one home."""


def _listed(known: dict[str, Field]) -> str:
    return f"Known are: {', '.join(known)}." if len(known) <= 12 else "Keys that begin with x- are ignored."


def _without_ignored(node: Node) -> Node:
    if not isinstance(node, MappingNode) or not any(key.startswith(IGNORED) for key in node.items):
        return node
    items = {key: value for key, value in node.items.items() if not key.startswith(IGNORED)}
    return MappingNode(items, node.keys, node.line, node.column, node.start, node.end)
