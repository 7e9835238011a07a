"""Moves: the two places that assign a status, along the tables (S37), and the instances that bodies are made of."""

from __future__ import annotations

from ergon.model.events import Event
from ergon.model.graph import Body
from ergon.model.states import (
    RUN_TRANSITIONS,
    SETTLED,
    STEP_TRANSITIONS,
    BodyState,
    Frame,
    RunState,
    RunStatus,
    StepState,
    StepStatus,
)


class IllegalTransition(Exception):  # noqa: N818  # it is named like the errors of the tree
    """An event asks for a status that may not follow: a fault in the engine, never in a workflow."""


def move_run(state: RunState, status: RunStatus, reason: str = "") -> None:
    """Give a run a status that may follow its present one."""
    if status not in RUN_TRANSITIONS[state.status]:
        raise IllegalTransition(f"run {state.run}: {state.status} → {status}")
    state.status = status
    state.reason = reason


def move(state: RunState, step: StepState, status: StepStatus) -> None:
    """Give a step a status that may follow its present one, and count it in its body."""
    before = step.status
    if status not in STEP_TRANSITIONS[before]:
        raise IllegalTransition(f"run {state.run}, step {step.path}: {before} → {status}")
    step.status = status
    if step.slot:
        step.slot = False
        state.running -= 1
    body = step.body
    if status in SETTLED:
        body.unsettled -= 1
        if body.body.leaf and body.owner is not None:
            body.owner.open -= 1
    elif before in SETTLED:
        body.unsettled += 1
        open_again(body)


def open_again(body: BodyState) -> None:
    """Let a body that had closed go on."""
    if body.owner is not None and (body.body.leaf or body.status != "open"):
        body.owner.open += 1
    body.status, body.stopping, body.error, body.output = "open", "", None, None


def open_body(
    state: RunState, body: Body, *, path: str, owner: StepState | None, frame: Frame, index: int, at: float
) -> BodyState:
    """Make the instances of a body's steps, all pending."""
    opened = BodyState(path=path, body=body, owner=owner, frame=frame, index=index, opened_at=at)
    for node in body.nodes:
        child = StepState(path=opened.child_path(node), node=node, body=opened)
        opened.children.append(child)
        state.steps[child.path] = child
    opened.unsettled = len(opened.children)
    if owner is None:
        state.root = opened
    else:
        if owner.bodies is None:
            owner.bodies = {}
        owner.bodies[index] = opened
        owner.open += 1
    return opened


def forget_bodies(state: RunState, step: StepState) -> None:
    """Take out the instances inside a block."""
    for body in (step.bodies or {}).values():
        for child in body.children:
            forget_bodies(state, child)
            if child.slot:
                state.running -= 1
            state.steps.pop(child.path, None)
    step.bodies = None
    step.open = 0


def rested(state: RunState, event: Event) -> None:
    """Take in that a run goes on: what has passed since its newest event counts for no limit."""
    if state.root is not None:
        state.rested += max(0.0, event.at - state.at)
        state.at = event.at
