"""Blocks: a step is one thing, with the keys that fit it (S4, S26 to S29)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from ergon.loading.labels import described
from ergon.loading.report import Report
from ergon.loading.rules.outline import Outline, Site
from ergon.model.workflow import Step, StepKind

_KEYS: Final = {
    "with_": "with",
    "as_": "as",
    "while_": "while",
    "validate_": "validate",
}
BLOCK_KEYS: Final[dict[StepKind, tuple[str, ...]]] = {
    "action": (),
    "for_each": ("for_each",),
    "while": ("while_", "until"),
    "choose": ("choose",),
    "parallel": ("parallel",),
}
"""The keys that make a step a block, by kind."""
FITS: Final[dict[str, tuple[StepKind, ...]]] = {
    "as_": ("for_each",),
    "concurrency": ("for_each",),
    "on_item_error": ("for_each",),
    "max_iterations": ("while",),
    "every": ("while",),
    "wait_for": ("parallel",),
    "steps": ("for_each", "while"),
    "output": ("for_each", "while", "choose", "parallel"),
}
"""The kinds of step that a key of blocks fits."""
ACTION_KEYS: Final = ("with_", "retry", "cache", "resources", "run_on", "on_crash")
"""Keys that stand on what a block with steps holds, not on the block."""
_CALLED: Final[dict[StepKind, str]] = {
    "action": "a step that calls an action",
    "for_each": "a `for_each`",
    "while": "a loop",
    "choose": "a `choose`",
    "parallel": "a `parallel`",
}
_NEEDED: Final = {
    "as_": "a `for_each`",
    "concurrency": "a `for_each`",
    "on_item_error": "a `for_each`",
    "max_iterations": "a `while` or `until`",
    "every": "a `while` or `until`",
    "wait_for": "a `parallel`",
    "steps": "a `for_each`, `while` or `until`",
    "output": "a block",
}


def file_key(name: str) -> str:
    """Give the key of a file for a field of the model."""
    return _KEYS.get(name, name)


def check_blocks(outline: Outline, report: Report) -> None:
    """Report steps that are nothing, two things, or have keys of another kind."""
    for site in outline.sites:
        if site.kind == "action":
            _action(site, report)
        else:
            _block(site, report)


def _action(site: Site, report: Report) -> None:
    step = site.step
    if step.uses is None and not report.partial(site.path):
        report.add("E132", (*site.path, "id"), id=step.id)
        return
    _misfits(site, report)


def _block(site: Site, report: Report) -> None:
    step = site.step
    given = [name for keys in BLOCK_KEYS.values() for name in keys if name in step.model_fields_set]
    if len(given) > 1:
        names = [f"`{file_key(name)}`" for name in given[:2]]
        report.add("E133", (*site.path, file_key(given[1])), at_key=True, id=step.id, first=names[0], second=names[1])
        return
    if site.kind in ("choose", "parallel"):
        if step.uses is not None:
            report.add("E133", (*site.path, "uses"), at_key=True, id=step.id, first=f"`{site.kind}`", second="`uses`")
            return
    elif step.uses is not None and "steps" in step.model_fields_set:
        report.add("E133", (*site.path, "uses"), at_key=True, id=step.id, first="`steps`", second="`uses`")
        return
    _misfits(site, report)
    _body(site, report)


def _body(site: Site, report: Report) -> None:
    step = site.step
    given = step.model_fields_set
    _tests(site, report)
    if site.kind == "while" and step.max_iterations is None and not report.partial(site.path):
        report.add("E135", (*site.path, "id"), id=step.id)
    if site.kind == "choose":
        _branches(site, report)
    if site.kind in ("choose", "parallel"):
        if not getattr(step, site.kind) and not report.partial((*site.path, site.kind)):
            report.add("E137", (*site.path, site.kind), at_key=True, key=site.kind, id=step.id)
    elif step.uses is None and not step.steps:
        if "steps" in given and not report.partial((*site.path, "steps")):
            report.add("E137", (*site.path, "steps"), at_key=True, key="steps", id=step.id)
        elif "steps" not in given and not report.partial(site.path):
            what = "Loop" if site.kind == "while" else "`for_each`"
            report.add("E136", (*site.path, "id"), kind=what, id=step.id)


def _tests(site: Site, report: Report) -> None:
    """Report a `for_each`, `while` or `until` whose value can never work."""
    step, given = site.step, site.step.model_fields_set
    items = step.for_each
    can_be_list = isinstance(items, list | tuple | dict) or (isinstance(items, str) and "{" in items)
    if "for_each" in given and not can_be_list:
        hint = "Give a list, or a template like `{{ steps.load.output }}`."
        facts = {"key": "for_each", "expected": "a list or a mapping", "found": described(items)}
        report.put("E123", (*site.path, "for_each"), facts, hint=hint)
    for name in ("while_", "until"):
        if name in given and getattr(step, name) is None:
            key = file_key(name)
            report.add("E123", (*site.path, key), key=key, expected="an expression", found="nothing")


def _branches(site: Site, report: Report) -> None:
    closed = False
    for index, branch in enumerate(site.step.choose):
        path = (*site.path, "choose", index)
        if closed:
            report.add("E138", path)
            continue
        if branch.otherwise and branch.when is not None:
            report.add("E139", path, problem="both `when` and `otherwise`")
        elif not branch.otherwise and branch.when is None and not report.partial(path):
            report.add("E139", path, problem="neither `when` nor `otherwise`")
        closed = bool(branch.otherwise)


def _misfits(site: Site, report: Report) -> None:
    for name, hint in _misfitting(site):
        key = file_key(name)
        report.add("E134", (*site.path, key), at_key=True, hint=hint, key=key, kind=_CALLED[site.kind])


def _misfitting(site: Site) -> Iterator[tuple[str, str]]:
    """Give the keys that do not fit a step's kind, and where they belong."""
    step: Step = site.step
    given = step.model_fields_set
    for name, kinds in FITS.items():
        if name in given and site.kind not in kinds:
            yield name, f"It belongs to {_NEEDED[name]}."
    if site.kind == "action":
        return
    if site.is_leaf:
        if "output" in given:
            yield (
                "output",
                "The output is the list of what the action gives; put the action under `steps` to change it.",
            )
        return
    for name in ACTION_KEYS:
        if name in given:
            yield name, "Put it on the steps inside."
