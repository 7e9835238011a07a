"""What a resume or a retry does before a run goes on: pure plans over its state (S34, S35, S50)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

from ergon.model.states import BodyState, RunState, StepState, StepStatus

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
    """
    plan = Reopening()
    if state.root is not None:
        _plan_body(state.root, how, plan)
    return plan


def _plan_body(body: BodyState, how: How, plan: Reopening) -> bool:
    """Plan one body; gives whether anything in it runs again."""
    changed: list[StepState] = []
    for child in body.children:
        if _goes_on_inside(child, how):
            inner = [_plan_body(b, how, plan) for b in _worked(child)]
            if any(inner):
                if child.settled:
                    plan.open.append(child.path)
                changed.append(child)
                continue
        if runs_again(child, how):
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


def _goes_on_inside(step: StepState, how: How) -> bool:
    if not step.bodies:
        return False
    if step.status in (_FAILED, _CANCELLED):
        return step.stopping != "timeout"
    return not step.settled or (how == "retry" and step.status is _SUCCEEDED)


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
