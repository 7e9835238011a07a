"""Plain values: what leaves a template is fresh, holds no lazy parts, and is data through and through."""

from __future__ import annotations

import types
from collections.abc import Callable, Iterator, Mapping, Sequence, Set, ValuesView
from typing import Final

from ergon.model.expressions.lookup import CALLABLES, Deferred, kind_of, load

SCALARS: Final = frozenset({str, int, float, bool, type(None), bytes})
"""Types that cannot change and are passed on as they are."""
DATA: Final = SCALARS | {dict, list}
"""Types of which a plain path gives a value as it is."""


class Copier:
    """Copies values: lists, mappings and sets come out new, lazy ones as lists, other things as they are."""

    __slots__ = ("_loads", "_refused", "_spend")

    def __init__(
        self,
        *,
        refused: tuple[type, ...] = (),
        loads: bool = False,
        spend: Callable[[int], None] | None = None,
    ) -> None:
        """`refused` are types that are an error, `loads` loads what is deferred, `spend` counts items."""
        self._refused = refused
        self._loads = loads
        self._spend = spend

    def copy(self, value: object) -> object:
        """Give a fresh value; raises TypeError for what is refused."""
        kind = type(value)
        if kind in SCALARS:
            return value
        if kind is dict or kind is list:
            return self._container(value)
        return self._other(value)

    def _container(self, value: object) -> object:
        copy = self.copy
        if isinstance(value, dict):
            if self._spend is not None:
                self._spend(len(value))
            return {
                k if type(k) in SCALARS else copy(k): v if type(v) in SCALARS else copy(v) for k, v in value.items()
            }
        assert isinstance(value, list)
        if self._spend is not None:
            self._spend(len(value))
        return [v if type(v) in SCALARS else copy(v) for v in value]

    def _other(self, value: object) -> object:
        if isinstance(value, Deferred):
            return self.copy(load(value)) if self._loads else value
        if isinstance(value, self._refused):
            return self.refuse(value)
        if isinstance(value, Mapping):
            return self._container(dict(value.items()))
        if isinstance(value, str):
            return value
        if isinstance(value, tuple):
            return tuple(self._list(value))
        if isinstance(value, (set, frozenset, bytearray)):
            return value.copy()
        if is_lazy(value) or (isinstance(value, Sequence) and not isinstance(value, (bytes, memoryview))):
            return self._list(value)
        return value

    def _list(self, items: object) -> list[object]:
        return self._container(list(items))  # type: ignore[return-value, call-overload]  # iterable, and a list gives a list

    def refuse(self, value: object) -> object:
        """Refuse a value that is no data."""
        raise TypeError(describe_unknown(value))


def is_lazy(value: object) -> bool:
    """Tell whether a value is a lazy result that becomes a list (S12)."""
    if type(value) in DATA:
        return False
    if isinstance(value, (Iterator, ValuesView, range)):
        return True
    return isinstance(value, Set) and not isinstance(value, (set, frozenset))


def describe_unknown(value: object) -> str:
    """Say that a template cannot give a value, as a clause."""
    if isinstance(value, (types.BuiltinMethodType, types.MethodType)):
        return f"'{value.__name__}' is a method, which is called as {value.__name__}()"
    return f"{kind_of(value)} is no value that a template can give"


FRESH: Final = Copier()
"""Copies data."""
GIVEN: Final = Copier(refused=(*CALLABLES, types.ModuleType))
"""Copies what a plain path gave."""
LOADED: Final = Copier(refused=(*CALLABLES, types.ModuleType), loads=True)
"""Copies what a text takes in: deferred parts are loaded too."""
