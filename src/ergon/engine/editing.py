"""Resuming on an edited file: what keeps its result, what runs again, what is gone (S51). Pure plans."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from ergon.engine.recovery import How, runs_again
from ergon.model.graph import Body, Graph, Node
from ergon.model.states import BodyState, RunState, StepState

_OWN_KEYS: Final = (
    "uses",
    "with",
    "for_each",
    "as",
    "while",
    "until",
    "wait_for",
    "output",
    "cache",
    "enabled",
)


@dataclass(slots=True)
class Edit:
    """What an edited definition means for a run."""

    reset: list[str] = field(default_factory=list)
    """Paths of steps that run again."""
    recheck: list[str] = field(default_factory=list)
    """Paths of steps that keep their result if they still are to run: their condition changed, or one before."""
    open: list[str] = field(default_factory=list)
    """Paths of blocks that go on with what they have."""

    superseded: list[str] = field(default_factory=list)
    """Paths of steps that the edit took out."""

    def as_data(self, definition: str) -> dict[str, object]:
        """Give the data of `run_edited`."""
        return {
            "definition": definition,
            "reset": self.reset,
            "recheck": self.recheck,
            "open": self.open,
            "superseded": self.superseded,
        }


CodeChanged = Callable[[StepState], bool]


def plan_edit(state: RunState, graph: Graph, how: How, code_changed: CodeChanged) -> Edit:
    """Compare a run with an edited definition: a step is its path."""
    edit = Edit()
    if state.root is not None:
        _compare(state.root, graph.root, how, code_changed, edit)
    return edit


def notebook_code(path: Path) -> str:
    """Give what stands for a notebook's code: the sha256 of its code cells; empty if it cannot be read."""
    try:
        cells = json.loads(path.read_bytes())["cells"]
        sources = [cell["source"] for cell in cells if cell["cell_type"] == "code"]
    except (OSError, ValueError, KeyError, TypeError):
        return ""
    texts = ["".join(source) if isinstance(source, list) else str(source) for source in sources]
    return hashlib.sha256(json.dumps(texts).encode()).hexdigest()


def _compare(body: BodyState, new: Body, how: How, code_changed: CodeChanged, edit: Edit) -> bool:
    """Plan one body; gives whether anything in it runs again."""
    again: set[int] = set()
    recheck: set[int] = set()
    inside: set[int] = set()
    for node in new.nodes:
        old = body.child(node.id)
        if old is None or _own(old.node) != _own(node) or code_changed(old):
            again.add(node.index)
        elif old.bodies and _inside(old, node, how, code_changed, edit):
            inside.add(node.index)
        elif runs_again(old, how):
            again.add(node.index)
        elif _conditions(old.node) != _conditions(node):
            recheck.add(node.index)
    edit.superseded += [child.path for child in body.children if child.node.id not in new.by_id]
    again |= _followers(new, again | inside) - inside
    recheck |= _followers(new, recheck) - again - inside
    for node in new.nodes:
        old = body.child(node.id)
        if old is None:
            continue
        if node.index in again:
            edit.reset.append(old.path)
        elif node.index in recheck and old.settled:
            edit.recheck.append(old.path)
        elif node.index in inside and old.settled:
            edit.open.append(old.path)
    return bool(again or recheck or inside)


def _inside(old: StepState, node: Node, how: How, code_changed: CodeChanged, edit: Edit) -> bool:
    if old.stopping == "timeout" or (old.branch is not None and old.branch >= len(node.bodies)):
        return False
    changed = False
    for index, body in (old.bodies or {}).items():
        if old.branch is None or index == old.branch:
            changed |= _compare(body, node.bodies[old.branch or 0], how, code_changed, edit)
    return changed


def _followers(body: Body, changed: set[int]) -> set[int]:
    reached: set[int] = set()
    pending = list(changed)
    while pending:
        for target in body.nodes[pending.pop()].targets:
            if target not in reached:
                reached.add(target)
                pending.append(target)
    return reached


def _own(node: Node) -> str:
    """Give what a step's result depends on, by its own keys: not comments, layout, `retry` or `timeout`."""
    step = node.step.model_dump(mode="json", by_alias=True, exclude_unset=True)
    kept: dict[str, object] = {key: step.get(key) for key in _OWN_KEYS if key in step}
    kept["kind"] = node.kind
    kept["branches"] = [branch.get("when") for branch in step.get("choose", [])]
    return json.dumps(kept, sort_keys=True, default=str)


def _conditions(node: Node) -> str:
    step = node.step.model_dump(mode="json", by_alias=True, exclude_unset=True, include={"when", "needs"})
    return json.dumps(step, sort_keys=True, default=str)
