"""Literal places: where a template stays text, or cannot stand at all (S16)."""

from __future__ import annotations

from ergon.loading.positions import Path
from ergon.loading.report import Report
from ergon.loading.rules.outline import Outline, Site


def check_literal(outline: Outline, report: Report) -> None:
    """Report templates in fixed places, and warn of those that are kept as text."""
    workflow = outline.workflow
    _fixed(workflow.name, ("name",), report)
    _kept(workflow.title, ("title",), report)
    for index, parameter in enumerate(workflow.parameters):
        _kept(parameter.default, ("parameters", index, "default"), report)
    for site in outline.sites:
        _step(site, report)


def _step(site: Site, report: Report) -> None:
    step, path = site.step, site.path
    if step.uses is not None:
        _fixed(step.uses, (*path, "uses"), report)
    if step.on_error is not None:
        _kept(step.on_error.continue_, (*path, "on_error", "continue"), report)


def _fixed(value: str, path: Path, report: Report) -> None:
    if "{{" in value or "{%" in value:
        report.add("E162", path, key=path[-1])


def _kept(value: object, path: Path, report: Report) -> None:
    if isinstance(value, str):
        if "{{" in value:
            report.add("W203", path, key=path[-1])
    elif isinstance(value, dict):
        for key, item in value.items():
            _kept(item, (*path, key), report)
    elif isinstance(value, list | tuple):
        for index, item in enumerate(value):
            _kept(item, (*path, index), report)
