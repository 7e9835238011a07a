"""Notes: what there is to say of a step beside its status."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any, Final

from ergon.cli.rows import done_of
from ergon.cli.words import brief, clean, plural, seconds, shown_path
from ergon.model.outputs import failed_items, output_text
from ergon.model.records import ErrorRecord
from ergon.model.states import RunState, StepState, StepStatus
from ergon.model.values import to_json

_SHORT_OUTPUT: Final = 400


def error_text(error: ErrorRecord) -> str:
    """Give an error on one line, with its type."""
    said = " ".join(clean(error.message).split())
    return f"{error.type}: {said}" if said else error.type


def note_of(
    state: RunState, step: StepState, *, now: float, progress: tuple[float | None, str] | None, said: str
) -> str:
    """Give the most useful thing to say of a step at this moment."""
    status = step.status
    if status is StepStatus.FAILED and step.error is not None:
        return error_text(step.error)
    if status is StepStatus.WAITING:
        return _waiting(step, now)
    if status is StepStatus.RUNNING:
        told = (_attempts(step), _iteration(step), progress[1] if progress else "", said)
        return " · ".join(dict.fromkeys(part for part in told if part)) or name_of(step)
    if status in (StepStatus.SKIPPED, StepStatus.CANCELLED):
        return clean(step.reason)
    if status is StepStatus.SUCCEEDED:
        parts = _replayed(state, step), _result(state, step) or name_of(step)
        return " · ".join(filter(None, parts))
    return name_of(step)


def name_of(step: StepState) -> str:
    """Give what the file calls a step; a name that is a template is known from when it starts."""
    return clean(step.node.step.name if step.node.name is None else step.name)


def _replayed(state: RunState, step: StepState) -> str:
    """Say which earlier run gave the output of a step that is no part of this one."""
    origins = state.start.get("replayed_from") if step.origin == "replayed" else None
    run = origins.get(step.path) if isinstance(origins, dict) else None
    return f"from run {run}" if run else ""


def _attempts(step: StepState) -> str:
    if step.attempt <= 1:
        return ""
    retry = step.node.retry
    total = f" of {retry.attempts}" if retry is not None and isinstance(retry.attempts, int) else ""
    return f"attempt {step.attempt - step.spent_before}{total}"


def _iteration(step: StepState) -> str:
    if step.node.kind != "while" or not step.bodies:
        return ""
    return f"iteration {max(step.bodies) + 1} of at most {step.node.step.max_iterations}"


def _waiting(step: StepState, now: float) -> str:
    wait = step.wait
    if wait is None:
        return ""
    left = "" if wait.due is None else seconds(max(0.0, wait.due - now))
    if wait.why == "backoff":
        why = f"; {error_text(step.error)}" if step.error is not None else ""
        return f"attempt {step.attempt} failed, again in {left}{why}"
    if wait.why == "signal":
        return f"waits for signal '{clean(wait.signal)}'" + (f", {left} at most" if left else "")
    if wait.why == "person":
        return f"waits for a person: {clean(wait.question)}"
    if wait.why == "stand_in":
        return "failed; its stand-in runs"
    return f"{left} left" if left else ""


def _result(state: RunState, step: StepState) -> str:
    if step.origin in ("continued", "stand_in") and step.error is not None:
        return f"went on in spite of {error_text(step.error)}"
    found = done_of(step)
    if step.node.kind == "for_each" and found is not None:
        failed = len(failed_items(step))
        return f"{plural(found[1], 'item')}" + (f", {failed} failed" if failed else "")
    if step.node.bodies:
        return ""
    text = output_text(state, step)
    if text is None or len(text) > _SHORT_OUTPUT or text in ("null", "{}", "[]", '""'):
        return f"after {step.attempt} attempts" if step.attempt - step.spent_before > 1 else ""
    value = to_json(text)
    if value is None:
        return ""
    if isinstance(value, dict) and isinstance(value.get("path"), str):
        return shown_path(Path(value["path"]))
    return brief(value, 60)


def item_label(step: StepState) -> str:
    """Give the value of the nearest `for_each` item that an instance belongs to, where it is short."""
    current: StepState | None = step
    while current is not None and current.body.owner is not None:
        owner = current.body.owner
        if owner.node.kind == "for_each" and owner.items is not None and len(owner.items) < 20_000:
            return _short_item(owner.items, current.body.index)
        current = owner
    return ""


def _short_item(items: str, index: int) -> str:
    values = _list(items)
    value = values[index] if index < len(values) else None
    return brief(value, 24) if isinstance(value, (str, int, float)) and not isinstance(value, bool) else ""


@lru_cache(maxsize=64)
def _list(items: str) -> list[Any]:  # Any: JSON
    """Read a list once for all the frames that show it; an artifact or a mapping has no short items."""
    values = to_json(items)
    return values if isinstance(values, list) else []
