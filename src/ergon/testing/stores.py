"""A store in memory that a test can hold back, break, or let somebody else take runs from."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable

from ergon.adapters.stores.memory import MemoryStore
from ergon.errors import StoreError
from ergon.ports import Change, Lease

Done = Callable[["BaseException | None"], None]


class TrialStore(MemoryStore):
    """Keeps journals in memory, as slowly or as badly as the test says."""

    def __init__(self) -> None:
        super().__init__()
        self._held: deque[tuple[Change, Done]] = deque()
        self._holding = False
        self._broken: StoreError | None = None
        self._gate = threading.RLock()

    def commit(self, change: Change, done: Done) -> None:
        """Append a change: at once, when it is let go, or never."""
        with self._gate:
            broken, holding = self._broken, self._holding
            if holding and broken is None:
                self._held.append((change, done))
                return
        if broken is not None:
            done(broken)
        else:
            super().commit(change, done)

    def hold(self) -> None:
        """Commit nothing from now on, as a slow disk does, until `let_go`."""
        with self._gate:
            self._holding = True

    @property
    def held(self) -> list[Change]:
        """What waits to be committed."""
        with self._gate:
            return [change for change, _ in self._held]

    def let_go(self, number: int | None = None) -> None:
        """Commit the first `number` changes that wait, or all of them and hold nothing back any more."""
        while True:
            with self._gate:
                if not self._held or number == 0:
                    self._holding = number is not None
                    return
                change, done = self._held.popleft()
            super().commit(change, done)
            number = None if number is None else number - 1

    def break_with(self, error: StoreError | None) -> None:
        """Refuse every change with an error, as a full disk does; None mends it."""
        with self._gate:
            self._broken = error

    def take_over(self, run: str) -> Lease:
        """Own a run whatever its present owner thinks, as another process does after it was stopped for long."""
        with self._mutex:
            self._leases.pop(run, None)
            return self.claim(run)
