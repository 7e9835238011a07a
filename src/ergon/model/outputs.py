"""Where the stored form of an output is found: with the step itself, or with the steps that it gathers (S25, S26)."""

from __future__ import annotations

import json

from ergon.model.states import BodyState, RunState, StepState, StepStatus


def output_text(state: RunState, step: StepState) -> str | None:
    """Give the stored form of a step's output; None if it has none."""
    if step.status is not StepStatus.SUCCEEDED:
        return None
    if step.output is not None:
        return step.output
    return gathered(state, step, step.gathers)


def gathered(state: RunState, step: StepState, gathers: str) -> str | None:
    """Put an output together from the steps that have it, as `gathers` says (see `StepState.gathers`)."""
    if gathers == "items":
        bodies = step.bodies or {}
        return "[" + ",".join(body_text(state, bodies.get(i)) for i in range(step.count)) + "]"
    if gathers == "children" and step.bodies:
        children = step.bodies[0].children
        members = (f"{json.dumps(c.node.id)}:{output_text(state, c) or 'null'}" for c in children)
        return "{" + ",".join(members) + "}"
    if gathers.startswith("stand_in:"):
        stand_in = step.body.child(gathers[9:])
        return None if stand_in is None else output_text(state, stand_in)
    if gathers.startswith("child:") and step.bodies:
        child = step.bodies[0].child(gathers[6:])
        return "null" if child is None else output_text(state, child) or "null"
    if gathers.startswith("body:") and step.bodies:
        return body_text(state, step.bodies.get(int(gathers[5:])))
    return "null"


def body_text(state: RunState, body: BodyState | None) -> str:
    """Give the stored form of a body's output: its own, or that of the step written last (S25)."""
    if body is None or body.status in ("failed", "cancelled"):
        return "null"
    if body.output is not None:
        return body.output
    if not body.children:
        return "null"
    return output_text(state, body.children[-1]) or "null"


def failed_items(step: StepState) -> list[int]:
    """Give the numbers of a `for_each`'s items that failed (S26)."""
    bodies = step.bodies or {}
    return [index for index, body in sorted(bodies.items()) if _failed(body)]


def _failed(body: BodyState) -> bool:
    if body.body.leaf:
        return body.children[0].status is StepStatus.FAILED
    return body.status == "failed"
