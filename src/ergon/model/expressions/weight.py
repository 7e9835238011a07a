"""Weight: how much there is in a value, through and through, before it is printed, compared or hashed (S15)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from ergon.model.expressions.limits import STEP, Budget, TooLarge

_ATOMS: Final = frozenset({bool, float, type(None)})
_TEXTS: Final = (str, bytes)
_LISTS: Final = (list, tuple, set, frozenset)
_CONTAINERS: Final = (list, dict, tuple, set, frozenset, Mapping)


def weigh(value: object, limit: int, *, node: int = 1) -> int:
    """Add up a value's nodes, at `node` each, and its characters; raises TooLarge beyond the limit.

    A part that stands in many places counts at each of them, and is looked through once.
    """
    return _Scale(limit, node).weigh(value)


class _Scale:
    __slots__ = ("_known", "_limit", "_node")

    def __init__(self, limit: int, node: int) -> None:
        self._limit = limit
        self._node = node
        self._known: dict[int, tuple[object, int]] = {}
        """Weights by identity, with what they are of, so that no identity is used again."""

    def weigh(self, value: object) -> int:
        if type(value) in _ATOMS:
            return self._node
        if isinstance(value, _TEXTS):
            return self._node + len(value)
        if isinstance(value, int):
            return self._node + (value.bit_length() >> 2)
        if not is_container(value):
            return self._node
        known = self._known.get(id(value))
        if known is None:
            known = self._known[id(value)] = value, self._weigh_parts(value)
        return known[1]

    def _weigh_parts(self, value: object) -> int:
        total, weigh = self._node, self.weigh
        if isinstance(value, Mapping):
            for key, item in value.items():
                total += weigh(key) + weigh(item)
                self._allow(total)
        elif isinstance(value, _LISTS):
            for item in value:
                total += weigh(item)
                self._allow(total)
        return total

    def _allow(self, total: int) -> None:
        if total > self._limit:
            raise TooLarge("the value is too large to be printed or compared")


def pay_for(budget: Budget, *values: object) -> None:
    """Pay for looking through and through what holds others, as printing, comparing and hashing do."""
    for value in values:
        if is_container(value):
            budget.spend(weigh(value, budget.left, node=STEP))


def is_container(value: object) -> bool:
    """Tell whether a value holds others."""
    return isinstance(value, _CONTAINERS)
