"""Policies: resources, what this version does not do yet, error types, triggers (S7, S33, S54)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Final

from ergon.errors import Invalid, StepError
from ergon.loading.positions import Path
from ergon.loading.report import Report
from ergon.loading.rules.outline import Outline, Site
from ergon.model.base import parse_duration
from ergon.model.graph import Capacity, parse_capacity
from ergon.model.policies import Retry
from ergon.model.workflow import Trigger, Workflow

_LATER: Final = (("settings", "budget"), ("settings", "kernel"))
_NEEDED: Final[dict[str, tuple[str, ...]]] = {
    "schedule": ("cron", "every", "at"),
    "file": ("path", "paths"),
    "workflow": ("workflow", "path", "name"),
}
_CRON_FIELDS: Final = (5, 6)


def check_policies(outline: Outline, report: Report) -> None:
    """Report all of them."""
    workflow = outline.workflow
    capacities = _capacities(workflow, report)
    for part, key in _LATER:
        if getattr(workflow.settings, key) is not None:
            report.add("E193", (part, key), at_key=True, what=f"'{part}.{key}'")
    if workflow.defaults.run_on == "dask":
        report.add("E193", ("defaults", "run_on"), hint="Use `thread` or `process`.", what="'run_on: dask'")
    if workflow.defaults.retry is not None:
        _error_types(workflow.defaults.retry, ("defaults", "retry"), report)
    for site in outline.sites:
        given = site.step.model_fields_set
        if site.step.run_on == "dask":
            report.add("E193", (*site.path, "run_on"), hint="Use `thread` or `process`.", what="'run_on: dask'")
        if "resources" in given:
            _takes(site, capacities, report)
        if site.step.retry is not None:
            _error_types(site.step.retry, (*site.path, "retry"), report)
    _triggers(workflow, report)


# ---- resources -----------------------------------------------------------------------------------------------


def _capacities(workflow: Workflow, report: Report) -> dict[str, Capacity | None]:
    """Read all capacities; None for one that is at fault."""
    found: dict[str, Capacity | None] = {}
    places: tuple[tuple[Path, dict[str, object]], ...] = (
        (("settings", "resources"), dict(workflow.settings.resources)),
        (("resources",), dict(workflow.resources)),
    )
    for path, given in places:
        for name, value in given.items():
            found[name] = _capacity(value)
            if found[name] is None:
                told = f"'{value}'" if isinstance(value, str) else str(value)
                report.add("E191", (*path, name), name=name, found=told)
    return found


def _capacity(value: object) -> Capacity | None:
    try:
        capacity = parse_capacity(value)
    except (ValueError, OverflowError):
        return None
    return capacity if math.isfinite(capacity.amount) else None


def _takes(site: Site, capacities: dict[str, Capacity | None], report: Report) -> None:
    for name, amount in site.step.resources.items():
        path = (*site.path, "resources", name)
        if name not in capacities:
            if not any(
                report.partial(place) for place in ((), ("resources",), ("settings",), ("settings", "resources"))
            ):
                hint = report.suggest(name, capacities) or f"Add it at the top: `resources: {{{name}: 1}}`."
                report.add("E190", path, at_key=True, hint=hint, name=name)
            continue
        capacity = capacities[name]
        if capacity is not None and not capacity.period and amount > capacity.amount:
            told = f"{capacity.amount:g}"
            report.add("E192", path, id=site.id, amount=f"{amount:g}", name=name, capacity=told)


# ---- error types ---------------------------------------------------------------------------------------------


def _names(kind: type[BaseException]) -> set[str]:
    return {kind.__name__}.union(*(_names(inner) for inner in kind.__subclasses__()))


def _error_types(retry: Retry, path: Path, report: Report) -> None:
    """Warn of a type that is spelt nearly like one that Ergon knows."""
    if not retry.on:
        return
    known = _names(StepError) | _names(Invalid) | {"OSError", "ConnectionError", "TimeoutError", "ValueError"}
    for index, name in enumerate(retry.on):
        if name not in known and (hint := report.suggest(name, sorted(known))):
            report.add("W207", (*path, "on", index), hint=hint, name=name)


# ---- triggers ------------------------------------------------------------------------------------------------


def _triggers(workflow: Workflow, report: Report) -> None:
    names = [parameter.name for parameter in workflow.parameters]
    for index, trigger in enumerate(workflow.triggers):
        path = ("triggers", index)
        if not report.partial(path):
            problem, key = _fault(trigger)
            if problem:
                place = (*path, "with", key) if key else (*path, "on")
                report.add("E194", place, kind=trigger.on, id=trigger.id, problem=problem)
        for name in trigger.parameters:
            if name not in names and not report.partial(("parameters",)):
                report.add(
                    "E152", (*path, "parameters", name), at_key=True, hint=report.suggest(name, names), name=name
                )
    if workflow.triggers:
        report.add("N301", ("triggers",), at_key=True)


def _fault(trigger: Trigger) -> tuple[str, str]:
    """Say what is wrong with a trigger, and under which key of `with`."""
    given = trigger.with_
    needed = _NEEDED.get(trigger.on, ())
    if needed and not any(key in given for key in needed):
        return f"says nothing of {' or '.join(f'`{key}`' for key in needed)} under `with`", ""
    if trigger.on == "schedule":
        return _schedule_fault(given)
    for key in needed:
        value = given.get(key, "")
        texts = value if isinstance(value, list) else [value]
        if not all(isinstance(text, str) for text in texts):
            return f"needs a text under `{key}`", key
    return "", ""


def _schedule_fault(given: Mapping[str, object]) -> tuple[str, str]:
    cron = given.get("cron")
    if cron is not None and (not isinstance(cron, str) or len(cron.split()) not in _CRON_FIELDS):
        return "needs five fields under `cron`, such as '0 6 * * 1'", "cron"
    if "every" in given:
        try:
            parse_duration(given["every"])
        except ValueError as error:
            return f"has a wrong `every`: {error}", "every"
    return "", ""
