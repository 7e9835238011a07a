"""The store in memory: the same contract, for runs that nobody needs after the process, and for tests.

Appending is all that a commit does; what lists and searches tell is folded from the events when they ask.
"""

from __future__ import annotations

import itertools
import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from ergon.adapters.stores.places import Standing, judge
from ergon.adapters.stores.projection import ENDED, LIVE, Projection, RunFacts
from ergon.adapters.stores.rows import artifacts_in, encode_data, files_of
from ergon.errors import LeaseLost, RunNotFound, RunOwned, StoreError
from ergon.model.events import RUN_CREATED, RUN_STARTED, Event
from ergon.model.records import (
    CacheRecord,
    Command,
    Owner,
    Place,
    Placed,
    Pruned,
    RunRecord,
    Statistics,
    StepRecord,
    WaitRecord,
)

if TYPE_CHECKING:
    from ergon.ports import Change, Lease

Done = Callable[["BaseException | None"], None]


@dataclass(slots=True)
class _Journal:
    """The events of one run, and what was folded of them."""

    run: str
    epoch: int
    events: list[Event] = field(default_factory=list)
    definitions: set[str] = field(default_factory=set)
    """Hashes of the definitions that came with its changes."""
    projection: Projection = field(default_factory=Projection)
    folded: int = 0

    def fold(self) -> Projection:
        """Give the projection of all events."""
        apply = self.projection.apply
        for event in self.events[self.folded :]:
            apply(event)
        self.folded = len(self.events)
        return self.projection


@dataclass(slots=True)
class _Tally:
    """How ended runs went, added up."""

    executions: int = 0
    succeeded: int = 0
    failed: int = 0
    last_at: float | None = None
    last_status: str = ""
    durations: int = 0
    total: float = 0.0
    minimum: float | None = None
    maximum: float | None = None

    def add(self, run: RunFacts) -> None:
        """Count a run."""
        self.executions += 1
        self.succeeded += run.status == "succeeded"
        self.failed += run.status == "failed"
        if run.ended_at is None:
            return
        if self.last_at is None or run.ended_at >= self.last_at:
            self.last_at, self.last_status = run.ended_at, run.status
        if run.started_at is not None:
            lasted = run.ended_at - run.started_at - run.rested
            self.durations += 1
            self.total += lasted
            self.minimum = lasted if self.minimum is None else min(self.minimum, lasted)
            self.maximum = lasted if self.maximum is None else max(self.maximum, lasted)

    def statistics(self, workflow: str) -> Statistics:
        """Give the record."""
        return Statistics(
            workflow=workflow,
            executions=self.executions,
            succeeded=self.succeeded,
            failed=self.failed,
            last_at=self.last_at,
            last_status=self.last_status,
            mean_s=self.total / self.durations if self.durations else None,
            minimum_s=self.minimum,
            maximum_s=self.maximum,
        )


@dataclass(slots=True)
class _Lease:
    """The ownership of a run by this process."""

    run: str
    epoch: int
    _give_up: Callable[[_Lease], None] = field(repr=False)
    _released: bool = False

    def release(self, done: Callable[[], None] | None = None) -> None:
        """Give the run up; done once, more does nothing."""
        if self._released:
            return
        self._released = True
        self._give_up(self)
        if done is not None:
            done()


class MemoryStore:
    """Keeps journals in memory; nothing outlives the process, and no other process sees any of it."""

    def __init__(self, url: str = "memory:") -> None:
        self.url = url
        self._mutex = threading.RLock()
        self._journals: dict[str, _Journal] = {}
        self._epochs: dict[str, int] = {}
        self._leases: dict[str, _Lease] = {}
        self._places: dict[str, str] = {}
        """The workflow of each run that stands in a line."""
        self._lines: dict[str, dict[str, Standing]] = {}
        """By workflow: its runs that have a place, or wait for one."""
        self._begun: set[str] = set()
        """Runs that have begun, or gone on, since they were claimed."""
        self._definitions: dict[str, str] = {}
        self._commands: dict[int, Command] = {}
        self._numbers = itertools.count(1)
        self._watchers: dict[object, Callable[[], None]] = {}
        self._forgotten: dict[str, _Tally] = {}
        self._closed = False

    # ---- writing -------------------------------------------------------------------------------------------

    def commit(self, change: Change, done: Done) -> None:
        """Append a change; `done` is called before this returns."""
        error: BaseException | None = None
        with self._mutex:
            lease = self._leases.get(change.run)
            if self._closed:
                error = self._error("is closed")
            elif lease is None or lease.epoch != change.epoch:
                error = LeaseLost(run=change.run, epoch=self._epochs.get(change.run, 0))
            else:
                error = self._append(change)
        done(error)

    def _append(self, change: Change) -> StoreError | None:
        events, run = change.events, change.run
        journal = self._journals.get(run)
        if journal is None:
            if not events or events[0].type != RUN_CREATED:
                return self._error(f"has no run {run}")
            journal = _Journal(run, change.epoch)
        expected = len(journal.events)
        for event in events:
            expected += 1
            if event.seq != expected:
                return self._error(f"got event {event.seq} of run {run} where {expected} follows")
        if run not in self._begun and any(event.type == RUN_STARTED for event in events):
            self._begun.add(run)
            created = events[0] if events[0].type == RUN_CREATED else journal.events[0]
            self._stand(str(created.data.get("workflow", "")), Standing(run, None))
        journal.events.extend(events)
        journal.epoch = change.epoch
        self._journals[run] = journal
        if change.definitions:
            self._definitions.update(change.definitions)
            journal.definitions.update(change.definitions)
        for number in change.commands_done:
            self._commands.pop(number, None)
        return None

    def _error(self, reason: str) -> StoreError:
        return StoreError(path=self.url, reason=reason)

    def send(self, command: Command) -> int:
        """Leave a command for whoever owns its run; gives its number. Raises `RunNotFound`."""
        with self._mutex:
            self._check_open()
            if command.run not in self._journals:
                raise RunNotFound(reference=command.run)
            number = next(self._numbers)
            self._commands[number] = replace(command, number=number, at=command.at or time.time())
            watchers = list(self._watchers.values())
        for notify in watchers:
            notify()
        return number

    def prune(self, *, before: float | None, keep: int) -> Pruned:
        """Forget runs that ended before `before` (UTC seconds), but never the newest `keep` of a workflow."""
        with self._mutex:
            places: dict[str, int] = {}
            forgotten = 0
            for journal in list(self._newest_first()):
                run = journal.fold().run
                if run.status not in ENDED:
                    continue
                place = places[run.workflow] = places.get(run.workflow, 0) + 1
                old = before is None or (run.ended_at or 0.0) < before
                if place > max(0, keep) and old and journal.run not in self._leases:
                    self._forget(journal)
                    forgotten += 1
            kept = self._journals.values()
            named = {sha256 for j in kept for sha256 in j.definitions | j.fold().touched.definitions}
            self._definitions = {key: text for key, text in self._definitions.items() if key in named}
            return Pruned(runs=forgotten, artifacts=0, bytes=0)

    def _forget(self, journal: _Journal) -> None:
        run = journal.projection.run
        self._forgotten.setdefault(run.workflow, _Tally()).add(run)
        del self._journals[journal.run]
        self._commands = {n: command for n, command in self._commands.items() if command.run != journal.run}

    # ---- ownership -----------------------------------------------------------------------------------------

    def claim(self, run: str) -> Lease:
        """Own a run and raise its epoch; raises `RunOwned` while somebody does."""
        with self._mutex:
            self._check_open()
            owner = self.owner(run)
            if owner is not None:
                raise RunOwned(run=run, owner=str(owner))
            self._leave_line(run)  # it may have been taken over
            epoch = self._epochs.get(run, 0) + 1 if run in self._journals else 1
            self._epochs[run] = epoch
            if run in self._journals:
                self._journals[run].epoch = epoch
            lease = self._leases[run] = _Lease(run, epoch, self._give_up)
            return lease

    def _give_up(self, lease: _Lease) -> None:
        """Let a run go, and with it its place, of which those who wait are told."""
        with self._mutex:
            if self._leases.get(lease.run) is not lease:  # it was taken over
                return
            del self._leases[lease.run]
            line = self._leave_line(lease.run)
            waits = any(standing.rank is not None for standing in line.values())
            watchers = list(self._watchers.values()) if waits else []
        for notify in watchers:
            notify()

    def _stand(self, workflow: str, standing: Standing) -> None:
        self._places[standing.run] = workflow
        self._lines.setdefault(workflow, {})[standing.run] = standing

    def _leave_line(self, run: str) -> Mapping[str, Standing]:
        """Take a run out of its line; gives those who are left in it."""
        self._begun.discard(run)
        workflow = self._places.pop(run, None)
        line = self._lines.get(workflow, {}) if workflow is not None else {}
        line.pop(run, None)
        if workflow is not None and not line:
            self._lines.pop(workflow, None)
        return line

    def take_place(self, place: Place) -> Placed:
        """Give a run that this process owns a place among the runs of its workflow, if one is free for it (S54)."""
        with self._mutex:
            self._check_open()
            lease = self._leases.get(place.run)
            if lease is None or lease.epoch != place.epoch:
                raise LeaseLost(run=place.run, epoch=self._epochs.get(place.run, 0))
            others = [each for run, each in self._lines.get(place.workflow, {}).items() if run != place.run]
            has = judge(place, others).first
            if has or place.waits:
                self._stand(place.workflow, Standing(place.run, None if has else place.rank))
            return Placed(has=has, others=tuple(each.run for each in others))

    def owner(self, run: str) -> Owner | None:
        """Say who owns a run; None if nobody does."""
        return Owner(os.getpid(), os.uname().nodename, alive=True) if run in self._leases else None

    # ---- reading -------------------------------------------------------------------------------------------

    def _check_open(self) -> None:
        if self._closed:
            raise self._error("is closed")

    def _newest_first(self) -> Iterator[_Journal]:
        self._check_open()
        return reversed(self._journals.values())

    def _record(self, journal: _Journal) -> RunRecord:
        facts = journal.fold().run
        dead = facts.status in LIVE and journal.run not in self._leases
        return facts.record(
            journal.run,
            epoch=journal.epoch,
            last_seq=len(journal.events),
            status="interrupted" if dead else "",
        )

    def run(self, reference: str) -> RunRecord:
        """Give a run by id, unique prefix, or `last`; raises `RunNotFound`."""
        with self._mutex:
            newest = [journal.run for journal in self._newest_first()]
            if reference == "last":
                matches = newest[:1]
            elif reference in self._journals:
                matches = [reference]
            else:
                matches = sorted(run for run in newest if reference and run.startswith(reference))
            if len(matches) != 1:
                raise RunNotFound(reference=reference, matches=matches[:6])
            return self._record(self._journals[matches[0]])

    def runs(self, *, status: str = "", workflow: str = "", limit: int | None = None) -> list[RunRecord]:
        """List runs, newest first."""
        with self._mutex:
            records = [self._record(journal) for journal in self._newest_first()]
        return [r for r in records if status in ("", r.status) and workflow in ("", r.workflow)][:limit]

    def events(self, run: str, *, after: int = 0, limit: int | None = None) -> list[Event]:
        """Give a run's events numbered above `after`, in order."""
        with self._mutex:
            self._check_open()
            journal = self._journals.get(run)
            start = max(0, after)
            return journal.events[start : None if limit is None else start + limit] if journal else []

    def definition(self, sha256: str) -> str:
        """Give a definition's canonical JSON text by its hash; raises KeyError."""
        return self._definitions[sha256]

    def steps(self, run: str) -> list[StepRecord]:
        """Give a run's step instances in the order of their first event."""
        with self._mutex:
            self._check_open()
            journal = self._journals.get(run)
            steps = sorted(journal.fold().steps.items(), key=lambda item: item[1].first) if journal else []
            return [facts.record(run, path) for path, facts in steps]

    def waits(self, run: str = "") -> list[WaitRecord]:
        """Give open waits, of one run or of all."""
        with self._mutex:
            self._check_open()
            journals = [j for j in self._journals.values() if run in ("", j.run)]
            return [wait.record(j.run, path) for j in journals for path, wait in sorted(j.fold().waits.items())]

    def cached(self, key: str) -> CacheRecord | None:
        """Give the newest result kept under a cache key."""
        with self._mutex:
            self._check_open()
            hits = [
                (journal.run, journal.events[seq - 1])
                for journal in self._journals.values()
                for cached, seq in journal.fold().touched.cached
                if cached == key
            ]
        if not hits:
            return None
        run, event = max(hits, key=lambda hit: hit[1].at)
        return CacheRecord(key, run, event.step, event.at, event.value or "null", files_of(event.data))

    def latest_output(self, workflow: str, path: str, *, before: str = "") -> tuple[str, str | None] | None:
        """Give (run id, stored form or None) of the newest output of a step, of runs before one (S53)."""
        with self._mutex:
            journals = self._newest_first()
            if before:
                journals = itertools.dropwhile(lambda journal: journal.run != before, journals)
            for journal in journals:
                projection = journal.fold()
                facts = projection.steps.get(path)
                if journal.run == before or projection.run.workflow != workflow:
                    continue
                if facts is not None and facts.succeeded_seq and not facts.superseded:
                    return journal.run, journal.events[facts.succeeded_seq - 1].value
        return None

    def statistics(self, workflow: str) -> Statistics:
        """Say how the runs of a workflow went, those that were pruned included."""
        with self._mutex:
            self._check_open()
            tally = replace(self._forgotten.get(workflow, _Tally()))
            for journal in self._journals.values():
                run = journal.fold().run
                if run.workflow == workflow and run.status in ENDED:
                    tally.add(run)
        return tally.statistics(workflow)

    def commands(self, run: str = "") -> list[Command]:
        """Give the commands that were not carried out yet, of one run or of all, in order."""
        with self._mutex:
            self._check_open()
            return [command for command in self._commands.values() if run in ("", command.run)]

    def artifacts_named(self) -> set[str]:
        """Give the hashes of all artifacts that kept events name."""
        with self._mutex:
            self._check_open()
            events = [event for journal in self._journals.values() for event in journal.events]
        texts = (text for event in events for text in (encode_data(event.data), event.value))
        return {sha256 for text in texts for sha256 in artifacts_in(text)}

    # ---- life ----------------------------------------------------------------------------------------------

    def watch(self, notify: Callable[[], None]) -> Callable[[], None]:
        """Call `notify` after each `send`, and when a place is free that a run waits for; gives what ends it."""
        token = object()
        self._watchers[token] = notify

        def end() -> None:
            self._watchers.pop(token, None)

        return end

    def close(self) -> None:
        """Give up all leases, and take no more changes; more calls do nothing."""
        with self._mutex:
            self._closed = True
            self._leases.clear()
            self._places.clear()
            self._lines.clear()
            self._watchers.clear()
