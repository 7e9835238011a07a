"""The plan of a run, shown by `ergon run --dry-run`."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING

from ergon.cli.terminal import paint, terminal
from ergon.cli.words import brief, clean, plural
from ergon.model.graph import Body, Node
from ergon.model.order import levels

if TYPE_CHECKING:
    from ergon.app import Plan


def show_plan(plan: Plan) -> None:
    """Show what would run, wave by wave."""
    workflow = plan.graph.workflow
    terminal.say(f"{paint('✓', 'green', sys.stdout)} {clean(workflow.title or workflow.name)} can be run.")
    if plan.parameters:
        terminal.say("\nParameters")
        width = max(map(len, plan.parameters))
        for name, value in plan.parameters.items():
            terminal.say(f"  {name:{width}}  {brief(value, 160)}")
    terminal.say(f"\nOrder ({plural(len(plan.waves), 'wave')})")
    nodes = {node.id: node for node in plan.graph.root.nodes}
    for number, wave in enumerate(plan.waves, 1):
        for place, step in enumerate(wave):
            head = f"{number:3}." if place == 0 else "    "
            for depth, line in _described(nodes[step]):
                terminal.say(f"  {head if not depth else '    '} {'  ' * depth}{line}")
    for step, run in plan.replayed.items():
        terminal.say(f"\n'{step}' is not run: its output comes from run {run}.")
    if plan.left_out:
        terminal.say(f"\nNot selected: {', '.join(plan.left_out)}")
    terminal.say("\nNothing was run.")


def _described(node: Node, depth: int = 0) -> Iterator[tuple[int, str]]:
    what = {"for_each": "for each item", "while": "loop", "choose": "choose", "parallel": "parallel"}
    kind = what.get(node.kind, "")
    disabled = "disabled" if node.step.enabled is False else ""
    about = ", ".join(part for part in (node.step.uses or "", kind, disabled) if part)
    yield depth, f"{node.id}  {paint(about, 'dim', sys.stdout)}"
    for body in node.bodies:
        if not body.leaf:
            yield from _inner(node, body, depth + 1)


def _inner(node: Node, body: Body, depth: int) -> Iterator[tuple[int, str]]:
    if node.kind == "choose":
        branch = node.step.choose[body.branch]
        yield (
            depth,
            paint(branch.label or ("otherwise" if branch.otherwise else f"when {branch.when}"), "dim", sys.stdout),
        )
        depth += 1
    for wave in levels(body):
        for inner in wave:
            yield from _described(inner, depth)
