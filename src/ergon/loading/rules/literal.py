"""Literal places: where a template stays text, or cannot stand at all (S16)."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from ergon.loading.positions import Path
from ergon.loading.report import Report
from ergon.loading.rules.outline import Outline, Site

_PARAMETER: Final = re.compile(r"\bparameters\.(\w+)")


class Literal:
    """Finds templates where none is evaluated."""

    def __init__(self, report: Report) -> None:
        self._report = report
        self._texts: list[str] = []

    def check(self, outline: Outline) -> None:
        """Report templates in fixed places, and warn of those that are kept as text."""
        workflow = outline.workflow
        self._fixed(workflow.name, ("name",))
        self._kept(workflow.title, ("title",))
        for index, parameter in enumerate(workflow.parameters):
            self._kept(parameter.default, ("parameters", index, "default"))
        for site in outline.sites:
            self._step(site)

    def meant(self) -> Iterable[str]:
        """Give the parameters that such templates name: somebody wants them to be read."""
        for text in self._texts:
            yield from _PARAMETER.findall(text)

    def _step(self, site: Site) -> None:
        step, path = site.step, site.path
        if step.uses is not None:
            self._fixed(step.uses, (*path, "uses"))
        if step.on_error is not None and step.on_error.continues:
            self._kept(step.on_error.continue_, (*path, "on_error", "continue"))

    def _fixed(self, value: str, path: Path) -> None:
        if "{{" in value or "{%" in value:
            self._texts.append(value)
            self._report.add("E162", path, key=path[-1])

    def _kept(self, value: object, path: Path) -> None:
        if isinstance(value, str):
            if "{{" in value:
                self._texts.append(value)
                self._report.add("W203", path, key=path[-1])
        elif isinstance(value, dict):
            for key, item in value.items():
                self._kept(item, (*path, key))
        elif isinstance(value, list | tuple):
            for index, item in enumerate(value):
                self._kept(item, (*path, index))
