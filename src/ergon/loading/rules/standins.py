"""Stand-ins: what takes the place of a step that failed (S31)."""

from __future__ import annotations

from collections.abc import Iterable

from ergon.loading.report import Report
from ergon.loading.rules.outline import Outline, Site
from ergon.loading.rules.uses import Use


def check_stand_ins(outline: Outline, uses: Iterable[Use], report: Report) -> None:
    """Report unclear `on_error` keys, and stand-ins that serve two steps or are read by others."""
    served: dict[Site, Site] = {}
    for site in outline.sites:
        on_error = site.step.on_error
        if on_error is None:
            continue
        path = (*site.path, "on_error")
        if on_error.continues == (on_error.step is not None) and not report.partial(path):
            problem = "both `continue` and `step`" if on_error.continues else "neither `continue` nor `step`"
            report.add("E146", path, id=site.id, problem=problem)
        stand_in = site.scope.ids.get(on_error.step or "")
        if stand_in is None or stand_in is site:
            continue
        if stand_in in served:
            report.add("E148", (*path, "step"), step=stand_in.id, other=served[stand_in].id)
        served.setdefault(stand_in, site)
    _readers(uses, served, report)


def _readers(uses: Iterable[Use], served: dict[Site, Site], report: Report) -> None:
    """Warn of steps that need a stand-in's output, and so are skipped when all goes well."""
    if not served:
        return
    for use in uses:
        reference, site = use.reference, use.view.site
        if reference.root != "steps" or reference.lenient or reference.path[1:2] != ("output",) or site is None:
            continue
        source = use.view.scope.find(str(reference.path[0]))
        if source in served and not any(around in (source, served[source]) for around in site.ancestors()):
            report.add("W206", use.path, inside=use.place, step=source.id, served=served[source].id)
