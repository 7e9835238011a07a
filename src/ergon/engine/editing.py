"""Resuming on an edited file: what keeps its result, what runs again, what is gone (S51). Pure plans."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Set
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from ergon.engine.recovery import How, Reopening, cuts, followers, runs_again
from ergon.engine.verdict import called_for, lost_a_race
from ergon.model.graph import Body, Graph, Node, references_of
from ergon.model.states import BodyState, RunState, StepState, StepStatus

_OWN_KEYS: Final = ("uses", "with", "for_each", "as", "while", "until", "wait_for", "output")
_CONDITION_KEYS: Final = frozenset({"when", "needs", "enabled"})
_LOOP: Final = re.compile(r"\bloop\b")
Read = tuple[str, str]
"""A root and a name under it that a template reads: `("variables", "folder")`."""


def notebook_code(path: Path) -> str:
    """Give what stands for a notebook's code: the sha256 of its code cells; empty if it cannot be read."""
    try:
        cells = json.loads(path.read_bytes())["cells"]
        sources = [cell["source"] for cell in cells if cell["cell_type"] == "code"]
    except (OSError, ValueError, KeyError, TypeError):
        return ""
    texts = ["".join(source) if isinstance(source, list) else str(source) for source in sources]
    return hashlib.sha256(json.dumps(texts).encode()).hexdigest()


def changed_names(old: Graph, new: Graph, parameters: Set[str]) -> frozenset[Read]:
    """Give the parameters and variables whose value an edit changes, those that read changed ones included."""
    changed: set[Read] = {("parameters", name) for name in parameters}
    before, now = old.workflow.variables, new.workflow.variables
    for name, value in new.variables.items():
        reads = {(r.root, str(r.path[0])) if r.path else (r.root, "") for r in value.references}
        if (name in before and before[name] != now[name]) or reads & changed:
            changed.add(("variables", name))
    return frozenset(changed)


@dataclass(frozen=True, slots=True)
class Editing:
    """Compares a run with an edited definition: a step is its path."""

    how: How
    code_changed: Callable[[StepState], bool]
    """Says whether what stands behind an action, a notebook or a child workflow is not what it was."""
    names: frozenset[Read]
    """What templates read that an edit changed."""
    undone: frozenset[str]
    """Steps whose work a rollback took back."""
    takes_up: bool = True
    """Whether failed steps run again: not in a block that tolerated them (on a resume) or has a stand-in at work."""

    def plan(self, state: RunState, graph: Graph) -> Reopening:
        """Give the plan of a resume on an edited definition."""
        plan = Reopening()
        if state.root is not None:
            self._body(state.root, graph.root, plan)
        return plan

    def _body(self, body: BodyState, new: Body, plan: Reopening) -> bool:
        """Plan one body; gives whether anything in it runs again."""
        found = {node.index: self._step(body.child(node.id), node) for node in new.nodes}
        plan.superseded += [child.path for child in body.children if child.node.id not in new.by_id]
        moved = {index for index, each in found.items() if each.again or each.inner is not None}
        reached = followers(new, moved)
        _spare(new, found, moved, reached)
        recheck = {index for index, each in found.items() if each.recheck}
        recheck |= followers(new, recheck)
        for node in new.nodes:
            old, each = body.child(node.id), found[node.index]
            follows = node.index in reached or (node.index in recheck and each.inner is not None)
            if follows and not each.relisted:
                each.again = each.changed = True
            if old is not None and not old.outside:
                _note(old, each, plan, recheck=node.index in recheck)
        return bool(moved or recheck)

    def _step(self, old: StepState | None, node: Node) -> _Found:
        """Say what an edit means for one step, by itself."""
        found = _Found()
        if old is None:
            found.again = True
            return found
        if old.outside:  # a run of a part stays one (S53)
            return found
        different = _different(old.node, node)
        # A new list or output leaves items as they are; all else that a step says of itself does not.
        itself = different if node.kind in ("action", "while") else different - {"for_each", "output"}
        if itself or old.node.kind != node.kind or self._reads_changed(node) or self.code_changed(old):
            found.again = found.changed = True
        elif old.status is not StepStatus.SKIPPED:
            self._inside(old, node, different, found)
        found.recheck = not found.again and _conditions(old.node) != _conditions(node)
        return found

    def _inside(self, old: StepState, node: Node, different: Set[str], found: _Found) -> None:
        """Say what an edit means for what is inside a block that is the same itself, but for list and output."""
        inner = Reopening()
        changed = self._bodies(old, node, inner)
        if different:
            found.relisted = "for_each" in different and bool(old.bodies)
            found.again = not old.bodies
            inner.reclose += [old.path] if "output" in different and old.bodies else []
            changed = True
        if changed and (old.stopping == "timeout" or old.winner or called_for(old)):
            found.again = found.changed = True
        elif (changed and old.bodies) or (old.winner and old.status is StepStatus.CANCELLED):
            found.inner = inner
        elif (self.takes_up and runs_again(old, self.how)) or old.path in self.undone:
            found.again = True

    def _bodies(self, old: StepState, node: Node, plan: Reopening) -> bool:
        over = old.status is StepStatus.SUCCEEDED and self.how != "retry"
        takes_up = self.takes_up and not over and not called_for(old) and not lost_a_race(old)
        # A child workflow's steps stand under its own definition, which is the same here, and read its own names.
        editing = replace(self, takes_up=takes_up, names=self.names if node.bodies else frozenset())
        changed = False
        for index, body in sorted((old.bodies or {}).items()):
            if old.branch is not None and index != old.branch:
                continue
            if editing._body(body, node.bodies[old.branch or 0] if node.bodies else body.body, plan):
                changed = True
                if cuts(old, index, plan):
                    break
        return changed

    def _reads_changed(self, node: Node) -> bool:
        return bool(self.names) and any(
            (r.root, str(r.path[0])) in self.names if r.path else any(root == r.root for root, _ in self.names)
            for r in references_of(node)
        )


@dataclass(slots=True)
class _Found:
    """What an edit means for one step."""

    again: bool = False
    """It runs again."""
    changed: bool = False
    """It runs again on something else than before."""
    recheck: bool = False
    """It is decided again whether it runs."""
    relisted: bool = False
    """Its list is made anew."""
    inner: Reopening | None = None
    """What runs again inside."""


def _spare(new: Body, found: dict[int, _Found], moved: Set[int], reached: Set[int]) -> None:
    """Let a `for_each` that follows from a change only by its list keep the items that it still has."""
    again = moved | reached
    for index in reached:
        node, each = new.nodes[index], found[index]
        by_list = all(edge.kind == "data" for edge in node.edges if edge.index in again)
        if node.kind == "for_each" and by_list and not each.changed:
            each.relisted = True


def _note(old: StepState, found: _Found, plan: Reopening, *, recheck: bool) -> None:
    """Write into the plan what becomes of a step."""
    if found.again:
        plan.reset.append(old.path)
        if found.changed and old.once:
            plan.forget.append(old.path)
    elif found.relisted:
        plan.add(found.inner or Reopening())
        plan.relist.append(old.path)
        if _LOOP.search(old.node.step.model_dump_json(by_alias=True, exclude_unset=True)):
            plan.by_index.append(old.path)
    elif found.inner is not None:
        plan.add(found.inner)
        if old.settled:
            plan.open.append(old.path)
    elif recheck and old.status is not StepStatus.PENDING:
        plan.recheck.append(old.path)


def _different(old: Node, new: Node) -> Set[str]:
    """Give the keys by which a step's result depends on itself and that an edit changed.

    Comments, layout, `retry`, `timeout` and the like are none of them.
    """
    before, now = (node.step.model_dump(mode="json", by_alias=True, exclude_unset=True) for node in (old, new))
    for each in (before, now):
        each["choose"] = [branch.get("when") for branch in each.get("choose", [])]
    return {key for key in (*_OWN_KEYS, "choose") if before.get(key) != now.get(key)}


def _conditions(node: Node) -> dict[str, object]:
    step = node.step.model_dump(mode="json", by_alias=True, exclude_unset=True)
    return {key: step[key] for key in _CONDITION_KEYS & step.keys()}
