"""Parameters: definitions that contradict themselves (S6)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from ergon.loading.patterns import MAX_WORK, Pattern, PatternInvalid
from ergon.loading.positions import Path
from ergon.loading.report import Report
from ergon.loading.values import NUMBERS, TEXTS, Unfit, fit
from ergon.model.parameters import Option, Parameter
from ergon.model.workflow import Workflow

_RANGES: Final = (
    ("minimum", NUMBERS),
    ("maximum", NUMBERS),
    ("min_length", TEXTS),
    ("max_length", TEXTS),
    ("pattern", TEXTS),
)
_MAX_SIZES: Final = 200_000
"""The size of all patterns of a file together."""
_PAIRS: Final = (("minimum", "maximum"), ("min_length", "max_length"))


def check_parameters(workflow: Workflow, read: Iterable[str] | None, report: Report) -> None:
    """Report definitions that are wrong, and warn of parameters that are not `read` (None: not known)."""
    work = sizes = 0
    used = None if read is None else set(read)
    for index, parameter in enumerate(workflow.parameters):
        path = ("parameters", index)
        fits = _bounds(parameter, path, report) & _options(parameter, path, report)
        size = _pattern(parameter, path, sizes, report)
        sizes += _MAX_SIZES // 200 if size is None else size
        work += (size or 0) * len(str(parameter.default))
        if fits and size is not None and work <= MAX_WORK:
            _default(parameter, path, report)
        if used is not None and parameter.name not in used:
            used.add(parameter.name)
            report.add("W201", (*path, "name"), name=parameter.name)


def _bounds(parameter: Parameter, path: Path, report: Report) -> bool:
    fits = True
    for key, types in _RANGES:
        if key in parameter.model_fields_set and parameter.type not in types and not report.partial(path):
            hint = f"It is for the types {', '.join(sorted(types))}."
            report.add("E183", (*path, key), at_key=True, hint=hint, key=key, name=parameter.name, type=parameter.type)
            fits = False
    for low, high in _PAIRS:
        least, most = getattr(parameter, low), getattr(parameter, high)
        if least is not None and most is not None and least > most:
            report.add("E182", (*path, low), name=parameter.name, low=f"{low} {least:g}", high=f"{high} {most:g}")
            fits = False
    return fits


def _options(parameter: Parameter, path: Path, report: Report) -> bool:
    problem, hint = "", ""
    if parameter.type == "enum" and not parameter.options:
        if report.partial(path) or report.partial((*path, "options")):
            return False
        problem, hint = "is an enum without options", "Add `options: [a, b]`."
    elif parameter.type != "enum" and parameter.options:
        if report.partial(path):
            return False
        problem, hint = f"has options, and its type is {parameter.type}", "Options are for `type: enum`."
    elif any(isinstance(o, dict | list | tuple) and not isinstance(o, Option) for o in parameter.options):
        problem, hint = "has an option that is no single value", "An option is a value, or `{value: …, label: …}`."
    if problem:
        place = (*path, "options") if parameter.options else (*path, "name")
        report.add("E181", place, hint=hint, name=parameter.name, problem=problem)
    return not problem


def _pattern(parameter: Parameter, path: Path, sizes: int, report: Report) -> int | None:
    """Report a pattern that cannot be used; gives its size, and None where it is at fault."""
    if parameter.pattern is None:
        return 0
    if sizes > _MAX_SIZES:
        report.add("E184", (*path, "pattern"), name=parameter.name, reason="there are too many patterns above it")
        return None
    try:
        return Pattern(parameter.pattern).size
    except PatternInvalid as error:
        report.add("E184", (*path, "pattern"), name=parameter.name, reason=str(error))
        return None


def _default(parameter: Parameter, path: Path, report: Report) -> None:
    if parameter.default is None:
        return
    place = (*path, "default")
    if parameter.type == "secret":
        report.add("W204", place, name=parameter.name)
    try:
        fit(parameter, parameter.default)
    except Unfit as unfit:
        report.add("E180", place, name=parameter.name, reason=str(unfit))
