"""Rows: how events lie in the table, compactly; a run's number and the event's make one integer key."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Final

from ergon.model.events import NO_DATA, Event

SEQ_BITS: Final = 32
SEQ_MASK: Final = (1 << SEQ_BITS) - 1

EventRow = tuple[int, float, str, str | None, int, str | None, str | None, str | None, str | None, int, int]
"""id, at, type, step, attempt, data, value, actor, correlation, causation, version; None where empty."""

_ARTIFACT: Final = re.compile(r'\$artifact\\*"\s*:\s*\\*"([0-9a-f]{64})')


def key(number: int, seq: int) -> int:
    """Give the key of an event in the table, from the number of its run and its own."""
    return number << SEQ_BITS | seq


def _plain(value: object) -> object:
    """Give what JSON can write for a mapping that is no dict."""
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"an event's data holds a {type(value).__name__}, which JSON has not")


# Plain ASCII: a file name with undecodable bytes in a message must not keep a fact out of the journal.
_encode: Final = json.JSONEncoder(separators=(",", ":"), check_circular=False, default=_plain).encode


def encode_data(data: Mapping[str, object]) -> str | None:
    """Give the stored form of a mapping; None if it is empty."""
    return _encode(data) if data else None


def decode_data(text: str | None) -> Mapping[str, object]:
    """Give the mapping of a stored form."""
    if text is None:
        return NO_DATA
    data = json.loads(text)
    return data if isinstance(data, dict) else NO_DATA


def encode_event(event: Event, number: int, correlation: str) -> EventRow:
    """Give the row of an event of the run with this number; its usual correlation is left out."""
    _, seq, at, kind, step, attempt, data, value, actor, related, causation, version = event
    return (
        number << SEQ_BITS | seq,
        at,
        kind,
        step or None,
        attempt,
        _encode(data) if data else None,
        value,
        actor or None,
        None if related == correlation else related,
        causation,
        version,
    )


def decode_event(run: str, correlation: str, row: EventRow) -> Event:
    """Give the event of a row."""
    key, at, kind, step, attempt, data, value, actor, related, causation, version = row
    return Event(
        run,
        key & SEQ_MASK,
        at,
        kind,
        step or "",
        attempt,
        decode_data(data),
        value,
        actor or "",
        correlation if related is None else related,
        causation,
        version,
    )


def files_of(data: Mapping[str, object]) -> dict[str, str]:
    """Give the files, with their hashes, that an event's data names."""
    files = data.get("files")
    return {str(path): str(sha256) for path, sha256 in files.items()} if isinstance(files, Mapping) else {}


def artifacts_in(text: str | None) -> list[str]:
    """Give the hashes of the artifacts that a text of JSON names, also in JSON that it holds as a string."""
    return _ARTIFACT.findall(text) if text is not None and "$artifact" in text else []
