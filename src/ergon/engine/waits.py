"""Durable waits: timers for what is due, and who waits for which signal (S34)."""

from __future__ import annotations

from collections.abc import Callable

from ergon.model.states import RunState, StepState, StepStatus
from ergon.ports import Clock, Timer


class Waits:
    """The timers of one run. Due times are wall time in the journal, and monotonic in the process."""

    def __init__(self, clock: Clock, wake: Callable[[Callable[[], None]], None]) -> None:
        """`wake` does something in the run's next turn."""
        self._clock = clock
        self._wake = wake
        self._timers: dict[object, Timer] = {}

    def monotonic(self) -> float:
        """Give seconds that never jump, while the process lives."""
        return self._clock.monotonic()

    def arm(self, key: object, delay: float, action: Callable[[], None]) -> None:
        """Do something after `delay` seconds, unless it is dropped; a second one under a key replaces the first."""
        self.drop(key)

        def due() -> None:
            self._timers.pop(key, None)
            self._wake(action)

        self._timers[key] = self._clock.call_later(max(0.0, delay), due)

    def arm_until(self, key: object, due: float, action: Callable[[], None]) -> None:
        """Do something at a wall time: what is left of it from now on (S34)."""
        self.arm(key, due - self._clock.now(), action)

    def drop(self, key: object) -> None:
        """Forget a timer."""
        timer = self._timers.pop(key, None)
        if timer is not None:
            timer.cancel()

    def clear(self) -> None:
        """Forget all timers."""
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()


def waiting(state: RunState) -> list[StepState]:
    """Give the steps that wait for a time, a signal or a person, in the order in which they stand."""
    found: list[StepState] = []
    for body in state.bodies():
        found += [
            child
            for child in body.children
            if child.status is StepStatus.WAITING and child.wait is not None and child.wait.why != "stand_in"
        ]
    return found
