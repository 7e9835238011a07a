"""The projection of a run: what its events, folded one by one, say to lists and searches.

It is pure and knows no database. A store that keeps tables writes what the last events have touched; one that
keeps only events folds them when somebody asks. Types that it does not know change nothing (S40).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple, cast

from ergon.model import events as e
from ergon.model.events import Event
from ergon.model.records import Priority, RunRecord, StepRecord, WaitRecord

LIVE: Final = frozenset({"queued", "running", "waiting"})
"""Statuses that mean nothing without a live owner."""
ENDED: Final = frozenset({"succeeded", "partial", "failed", "cancelled"})
_PRIORITIES: Final = frozenset({"immediate", "scheduled", "deferred"})


@dataclass(slots=True)
class RunFacts:
    """What is known of the run itself; times in seconds since 1970 UTC."""

    workflow: str = ""
    status: str = "queued"
    created_at: float = 0.0
    definition: str = ""
    """What it started with; edits are in its events."""
    file: str = ""
    reason: str = ""
    started_at: float | None = None
    ended_at: float | None = None
    rested: float = 0.0
    parent: str = ""
    priority: str = "immediate"
    actor: str = ""
    trigger: str = ""
    tags: tuple[str, ...] = ()
    correlation: str = ""

    def record(self, run: str, *, epoch: int, last_seq: int, status: str = "") -> RunRecord:
        """Give the record of the run, with another status if one is given."""
        return RunRecord(
            id=run,
            workflow=self.workflow,
            status=status or self.status,
            created_at=self.created_at,
            definition=self.definition,
            file=self.file,
            reason=self.reason,
            started_at=self.started_at,
            ended_at=self.ended_at,
            rested=self.rested,
            parent=self.parent,
            priority=cast(Priority, self.priority),
            actor=self.actor,
            trigger=self.trigger,
            tags=self.tags,
            epoch=epoch,
            last_seq=last_seq,
        )


@dataclass(slots=True)
class StepFacts:
    """What is known of one step instance; `first` is the number of its first event."""

    first: int
    status: str = "pending"
    attempts: int = 0
    started_at: float | None = None
    ended_at: float | None = None
    cached: bool = False
    superseded: bool = False
    error_type: str = ""
    succeeded_seq: int = 0

    def record(self, run: str, path: str) -> StepRecord:
        """Give the record of the step."""
        return StepRecord(
            run=run,
            path=path,
            status=self.status,
            attempts=self.attempts,
            started_at=self.started_at,
            ended_at=self.ended_at,
            cached=self.cached,
            superseded=self.superseded,
            error_type=self.error_type,
            succeeded_seq=self.succeeded_seq,
        )


class WaitFacts(NamedTuple):
    """What a step waits for."""

    why: str
    due: float | None = None
    signal: str = ""

    def record(self, run: str, path: str) -> WaitRecord:
        """Give the record of the wait."""
        return WaitRecord(run=run, path=path, why=self.why, due=self.due, signal=self.signal)


class Touched:
    """What events have changed since it was last emptied; None stands for what is gone."""

    __slots__ = ("begun", "cached", "definitions", "gone", "run", "steps", "waits")

    def __init__(self) -> None:
        self.run = False
        self.begun = False
        """Whether the run began, or went on, so that it has a place among those of its workflow."""
        self.steps: dict[str, StepFacts] = {}
        self.gone: list[StepFacts] = []
        self.waits: dict[str, WaitFacts | None] = {}
        self.cached: list[tuple[str, int]] = []
        """Cache keys, each with the number of the event that holds the result."""
        self.definitions: set[str] = set()


class Projection:
    """All that the events of one run say, so far."""

    __slots__ = ("at", "run", "steps", "touched", "waits")

    def __init__(self, run: RunFacts | None = None, *, at: float = 0.0) -> None:
        self.run = run or RunFacts()
        self.at = at
        """When the newest event happened."""
        self.steps: dict[str, StepFacts] = {}
        self.waits: dict[str, WaitFacts] = {}
        self.touched = Touched()

    def apply(self, event: Event) -> None:
        """Take in the next event."""
        handler = _HANDLERS.get(event.type)
        if handler is not None:
            handler(self, event)
        self.at = event.at

    def goes_on(self, event: Event) -> None:
        """Take in that a run goes on: nobody has worked on it since its newest event."""
        if self.run.started_at is not None:
            self.touched.run = True
            self.run.rested += max(0.0, event.at - self.at)

    def step(self, event: Event) -> StepFacts:
        """Give the facts of an event's step, to be changed."""
        path = event.step
        facts = self.steps.get(path)
        if facts is None:
            facts = self.steps[path] = StepFacts(event.seq)
        self.touched.steps[path] = facts
        if event.attempt > facts.attempts:
            facts.attempts = event.attempt
        if self.waits:
            self.end_wait(path)
        return facts

    def change(self, path: str) -> StepFacts:
        """Give the facts of a step that is known, to be changed by an event of the run."""
        facts = self.touched.steps[path] = self.steps[path]
        self.end_wait(path)
        return facts

    def end_wait(self, path: str) -> None:
        """Forget what a step waited for."""
        if self.waits.pop(path, None) is not None:
            self.touched.waits[path] = None

    def move(self, status: str, reason: str = "") -> RunFacts:
        """Give the run a status."""
        self.touched.run = True
        self.run.status = status
        self.run.reason = reason
        return self.run

    def forget_inside(self, roots: set[str]) -> None:
        """Forget the steps inside blocks that are to be run again: they will be made anew."""
        for path in [path for path in self.steps if _inside(path, roots)]:
            facts = self.steps.pop(path)
            self.touched.steps.pop(path, None)
            self.touched.gone.append(facts)
            self.end_wait(path)

    def renumber(self, block: str, kept: Sequence[int]) -> None:
        """Give the steps inside a block new items or iterations: `kept` has the old number of each, or -1.

        What is inside others is forgotten.
        """
        start, now = f"{block}[", {str(old): new for new, old in enumerate(kept)}
        steps, waits = dict[str, StepFacts](), dict[str, WaitFacts]()
        for path in [path for path in self.steps if path.startswith(start)]:
            index, _, rest = path.removeprefix(start).partition("]")
            facts = self.steps.pop(path)
            self.touched.steps.pop(path, None)
            wait = self.waits.get(path)
            self.end_wait(path)
            if index in now:
                steps[moved := f"{start}{now[index]}]{rest}"] = facts
                if wait is not None:
                    waits[moved] = wait
            else:
                self.touched.gone.append(facts)
        self.steps |= steps
        self.touched.steps |= steps
        self.waits |= waits
        self.touched.waits |= waits


def _inside(path: str, roots: set[str]) -> bool:
    """Say whether a path leads through one of others: `fan[2].clean` leads through `fan` and `fan[2]`."""
    end = len(path)
    while (end := max(path.rfind(".", 0, end), path.rfind("[", 0, end))) > 0:
        if path[:end] in roots:
            return True
    return False


def _text(data: Mapping[str, object], name: str) -> str:
    value = data.get(name)
    return value if isinstance(value, str) else ""


def _paths(data: Mapping[str, object], name: str) -> list[str]:
    value = data.get(name)
    return [path for path in value if isinstance(path, str)] if isinstance(value, list | tuple) else []


def _error_type(data: Mapping[str, object]) -> str:
    error = data.get("error")
    return _text(error, "type") if isinstance(error, Mapping) else ""


# ---- the run -----------------------------------------------------------------------------------------------


def _run_created(projection: Projection, event: Event) -> None:
    data, run = event.data, projection.move("queued")
    run.workflow = _text(data, "workflow")
    run.created_at = event.at
    run.file = _text(data, "file")
    run.parent = _text(data, "parent")
    priority = _text(data, "priority")
    run.priority = priority if priority in _PRIORITIES else "immediate"
    run.actor = _text(data, "actor") or event.actor
    trigger = data.get("trigger")
    run.trigger = _text(trigger, "name") if isinstance(trigger, Mapping) else _text(data, "trigger")
    run.tags = tuple(_paths(data, "tags"))
    run.correlation = event.correlation
    run.definition = _text(data, "definition")
    _named(projection, event)


def _named(projection: Projection, event: Event) -> None:
    """Note the definition that an event names: that of the run, of an edit, of a child."""
    definition = _text(event.data, "definition")
    if definition:
        projection.touched.definitions.add(definition)


def _run_started(projection: Projection, event: Event) -> None:
    projection.goes_on(event)
    run = projection.move("running")
    projection.touched.begun = True
    run.ended_at = None
    if run.started_at is None:
        run.started_at = event.at


def _run_paused(projection: Projection, event: Event) -> None:
    projection.move("paused", _text(event.data, "reason"))


def _run_waiting(projection: Projection, event: Event) -> None:
    projection.move("waiting")


def _run_interrupted(projection: Projection, event: Event) -> None:
    projection.move("interrupted", _text(event.data, "reason"))


def _run_finished(projection: Projection, event: Event) -> None:
    status = _text(event.data, "status")
    run = projection.move(status if status in ENDED else "failed", _text(event.data, "reason"))
    run.ended_at = event.at
    for path in list(projection.waits):
        projection.end_wait(path)


def _run_reopened(projection: Projection, event: Event) -> None:
    projection.goes_on(event)
    projection.move("queued").ended_at = None
    _run_again(projection, event.data)


def _run_edited(projection: Projection, event: Event) -> None:
    """Take in an edited definition: it reopens what it changed, and supersedes what it took out (S51)."""
    projection.goes_on(event)
    if projection.run.status in ENDED:
        projection.move("queued").ended_at = None
    _named(projection, event)
    gone = set(_paths(event.data, "superseded"))
    for path in [path for path in projection.steps if gone and (path in gone or _inside(path, gone))]:
        projection.change(path).superseded = True
    _run_again(projection, event.data)


def _run_again(projection: Projection, data: Mapping[str, object]) -> None:
    """Reopen blocks and reset steps, as a resume, retry or edit planned it."""
    known = projection.steps
    for path in _paths(data, "open"):
        if path in known:
            facts = projection.change(path)
            facts.status, facts.ended_at, facts.error_type, facts.succeeded_seq = "running", None, "", 0
    for path in _paths(data, "recheck"):
        if path in known:
            _forget_outcome(projection.change(path))
    reset = {path for path in _paths(data, "reset") if path in known}
    for path in reset:
        _forget_outcome(projection.change(path))
    if reset:
        projection.forget_inside(reset)
    for path in _paths(data, "relist"):  # its items stay until the new list is known
        if path in known:
            _forget_outcome(projection.change(path))
            _cut_off(projection, path)
    cut = data.get("cut")
    for path, last in cut.items() if isinstance(cut, Mapping) else ():
        if isinstance(last, int):
            projection.renumber(path, range(last + 1))


def _cut_off(projection: Projection, block: str) -> None:
    """Take in that attempts inside a block that were under way when the process died are to run again."""
    inside = [path for path in projection.steps if path.startswith(f"{block}[")]
    for path in inside:
        facts = projection.steps[path]
        is_child = any(other.startswith(f"{path}.") for other in inside)  # a workflow that has been opened goes on
        if facts.status == "running" and facts.attempts and not is_child:
            facts.status = "pending"
            projection.touched.steps[path] = facts


# ---- steps -------------------------------------------------------------------------------------------------


def _step_started(projection: Projection, event: Event) -> None:
    step = projection.step(event)
    step.status = "running"
    if step.started_at is None:
        step.started_at = event.at
    step.ended_at, step.error_type, step.succeeded_seq = None, "", 0
    step.cached = step.superseded = False
    kept = event.data.get("kept")
    if isinstance(kept, list):
        projection.renumber(event.step, [number if isinstance(number, int) else -1 for number in kept])
    if projection.run.status == "waiting":
        projection.move("running")


def _step_waiting(projection: Projection, event: Event) -> None:
    data, step = event.data, projection.step(event)
    step.status = "waiting"
    step.error_type = _error_type(data) or step.error_type
    due = data.get("due")
    wait = WaitFacts(_text(data, "why"), float(due) if isinstance(due, int | float) else None, _text(data, "signal"))
    projection.waits[event.step] = projection.touched.waits[event.step] = wait


def _step_resumed(projection: Projection, event: Event) -> None:
    projection.step(event).status = "pending" if event.attempt else "running"


def _attempt_ended(projection: Projection, event: Event) -> None:
    step = projection.step(event)
    step.status = "pending"
    step.error_type = _error_type(event.data) or step.error_type
    _forget_inside(projection, event)


def _forget_inside(projection: Projection, event: Event) -> None:
    """Forget what was inside a block or a child that is gone with an event."""
    if event.data.get("inside"):
        projection.forget_inside({event.step})


def _step_succeeded(projection: Projection, event: Event) -> None:
    data, step = event.data, projection.step(event)
    step.status = "succeeded"
    step.ended_at = event.at
    step.succeeded_seq = event.seq
    if not data:
        step.error_type = ""
        return
    step.error_type = _error_type(data)
    step.cached = data.get("origin") == "cached"
    key = _text(data, "cache_key")
    if key and not step.cached:
        projection.touched.cached.append((key, event.seq))


def _step_failed(projection: Projection, event: Event) -> None:
    step = projection.step(event)
    step.status = "failed"
    step.ended_at = event.at
    step.error_type = _error_type(event.data)
    _forget_inside(projection, event)


def _step_skipped(projection: Projection, event: Event) -> None:
    step = projection.step(event)
    step.status = "skipped"
    step.ended_at = event.at
    _forget_inside(projection, event)


def _step_cancelled(projection: Projection, event: Event) -> None:
    step = projection.step(event)
    step.status = "cancelled"
    step.ended_at = event.at
    _forget_inside(projection, event)


def _forget_outcome(step: StepFacts) -> None:
    step.status = "pending"
    step.started_at = step.ended_at = None
    step.cached = step.superseded = False
    step.error_type, step.succeeded_seq = "", 0


_HANDLERS: Final[Mapping[str, Callable[[Projection, Event], None]]] = {
    e.RUN_CREATED: _run_created,
    e.RUN_STARTED: _run_started,
    e.RUN_EDITED: _run_edited,
    e.RUN_PAUSED: _run_paused,
    e.RUN_WAITING: _run_waiting,
    e.RUN_INTERRUPTED: _run_interrupted,
    e.RUN_FINISHED: _run_finished,
    e.RUN_REOPENED: _run_reopened,
    e.STEP_STARTED: _step_started,
    e.STEP_WAITING: _step_waiting,
    e.STEP_RESUMED: _step_resumed,
    e.ATTEMPT_FAILED: _attempt_ended,
    e.ATTEMPT_LOST: _attempt_ended,
    e.STEP_SUCCEEDED: _step_succeeded,
    e.STEP_FAILED: _step_failed,
    e.STEP_SKIPPED: _step_skipped,
    e.STEP_CANCELLED: _step_cancelled,
    e.CHILD_OPENED: _named,
}
