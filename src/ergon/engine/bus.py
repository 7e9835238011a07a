"""The bus: who watches sees facts after their commit, and signals as they come (S40, S42)."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

from ergon.model.events import Event
from ergon.ports import Signal, Subscriber


class Bus:
    """Hands events and signals to subscribers. A subscriber must be quick; one that raises is dropped."""

    def __init__(self) -> None:
        self._subscribers: tuple[tuple[str, Subscriber], ...] = ()
        self._lock = threading.Lock()

    def subscribe(self, subscriber: Subscriber, *, run: str = "") -> Callable[[], None]:
        """Call a subscriber for a run, or for all; gives what ends it. Signals come from any thread."""
        entry = (run, subscriber)
        with self._lock:
            self._subscribers = (*self._subscribers, entry)

        return lambda: self._drop(entry)

    def publish(self, events: Sequence[Event]) -> None:
        """Hand facts on."""
        subscribers = self._subscribers
        if not subscribers or not events:
            return
        run = events[0].run
        for entry in subscribers:
            if entry[0] in ("", run) and not all(self._hand(entry, event) for event in events):
                self._drop(entry)

    def signal(self, signal: Signal) -> None:
        """Hand a signal on."""
        for entry in self._subscribers:
            if entry[0] in ("", signal.run) and not self._hand(entry, signal):
                self._drop(entry)

    def _hand(self, entry: tuple[str, Subscriber], what: Event | Signal) -> bool:
        """Call a subscriber; gives whether it took it: a view that fails must not end a run."""
        try:
            entry[1](what)
        except Exception:
            return False
        return True

    def _drop(self, entry: tuple[str, Subscriber]) -> None:
        with self._lock:
            self._subscribers = tuple(s for s in self._subscribers if s is not entry)
