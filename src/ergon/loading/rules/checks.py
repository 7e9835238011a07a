"""All rules, in the order in which they build on each other."""

from __future__ import annotations

from pathlib import Path

from ergon.loading.report import Report
from ergon.loading.rules.actions import Actions
from ergon.loading.rules.blocks import check_blocks
from ergon.loading.rules.edges import Edges
from ergon.loading.rules.ids import check_ids, check_lists
from ergon.loading.rules.literal import Literal
from ergon.loading.rules.names import Names
from ergon.loading.rules.outline import Outline
from ergon.loading.rules.parameters import check_parameters
from ergon.loading.rules.policies import check_policies
from ergon.loading.rules.standins import check_stand_ins
from ergon.loading.rules.state import check_state
from ergon.loading.rules.uses import Reader
from ergon.loading.rules.variables import check_variables
from ergon.model.workflow import Workflow
from ergon.ports import Catalog


def check_rules(workflow: Workflow, report: Report, *, catalog: Catalog | None, folder: Path | None) -> None:
    """Report everything that is wrong with a workflow beyond its structure."""
    outline = Outline(workflow)
    check_ids(outline, report)
    check_lists(workflow, report)
    check_blocks(outline, report)
    reader = Reader(outline, report)
    reader.read()
    names = Names(outline, report)
    names.check(reader.uses)
    check_variables(workflow, reader.uses, report)
    edges = Edges(outline, report)
    edges.collect(reader.uses)
    edges.check_cycles()
    check_stand_ins(outline, reader.uses, report)
    check_state(outline, edges, report)
    whole = bool(workflow.steps) and reader.complete and not report.partial(("steps",))
    literal = Literal(report)
    literal.check(outline)
    check_parameters(workflow, names.read.union(literal.meant()) if whole else None, report)
    check_policies(outline, report)
    Actions(report, catalog, folder).check(outline)
    if not workflow.steps and not report.partial(("steps",)):
        report.add("W205", ("name",), at_key=True)
