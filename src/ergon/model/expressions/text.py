"""Text: how a value is written into a text."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from ergon.model.expressions.limits import MAX_SIZE, allow_size
from ergon.model.expressions.plain import LOADED, Copier
from ergon.model.expressions.weight import is_container, weigh

_SIMPLE: Final = frozenset({int, float, bool, type(None)})


def written(value: object, copier: Copier = LOADED) -> str:
    """Write a value as a text has it: texts as they are, everything else as Python prints it."""
    if type(value) is str:
        return value
    if type(value) in _SIMPLE:
        return str(value)
    if is_container(value):
        weigh(value, MAX_SIZE)
    value = copier.copy(value)
    if isinstance(value, str):
        return str(value)
    weigh(value, MAX_SIZE)
    text = str(value)
    allow_size(len(text))
    return text


def joined(pieces: Iterable[str]) -> str:
    """Join pieces to a text of bounded size."""
    parts = list(pieces)
    allow_size(sum(map(len, parts)), max(map(len, parts), default=0))
    return "".join(parts)
