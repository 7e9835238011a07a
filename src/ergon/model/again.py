"""Again: what a resume, a retry or an edited file does to the state of a run (S50, S51)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import cast

from ergon.model.events import Event
from ergon.model.graph import Body
from ergon.model.moves import forget_bodies, move, open_again, rested
from ergon.model.states import Aside, BodyState, RunState, StepState, StepStatus


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
        _recheck(state, state.steps[path])
    for path in cast(list[str], data.get("forget", [])):
        state.steps[path].once = None
    for path in cast(list[str], data.get("reset", [])):
        if path in state.steps:
            reset(state, state.steps[path])
    by_index = cast(list[str], data.get("by_index", []))
    for path in cast(list[str], data.get("relist", [])):
        if path in state.steps:
            _put_aside(state, state.steps[path], by_index=path in by_index)
    for path in cast(list[str], data.get("reclose", [])):
        if path in state.steps:
            _reclose(state.steps[path])
    for path, index in cast(dict[str, int], data.get("cut", {})).items():
        _cut(state, state.steps[path], index)
    for path in cast(list[str], data.get("open", [])):
        _go_on_stopping(state.steps[path])
    if state.root is not None:
        state.root.status, state.root.stopping = "open", ""


def _go_on_stopping(step: StepState) -> None:
    """Let a race that was won go on to end, as it did before something cancelled it."""
    for body in (step.bodies or {}).values() if step.winner else ():
        body.stopping = "race"


def _undecide(step: StepState) -> None:
    """Forget that a step won a race, since it has to run again."""
    owner = step.body.owner
    if owner is not None and owner.winner == step.node.id:
        owner.winner = ""


def rebuild(state: RunState, body: BodyState, new: Body) -> None:
    """Put a body's instances under the nodes of an edited definition; what is gone is superseded (S51)."""
    before = {child.node.id: child for child in body.children}
    children: list[StepState] = []
    for node in new.nodes:
        child = before.pop(node.id, None)
        if child is None:
            child = StepState(path=body.child_path(node), node=node, body=body)
            state.steps[child.path] = child
            if _not_taken(body):
                move(state, child, StepStatus.SKIPPED)
                child.reason = "its branch was not taken"
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


def _not_taken(body: BodyState) -> bool:
    owner = body.owner
    return owner is not None and owner.node.kind == "choose" and body.index != owner.branch


def _cut(state: RunState, step: StepState, index: int) -> None:
    """Let a loop go on from an iteration: forget those after it, and the tests that led to them."""
    bodies = step.bodies or {}
    later = {number: body for number, body in bodies.items() if number > index}
    for number, body in later.items():
        step.open -= body.unsettled > 0 if body.body.leaf else body.status == "open"
        del bodies[number]
        for child in body.children:
            forget_bodies(state, child)
            state.running -= child.slot
            state.steps.pop(child.path, None)
    step.tested = index if step.node.until is None else index - 1


def _reclose(step: StepState) -> None:
    """Let the bodies of a block that had closed well close again, with another output."""
    aside = step.aside.bodies if step.aside is not None else {}
    for body in [*(step.bodies or {}).values(), *aside.values()]:
        if body.status == "succeeded":
            body.status, body.output = "open", None
            step.open += step.aside is None


def _supersede(state: RunState, step: StepState) -> None:
    for body in (step.bodies or {}).values():
        for child in body.children:
            _supersede(state, child)
    step.superseded = True
    state.superseded[step.path] = step
    state.steps.pop(step.path, None)


def reset(state: RunState, step: StepState) -> None:
    """Let a step run again from its beginning; it keeps count of its attempts."""
    if step.status in (StepStatus.SUCCEEDED, StepStatus.SKIPPED):
        step.once = None  # what it journaled on its way counts for another attempt at the same, and for nothing else
    if step.status is not StepStatus.PENDING:
        move(state, step, StepStatus.PENDING)
    _undecide(step)
    forget_result(state, step)
    step.spent_before = step.attempt


def _recheck(state: RunState, step: StepState) -> None:
    """Let what a step has stand, if it still is to run: that is decided again."""
    if step.status is StepStatus.SUCCEEDED:
        move(state, step, StepStatus.PENDING)
        step.condition = None
        step.kept = True
    else:
        reset(state, step)


def forget_result(state: RunState, step: StepState) -> None:
    """Forget all that a step has come to."""
    forget_bodies(state, step)
    step.condition = step.error = step.output = step.inputs = step.wait = step.items = step.branch = None
    step.limit = step.aside = step.process = None
    step.ended_at = step.started_at = None
    step.count = step.ended_seq = 0
    step.rested_before = step.rested_until = 0.0
    step.kept = False
    step.code = ""
    step.reason = step.gathers = step.winner = step.origin = step.stopping = ""
    step.cached = step.tolerated = step.done = step.spared = False
    step.tested = -1


def reopen(state: RunState, step: StepState, at: float) -> None:
    """Let a block go on with what it has."""
    if step.status is not StepStatus.RUNNING:
        move(state, step, StepStatus.RUNNING)
    if step.limit is not None:
        step.limit = step.limit[0], at + step.limit[0] - state.rested
    step.error = step.ended_at = step.output = None
    step.ended_seq = 0
    step.gathers = step.reason = step.stopping = ""
    step.tolerated = step.done = False
    _undecide(step)


# ---- the items of a list that is made anew (S51) -------------------------------------------------------------------


def _put_aside(state: RunState, step: StepState, *, by_index: bool) -> None:
    """Take the items of a `for_each` out of the run until its list is known again."""
    aside = step.aside
    if step.bodies and step.items is not None:
        aside = Aside(step.items, step.bodies, by_index)
        for inner in _inside(step):
            if inner.slot:  # it was cut off when the process died, and runs again
                move(state, inner, StepStatus.PENDING)
                inner.process = None
            state.steps.pop(inner.path, None)
        step.bodies, step.open = None, 0
    reset(state, step)
    step.aside = aside


def take_up(state: RunState, step: StepState, kept: list[int]) -> None:
    """Give the items of a new list what equal ones of the old list had; `kept` has their old numbers, or -1."""
    aside, step.aside = step.aside, None
    if aside is None:
        return
    bodies: dict[int, BodyState] = {}
    for index, number in enumerate(kept):
        if number >= 0:
            body = bodies[index] = aside.bodies[number]
            body.index = index
            step.open += body.unsettled > 0 if body.body.leaf else body.status == "open"
    step.bodies = bodies or None
    for inner in _inside(step, rename=True):
        state.steps[inner.path] = inner


def _inside(step: StepState, *, rename: bool = False) -> Iterator[StepState]:
    """Give every step inside a block, at any depth; `rename` gives them the paths of where they are now."""
    numbered = step.node.kind in ("for_each", "while")
    for index, body in (step.bodies or {}).items():
        if rename:
            body.path = f"{step.path}[{index}]" if numbered else step.path
        for child in body.children:
            if rename:
                child.path = body.child_path(child.node)
            yield child
            yield from _inside(child, rename=rename)
