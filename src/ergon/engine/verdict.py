"""What becomes of a step whose sources have settled: a pure function of graph and states (S19 to S24, S30, S36)."""

from __future__ import annotations

from typing import Final, Literal, NamedTuple

from ergon.model.graph import Edge, Node
from ergon.model.states import BodyState, StepState, StepStatus, StopMode

_SUCCEEDED, _FAILED = StepStatus.SUCCEEDED, StepStatus.FAILED
_SKIPPED, _CANCELLED = StepStatus.SKIPPED, StepStatus.CANCELLED

# Which edges still let a step start in a body that stops.
_SPARED: Final[dict[StopMode, frozenset[str]]] = {
    "failure": frozenset({"failure", "always"}),
    "cancel": frozenset({"always"}),
    "race": frozenset({"always"}),
    "timeout": frozenset({"always"}),
    "cancel_all": frozenset(),
}


class Verdict(NamedTuple):
    """Start the step, skip it, or cancel it, and why."""

    kind: Literal["start", "skip", "cancel"]
    reason: str = ""


START: Final = Verdict("start")


def judge(node: Node, body: BodyState | None, around: BodyState | None) -> Verdict:
    """Say what becomes of a step; `body` holds it (None: an item not made yet), `around` encloses its body."""
    if body is not None and body.stopping and not spared(node, body):
        why = refused(node, body)
        return Verdict("skip", why) if why else Verdict("cancel", STOP_REASONS[body.stopping])
    for edge in node.edges:
        source = body.children[edge.index] if body is not None and edge.index >= 0 else _source(edge, body, around)
        # A success satisfies nearly every edge; the rest is asked for in full.
        if source is None or (source.status is _SUCCEEDED and edge.on == "success"):
            continue
        if not satisfied(edge, source, node):
            return Verdict("skip", _why(edge, source))
    if node.serves >= 0 and body is not None and not called_for(body.children[node.serves]):
        return Verdict("skip", f"'{body.children[node.serves].node.id}' did not need it")
    return START


def refused(node: Node, body: BodyState) -> str:
    """Say why a pending step cannot start any more, if a source that has settled already keeps it from it.

    A source that was cancelled does not: whoever stops it stops also what follows from it.
    """
    around = body.owner.body if body.owner is not None else None
    for edge in node.edges:
        source = _source(edge, body, around)
        if source is None or not source.settled or source.status is _CANCELLED:
            continue
        if not satisfied(edge, source, node):
            return _why(edge, source)
    return ""


STOP_REASONS: Final[dict[StopMode, str]] = {
    "failure": "another step failed",
    "cancel": "the run was cancelled",
    "cancel_all": "the run was cancelled",
    "race": "another one was decisive",
    "timeout": "the time limit was reached",
}


def satisfied(edge: Edge, source: StepState, node: Node) -> bool:
    """Say whether a settled source satisfies an edge."""
    status = source.status
    if source.outside and edge.kind == "order":
        return True  # who runs a part wants what is in it, whatever came of the rest
    if edge.kind == "wait" or (edge.on == "always" and edge.kind == "order"):
        return True
    if edge.kind == "data":
        return status is _SUCCEEDED
    if edge.on == "failure":
        return status is _FAILED or (node.serves == edge.index >= 0 and called_for(source))
    return status is _SUCCEEDED or status is _SKIPPED or (status is _FAILED and source.node.step.optional)


def spared(node: Node, body: BodyState) -> bool:
    """Say whether a body that stops may still run a step: by an edge of its own, or by what it follows from.

    What stands in for a step that may still run, may run too.
    """
    kinds = _SPARED[body.stopping]
    for edge in node.edges:
        if edge.index < 0 or edge.kind != "order":
            continue
        source = body.children[edge.index]
        if edge.on in kinds and source.settled:
            return True
    if node.serves >= 0 and spared(body.children[node.serves].node, body):
        return True
    if body.stopping != "failure" or not node.handles:
        return False
    return any(_ran_spared(body.children[edge.index], body) for edge in node.edges if edge.index >= 0)


def may_be_spared(node: Node, body: BodyState, mode: StopMode) -> bool:
    """Say whether a pending step is kept until its sources settle, when its body stops."""
    if mode == "failure":
        return node.handles
    kinds = _SPARED[mode]
    if any(edge.kind == "order" and edge.on in kinds and edge.index >= 0 for edge in node.edges):
        return True
    return node.serves >= 0 and may_be_spared(body.children[node.serves].node, body, mode)


def _ran_spared(step: StepState, body: BodyState) -> bool:
    return step.status in (_SUCCEEDED, _FAILED) and step.node.handles and spared(step.node, body)


def lost_a_race(step: StepState) -> bool:
    """Say whether another step won the race that a step was in, so that nothing of it is wanted any more."""
    owner = step.body.owner
    return bool(owner and owner.winner) and not may_be_spared(step.node, step.body, "race")


def called_for(step: StepState) -> bool:
    """Say whether a step has failed and waits for what stands in for it (S31)."""
    return step.wait is not None and step.wait.why == "stand_in"


def _source(edge: Edge, body: BodyState | None, around: BodyState | None) -> StepState | None:
    if edge.index >= 0:
        return body.children[edge.index] if body is not None else None
    scope = around
    while scope is not None:
        found = scope.child(edge.source)
        if found is not None:
            return found
        scope = scope.owner.body if scope.owner is not None else None
    return None


def _why(edge: Edge, source: StepState) -> str:
    what = "whose output it reads" if edge.kind == "data" else f"of which it needs {edge.on}"
    fate = "was skipped" if source.status is _SKIPPED else f"is {source.status.value}"
    if source.status in (_FAILED, _CANCELLED, _SUCCEEDED):
        fate = {"failed": "failed", "cancelled": "was cancelled", "succeeded": "succeeded"}[source.status.value]
    return f"step '{edge.source}', {what}, {fate}"
