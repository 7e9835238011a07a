"""Variables: they may read each other, and not in a circle (S17)."""

from __future__ import annotations

from collections.abc import Iterable

from ergon.loading.report import Report
from ergon.loading.rules.cycles import cycles
from ergon.loading.rules.uses import Use
from ergon.model.workflow import Workflow


def check_variables(workflow: Workflow, uses: Iterable[Use], report: Report) -> None:
    """Report variables that need each other."""
    edges: dict[str, dict[str, Use]] = {name: {} for name in workflow.variables}
    for use in uses:
        if use.view.role != "variable" or use.reference.root != "variables":
            continue
        name = str(use.path[1])
        other = str(use.reference.path[0]) if use.reference.path else name  # who reads all reads itself
        if other in edges and name in edges:
            edges[name].setdefault(other, use)
    for cycle in cycles({name: list(read) for name, read in edges.items()}):
        use = edges[cycle[0]][cycle[1]]
        report.add("E160", use.path, inside=use.place, cycle=" → ".join(cycle))
