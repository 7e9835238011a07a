"""The scheduler: which steps may start now, by countdown (S54, S55).

It knows graph, states and limits; it does no input or output, reads no clock and decides nothing that is not
a function of those, so that a resumed run, whose scheduler is built anew from its state, goes on the same way.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from ergon.model.graph import Capacity
from ergon.model.states import BodyState, RunState, StepState, StepStatus

_PENDING = StepStatus.PENDING


@dataclass(slots=True)
class _Resource:
    """How much of a resource is taken, when units of a rate were taken, and who waits for some."""

    capacity: Capacity
    taken: float = 0.0
    grants: deque[tuple[float, float]] = field(default_factory=deque)
    parked: deque[StepState] = field(default_factory=deque)

    def wait(self, amount: float, now: float) -> float | None:
        """Give how long until `amount` can be had: 0 for now, None for when some is given back."""
        if not self.capacity.period:
            return 0.0 if self.taken + amount <= self.capacity.amount or not self.taken else None
        while self.grants and self.grants[0][0] + self.capacity.period <= now:
            self.taken -= self.grants.popleft()[1]
        if self.taken + amount <= self.capacity.amount or not self.grants:
            return 0.0
        return self.grants[0][0] + self.capacity.period - now

    def take(self, amount: float, now: float) -> None:
        self.taken += amount
        if self.capacity.period:
            self.grants.append((now, amount))


class Scheduler:
    """Counts down what each step waits for, and queues what may start within the limits."""

    def __init__(self, state: RunState, *, concurrency: int, capacities: Mapping[str, Capacity]) -> None:
        self._state = state
        self._concurrency = concurrency
        self._blockers: dict[BodyState, list[int]] = {}
        self._released: set[StepState] = set()
        self._resources = {name: _Resource(capacity) for name, capacity in capacities.items()}
        self._ready: deque[StepState] = deque()
        self._sources: deque[StepState] = deque()
        self._offered: set[StepState] = set()
        """Blocks that have another item to open, once nothing else is ready for a free slot (S26)."""
        self.unjudged: deque[StepState] = deque()
        """Steps whose sources have all settled, and that nobody has judged yet."""

    def entered(self, body: BodyState) -> None:
        """Take in a body: new, or found at a resume."""
        for name, capacity in body.frame.graph.capacities.items():
            if name not in self._resources:  # a child workflow's own; of one name, the outermost counts
                self._resources[name] = _Resource(capacity)
        is_new = body.unsettled == len(body.children) and all(child.status is _PENDING for child in body.children)
        counts = [self._blocks(child, body, is_new=is_new) for child in body.children]
        self.unjudged += [c for c, n in zip(body.children, counts, strict=True) if not n and c.status is _PENDING]
        self._blockers[body] = counts

    def _blocks(self, child: StepState, body: BodyState, *, is_new: bool) -> int:
        """Count what a step waits for."""
        sources = child.node.sources
        if is_new or not sources:
            return len(sources)
        found = [body.children[source] for source in sources]
        return sum(1 for each in found if not each.settled and not self._stood_in(each, child))

    def _stood_in(self, step: StepState, stand_in: StepState) -> bool:
        if stand_in.node.serves == step.node.index and step.wait is not None and step.wait.why == "stand_in":
            self._released.add(step)
            return True
        return False

    def settled(self, step: StepState) -> None:
        """Count down for those who wait for a step that has ended."""
        targets = step.node.targets
        if not targets:
            return
        body = step.body
        counts = self._blockers.get(body)
        if counts is None:
            return
        called = step.node.stand_in if step in self._released else -1
        for target in targets:
            if target == called:
                continue
            counts[target] -= 1
            if counts[target] == 0:
                child = body.children[target]
                if child.status is _PENDING:
                    self.unjudged.append(child)

    def called(self, step: StepState) -> None:
        """Count down for the stand-in of a step that failed and waits for it (S31)."""
        self._released.add(step)
        target = step.node.stand_in
        counts = self._blockers[step.body]
        counts[target] -= 1
        if counts[target] == 0 and step.body.children[target].status is _PENDING:
            self.unjudged.append(step.body.children[target])

    def left(self, body: BodyState) -> bool:
        """Forget a body whose steps have all ended; gives whether that is news."""
        return self._blockers.pop(body, None) is not None

    def enqueue(self, step: StepState) -> None:
        """Queue an action that may start."""
        self._ready.append(step)

    def offer(self, block: StepState) -> None:
        """Queue a block that has another item to open, unless it is queued already."""
        if block not in self._offered:
            self._offered.add(block)
            self._sources.append(block)

    def take(self, now: float) -> tuple[StepState | None, float | None]:
        """Give the next of the queue that fits the limits, or None and the seconds until a rate lets one start."""
        state, ready = self._state, self._ready
        while state.running < self._concurrency:
            if ready:
                step = ready.popleft()
            elif self._sources:
                step = self._sources.popleft()
                self._offered.discard(step)
            else:
                break
            asked = _asked(step)
            if not _wanted(step):
                self._call_up(asked, now)
            elif not asked or self._grant(step, asked, now):
                return step, None
        return None, self._wake(now) if self._resources else None

    # ---- resources -----------------------------------------------------------------------------------------------

    def _grant(self, step: StepState, asked: Mapping[str, float], now: float) -> bool:
        """Take what a step asks for, or park it where it is wanting; then whoever is next may try."""
        short = next((name for name in asked if self._resources[name].wait(asked[name], now) != 0.0), None)
        if short is not None:
            self._resources[short].parked.append(step)
        else:
            for name, amount in asked.items():
                self._resources[name].take(amount, now)
        self._call_up(asked, now)
        return short is None

    def _call_up(self, names: Iterable[str], now: float) -> None:
        """Queue the first that waits for each resource, if there is enough for it.

        One and not all of them: a resource that thousands wait for costs no more for each of them.
        """
        for name in names:
            parked = self._resources[name].parked
            while parked and not _wanted(parked[0]):
                parked.popleft()
            if parked and self._resources[name].wait(_asked(parked[0])[name], now) == 0.0:
                self._ready.append(parked.popleft())

    def _wake(self, now: float) -> float | None:
        """Give the seconds until a rate lets somebody start who waits for it."""
        delays = [
            resource.wait(_asked(resource.parked[0])[name], now)
            for name, resource in self._resources.items()
            if resource.capacity.period and resource.parked
        ]
        return min((delay for delay in delays if delay is not None), default=None)

    def released(self, step: StepState) -> None:
        """Give back what an action that has ended, or an item that was not opened, took."""
        asked = _asked(step)
        if not asked:
            return
        for name, amount in asked.items():
            if not self._resources[name].capacity.period:
                self._resources[name].taken -= amount
        self._call_up([name for name in asked if not self._resources[name].capacity.period], 0.0)

    def woken(self) -> None:
        """Queue the first that waits for each rate: its time has come."""
        for resource in self._resources.values():
            if resource.capacity.period and resource.parked:
                self._ready.append(resource.parked.popleft())

    def restore(self, bodies: Iterable[BodyState]) -> None:
        """Build the countdown of a run found in the journal: the same steps as when it was live."""
        for body in bodies:
            if body.status == "open":
                self.entered(body)

    def has_ready(self) -> bool:
        """Say whether anything is queued, or parked and still wanted."""
        if self._ready or self._sources:
            return True
        return any(_wanted(step) for resource in self._resources.values() for step in resource.parked)


_NOTHING: Final[Mapping[str, float]] = {}


def _asked(step: StepState) -> Mapping[str, float]:
    """Give what a step takes of the resources; a block takes only what its one action does, of which it opens one."""
    node = step.node
    if node.kind == "action" or node.bodies[0].leaf:
        return node.step.resources
    return _NOTHING


def _wanted(step: StepState) -> bool:
    """Say whether a queued step still is to start: an action that is pending, or a block that runs."""
    if step.node.kind == "action":
        return step.status is _PENDING
    return step.status is StepStatus.RUNNING
