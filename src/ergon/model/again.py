"""Again: what a resume, a retry or an edited file does to the state of a run (S50, S51)."""

from __future__ import annotations

from typing import cast

from ergon.model.events import Event
from ergon.model.graph import Body
from ergon.model.moves import forget_bodies, move, open_again, rested
from ergon.model.outputs import output_text
from ergon.model.states import BodyState, RunState, StepState, StepStatus


def go_on(state: RunState, event: Event) -> None:
    """Forget how a run ended; one that had ended has its time limit afresh."""
    rested(state, event)
    if state.ended:
        state.limit_from = None
    state.stopping, state.error, state.failed_step, state.outputs, state.ended_at = "", None, "", None, None
    state.undone.clear()


def run_again(state: RunState, event: Event) -> None:
    """Reopen blocks and reset steps, as a resume, retry or edit planned it."""
    data = event.data
    for path in cast(list[str], data.get("open", [])):
        reopen(state, state.steps[path], event.at)
    for path in cast(list[str], data.get("recheck", [])):
        step = state.steps[path]
        kept = output_text(state, step)
        reset(state, step)
        step.kept = kept
    for path in cast(list[str], data.get("reset", [])):
        if path in state.steps:
            reset(state, state.steps[path])
    if state.root is not None:
        state.root.status, state.root.stopping = "open", ""


def rebuild(state: RunState, body: BodyState, new: Body) -> None:
    """Put a body's instances under the nodes of an edited definition; what is gone is superseded (S51)."""
    before = {child.node.id: child for child in body.children}
    children: list[StepState] = []
    for node in new.nodes:
        child = before.pop(node.id, None)
        if child is None:
            child = StepState(path=body.child_path(node), node=node, body=body)
            state.steps[child.path] = child
        elif child.node.kind != node.kind:
            forget_bodies(state, child)
        child.node = node
        children.append(child)
        for inner in (child.bodies or {}).values():
            if inner.body.branch < len(node.bodies):
                rebuild(state, inner, node.bodies[inner.body.branch])
    for child in before.values():
        _supersede(state, child)
    body.body, body.children = new, children
    body.unsettled = sum(1 for child in children if not child.settled)
    if body.unsettled and body.status != "open":
        open_again(body)


def _supersede(state: RunState, step: StepState) -> None:
    for body in (step.bodies or {}).values():
        for child in body.children:
            _supersede(state, child)
    step.superseded = True
    state.superseded[step.path] = step
    state.steps.pop(step.path, None)


def reset(state: RunState, step: StepState) -> None:
    """Let a step run again from its beginning; it keeps count of its attempts."""
    if step.status is not StepStatus.PENDING:
        move(state, step, StepStatus.PENDING)
    forget_bodies(state, step)
    step.spent_before = step.attempt
    step.condition = step.error = step.output = step.inputs = step.wait = step.items = step.branch = None
    step.limit = None
    step.ended_at = step.started_at = None
    step.count = 0
    step.kept = None
    step.reason = step.gathers = step.winner = step.origin = step.stopping = ""
    step.cached = step.tolerated = step.done = False
    step.tested = -1


def reopen(state: RunState, step: StepState, at: float) -> None:
    """Let a block go on with what it has."""
    if step.status is not StepStatus.RUNNING:
        move(state, step, StepStatus.RUNNING)
    if step.limit is not None:
        step.limit = step.limit[0], at + step.limit[0] - state.rested
    step.error = step.ended_at = step.output = None
    step.gathers = step.winner = step.reason = step.stopping = ""
    step.tolerated = step.done = False
