"""Workflows of a given shape and size, and the dependencies that they stand for."""

from __future__ import annotations

from typing import Final

from ergon.model.workflow import Workflow

WIDTH: Final = 10
"""Steps in a row of the grid; each needs all of the row before."""
CONCURRENCY: Final = 100
"""Steps at once: the floors have no limit, so ours is not to be what is measured."""
SHAPES: Final = ("chain", "fan-out", "grid")


def needs(shape: str, number: int) -> list[int]:
    """Give the steps that a step of a shape follows from."""
    if shape == "chain":
        return [number - 1] if number else []
    if shape == "grid" and number >= WIDTH:
        row = number // WIDTH
        return list(range((row - 1) * WIDTH, row * WIDTH))
    return []


def workflow(shape: str, size: int) -> Workflow:
    """Give a workflow: the shapes above, `values` (a chain that passes its value on), `for_each`, `thread`."""
    if shape == "for_each":
        block: dict[str, object] = {
            "id": "each",
            "for_each": list(range(size)),
            "uses": "core.noop",
            "with": {"value": "{{ item }}"},
        }
        return _made(shape, [block])
    if shape == "thread":
        return _made(shape, [{"id": f"s{i}", "uses": "builtins:abs", "with": {"x": i}} for i in range(size)])
    if shape == "values":
        sources = ["0", *(f"{{{{ steps.s{i}.output }}}}" for i in range(size - 1))]
        return _made(shape, [{"id": f"s{i}", "uses": "core.noop", "with": {"value": s}} for i, s in enumerate(sources)])
    steps: list[dict[str, object]] = []
    for number in range(size):
        step: dict[str, object] = {"id": f"s{number}", "uses": "core.noop", "with": {"value": number}}
        if before := needs(shape, number):
            step["needs"] = [f"s{i}" for i in before]
        steps.append(step)
    return _made(shape, steps)


def _made(name: str, steps: list[dict[str, object]]) -> Workflow:
    settings = {"concurrency": CONCURRENCY}
    return Workflow.model_validate({"ergon": 1, "name": name, "settings": settings, "steps": steps})
