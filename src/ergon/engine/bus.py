"""The bus: who watches sees facts after their commit, and signals as they come (S40, S42)."""

from __future__ import annotations

import contextlib
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

        def end() -> None:
            with self._lock:
                self._subscribers = tuple(s for s in self._subscribers if s is not entry)

        return end

    def publish(self, events: Sequence[Event]) -> None:
        """Hand facts on."""
        subscribers = self._subscribers
        if not subscribers or not events:
            return
        run = events[0].run
        for entry in subscribers:
            if entry[0] in ("", run):
                for event in events:
                    self._hand(entry, event)

    def signal(self, signal: Signal) -> None:
        """Hand a signal on."""
        for entry in self._subscribers:
            if entry[0] in ("", signal.run):
                self._hand(entry, signal)

    def _hand(self, entry: tuple[str, Subscriber], what: Event | Signal) -> None:
        try:
            entry[1](what)
        except Exception:  # a view that fails must not end a run
            with self._lock, contextlib.suppress(ValueError):
                self._subscribers = tuple(s for s in self._subscribers if s is not entry)
