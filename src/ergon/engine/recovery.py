"""What a resume or a retry does before a run goes on: pure plans over its state (S34, S35, S50)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

from ergon.model.states import BodyState, RunState, RunStatus, StepState, StepStatus

How = Literal["resume", "retry"]
_FAILED, _CANCELLED, _SUCCEEDED = StepStatus.FAILED, StepStatus.CANCELLED, StepStatus.SUCCEEDED
_PENDING = StepStatus.PENDING


@dataclass(slots=True)
class Reopening:
    """Which blocks go on, and which steps run again."""

    open: list[str] = field(default_factory=list)
    """Paths of blocks that go on with what they have."""
    reset: list[str] = field(default_factory=list)
    """Paths of steps that are pending again."""


def reopening(state: RunState, how: How) -> Reopening:
    """Say what runs again when an ended or paused run is resumed or retried.

    Failed and cancelled steps run again, and whatever followed from them; a block goes on with the items and
    iterations that succeeded. `retry` also takes up failures that the run tolerated: of optional steps and of items.
    A run that was cut off in the middle just goes on, so that it comes to the end that it would have come to.
    """
    plan = Reopening()
    if state.root is not None and (how == "retry" or _takes_up_failures(state)):
        _plan_body(state.root, how, undone_steps(state), plan)
    return plan


def _takes_up_failures(state: RunState) -> bool:
    if state.ended or state.stopping in ("cancel", "cancel_all"):
        return True
    for_a_person = state.frame.graph.workflow.settings.on_failure == "pause"
    return for_a_person and (state.status is RunStatus.PAUSED or bool(state.pausing))


def undone_steps(state: RunState) -> frozenset[str]:
    """Give the paths of the steps whose work a rollback took back: they have to do it again."""
    return frozenset(path for path, ok, _ in state.undone if ok)


def _plan_body(body: BodyState, how: How, undone: frozenset[str], plan: Reopening) -> bool:
    """Plan one body; gives whether anything in it runs again."""
    changed: list[StepState] = []
    for child in body.children:
        if _goes_on_inside(child, how, undone):
            inner = [_plan_body(b, how, undone, plan) for b in _worked(child)]
            if any(inner):
                if child.settled:
                    plan.open.append(child.path)
                changed.append(child)
                continue
        if runs_again(child, how) or child.path in undone:
            plan.reset.append(child.path)
            changed.append(child)
    reset = {step.node.index for step in changed}
    pending = list(changed)
    while pending:
        for target in pending.pop().node.targets:
            child = body.children[target]
            if target not in reset:
                reset.add(target)
                pending.append(child)
                if child.status is not _PENDING:
                    plan.reset.append(child.path)
    return bool(changed)


def _worked(step: StepState) -> Iterator[BodyState]:
    for index, body in (step.bodies or {}).items():
        if step.branch is None or index == step.branch:
            yield body


def _goes_on_inside(step: StepState, how: How, undone: frozenset[str]) -> bool:
    if not step.bodies:
        return False
    if step.status in (_FAILED, _CANCELLED):
        return step.stopping != "timeout"
    return not step.settled or (step.status is _SUCCEEDED and (how == "retry" or bool(undone)))


def runs_again(step: StepState, how: How) -> bool:
    """Say whether a resume or retry runs a step again for its own sake."""
    if step.status is _CANCELLED:
        return step.body.stopping != "race"
    if step.status is not _FAILED:
        return False
    return how == "retry" or not step.node.step.optional


def lost_attempts(state: RunState) -> list[StepState]:
    """Give the actions that ran when the process that owned the run died."""
    return [step for step in state.steps.values() if step.slot]
