"""Lines: a run's news line by line, where stdout is a file or a pipe."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Final

from ergon.cli.looks import look_of, run_look
from ergon.cli.notes import error_text, item_label, note_of
from ergon.cli.watching import Followed
from ergon.cli.words import clean, seconds
from ergon.model import events as e
from ergon.model.events import Event
from ergon.model.records import ErrorRecord
from ergon.model.report import step_duration
from ergon.model.states import StepState, StepStatus

_PATIENCE: Final = 2.0
"""Seconds after which an action that still runs is told of."""
_ENDS: Final = frozenset({e.STEP_SUCCEEDED, e.STEP_FAILED, e.STEP_SKIPPED, e.STEP_CANCELLED})


class LineView:
    """Tells what happens in a run, a line for each step that ends."""

    def __init__(self, watch: Followed, say: Callable[[str], None]) -> None:
        self._watch = watch
        self._say = say
        self._told: set[tuple[str, int]] = set()

    def refresh(self) -> None:
        """Tell what is new."""
        for event in self._watch.news():
            for line in self._lines(event):
                self._say(f"{time.strftime('%H:%M:%S', time.localtime(event.at))} {line}")
        now = time.time()
        for step in list(self._watch.active.values()):
            key = (step.path, step.attempt)
            patient = now - (step.started_at or now) < _PATIENCE
            if step.status is StepStatus.RUNNING and not step.node.bodies and not patient and key not in self._told:
                self._told.add(key)
                self._say(f"{time.strftime('%H:%M:%S')} {look_of(step).mark} {_name(step)} is running")

    def _lines(self, event: Event) -> Iterator[str]:
        if not event.step:
            yield from self._run_lines(event)
            return
        step = self._watch.state.steps.get(event.step)
        if step is None:
            return
        if event.type in _ENDS:
            yield self._ended(step)
        elif event.type == e.ATTEMPT_FAILED:
            yield f"! {_name(step)}: attempt {event.attempt} failed: {_error(event)}"
        elif event.type == e.STEP_WAITING and event.data.get("why") != "backoff":
            note = note_of(self._watch.state, step, now=event.at, progress=None, said="")
            yield f"{look_of(step).mark} {_name(step)} waits: {note}"
        elif event.type == e.STEP_WARNED:
            yield f"! {_name(step)}: {clean(str(event.data.get('message', '')))}"

    def _run_lines(self, event: Event) -> Iterator[str]:
        workflow = self._watch.state.frame.graph.workflow.name
        if event.type == e.RUN_STARTED:
            yield f"{run_look('running').mark} run {event.run} of {workflow} is running"
        elif event.type == e.RUN_PAUSING:
            yield f"{run_look('paused').mark} run {event.run} pauses when what runs now has ended"

    def _ended(self, step: StepState) -> str:
        look = look_of(step)
        lasted = step_duration(self._watch.state, step)
        took = "" if lasted is None else f" in {seconds(lasted)}"
        note = note_of(self._watch.state, step, now=0.0, progress=None, said="")
        return f"{look.mark} {_name(step)} {look.word}{took}" + (f": {note}" if note else "")


def _name(step: StepState) -> str:
    label = item_label(step) if step.body.owner is not None else ""
    return f"{step.path} ({label})" if label else step.path


def _error(event: Event) -> str:
    error = event.data.get("error")
    return error_text(ErrorRecord.from_data(error)) if isinstance(error, dict) else ""
