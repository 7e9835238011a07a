"""What a resume or a retry does before a run goes on: pure plans over its state (S34, S35, S50)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, fields
from typing import Literal

from ergon.engine.verdict import called_for, lost_a_race
from ergon.model.graph import Body
from ergon.model.states import BodyState, RunState, RunStatus, StepState, StepStatus

How = Literal["resume", "retry"]
_FAILED, _CANCELLED, _SUCCEEDED = StepStatus.FAILED, StepStatus.CANCELLED, StepStatus.SUCCEEDED
_PENDING = StepStatus.PENDING


@dataclass(slots=True)
class Reopening:
    """What of a run is to happen again, by path."""

    open: list[str] = field(default_factory=list)
    """Blocks that go on with what they have."""
    reset: list[str] = field(default_factory=list)
    """Steps that run again from their beginning."""
    forget: list[str] = field(default_factory=list)
    """Steps that run again on other inputs, so that what they journaled on the way counts no more."""
    cut: dict[str, int] = field(default_factory=dict)
    """Loops that go on from an earlier iteration, with its number: those after it followed from it."""
    recheck: list[str] = field(default_factory=list)
    """Steps that keep their result if they still are to run: their condition changed, or one before."""
    relist: list[str] = field(default_factory=list)
    """Blocks whose list is made anew; items that it still has keep their results (S51)."""
    by_index: list[str] = field(default_factory=list)
    """Those of them whose items count as the same in their own place only."""
    reclose: list[str] = field(default_factory=list)
    """Blocks whose `output` is evaluated again."""
    superseded: list[str] = field(default_factory=list)
    """Steps that an edit took out."""

    def add(self, other: Reopening) -> None:
        """Take in what another plan says of other steps."""
        for each in fields(self):
            mine, theirs = getattr(self, each.name), getattr(other, each.name)
            mine.update(theirs) if isinstance(mine, dict) else mine.extend(theirs)

    def as_data(self) -> dict[str, object]:
        """Give it as the data of an event."""
        return {each.name: found for each in fields(self) if (found := getattr(self, each.name))}

    def __bool__(self) -> bool:
        return bool(self.as_data())


def reopening(state: RunState, how: How) -> Reopening:
    """Say what runs again when an ended or paused run is resumed or retried.

    Failed and cancelled steps run again, and whatever followed from them; a block goes on with the items and
    iterations that succeeded. `retry` also takes up failures that the run tolerated: of optional steps and of items.
    A run that was cut off in the middle just goes on, so that it comes to the end that it would have come to.
    """
    plan = Reopening()
    if state.root is not None and (how == "retry" or _takes_up_failures(state)):
        plan_body(state.root, how, undone_steps(state), plan)
    return plan


def _takes_up_failures(state: RunState) -> bool:
    if state.ended or state.stopping in ("cancel", "cancel_all"):
        return True
    for_a_person = state.frame.graph.workflow.settings.on_failure == "pause"
    return for_a_person and (state.status is RunStatus.PAUSED or bool(state.pausing))


def undone_steps(state: RunState) -> frozenset[str]:
    """Give the paths of the steps whose work a rollback took back: they have to do it again."""
    return frozenset(path for path, ok, _ in state.undone if ok)


def plan_body(body: BodyState, how: How, undone: frozenset[str], plan: Reopening) -> bool:
    """Plan one body; gives whether anything in it runs again."""
    own: set[int] = set()
    inside: dict[int, Reopening] = {}
    for child in body.children:
        inner = Reopening()
        goes_on = _goes_on_inside(child, how, undone)
        # A race that was won stays so (S39): what cancelled it kept it only from its end.
        if goes_on and (_plan_inside(child, how, undone, inner) or (child.winner and child.status is _CANCELLED)):
            inside[child.node.index] = inner
        elif runs_again(child, how) or child.path in undone:
            own.add(child.node.index)
    reached = followers(body.body, own | set(inside))
    for child in body.children:
        index = child.node.index
        if child.outside:
            continue
        if index in reached or index in own:
            if child.status is not _PENDING:
                plan.reset.append(child.path)
            if index in reached and child.once:
                plan.forget.append(child.path)
        elif index in inside:
            plan.add(inside[index])
            if child.settled:
                plan.open.append(child.path)
    return bool(own or inside)


def _plan_inside(step: StepState, how: How, undone: frozenset[str], plan: Reopening) -> bool:
    """Plan the bodies of a block; gives whether anything in it runs again."""
    changed = False
    for index, body in sorted((step.bodies or {}).items()):
        if step.branch is not None and index != step.branch:
            continue
        if plan_body(body, how, undone, plan):
            changed = True
            if cuts(step, index, plan):
                break
    return changed


def cuts(step: StepState, index: int, plan: Reopening) -> bool:
    """Let a loop that goes on from an iteration forget those after it; gives whether it is a loop."""
    if step.node.kind != "while":
        return False
    if index + 1 in (step.bodies or {}):
        plan.cut[step.path] = index
    return True


def _goes_on_inside(step: StepState, how: How, undone: frozenset[str]) -> bool:
    if not step.bodies or called_for(step) or (lost_a_race(step) and not undone):
        return False
    if step.status in (_FAILED, _CANCELLED):
        return step.stopping != "timeout"
    if step.status is _SUCCEEDED:
        return bool(undone) or (how == "retry" and not step.winner)
    return not step.settled


def runs_again(step: StepState, how: How) -> bool:
    """Say whether a resume or retry runs a step again for its own sake."""
    if lost_a_race(step):
        return False
    if step.status is _CANCELLED:
        return True
    if step.status is not _FAILED:
        return False
    return how == "retry" or not step.node.step.optional or _was_not_handled(step)


def _was_not_handled(step: StepState) -> bool:
    """Say whether a step failed only because a stop kept what handles its failure from it (S31)."""
    on_error = step.node.step.on_error
    if on_error is None:
        return False
    return on_error.continues or step.body.children[step.node.stand_in].status is _CANCELLED


def followers(body: Body, changed: Iterable[int]) -> set[int]:
    """Give the places of all steps of a body that follow from some, directly or not."""
    reached: set[int] = set()
    pending = list(changed)
    while pending:
        for target in body.nodes[pending.pop()].targets:
            if target not in reached:
                reached.add(target)
                pending.append(target)
    return reached


def lost_attempts(state: RunState) -> list[StepState]:
    """Give the actions that ran when the process that owned the run died."""
    return [step for step in state.steps.values() if step.slot]
