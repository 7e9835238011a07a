"""Events: the facts of a run, numbered per run; their list is the journal (S40)."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, NamedTuple

EVENT_VERSION: Final = 1
NO_DATA: Final[Mapping[str, object]] = MappingProxyType({})


class Event(NamedTuple):
    """One fact about a run, past tense.

    A tuple and not a dataclass because a run of ten thousand steps makes twenty thousand of them.
    """

    run: str
    """The run's id."""
    seq: int
    """Number in the run, from 1, without gaps."""
    at: float
    """When, in seconds since 1970 UTC."""
    type: str
    """What happened: one of the names below, or one that a newer version wrote."""
    step: str = ""
    """Path of the step, item or iteration that it is about; empty for the run itself."""
    attempt: int = 0
    """Which attempt of the step, from 1; 0 where attempts mean nothing."""
    data: Mapping[str, object] = NO_DATA
    """JSON-able details."""
    value: str | None = None
    """The stored form (JSON text) of the one value that the event carries: inputs, an output, a list."""
    actor: str = ""
    """Who caused it, when it was a person or a program from outside."""
    correlation: str = ""
    """What ties events of several runs together: the id of the root run, or the caller's own."""
    causation: int = 0
    """Number of the event that caused this one; 0 if none did."""
    version: int = EVENT_VERSION
    """Version of the event's form."""


# ---- the run
RUN_CREATED: Final = "run_created"  # data: see records.RunStart; value: the parameters
RUN_STARTED: Final = "run_started"  # data: epoch, pid, host, ergon; a take-over of a run writes it again
VARIABLES_RESOLVED: Final = "variables_resolved"  # value: the variables
RUN_EDITED: Final = "run_edited"  # data: definition, reset, recheck, open, superseded (lists of paths)
CODE_SEEN: Final = "code_seen"  # data: uses, code: what stands for an action's code in this run
RUN_STOPPING: Final = "run_stopping"  # data: mode (failure | cancel | cancel_all | timeout), step
RUN_PAUSING: Final = "run_pausing"  # data: reason
RUN_PAUSED: Final = "run_paused"  # data: reason
RUN_WAITING: Final = "run_waiting"  # nothing runs; waits remain
RUN_INTERRUPTED: Final = "run_interrupted"  # data: reason
RUN_FINISHED: Final = "run_finished"  # data: status, reason, step, error; value: the outputs
RUN_REOPENED: Final = "run_reopened"  # data: how (resume | retry), steps (paths that run again)
SIGNAL_RECEIVED: Final = "signal_received"  # data: name; value: what came with it
STATE_SET: Final = "state_set"  # data: name; value

# ---- a step
STEP_STARTED: Final = "step_started"  # an attempt of an action, or a block opened; value: inputs, or a for_each's list
STEP_WAITING: Final = "step_waiting"  # data: why (backoff | sleep | signal | person | every), due, signal
STEP_RESUMED: Final = "step_resumed"  # a wait ended; data: by (time | signal | answer); value: what came with it
CONDITION_EVALUATED: Final = "condition_evaluated"  # data: result; `when` of a step held (a false one skips it)
ATTEMPT_FAILED: Final = "attempt_failed"  # the attempt failed and another follows; data: error
ATTEMPT_LOST: Final = "attempt_lost"  # the process died, or was interrupted, during the attempt
STEP_SUCCEEDED: Final = "step_succeeded"  # data: origin, cache_key, files, error; value: output
STEP_FAILED: Final = "step_failed"  # data: error
STEP_SKIPPED: Final = "step_skipped"  # data: reason
STEP_CANCELLED: Final = "step_cancelled"  # data: reason
STEP_WARNED: Final = "step_warned"  # data: message, code
STEP_UNDONE: Final = "step_undone"  # rollback; data: ok, reason
PROCESS_STARTED: Final = "process_started"  # data: pid, started (the process's own start time)
ONCE_RECORDED: Final = "once_recorded"  # data: key; value
STEP_LOGGED: Final = "step_logged"  # the summary of an attempt's log: data: lines
CELL_STARTED: Final = "cell_started"  # a cell of a notebook; data: index (from 0), number (in the source), id
CELL_FINISHED: Final = "cell_finished"  # data: index, number, id, seconds
CELL_FAILED: Final = "cell_failed"  # data: index, number, id, seconds, error

# ---- bodies of blocks
BODY_OPENED: Final = "body_opened"  # an item, iteration or branch began; step: its path
BODY_CLOSED: Final = "body_closed"  # data: status (succeeded | failed | cancelled), error; value: its output
BRANCH_CHOSEN: Final = "branch_chosen"  # data: branch (index, or null)
LOOP_TESTED: Final = "loop_tested"  # data: index, again
RACE_WON: Final = "race_won"  # data: winner
LOOP_BROKEN: Final = "loop_broken"  # core.break inside
CHILD_OPENED: Final = "child_opened"  # workflow.run: data: definition, name, settings; value: its parameters
