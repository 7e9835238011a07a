"""Paths: `steps.load.output.rows[0]` and the like, read and evaluated without Jinja."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from ergon.model.expressions.lookup import ABSENT, load, look, missing_key, missing_name

_NAME: Final = r"[^\W\d]\w*"
_INDEX: Final = r"-?(?:0|[1-9]\d{0,17})"
_KEY: Final = rf"\.{_NAME}|\[(?:{_INDEX}|'[^'\\\r\n]*'|\"[^\"\\\r\n]*\")\]"
PATH: Final = rf"({_NAME})((?:{_KEY})*)"
"""A path in a template, as a regular expression of two groups: the name, and what follows it."""

_KEYS: Final = re.compile(rf"\.({_NAME})|\[({_INDEX})\]|\['([^']*)'\]|\[\"([^\"]*)\"\]")
_WORDS: Final = frozenset({"true", "false", "none", "True", "False", "None", "not", "self"})
"""Words that a path cannot begin with: constants, an operator, and a name that Jinja keeps for itself."""

Key = tuple[str | int, bool]
"""A step of a path, and whether it is written `['a']` or `[0]` and so reads items before attributes."""


class PathMissing(Exception):  # noqa: N818  # carries facts from a walk to the template, which raises TemplateFailed
    """A path leads nowhere."""

    def __init__(self, reason: str, hint: str) -> None:
        super().__init__(reason)
        self.reason, self.hint = reason, hint


def read_path(name: str, rest: str) -> tuple[str, tuple[Key, ...]] | None:
    """Split what `PATH` matched into name and keys; None where only Jinja can tell what it means."""
    if name in _WORDS:
        return None
    if not rest.isascii() or not name.isascii():
        return None
    if "[" not in rest:
        return name, tuple([(key, False) for key in rest[1:].split(".")]) if rest else ()
    return name, tuple([_key(*groups) for groups in _KEYS.findall(rest)])


def _key(name: str, index: str, single: str, double: str) -> Key:
    if name:
        return name, False
    return (int(index), True) if index else (single or double, True)


def walk(names: Mapping[str, object], root: str, keys: tuple[Key, ...]) -> object:
    """Follow a path step by step; raises PathMissing where it leads nowhere."""
    try:
        value = names[root]
    except KeyError:
        raise PathMissing(*missing_name(root, names)) from None
    for place, (key, is_item) in enumerate(keys):
        value = load(value)
        found = look(value, key, item_first=is_item)
        if found is ABSENT:
            raise PathMissing(*missing_key(value, key, spell(root, keys[:place])))
        value = found
    return value


def spell(root: str, keys: tuple[Key, ...]) -> str:
    """Write a path as people do: `steps['a-b'].output[0]`."""
    return root + "".join(_spell(key) for key, _ in keys)


def _spell(key: str | int) -> str:
    return f".{key}" if isinstance(key, str) and key.isidentifier() else f"[{key!r}]"
