"""A store that remembers its commits, so that a run can be cut off after any of them and taken up by a new engine."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Literal

from ergon.adapters.stores.memory import MemoryStore
from ergon.model.records import Command
from ergon.ports import Change, Lease

Order = Literal["pause", "cancel"]


class Tape(MemoryStore):
    """Keeps a run's changes, and gives orders to the run that commits them."""

    def __init__(self, changes: Sequence[Change] = (), *, orders: Mapping[int, Order] | None = None) -> None:
        """`changes` are those of another tape; `orders` come after so many commits."""
        super().__init__()
        self.changes: list[Change] = []
        self._orders = dict(orders or {})
        lease: Lease | None = None
        for change in changes:
            while lease is None or lease.epoch < change.epoch:
                if lease is not None:
                    lease.release()
                lease = self.claim(change.run)
            self.commit(change, _raise)
        if lease is not None:
            lease.release()

    def commit(self, change: Change, done: Callable[[BaseException | None], None]) -> None:
        """Append a change."""

        def remembered(error: BaseException | None) -> None:
            if error is None:
                self.changes.append(change)
            done(error)

        super().commit(change, remembered)
        order = self._orders.pop(len(self.changes), None)
        if order is not None:
            self.send(Command(kind=order, run=change.run))

    def cut(self, place: float) -> Sequence[Change]:
        """Give the first of its changes: one at 0, all but the last one before 1."""
        return self.changes[: 1 + int(place * (len(self.changes) - 1))]


def _raise(error: BaseException | None) -> None:
    if error is not None:
        raise error
