"""State: two steps that may run at once should not set one name (S18)."""

from __future__ import annotations

from typing import Final

from ergon.loading.report import Report
from ergon.loading.rules.cycles import Knots
from ergon.loading.rules.edges import Edges
from ergon.loading.rules.outline import Outline, Scope, Site

_SETTER: Final = "core.set"


def check_state(outline: Outline, edges: Edges, report: Report) -> None:
    """Warn where two steps, or two items of a `for_each`, may set one name at once."""
    setters: dict[Site, set[str]] = {}
    for site in outline.sites:
        if site.step.uses == _SETTER and site.step.with_:
            for around in site.ancestors():
                setters.setdefault(around, set()).update(site.step.with_)
            _items(site, report)
    if not setters or edges.has_cycles:
        return
    for scope in outline.scopes:
        if sum(site in setters for site in scope.sites) > 1:
            _scope(scope, setters, edges, report)


def _items(site: Site, report: Report) -> None:
    """Warn where the items of one `for_each` set the same name side by side."""
    for around in site.ancestors():
        if around.kind == "for_each" and around.step.concurrency != 1:
            hint = "Set `concurrency: 1`, or collect the items' outputs instead."
            first, second = f"{around.id}[0]", f"{around.id}[1]"
            for name in site.step.with_:
                path = (*site.path, "with", name)
                report.add("W202", path, at_key=True, hint=hint, first=first, second=second, name=name)
            return


def _scope(scope: Scope, setters: dict[Site, set[str]], edges: Edges, report: Report) -> None:
    """Compare the setters of one scope, name by name, in an order in which every step follows its sources."""
    sources = {site: [edge.source for edge in edges.of(site)] for site in scope.sites}
    order = [site for knot in Knots(sources).find() for site in knot]
    place = {site: index for index, site in enumerate(order)}
    last: dict[str, Site] = {}
    for site in order:
        for name in sorted(setters.get(site, ())):
            before = last.get(name)
            if before is not None and not _follows(site, before, sources, place):
                first, second = sorted((before, site), key=lambda s: s.path[-1])
                path = (*second.path, "with", name) if second.step.uses == _SETTER else (*second.path, "id")
                report.add("W202", path, at_key=True, first=first.id, second=second.id, name=name)
            last[name] = site


def _follows(site: Site, before: Site, sources: dict[Site, list[Site]], place: dict[Site, int]) -> bool:
    """Whether a step waits, directly or not, for one that stands before it in the order."""
    pending, seen = [site], {site}
    while pending:
        for source in sources[pending.pop()]:
            if source is before:
                return True
            if source not in seen and place[source] > place[before]:
                seen.add(source)
                pending.append(source)
    return False
