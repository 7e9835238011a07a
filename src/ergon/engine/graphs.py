"""Graphs: compiled workflows by the hash of their definition, so that each is compiled once while it is used."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import Final
from weakref import WeakValueDictionary

from ergon.model.graph import Graph

_KEPT: Final = 64


class Graphs:
    """Keeps the `kept` graphs that were asked for last, and finds all others that somebody still holds.

    A run holds its own, so a process that lives long forgets only what it has done with. Safe in any thread.
    """

    def __init__(self, *, kept: int = _KEPT) -> None:
        self._kept = kept
        self._lock = threading.RLock()
        self._latest: OrderedDict[str, Graph] = OrderedDict()
        self._known: WeakValueDictionary[str, Graph] = WeakValueDictionary()

    def get(self, sha256: str, compiled: Callable[[], Graph]) -> Graph:
        """Give the graph of a definition; `compiled` makes it if it is not known."""
        with self._lock:
            graph = self._latest.get(sha256) or self._known.get(sha256)
            if graph is None:
                graph = compiled()
            self._known[sha256] = self._latest[sha256] = graph
            self._latest.move_to_end(sha256)
            while len(self._latest) > self._kept:
                self._latest.popitem(last=False)
            return graph

    def clear(self) -> None:
        """Forget all that nobody holds."""
        with self._lock:
            self._latest.clear()

    def __len__(self) -> int:
        """Count the graphs that are known."""
        return len(self._known)
