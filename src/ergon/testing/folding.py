"""Folding: a run's journal, folded, gives the state that the run had while it lived (S38)."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields

from ergon.model.apply import fold
from ergon.model.events import Event
from ergon.model.graph import Graph
from ergon.model.states import BodyState, Frame, RunState, StepState, bodies_in

_LINKS = frozenset(
    {"node", "body", "bodies", "owner", "frame", "children", "graph_of", "root", "steps", "superseded", "aside"}
)


def folded(state: RunState, graph: Graph, events: Sequence[Event]) -> RunState:
    """Fold a journal into a state of its own; `graph` is that of the definition that the run started with."""
    return fold(RunState(run=state.run, frame=Frame(graph=graph), graph_of=state.graph_of), events)


def differences(live: RunState, other: RunState) -> list[str]:
    """Say in what two states of a run differ, one line each; none if they are equal throughout."""
    found = list(_fields(live, other, "run"))
    found += _frames(live.frame, other.frame, "run")
    if list(live.steps) != list(other.steps):
        found.append(f"steps: {list(live.steps)} and {list(other.steps)}")
    for name in ("steps", "superseded"):
        mine, theirs = getattr(live, name), getattr(other, name)
        if set(mine) != set(theirs):
            found.append(f"{name}: {sorted(mine)} and {sorted(theirs)}")
        for path in mine.keys() & theirs.keys():
            found += _steps(mine[path], theirs[path])
    if (live.root is None) != (other.root is None):
        found.append("only one of them has begun")
    if live.root is not None and other.root is not None:
        found += _bodies(live.root, other.root)
    return found


def journal_faults(events: Sequence[Event]) -> list[str]:
    """Say what is wrong with a journal as such: gaps in its numbers, data that JSON would change."""
    found = [f"event {event.seq} stands at {place}" for place, event in enumerate(events, 1) if event.seq != place]
    for event in events:
        data = dict(event.data)
        if _reread(data) != data:
            found.append(f"event {event.seq} ({event.type}) has data that JSON would change: {data}")
        if event.value is not None and not _is_json(event.value):
            found.append(f"event {event.seq} ({event.type}) has a value that is not JSON: {event.value[:80]}")
    return found


def _steps(live: StepState, other: StepState) -> Iterator[str]:
    yield from _fields(live, other, f"step {live.path}")
    if live.node.id != other.node.id or live.node.step != other.node.step:
        yield f"step {live.path} stands under another definition"
    if live.body.path != other.body.path or live.body.index != other.body.index:
        yield f"step {live.path} stands in another body"
    mine, theirs = live.bodies or {}, other.bodies or {}
    if list(mine) != list(theirs):
        yield f"step {live.path} has bodies {list(mine)} and {list(theirs)}"
    yield from _asides(live, other)


def _asides(live: StepState, other: StepState) -> Iterator[str]:
    mine, theirs = live.aside, other.aside
    if mine is None or theirs is None:
        if mine is not theirs:
            yield f"step {live.path}: only one of them has something aside"
        return
    yield from _compare((mine.items, mine.by_index), (theirs.items, theirs.by_index), f"step {live.path}.aside")
    yield from _compare(list(mine.bodies), list(theirs.bodies), f"step {live.path}.aside")
    for index in mine.bodies.keys() & theirs.bodies.keys():
        yield from _bodies(mine.bodies[index], theirs.bodies[index])
        pairs = zip(bodies_in(mine.bodies[index]), bodies_in(theirs.bodies[index]), strict=False)
        for body, twin in pairs:
            for child, its in zip(body.children, twin.children, strict=False):
                yield from _steps(child, its)


def _bodies(live: BodyState, other: BodyState) -> Iterator[str]:
    place = f"body {live.path or '(root)'}[{live.index}]"
    yield from _fields(live, other, place)
    yield from _frames(live.frame, other.frame, place)
    mine, theirs = [c.path for c in live.children], [c.path for c in other.children]
    if mine != theirs:
        yield f"{place} holds {mine} and {theirs}"
        return
    for child, twin in zip(live.children, other.children, strict=True):
        for index in (child.bodies or {}).keys() & (twin.bodies or {}).keys():
            yield from _bodies((child.bodies or {})[index], (twin.bodies or {})[index])


def _frames(live: Frame, other: Frame, place: str) -> Iterator[str]:
    if live.graph.sha256 != other.graph.sha256:
        yield f"{place} has another definition"
    for name in ("parameters", "variables", "folder"):
        yield from _compare(getattr(live, name), getattr(other, name), f"{place}.{name}")


def _fields(live: RunState | StepState | BodyState, other: object, place: str) -> Iterator[str]:
    for each in fields(live):
        if each.name not in _LINKS and each.name != "body":
            yield from _compare(getattr(live, each.name), getattr(other, each.name), f"{place}.{each.name}")


def _compare(mine: object, theirs: object, place: str) -> Iterator[str]:
    if _plain(mine) != _plain(theirs):
        yield f"{place}: {_plain(mine)!r} and {_plain(theirs)!r}"


def _plain(value: object) -> object:
    """Give what can be compared: the records of a state compare by identity."""
    if hasattr(value, "__slots__") and hasattr(value, "__dataclass_fields__"):
        return {each.name: getattr(value, each.name) for each in fields(value)}  # type: ignore[arg-type]
    return dict(value) if isinstance(value, Mapping) else value


def _reread(data: object) -> object:
    try:
        return json.loads(json.dumps(data))
    except (TypeError, ValueError):
        return None


def _is_json(text: str) -> bool:
    try:
        json.loads(text, parse_constant=_refuse)
    except ValueError:
        return False
    return True


def _refuse(constant: str) -> object:
    raise ValueError(f"{constant} is not strict JSON")
