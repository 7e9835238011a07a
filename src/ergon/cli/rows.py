"""Rows: which steps of a run are worth a line now, so that at most a screenful is shown."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Final, Literal

from ergon.model.graph import Body
from ergon.model.states import SETTLED, BodyState, RunState, StepState, StepStatus

Weight = Literal["keep", "inner", "done", "pending"]

_ACTIVE: Final = frozenset({StepStatus.RUNNING, StepStatus.WAITING})
_QUIET: Final = frozenset({StepStatus.SUCCEEDED, StepStatus.SKIPPED})
_FEW: Final = 8
"""Steps of a branch that are all shown while it runs."""
_MOST_FAILED: Final = 5


@dataclass(frozen=True, slots=True)
class Row:
    """One line: a step, or in place of several what they have in common."""

    step: StepState | None
    depth: int
    label: str
    weight: Weight


def rows(state: RunState, active: Iterable[StepState], *, room: int) -> list[Row]:
    """Give the lines to show, at most `room` of them."""
    if state.root is None:
        return []
    inner = _by_root(active)
    found: list[Row] = []
    for child in state.root.children:
        found.append(Row(child, 0, child.node.id, _weight(child)))
        if child.bodies and (child.status in _ACTIVE or child.status is StepStatus.FAILED):
            found += _inside(child, inner.get(child.path, []))
    return _folded(found, room)


def _weight(step: StepState) -> Weight:
    if step.status in _QUIET:
        return "done"
    return "pending" if step.status is StepStatus.PENDING else "keep"


def _by_root(active: Iterable[StepState]) -> dict[str, list[StepState]]:
    """Sort the actions that run by the outermost block that they are in."""
    found: dict[str, list[StepState]] = {}
    for step in active:
        top = step
        while top.body.owner is not None:
            top = top.body.owner
        if top is not step and not step.bodies:
            found.setdefault(top.path, []).append(step)
    return found


def _inside(block: StepState, active: Sequence[StepState]) -> Iterator[Row]:
    """Give lines for what is inside a block: all of a short branch, else what runs and what failed."""
    children = _few(block)
    if children:
        for child in children:
            yield Row(child, 1, child.node.id, "inner")
            deeper = [step for step in active if step is not child and step.path.startswith(child.path)]
            yield from (Row(step, 2, step.path[len(child.path) :].lstrip("."), "inner") for step in deeper)
        return
    shown = [*_failed(block), *active]
    for step in sorted(dict.fromkeys(shown), key=_place):
        yield Row(step, 1, step.path[len(block.path) :].lstrip("."), "inner")


def _few(block: StepState) -> Sequence[StepState]:
    if block.node.kind not in ("choose", "parallel") or not block.bodies:
        return ()
    body = block.bodies.get(block.branch or 0)
    return body.children if body is not None and len(body.children) <= _FEW else ()


def _failed(block: StepState) -> list[StepState]:
    """Give some of the actions inside that failed."""
    found: list[StepState] = []
    pending: list[BodyState] = list((block.bodies or {}).values())
    while pending and len(found) < _MOST_FAILED:
        for child in pending.pop(0).children:
            if child.status is StepStatus.FAILED and not child.bodies:
                found.append(child)
            if child.bodies:
                pending += child.bodies.values()
    return found[:_MOST_FAILED]


def _place(step: StepState) -> tuple[int, ...]:
    """Give what sorts instances as they stand in the file and in their lists."""
    place: list[int] = []
    current: StepState | None = step
    while current is not None:
        place[:0] = (current.body.index, current.node.index)
        current = current.body.owner
    return tuple(place)


# ---- folding -------------------------------------------------------------------------------------------------


def _folded(found: list[Row], room: int) -> list[Row]:
    for weight in ("pending", "done"):
        if len(found) > room:
            found = _fold(found, weight, len(found) - room)
    if len(found) > room:
        found = _trimmed(found, room)
    return found[:room]


def _fold(found: list[Row], weight: str, surplus: int) -> list[Row]:
    """Put rows of a weight that follow one another into one, the first of many done and the last of many pending."""
    runs: list[tuple[int, int]] = []
    start = 0
    while start < len(found):
        end = start
        while end < len(found) and found[end].weight == weight:
            end += 1
        if end - start > 1:
            runs.append((start, end))
        start = max(end, start + 1)
    for start, end in reversed(runs):
        if surplus <= 0:
            break
        take = min(end - start, surplus + 1)
        cut = (end - take, end) if weight == "pending" else (start, start + take)
        found = [*found[: cut[0]], _summary(found[cut[0] : cut[1]]), *found[cut[1] :]]
        surplus -= take - 1
    return found


def _trimmed(found: list[Row], room: int) -> list[Row]:
    """Shorten what is shown of the insides of blocks, of the longest first, and say how much was left out."""
    groups = [list(group) for _, group in groupby(found, key=lambda row: row.weight == "inner")]
    inner = [group for group in groups if group[0].weight == "inner"]
    left = max(0, room - (len(found) - sum(map(len, inner))))
    shares: dict[int, int] = {}
    for place, group in enumerate(sorted(inner, key=len)):
        shares[id(group)] = min(len(group), left // (len(inner) - place))
        left -= shares[id(group)]
    return [row for group in groups for row in _shortened(group, shares.get(id(group), len(group)))]


def _shortened(group: list[Row], share: int) -> list[Row]:
    """Keep the most telling rows of a group, in their order."""
    if len(group) <= share:
        return group
    ranked = sorted(range(len(group)), key=lambda place: (_dullness(group[place]), place))
    kept = set(ranked[: max(0, share - 1)])
    hidden = [row for place, row in enumerate(group) if place not in kept]
    shown = [row for place, row in enumerate(group) if place in kept]
    return [*shown, _summary(hidden)] if share else []


def _dullness(row: Row) -> int:
    status = row.step.status if row.step is not None else StepStatus.PENDING
    order = (StepStatus.FAILED, StepStatus.RUNNING, StepStatus.WAITING)
    return order.index(status) if status in order else len(order)


def _summary(hidden: Sequence[Row]) -> Row:
    counts = Counter(row.step.status.value for row in hidden if row.step is not None)
    told = ", ".join(f"{count} {status}" for status, count in counts.most_common())
    return Row(None, hidden[0].depth, f"… {told}", hidden[0].weight)


# ---- how far -------------------------------------------------------------------------------------------------


def done_of(step: StepState) -> tuple[int, int] | None:
    """Give how many items or steps of a block are done, and of how many; None where that is not known."""
    kind = step.node.kind
    if kind == "action" or not step.bodies:
        return (0, step.count) if kind == "for_each" and step.count else None
    if kind == "for_each":
        return sum(map(_closed, step.bodies.values())), step.count
    if kind == "while":
        return None
    body = step.bodies.get(step.branch or 0)
    children = body.children if body is not None else []
    return sum(child.status in SETTLED for child in children), len(children)


def _closed(body: BodyState) -> bool:
    return body.status != "open" or (body.body.leaf and body.children[0].status in SETTLED)


def share_done(state: RunState, fractions: Mapping[str, float] | None = None) -> float:
    """Estimate the share of a run that is done, from 0 to 1: every action that is known of counts alike.

    `fractions` is how far outermost actions that run say they are.
    """
    children = state.root.children if state.root is not None else []
    total = sum(map(_weight_of, children))
    said = fractions or {}
    done = sum(said.get(child.path, 0.0) if _is_busy(child) else _done_in(child) for child in children)
    return done / total if total else float(state.ended)


def _is_busy(step: StepState) -> bool:
    return step.node.kind == "action" and step.status is StepStatus.RUNNING


def _weight_of(step: StepState) -> int:
    """Give how many actions a step stands for, as far as that is known."""
    if step.node.kind == "action":
        return 1
    inside = sum(map(_size, step.node.bodies))
    return max(1, step.count) * inside if step.node.kind == "for_each" else inside


def _done_in(step: StepState) -> float:
    weight = _weight_of(step)
    if step.status in SETTLED:
        return weight
    found = done_of(step)
    return weight * found[0] / found[1] if found is not None and found[1] else 0.0


def _size(body: Body) -> int:
    """Count the actions that stand in a body."""
    return sum(1 if body.leaf or not node.bodies else sum(map(_size, node.bodies)) for node in body.nodes)


def counts(state: RunState) -> Counter[StepStatus]:
    """Count the actions of a run by status."""
    return Counter(step.status for step in state.steps.values() if not step.node.bodies)
