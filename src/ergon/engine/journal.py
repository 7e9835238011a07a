"""The journal of a live run: events are applied at once, committed in turns, and their effects follow (S42).

`emit` changes the state in memory; `after` notes what may happen only when that is on disk: starting an action,
telling a subscriber. `flush` hands the turn to the store as one change. Effects of a turn therefore never run
ahead of the disk, and turns overlap, so that the store's writer finds several in its queue and commits them as one.
"""

from __future__ import annotations

import contextlib
import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from ergon.model.apply import apply
from ergon.model.events import NO_DATA, Event
from ergon.model.policies import Durability
from ergon.model.states import RunState
from ergon.ports import Change, Clock, Store

Effect = Callable[[], None]


class SoonFromThread(Protocol):
    """What `Acknowledgements` needs of an event loop."""

    def call_soon_threadsafe(self, callback: Callable[[], None], /) -> object:
        """Call back in the loop's thread."""


class Acknowledgements:
    """Brings what the store's writer has to say into the loop, one wake-up for many."""

    def __init__(self, loop: SoonFromThread) -> None:
        self._loop = loop
        self._thread = threading.get_ident()
        self._queue: deque[Callable[[], None]] = deque()
        self._woken = False

    def deliver(self, callback: Callable[[], None]) -> None:
        """Call back in the loop's thread: now if this is it, else soon."""
        if threading.get_ident() == self._thread:
            callback()
            return
        self._queue.append(callback)
        if not self._woken:
            self._woken = True
            with contextlib.suppress(RuntimeError):  # the loop has closed, and nobody waits any more
                self._loop.call_soon_threadsafe(self._drain)

    def _drain(self) -> None:
        # The flag falls first: a callback queued from here on wakes the loop again, and none is left lying.
        self._woken = False
        while self._queue:
            self._queue.popleft()()


class Journal:
    """The write side of one run."""

    def __init__(
        self,
        state: RunState,
        *,
        store: Store,
        clock: Clock,
        epoch: int,
        durability: Durability,
        acknowledgements: Acknowledgements,
        publish: Callable[[Sequence[Event]], None],
        failed: Callable[[BaseException], None],
        correlation: str = "",
    ) -> None:
        self.state = state
        self._store = store
        self._clock = clock
        self._epoch = epoch
        self._durability = durability
        self._acknowledgements = acknowledgements
        self._publish = publish
        self._failed = failed
        self._correlation = correlation
        self._events: list[Event] = []
        self._effects: list[Effect] = []
        self._definitions: dict[str, str] = {}
        self._commands: list[int] = []
        self._in_flight = 0
        self._broken = False

    def emit(
        self,
        type: str,
        step: str = "",
        attempt: int = 0,
        data: Mapping[str, object] = NO_DATA,
        value: str | None = None,
        actor: str = "",
        causation: int = 0,
    ) -> None:
        """Make an event and apply it."""
        state = self.state
        event = Event(
            state.run,
            state.seq + 1,
            self._clock.now(),
            type,
            step,
            attempt,
            data,
            value,
            actor,
            self._correlation,
            causation,
        )
        apply(state, event)
        self._events.append(event)

    def now(self) -> float:
        """Give the wall time that the next event will have."""
        return self._clock.now()

    def after(self, effect: Effect) -> None:
        """Do something when all that was emitted so far is on disk."""
        self._effects.append(effect)

    def define(self, sha256: str, text: str) -> None:
        """Keep a definition that the next events name."""
        self._definitions[sha256] = text

    def command_done(self, number: int) -> None:
        """Mark a command as carried out by the events of this turn."""
        self._commands.append(number)

    def break_off(self) -> None:
        """Write nothing more, and let nothing more follow: the run has come to a fault."""
        self._broken = True

    @property
    def quiet(self) -> bool:
        """Whether nothing waits to be written or acknowledged."""
        return not self._events and not self._effects and not self._in_flight

    def flush(self) -> None:
        """Hand this turn's events to the store; its effects follow when they are on disk."""
        events, effects = self._events, self._effects
        if self._broken:
            events.clear()
            effects.clear()
            return
        if not events and not self._commands:
            if effects:
                self._effects = []
                self._after_disk(None, events, effects)
            return
        self._events, self._effects = [], []
        change = Change(self.state.run, self._epoch, events, self._definitions, self._durability, tuple(self._commands))
        self._definitions, self._commands = {}, []
        self._in_flight += 1
        self._store.commit(change, lambda error: self._done(error, events, effects))

    def _done(self, error: BaseException | None, events: Sequence[Event], effects: Sequence[Effect]) -> None:
        self._acknowledgements.deliver(lambda: self._acknowledged(error, events, effects))

    def _acknowledged(self, error: BaseException | None, events: Sequence[Event], effects: Sequence[Effect]) -> None:
        self._in_flight -= 1
        self._after_disk(error, events, effects)

    def _after_disk(self, error: BaseException | None, events: Sequence[Event], effects: Sequence[Effect]) -> None:
        if self._broken:
            return
        if error is not None:
            # What could not be kept must not have effects: the state in memory is ahead of the disk for good.
            self._failed(error)
            return
        try:
            self._publish(events)
            for effect in effects:
                effect()
        except Exception as fault:  # of the engine's own: the run ends rather than waits for what never comes
            self._failed(fault)
