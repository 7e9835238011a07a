"""Status: which there are, which may follow which, and the state of a run that its events make (S37, S38).

Nothing but `ergon.model.apply` assigns a status, and it goes by the tables below.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final, Literal

from ergon.model.graph import Body, Graph, Node
from ergon.model.records import ErrorRecord


class RunStatus(StrEnum):
    """What became of a run, so far."""

    QUEUED = "queued"
    RUNNING = "running"
    PAUSED = "paused"
    WAITING = "waiting"
    INTERRUPTED = "interrupted"
    SUCCEEDED = "succeeded"
    PARTIAL = "partial"
    FAILED = "failed"
    CANCELLED = "cancelled"


class StepStatus(StrEnum):
    """What became of a step instance, so far."""

    PENDING = "pending"
    RUNNING = "running"
    WAITING = "waiting"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    SKIPPED = "skipped"
    CANCELLED = "cancelled"


_R, _S = RunStatus, StepStatus
_ENDED_RUN: Final = frozenset({_R.SUCCEEDED, _R.PARTIAL, _R.FAILED, _R.CANCELLED})
_STOPPED_RUN: Final = _ENDED_RUN | {_R.PAUSED, _R.INTERRUPTED}

RUN_TRANSITIONS: Final[Mapping[RunStatus, frozenset[RunStatus]]] = {
    _R.QUEUED: frozenset({_R.RUNNING, _R.PAUSED, _R.CANCELLED}),
    _R.RUNNING: _STOPPED_RUN | {_R.WAITING, _R.QUEUED},
    _R.WAITING: _STOPPED_RUN | {_R.RUNNING, _R.QUEUED},
    _R.PAUSED: frozenset({_R.QUEUED, _R.RUNNING}),
    _R.INTERRUPTED: frozenset({_R.QUEUED, _R.RUNNING}),
    _R.SUCCEEDED: frozenset(),
    _R.PARTIAL: frozenset({_R.QUEUED}),
    _R.FAILED: frozenset({_R.QUEUED}),
    _R.CANCELLED: frozenset({_R.QUEUED}),
}

STEP_TRANSITIONS: Final[Mapping[StepStatus, frozenset[StepStatus]]] = {
    _S.PENDING: frozenset({_S.RUNNING, _S.WAITING, _S.SUCCEEDED, _S.FAILED, _S.SKIPPED, _S.CANCELLED}),
    _S.RUNNING: frozenset({_S.PENDING, _S.WAITING, _S.SUCCEEDED, _S.FAILED, _S.SKIPPED, _S.CANCELLED}),
    _S.WAITING: frozenset({_S.PENDING, _S.RUNNING, _S.WAITING, _S.SUCCEEDED, _S.FAILED, _S.CANCELLED}),
    _S.SUCCEEDED: frozenset({_S.PENDING, _S.RUNNING}),
    _S.FAILED: frozenset({_S.PENDING, _S.RUNNING}),
    _S.SKIPPED: frozenset({_S.PENDING}),
    _S.CANCELLED: frozenset({_S.PENDING, _S.RUNNING}),
}

ENDED: Final = _ENDED_RUN
STOPPED: Final = _STOPPED_RUN
"""Where no process goes on with a run by itself."""
SETTLED: Final = frozenset({_S.SUCCEEDED, _S.FAILED, _S.SKIPPED, _S.CANCELLED})

WaitKind = Literal["backoff", "sleep", "signal", "person", "every", "stand_in"]
StopMode = Literal["", "failure", "cancel", "cancel_all", "race", "timeout"]
BodyStatus = Literal["open", "succeeded", "failed", "cancelled"]


@dataclass(slots=True, eq=False)
class Wait:
    """What a step waits for: a time (`due`, seconds since 1970 UTC), a signal, a person, or its stand-in."""

    why: WaitKind
    due: float | None = None
    signal: str = ""
    question: str = ""


@dataclass(slots=True, eq=False)
class Frame:
    """The names of one workflow inside a run: the run's own, or those of a child that `workflow.run` opened."""

    graph: Graph
    parameters: str = "{}"
    """Stored form of the parameters."""
    variables: str | None = None
    """Stored form of the variables, once they are resolved."""
    folder: str = ""
    """The folder that relative paths start from."""
    file: str = ""
    """The file that a child was read from."""


@dataclass(slots=True, eq=False)
class Aside:
    """The items of a `for_each` whose list is to be made anew, and their bodies by number."""

    items: str
    """Stored form of the list."""
    bodies: dict[int, BodyState]
    by_index: bool
    """Whether the steps read `loop`, so that an item keeps what it has only in its place."""


@dataclass(slots=True, eq=False, repr=False)
class StepState:
    """One instance of a step."""

    path: str
    node: Node
    body: BodyState
    status: StepStatus = StepStatus.PENDING
    attempt: int = 0
    """Attempts so far."""
    spent_before: int = 0
    """Attempts that an earlier resume or retry forgave: the retry budget counts from here (S50)."""
    condition: bool | None = None
    """What was decided of `enabled`, `when` and the edges' conditions."""
    name: str = ""
    """What the template of its name gave (S16)."""
    inputs: str | None = None
    output: str | None = None
    """Stored form of the output, or None where `gathers` says where it is found."""
    gathers: str = ""
    """`items` (a list of the bodies' outputs), `children` (a mapping), `body:N`, `child:ID` or `stand_in:ID`."""
    error: ErrorRecord | None = None
    started_at: float | None = None
    ended_at: float | None = None
    ended_seq: int = 0
    """Number of the event that ended it: which came first, whatever the clock did; 0 if it has not ended."""
    rested_before: float = 0.0
    """Seconds that the run had rested when the step started."""
    rested_until: float = 0.0
    """Seconds that the run had rested when the step ended."""
    reason: str = ""
    origin: str = ""
    """Where the output came from: computed, cached, continued, stand_in, answered, replayed."""
    cached: bool = False
    superseded: bool = False
    outside: bool = False
    """Whether it lies outside the part that the run is of (S53): it is skipped, or has what an earlier run gave."""
    tolerated: bool = False
    """Whether it hides failures that make the run partial."""
    wait: Wait | None = None
    items: str | None = None
    """Stored form of the list that a `for_each` runs over."""
    count: int = 0
    """How many items there are."""
    branch: int | None = None
    bodies: dict[int, BodyState] | None = None
    open: int = 0
    """How many of its bodies have not closed."""
    winner: str = ""
    stopping: StopMode = ""
    """Why a block ends before its time."""
    tested: int = -1
    """Last loop test, by iteration, that said to go on."""
    done: bool = False
    """Whether a loop test said to end."""
    limit: tuple[float, float] | None = None
    """A block's time limit in seconds, and when it ends; what the run rests later is still to be added (S36)."""
    spared: bool = False
    """Whether it was started in a body that was being stopped, since it is to run whatever happens."""
    slot: bool = False
    """Whether it holds one of the run's slots: an action that runs (S25)."""
    kept: bool = False
    """Whether it has its result again if it still is to run on an edited file (S51)."""
    aside: Aside | None = None
    """What a `for_each` had of an earlier list, until the new one is made (S51)."""
    code: str = ""
    """What stands for the code of what it ran, where that is known only from its inputs: a notebook's cells."""
    once: dict[str, str] | None = None
    process: tuple[int, float] | None = None

    def __repr__(self) -> str:
        return f"<step {self.path} {self.status.value}>"

    @property
    def settled(self) -> bool:
        """Whether it has ended."""
        return self.status in SETTLED


@dataclass(slots=True, eq=False, repr=False)
class BodyState:
    """One opening of a body: a workflow's, an item's, an iteration's, a branch's."""

    path: str
    body: Body
    owner: StepState | None
    frame: Frame
    index: int = 0
    children: list[StepState] = field(default_factory=list)
    unsettled: int = 0
    status: BodyStatus = "open"
    stopping: StopMode = ""
    broken: bool = False
    """Whether `core.break` asked to end the loop after it."""
    opened_at: float = 0.0
    output: str | None = None
    error: ErrorRecord | None = None

    def __repr__(self) -> str:
        return f"<body {self.path or '(root)'} {self.status}>"

    def child_path(self, node: Node) -> str:
        """Give the path of a child instance (S5)."""
        if self.body.leaf or not self.path:
            return self.path if self.body.leaf else node.id
        return f"{self.path}.{node.id}"

    def child(self, step_id: str) -> StepState | None:
        """Give a child by its id."""
        index = self.body.by_id.get(step_id)
        return None if index is None else self.children[index]


@dataclass(slots=True, eq=False)
class RunState:
    """The state of a run: what its events, applied in order, have made."""

    run: str
    frame: Frame
    graph_of: Callable[[str], Graph]
    """Gives the compiled graph of a definition by its hash."""
    status: RunStatus = RunStatus.QUEUED
    reason: str = ""
    root: BodyState | None = None
    steps: dict[str, StepState] = field(default_factory=dict)
    superseded: dict[str, StepState] = field(default_factory=dict)
    """Instances that an edit took out of the workflow (S51)."""
    start: Mapping[str, object] = field(default_factory=dict)
    """The data of `run_created`."""
    env: dict[str, str] = field(default_factory=dict)
    """The environment variables that templates may read, as they were when the run was started."""
    state: dict[str, str] = field(default_factory=dict)
    """What `core.set` wrote, in stored form; a run of a part begins with what an earlier run wrote (S53)."""
    signals: dict[str, list[str]] = field(default_factory=dict)
    """Signals that came before anybody waited for them."""
    code: dict[str, str] = field(default_factory=dict)
    """What stands for the code of each action that the run used (S51)."""
    outputs: str | None = None
    error: ErrorRecord | None = None
    failed_step: str = ""
    stopping: StopMode = ""
    pausing: str = ""
    """Why the run is to pause; empty if it is not."""
    epoch: int = 0
    seq: int = 0
    at: float = 0.0
    """When its newest event happened."""
    rested: float = 0.0
    """Seconds for which it was at rest or over, and then went on: no limit (S36) and no duration counts them."""
    limit_from: float | None = None
    """From when its time limit counts; what it rests later is still to be added."""
    created_at: float = 0.0
    started_at: float | None = None
    ended_at: float | None = None
    undone: list[tuple[str, bool, str]] = field(default_factory=list)
    warned: set[str] = field(default_factory=set)
    """Codes of the warnings that are given once a run."""
    running: int = 0
    """Actions that hold a slot."""

    @property
    def ended(self) -> bool:
        """Whether the run has ended for good, unless somebody resumes it."""
        return self.status in ENDED

    def earlier_facts(self, step: StepState) -> Mapping[str, object] | None:
        """Give what an earlier run knows of a step outside the part that this run is of (S53)."""
        told = self.start.get("facts") if step.outside else None
        facts = told.get(step.path) if isinstance(told, Mapping) else None
        return facts if isinstance(facts, Mapping) else None

    def bodies(self) -> Iterator[BodyState]:
        """Give every body that was opened, outer ones first."""
        return bodies_in(self.root) if self.root is not None else iter(())


def bodies_in(body: BodyState) -> Iterator[BodyState]:
    """Give a body, and every one that was opened inside it, outer ones first."""
    pending = [body]
    while pending:
        body = pending.pop()
        yield body
        for child in body.children:
            if child.bodies:
                pending.extend(child.bodies.values())
