"""Results: what became of bodies and blocks, as pure functions of the steps in them (S22, S25 to S29)."""

from __future__ import annotations

from typing import Final

from ergon.model.records import ErrorRecord
from ergon.model.states import BodyState, BodyStatus, StepState, StepStatus

_STOPPED: Final = frozenset({"cancel", "cancel_all", "race", "timeout", "failure"})


def result_of(body: BodyState) -> tuple[BodyStatus, ErrorRecord | None]:
    """Say what became of a body whose steps have all ended."""
    if body.status != "open":
        return body.status, body.error
    race = body.owner is not None and body.owner.node.step.wait_for == "any"
    if race and body.owner is not None and body.owner.winner:
        return "succeeded", None
    failed = [c for c in body.children if c.status is StepStatus.FAILED and (race or not c.node.step.optional)]
    if failed and body.stopping != "race":
        return "failed", min(failed, key=lambda c: c.ended_seq).error
    if body.stopping in _STOPPED:
        return "cancelled", None
    if body.body.leaf and body.children[0].status is StepStatus.CANCELLED:
        return "cancelled", None
    return "succeeded", None


def failed_bodies(step: StepState) -> list[BodyState]:
    """Give the bodies of a block that failed, in the order in which they did."""
    failed = [body for body in (step.bodies or {}).values() if result_of(body)[0] == "failed"]
    return sorted(failed, key=_failed_at)


def was_cancelled(step: StepState) -> bool:
    """Say whether something in a block was cut off."""
    return any(body.stopping and result_of(body)[0] == "cancelled" for body in (step.bodies or {}).values())


def gathers(step: StepState) -> str:
    """Say where the output of a block lies (see `StepState.gathers`)."""
    bodies = step.bodies or {}
    match step.node.kind:
        case "for_each":
            return "items"
        case "while":
            return f"body:{len(bodies) - 1}" if bodies else ""
        case "choose":
            return f"body:{step.branch}"
        case _:
            if step.node.bodies[0].output is not None:
                return "body:0"
            if step.winner:
                return f"child:{step.winner}"
            return "children"


def has_tolerated(body: BodyState) -> bool:
    """Say whether a body hides failures of optional steps or of items, which makes its run partial.

    Those who lost a race that another one won do not count: nothing of them is wanted any more.
    """
    winner = body.owner.winner if body.owner is not None else ""
    for child in body.children:
        if winner and child.node.id != winner:
            continue
        if child.tolerated or (child.status is StepStatus.FAILED and child.node.step.optional):
            return True
        if child.status is StepStatus.SUCCEEDED and any(
            has_tolerated(inner) for inner in (child.bodies or {}).values()
        ):
            return True
    return False


def _failed_at(body: BodyState) -> int:
    return min((c.ended_seq for c in body.children if c.status is StepStatus.FAILED), default=0)
