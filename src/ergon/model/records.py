"""Records: what the store tells about runs, steps and waits without folding a journal."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Priority = Literal["immediate", "scheduled", "deferred"]


@dataclass(frozen=True, slots=True)
class ErrorRecord:
    """An error as a run keeps it: stable type, family, one sentence, and the traceback for who asks."""

    type: str
    message: str
    family: str = "execution"
    attempt: int = 0
    traceback: str = ""
    hint: str = ""

    def as_data(self) -> dict[str, object]:
        """Give it as an event's data."""
        data: dict[str, object] = {"type": self.type, "message": self.message, "family": self.family}
        if self.attempt:
            data["attempt"] = self.attempt
        if self.traceback:
            data["traceback"] = self.traceback
        if self.hint:
            data["hint"] = self.hint
        return data

    def as_template_value(self) -> dict[str, object]:
        """Give what a template reads as `steps.<id>.error`."""
        return {"type": self.type, "message": self.message, "family": self.family, "attempt": self.attempt}

    @staticmethod
    def from_data(data: Mapping[str, object]) -> ErrorRecord:
        """Read it from an event's data."""
        attempt = data.get("attempt", 0)
        return ErrorRecord(
            type=str(data.get("type", "")),
            message=str(data.get("message", "")),
            family=str(data.get("family", "execution")),
            attempt=attempt if isinstance(attempt, int) else 0,
            traceback=str(data.get("traceback", "")),
            hint=str(data.get("hint", "")),
        )


@dataclass(frozen=True, slots=True)
class Owner:
    """The process that owns a run."""

    pid: int
    host: str
    alive: bool

    def __str__(self) -> str:
        return f"process {self.pid} on {self.host}"


@dataclass(frozen=True, slots=True)
class RunRecord:
    """One run, as lists and searches see it; times in seconds since 1970 UTC."""

    id: str
    workflow: str
    status: str
    """A `RunStatus` value; `interrupted` where the journal says it lives and its owner does not."""
    created_at: float
    definition: str
    """Hash of the definition, for `Store.definition`."""
    file: str = ""
    """Path of the workflow file when it was started; empty if it came from Python."""
    reason: str = ""
    started_at: float | None = None
    ended_at: float | None = None
    rested: float = 0.0
    """Seconds between start and end for which nobody worked on it."""
    parent: str = ""
    priority: Priority = "immediate"
    actor: str = ""
    trigger: str = ""
    tags: tuple[str, ...] = ()
    epoch: int = 0
    last_seq: int = 0


@dataclass(frozen=True, slots=True)
class StepRecord:
    """One step instance, as lists and searches see it."""

    run: str
    path: str
    status: str
    attempts: int = 0
    started_at: float | None = None
    ended_at: float | None = None
    cached: bool = False
    superseded: bool = False
    error_type: str = ""
    succeeded_seq: int = 0
    """Number of its `step_succeeded` event, which carries the output; 0 if there is none."""


@dataclass(frozen=True, slots=True)
class WaitRecord:
    """A step that waits: until `due` (seconds since 1970 UTC), for a signal, or for a person."""

    run: str
    path: str
    why: str
    due: float | None = None
    signal: str = ""


@dataclass(frozen=True, slots=True)
class CacheRecord:
    """A result that a later run may use: where its `step_succeeded` event lies."""

    key: str
    run: str
    path: str
    at: float
    value: str
    """The stored form of the output."""
    files: Mapping[str, str] = field(default_factory=dict)
    """Files that the result names, with their sha256; they must still have it."""


@dataclass(frozen=True, slots=True)
class Command:
    """What somebody asks of a run, from any process."""

    kind: Literal["pause", "cancel", "signal", "answer"]
    run: str
    number: int = 0
    """Given by the store, growing; 0 before it is sent."""
    data: Mapping[str, object] = field(default_factory=dict)
    value: str | None = None
    """The stored form of a value that goes with it."""
    actor: str = ""
    at: float = 0.0


@dataclass(frozen=True, slots=True)
class Place:
    """A place among the runs of a workflow that may go on at once, as a run asks for it (S54)."""

    run: str
    epoch: int
    workflow: str
    most: int
    """How many runs of the workflow may have one."""
    rank: float
    """Who comes first: the lowest, in seconds since 1970 UTC."""
    waits: bool = True
    """Whether the run stays in the line if there is none."""


@dataclass(frozen=True, slots=True)
class Placed:
    """What became of a run that asked for a place."""

    has: bool
    """Whether it has one now."""
    others: tuple[str, ...] = ()
    """The other runs of the workflow that have a place or wait for one, in any living process."""


@dataclass(frozen=True, slots=True)
class Statistics:
    """How runs of a workflow went; durations in seconds."""

    workflow: str
    executions: int
    succeeded: int
    failed: int
    last_at: float | None
    last_status: str
    mean_s: float | None
    minimum_s: float | None
    maximum_s: float | None

    @property
    def success_rate(self) -> float | None:
        """The share of ended runs that succeeded, from 0 to 1; None if none ended."""
        ended = self.succeeded + self.failed
        return self.succeeded / ended if ended else None


@dataclass(frozen=True, slots=True)
class Pruned:
    """What a pruning took away."""

    runs: int
    artifacts: int
    bytes: int
