"""Ids: unique in their scope, and hiding none further out (S5, S24)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from ergon.loading.positions import Path
from ergon.loading.report import Report
from ergon.loading.rules.outline import Outline, Scope, Site
from ergon.model.workflow import Workflow

_RESERVED: Final = frozenset(
    {"parameters", "variables", "steps", "state", "run", "trigger", "env", "secrets", "loop", "output"}
)


def check_ids(outline: Outline, report: Report) -> None:
    """Report ids that stand for two steps, and names that hide others."""
    for scope in outline.scopes:
        _unique(scope.sites, report)
        if scope.owner is not None:
            _hiding(scope, report)
    for site in outline.sites:
        if site.kind == "choose":
            _across_branches(site, report)
        if site.kind == "for_each":
            _item_name(site, report)


def check_lists(workflow: Workflow, report: Report) -> None:
    """Report parameters and triggers that share a name."""
    _names(("parameters",), "name", "parameter", [p.name for p in workflow.parameters], report)
    _names(("triggers",), "id", "trigger", [t.id for t in workflow.triggers], report)


def _names(path: Path, key: str, what: str, names: Sequence[str], report: Report) -> None:
    seen: set[str] = set()
    for index, name in enumerate(names):
        if name in seen:
            report.add("E140", (*path, index, key), what=what, name=name)
        seen.add(name)


def _unique(sites: Iterable[Site], report: Report) -> None:
    seen: set[str] = set()
    for site in sites:
        if site.id in seen:
            report.add("E130", (*site.path, "id"), id=site.id)
        seen.add(site.id)


def _across_branches(site: Site, report: Report) -> None:
    seen: set[str] = set()
    for scope in site.inner:
        for inner in scope.ids.values():
            if inner.id in seen:
                hint = "Ids are unique across the branches of one `choose`."
                report.add("E130", (*inner.path, "id"), hint=hint, id=inner.id)
        seen |= set(scope.ids)


def _hiding(scope: Scope, report: Report) -> None:
    """Report the steps of an inner scope whose id means another step further out."""
    outer = scope.outer
    assert outer is not None
    for site in scope.ids.values():
        if outer.find(site.id) is not None:
            report.add("E131", (*site.path, "id"), what="The id", name=site.id)


def _item_name(site: Site, report: Report) -> None:
    given = site.step.as_
    name = given or "item"
    path = (*site.path, "as")
    if given in _RESERVED:
        report.add("E131", path, hint="This name has a meaning of its own in templates.", what="The name", name=given)
    elif name in site.scope.locals:
        if given is None and not _is_named(site, name):
            report.add("W208", (*site.path, "for_each"), at_key=True, name=name)
        else:
            report.add("E131", path if given else (*site.path, "for_each"), what="The item", name=name)


def _is_named(site: Site, name: str) -> bool:
    """Whether a block around gives its item this name by `as`."""
    return any(around.step.as_ == name for around in site.ancestors() if around is not site)
