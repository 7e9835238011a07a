"""Journals for tests: a scribe that writes the events of a run into a store, as the engine does."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Mapping
from typing import Final

from ergon.model import events as e
from ergon.model.events import NO_DATA, Event
from ergon.model.policies import Durability
from ergon.ports import Change, Lease, Store

START: Final = 1_760_000_000.0
"""When the first event of a scribe's run happens, in seconds since 1970 UTC; each next one is a second later."""
_PATIENCE: Final = 60.0


def commit(store: Store, change: Change) -> BaseException | None:
    """Commit a change and wait for what becomes of it: None, or what kept it out."""
    answers: queue.SimpleQueue[BaseException | None] = queue.SimpleQueue()
    store.commit(change, answers.put)
    return answers.get(timeout=_PATIENCE)


class Scribe:
    """Owns a run and writes its events, numbered and dated one after the other."""

    def __init__(
        self,
        store: Store,
        run: str,
        *,
        workflow: str = "flow",
        start: float = START,
        durability: Durability = "process",
    ) -> None:
        self.store = store
        self.run = run
        self.workflow = workflow
        self.seq = 0
        self.at = start
        self.durability = durability
        self.lease: Lease = store.claim(run)

    def event(
        self,
        type: str,
        step: str = "",
        attempt: int = 0,
        data: Mapping[str, object] = NO_DATA,
        value: str | None = None,
    ) -> Event:
        """Make the next event."""
        self.seq += 1
        self.at += 1.0
        return Event(self.run, self.seq, self.at, type, step, attempt, data, value, correlation=self.run)

    def change(self, *events: Event, **more: object) -> Change:
        """Make a change of some events."""
        return Change(self.run, self.lease.epoch, events, durability=self.durability, **more)  # type: ignore[arg-type]

    def write(self, *events: Event, **more: object) -> None:
        """Commit some events, on disk when this returns; raises what kept them out."""
        error = commit(self.store, self.change(*events, **more))
        if error is not None:
            raise error

    def tell(
        self,
        type: str,
        step: str = "",
        attempt: int = 0,
        data: Mapping[str, object] = NO_DATA,
        value: str | None = None,
    ) -> Event:
        """Make the next event and commit it alone."""
        event = self.event(type, step, attempt, data, value)
        self.write(event)
        return event

    def begin(self, **data: object) -> None:
        """Write that the run was created and started; `data` goes into its creation."""
        created = self.event(e.RUN_CREATED, data={"workflow": self.workflow, **data}, value="{}")
        self.write(created, self.event(e.RUN_STARTED, data={"epoch": self.lease.epoch}))

    def do(self, step: str, value: str = "null", **data: object) -> Event:
        """Write that a step was started and succeeded, in two changes; gives the last event."""
        self.tell(e.STEP_STARTED, step, 1)
        return self.tell(e.STEP_SUCCEEDED, step, 1, data, value)

    def finish(self, status: str = "succeeded") -> None:
        """Write that the run has ended, and give it up."""
        self.tell(e.RUN_FINISHED, data={"status": status}, value="{}")
        self.lease.release()


def wait_until(holds: Callable[[], bool], what: str) -> None:
    """Poll until something holds; raises TimeoutError naming it if it does not within a minute."""
    deadline, pause = time.monotonic() + _PATIENCE, threading.Event()
    while not holds():
        if time.monotonic() > deadline:
            raise TimeoutError(f"it did not come to this: {what}")
        pause.wait(0.005)
