"""Labels: what a place in a document is called in a sentence."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from ergon.loading.nodes import MappingNode, Node, ScalarNode, SequenceNode
from ergon.loading.positions import Path
from ergon.loading.report import short

_NAMED: Final = {
    "steps": ("Step", "id"),
    "parallel": ("Step", "id"),
    "parameters": ("Parameter", "name"),
    "triggers": ("Trigger", "id"),
}


def label(path: Path, root: Node) -> str:
    """Name the part of a document at a path: `Step 'load'`, `'retry' of step 'load'`, `'settings'`."""
    owner, rest = "The workflow", path
    node: Node | None = root
    for depth, part in enumerate(path):
        node = child(node, part)
        before = path[depth - 1] if depth else None
        if isinstance(part, int) and before in _NAMED and _is_list_of_things(path[: depth - 1]):
            what, key = _NAMED[str(before)]
            owner, rest = _owner(what, key, node, part), path[depth + 1 :]
    if not rest:
        return owner
    inner = next((str(p) for p in reversed(rest) if isinstance(p, str)), "")
    what = "A branch" if inner == "choose" and isinstance(rest[-1], int) else f"'{inner}'"
    return what if owner == "The workflow" else f"{what} of {owner[0].lower()}{owner[1:]}"


def key_label(path: Path) -> str:
    """Name the key at a path: `timeout`, or `tags[1]` for an item of a list."""
    last = len(path)
    while last > 0 and isinstance(path[last - 1], int):
        last -= 1
    name = str(path[last - 1]) if last else "workflow"
    return name + "".join(f"[{index}]" for index in path[last:])


def describe(node: Node | None) -> str:
    """Say what a value is: `a list`, `the number 5`, `the text 'abc'`, `nothing`."""
    if isinstance(node, MappingNode):
        return "a mapping"
    if isinstance(node, SequenceNode):
        return "a list"
    return described(node.value if isinstance(node, ScalarNode) else None)


def described(value: object) -> str:
    """Say what a plain value is, in the words of `describe`."""
    if value is None:
        return "nothing"
    if isinstance(value, Mapping):
        return "a mapping"
    if isinstance(value, list | tuple):
        return "a list"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return f"the text '{short(value, 40)}'"
    return f"the number {short(str(value), 40)}"


def child(node: Node | None, part: str | int) -> Node | None:
    """Give the node under a key or index, or None."""
    if isinstance(node, MappingNode) and isinstance(part, str):
        return node.items.get(part)
    if isinstance(node, SequenceNode) and isinstance(part, int) and part < len(node.items):
        return node.items[part]
    return None


def _owner(what: str, key: str, node: Node | None, index: int) -> str:
    name = child(node, key)
    if isinstance(name, ScalarNode) and isinstance(name.value, str) and name.value:
        return f"{what} '{short(name.value, 40)}'"
    return f"{what} {index + 1}"


def _is_list_of_things(before: Path) -> bool:
    """Whether what lies before the list is the workflow, or again a step or branch, and not somebody's data."""
    return not any(part in ("with", "annotations", "variables", "outputs", "layout") for part in before)
