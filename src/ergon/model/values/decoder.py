"""The decoder: reads stored forms, as values or as strict JSON for people (S46, S47)."""

from __future__ import annotations

import json
import re
from typing import Final

from ergon.model.values import tags
from ergon.model.values.artifact import Artifact, Loader, artifacts_named

_HASH: Final = re.compile(r"[0-9a-f]{64}")
_read_plain: Final = json.JSONDecoder().raw_decode


class Decoder:
    """Reads stored forms; each call gives a copy of its own."""

    def __init__(self, loader: Loader | None = None) -> None:
        self._loader = loader
        self._read_tagged = json.JSONDecoder(object_hook=self._untag).raw_decode

    def __call__(self, text: str) -> object:
        """Give the value of a stored form, artifacts as references."""
        value, end = (self._read_tagged if '"$' in text else _read_plain)(text)
        if end != len(text):
            raise ValueError(f"a stored form ends at {end} of {len(text)} characters")
        return value

    def _untag(self, found: dict[str, object]) -> object:
        tag = next(iter(found), "")
        if tag == "$artifact":
            return self._artifact(found)
        read = tags.READERS.get(tag) if len(found) == 1 else None
        if read is None:
            return found
        try:
            return read(found[tag])
        except tags.MALFORMED:
            return found

    def _artifact(self, found: dict[str, object]) -> object:
        match found:
            case {"$artifact": str(sha256), "type": str(type_), "size": int(size)} if _HASH.fullmatch(sha256):
                name, holds = found.get("name", ""), found.get("holds", ())
                named = artifacts_named(_write_sorted(holds))
                return Artifact(sha256, type_, size, str(name), tuple(sorted(named)), self._loader)
        return found


decode_plain: Final = Decoder()
"""Reads a stored form; its artifacts know their hash, type and size, and cannot be loaded."""


def to_json(text: str) -> object:
    """Give a stored form as strict JSON for people and programs outside.

    Tuples and sets are lists, dates ISO strings, durations seconds, NaN and infinities null, keys strings;
    an artifact is `{"$artifact", "type", "size"}`, with a `name` if it has one.
    """
    return (_print if '"$' in text else _read_plain)(text)[0]


def _printable(found: dict[str, object]) -> object:
    tag = next(iter(found), "")
    if tag == "$artifact":
        return {key: value for key, value in found.items() if key != "holds"}
    write = tags.PRINTERS.get(tag) if len(found) == 1 else None
    if write is None:
        return found
    try:
        return write(found[tag])
    except tags.MALFORMED:
        return found


_print: Final = json.JSONDecoder(object_hook=_printable).raw_decode


# ---- comparing ---------------------------------------------------------------------------------------------


def canonical(text: str) -> str:
    """Give a stored form with the keys of its mappings sorted, to be hashed or compared."""
    return _write_sorted(_sorted.decode(text) if '"$map"' in text else json.loads(text))


def _sort_pairs(found: dict[str, object]) -> object:
    pairs = found.get("$map")
    return {"$map": sorted(pairs, key=_write_sorted)} if len(found) == 1 and isinstance(pairs, list) else found


_write_sorted: Final = json.JSONEncoder(ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode
_sorted: Final = json.JSONDecoder(object_hook=_sort_pairs)
