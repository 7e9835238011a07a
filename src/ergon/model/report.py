"""The report of a run: the JSON documents that the command line, and every other door, gives of it."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from ergon.model.events import Event
from ergon.model.outputs import output_text
from ergon.model.records import ErrorRecord
from ergon.model.states import BodyState, RunState, StepState, StepStatus
from ergon.model.values import to_json

Document = dict[str, Any]  # Any: JSON
_KEPT_ERRORS = frozenset({"continued", "stand_in"})
"""Origins of an output that stands in for one that failed; the error is kept beside it (S31)."""


def run_document(
    state: RunState,
    *,
    status: str = "",
    until: float | None = None,
    whole: Callable[[str], str] = lambda text: text,
) -> Document:
    """Give a run with all its step instances.

    `status` is what a list says of it, where that differs from the journal (an owner that died); `until` (UTC seconds)
    is where the time of what has not ended stops; `whole` gives the stored form of a value that was too large to be
    inline, which opens the run's outputs.
    """
    document = run_summary(state, status=status, until=until, whole=whole)
    document["steps"] = {step.path: step_document(state, step, until=until) for step in instances(state)}
    return document


def run_summary(
    state: RunState,
    *,
    status: str = "",
    until: float | None = None,
    whole: Callable[[str], str] = lambda text: text,
) -> Document:
    """Give a run without its steps; the arguments are those of `run_document`."""
    outputs = to_json(whole(state.outputs)) if state.outputs is not None else {}
    return {
        "run_id": state.run,
        "workflow": state.frame.graph.workflow.name,
        "status": status or state.status.value,
        "started_at": timestamp(state.started_at),
        "duration_s": run_duration(state, until),
        "outputs": outputs,
        "error": run_error(state.error, state.failed_step),
    }


def run_error(error: ErrorRecord | None, step: str) -> Document | None:
    """Give why a run failed, and at which step (null where it was none)."""
    if error is None:
        return None
    return {"type": error.type, "message": error.message, "step": step or None}


def step_document(state: RunState, step: StepState, *, until: float | None = None) -> Document:
    """Give one step instance."""
    text = output_text(state, step)
    error = kept_error(step)
    return {
        "status": step.status.value,
        "attempts": step.attempt,
        "duration_s": step_duration(state, step, until),
        "cached": step.cached,
        "output": None if text is None else to_json(text),
        "error": None if error is None else {"type": error.type, "message": error.message, "attempt": error.attempt},
    }


def kept_error(step: StepState) -> ErrorRecord | None:
    """Give the error that a step ended with; one that a later attempt made good does not count."""
    if step.status is StepStatus.SUCCEEDED and step.origin not in _KEPT_ERRORS:
        return None
    return step.error


def instances(state: RunState) -> Iterator[StepState]:
    """Give every step instance in the order of the file, what is inside a block right after it."""
    if state.root is not None:
        yield from _inside(state.root)


def _inside(root: BodyState) -> Iterator[StepState]:
    pending = list(reversed(root.children))
    while pending:
        step = pending.pop()
        yield step
        for _, body in sorted((step.bodies or {}).items(), reverse=True):
            pending.extend(reversed(body.children))


def event_document(event: Event, *, traceback: bool = False) -> Document:
    """Give one event of a run; tracebacks only for who asks."""
    data = {key: value for key, value in event.data.items() if key != "inputs"}
    error = data.get("error")
    if isinstance(error, Mapping) and not traceback:
        data["error"] = {key: value for key, value in error.items() if key != "traceback"}
    inputs = event.data.get("inputs")
    if isinstance(inputs, str):
        data["inputs"] = to_json(inputs)
    return {
        "seq": event.seq,
        "at": timestamp(event.at),
        "type": event.type,
        "version": event.version,
        "step": event.step or None,
        "attempt": event.attempt or None,
        "actor": event.actor or None,
        "correlation": event.correlation or None,
        "causation": event.causation or None,
        "data": data,
        "value": None if event.value is None else to_json(event.value),
    }


def timestamp(seconds: float | None) -> str | None:
    """Give a time as ISO 8601 in UTC, such as `2026-03-01T08:30:00.000000Z`."""
    if seconds is None:
        return None
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def run_duration(state: RunState, until: float | None = None) -> float | None:
    """Give the seconds that a run was worked on, or null if it never began; its rests do not count."""
    return duration(state.started_at, state.ended_at, until, rested=state.rested)


def step_duration(state: RunState, step: StepState, until: float | None = None) -> float | None:
    """Give seconds from a step's first start to its end, waits and repeats included, the run's rests not."""
    rested = (state.rested if step.ended_at is None else step.rested_until) - step.rested_before
    return duration(step.started_at, step.ended_at, until, rested=rested)


def duration(
    start: float | None, end: float | None, until: float | None = None, *, rested: float = 0.0
) -> float | None:
    """Give seconds from start to end without what was rested; to `until` where it has not ended.

    It is null where it never started.
    """
    end = until if end is None else end
    return None if start is None or end is None else round(max(0.0, end - start - rested), 6)


def strict_json(document: object, *, indent: int | None = 2) -> str:
    """Write a document as strict JSON: NaN and infinities are null, and what JSON does not know is its text."""
    return json.dumps(_strict(document), ensure_ascii=False, allow_nan=False, indent=indent)


def _strict(value: object) -> object:
    if value is None or isinstance(value, (bool, int)):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(key): _strict(member) for key, member in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [_strict(member) for member in value]
    return str(value)
