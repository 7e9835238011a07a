"""The encoder: writes values in their stored form, JSON text with tags and artifacts (S46, S47)."""

from __future__ import annotations

import dataclasses
import json
from collections import deque
from collections.abc import Callable, Iterable, Mapping, MappingView
from json.encoder import encode_basestring
from typing import Final

from pydantic import BaseModel

from ergon.errors import NotStorable
from ergon.model.expressions import Deferred
from ergon.model.secrets import HIDDEN, Secret
from ergon.model.values import tags
from ergon.model.values.artifact import Artifact

MAX_DEPTH: Final = 200
"""A value nested deeper is refused."""

_TOO_DEEP: Final = f"value nested deeper than {MAX_DEPTH} levels"
_write: Final = json.JSONEncoder(
    ensure_ascii=False, allow_nan=False, check_circular=False, separators=(",", ":")
).encode
_SCALARS: Final = frozenset({str, int, float, bool, type(None)})
_CONTAINERS: Final = frozenset({list, dict})
_PLAIN: Final = _SCALARS | _CONTAINERS
_SMALL: Final = 4096
"""How much `encode_small` takes on: characters of text, or members at 8 apiece."""

Foreign = Callable[[object], Artifact | None]
"""What keeps a value that JSON cannot carry as an artifact; gives None if it does not know the kind."""
Redact = Callable[[str], str]
"""What hides secrets in a string."""


def encode_plain(value: object, *, foreign: Foreign | None = None, redact: Redact | None = None) -> str:
    """Give the stored form of a value: strict JSON text, free of lone surrogates.

    Dataclass instances, named tuples, pydantic models and other mappings are stored as mappings, enum members
    as their values, NumPy and pandas scalars as plain ones, the latter's marks of a missing value as null.
    `redact` is applied to every string. Raises `NotStorable`, which says where.
    """
    try:
        if redact is None and (text := _encode_as_is(value)) is not None:
            return text
        return _write(_Walk(foreign, redact).tree(value, 0))
    except RecursionError:
        raise NotStorable(where="", kind=_TOO_DEEP, hint="Return it flatter.") from None


def encode_small(value: object, *, redact: Redact | None = None) -> str | None:
    """Give the stored form of a small value, at once; None for any other."""
    if redact is None:
        kind = type(value)
        if kind in _SCALARS:
            return _encode_scalar(value) if kind is not str or len(value) <= _SMALL else None  # type: ignore[arg-type]
        if kind in _CONTAINERS:
            room = _room(value, _SMALL, MAX_DEPTH)
            if room >= 0 and (text := _encode_unchecked(value)) is not None:
                return text
            if room == _TOO_LARGE:
                return None
    try:
        return _write(_Walk(None, redact, room=_SMALL).tree(value, 0))
    except (_NotSmall, NotStorable, RecursionError):
        return None


def _encode_scalar(value: object) -> str:
    """Give the stored form of a scalar, whose type is one of JSON's own, exactly."""
    if value is None:
        return "null"
    if isinstance(value, str):
        text = encode_basestring(value)
        return text if text.isascii() or _is_utf8(text) else _write(tags.text(value))
    if isinstance(value, bool):
        return "true" if value else "false"
    tree = tags.number(value) if isinstance(value, float) else tags.integer(value)  # type: ignore[arg-type]
    return repr(value) if tree is value else _write(tree)


def _encode_as_is(value: object) -> str | None:
    """Give the stored form of what is plain JSON throughout, quickly; None for anything else."""
    if type(value) in _SCALARS:
        return _encode_scalar(value)
    return _encode_unchecked(value) if _is_plain(value, MAX_DEPTH) else None


def _encode_unchecked(value: object) -> str | None:
    """Write lists and dicts of scalars; None if one of them needs a tag."""
    try:
        text = _write(value)
    except (ValueError, TypeError):  # NaN, an integer too long to print, a dict whose keys are no strings
        return None
    if '"$' in text or not (text.isascii() or _is_utf8(text)):
        return None
    return text


def _is_plain(value: object, depth: int) -> bool:
    """Say whether a value is made of JSON's own types only, keys included."""
    if type(value) not in _CONTAINERS or not depth:
        return False
    members: Iterable[object] = value  # type: ignore[assignment]
    if isinstance(value, dict):
        if set(map(type, value)) - {str}:
            return False
        members = value.values()
    kinds = set(map(type, members))
    if kinds <= _SCALARS:
        return True
    return kinds <= _PLAIN and all(_is_plain(member, depth - 1) for member in members if type(member) in _CONTAINERS)


_TOO_LARGE: Final = -1
_NOT_PLAIN: Final = -2


def _room(value: object, room: int, depth: int) -> int:
    """Give what is left of `room` after a list or dict, or why it cannot be written as it is."""
    if not depth:
        return _NOT_PLAIN
    room -= 8 * len(value)  # type: ignore[arg-type]
    if room < 0:
        return _TOO_LARGE
    members: Iterable[object] = value  # type: ignore[assignment]
    if type(value) is dict:
        for key in value:
            if type(key) is not str:
                return _NOT_PLAIN
            room -= len(key)
        members = value.values()
    for member in members:
        kind = type(member)
        if kind is str:
            room -= len(member)  # type: ignore[arg-type]
        elif kind in _CONTAINERS:
            room = _room(member, room, depth - 1)
        elif kind not in _SCALARS:
            return _NOT_PLAIN
        if room < 0:
            return room if room == _NOT_PLAIN else _TOO_LARGE
    return room


def _is_utf8(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


class _NotSmall(Exception):  # noqa: N818 - a turn of the control flow, seen by nobody
    """The value is larger than what may be written at once, or needs a codec."""


class _Walk:
    """Turns a value into a tree of JSON's own types, with tags."""

    __slots__ = ("_foreign", "_redact", "_room")

    def __init__(self, foreign: Foreign | None, redact: Redact | None, *, room: int | None = None) -> None:
        self._foreign, self._redact, self._room = foreign, redact, room

    def tree(self, value: object, depth: int) -> object:
        """Give the tree of a value; raises `NotStorable` with the place seen from it."""
        if self._room is not None:
            self._spend(value)
        kind = type(value)
        if kind in _SCALARS:
            return self._scalar(value)
        if depth >= MAX_DEPTH:
            raise NotStorable(where="", kind=_TOO_DEEP, hint="Return it flatter.")
        if kind is dict:
            return self._mapping(value, depth)  # type: ignore[arg-type]
        if kind is list:
            return self._members(value, depth)  # type: ignore[arg-type]
        if kind is tuple:
            return {"$tuple": self._members(value, depth)}  # type: ignore[arg-type]
        return self._special(value, depth)

    def _spend(self, value: object) -> None:
        room = (self._room or 0) - 8 - (len(value) if isinstance(value, str) else 0)
        if room < 0:
            raise _NotSmall
        self._room = room

    def _scalar(self, value: object) -> object:
        if isinstance(value, str):
            return self._string(value)
        if value is None or isinstance(value, bool):
            return value
        tree = tags.number(value) if isinstance(value, float) else tags.integer(value)  # type: ignore[arg-type]
        if self._redact is not None and tree is value and self._redact(repr(value)) != repr(value):
            return self._redact(repr(value))
        return tree

    def _string(self, value: str) -> object:
        return tags.text(value if self._redact is None else self._redact(value))

    def _special(self, value: object, depth: int) -> object:
        """Give the tree of what is none of JSON's own types, exactly."""
        if isinstance(value, Artifact):
            return value.as_data()
        if isinstance(value, Secret):
            return HIDDEN
        plainer = tags.plainer(value)
        if plainer is not value:
            return self.tree(plainer, depth + 1)
        if (tag := tags.leaf(value)) is not None:
            return tag if "$path" not in tag else {"$path": self._string(str(value))}
        if isinstance(value, set | frozenset):
            return self._set(value, depth)
        if self._room is not None:
            raise _NotSmall
        if self._foreign is not None and (artifact := self._foreign(value)) is not None:
            return artifact.as_data()
        return self._object(value, depth)

    def _object(self, value: object, depth: int) -> object:
        """Give the tree of what is worth a mapping or a list."""
        if isinstance(value, Deferred):
            return self.tree(value.load(), depth + 1)
        if isinstance(value, BaseModel):
            return self.tree(_dumped(value), depth)
        if dataclasses.is_dataclass(value) and not isinstance(value, type):
            fields = dataclasses.fields(value)
            return self._mapping({each.name: getattr(value, each.name) for each in fields}, depth)
        if isinstance(value, tuple) and hasattr(value, "_asdict"):
            return self._mapping(value._asdict(), depth)
        if isinstance(value, tuple):
            return {"$tuple": self._members(value, depth)}
        if isinstance(value, Mapping):
            return self._mapping(value, depth)
        if isinstance(value, list | range | deque | MappingView):
            return self._members(value, depth)  # type: ignore[arg-type]
        raise _refusal(value)

    def _members(self, value: Iterable[object], depth: int) -> list[object]:
        members: list[object] = []
        for index, member in enumerate(value):
            try:
                members.append(self.tree(member, depth + 1))
            except NotStorable as error:
                error.where = _within(f"[{index}]", error.where)
                raise
        return members

    def _mapping(self, value: Mapping[object, object], depth: int) -> object:
        pairs: list[tuple[object, object]] = []
        for key, member in value.items():
            try:
                pairs.append((self._hashable(key, depth), self.tree(member, depth + 1)))
            except NotStorable as error:
                error.where = _within(_key_place(key), error.where)
                raise
        if all(isinstance(key, str) and not key.startswith("$") for key, _ in pairs):
            entries = dict(pairs)
            if len(entries) == len(pairs) or self._redact is not None:
                return entries
        if self._redact is None and len({_write(key) for key, _ in pairs}) < len(pairs):
            kind = "mapping with keys that would be stored alike"
            raise NotStorable(where="", kind=kind, hint="Use strings as keys.")
        return {"$map": pairs}

    def _set(self, value: set[object] | frozenset[object], depth: int) -> object:
        members = sorted((self._hashable(member, depth) for member in value), key=_write)  # always the same
        return {"$set" if isinstance(value, set) else "$frozenset": members}

    def _hashable(self, value: object, depth: int) -> object:
        tree = self._string(value) if type(value) is str else self.tree(value, depth + 1)
        if not _hashes(tree):
            kind = f"{_kind(value)} as a mapping's key or a set's member"
            hint = "Use strings, numbers, dates or tuples of them there."
            raise NotStorable(where="", kind=kind, hint=hint)
        return tree


def _hashes(tree: object) -> bool:
    """Say whether what is read from a tree can be a key."""
    if isinstance(tree, dict):
        tag = next(iter(tree), "")
        if tag == "$tuple":
            return all(map(_hashes, tree[tag]))
        return tag in tags.READERS and tag not in ("$map", "$set")
    return not isinstance(tree, list)


def _dumped(value: BaseModel) -> object:
    try:
        return value.model_dump()
    except ValueError as error:
        raise NotStorable(where="", kind=_kind(value), hint=f"Its model_dump() failed: {error}") from error


def _refusal(value: object) -> NotStorable:
    hint = ""
    if hasattr(value, "__next__"):
        hint = "Return a list of what it gives."
    elif isinstance(value, type) or callable(value):
        hint = "Return its name, or what it gives when it is called."
    return NotStorable(where="", kind=_kind(value), hint=hint)


def _kind(value: object) -> str:
    kind = type(value)
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"


def _key_place(key: object) -> str:
    return f".{key}" if isinstance(key, str) and key.isidentifier() else f"[{key!r:.40}]"


def _within(place: str, rest: str, limit: int = 100) -> str:
    joined = place + rest
    return joined if len(joined) <= limit else joined[: limit - 1].rstrip("…") + "…"
