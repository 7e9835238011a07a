"""Uses: every name that the templates of a workflow read, with the place where it is read (S16, S17)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final, Literal

from ergon.errors import TemplateInvalid
from ergon.loading.positions import Path
from ergon.loading.report import Report
from ergon.loading.rules.outline import Outline, Scope, Site
from ergon.model.expressions import Reference, Template, parse_expression, parse_template
from ergon.model.graph import EXPRESSION_INPUTS, LITERAL_INPUTS
from ergon.model.policies import Cache, Retry
from ergon.model.workflow import Workflow

Role = Literal["value", "decision", "validate", "variable", "output"]

MAX_WORK: Final = 2_000_000
"""What reading all different templates may cost, in about as many microseconds."""

MAX_USES: Final = 500_000
"""Reads that are looked into: aliases and `defaults` repeat templates that were read once."""


@dataclass(frozen=True, slots=True)
class View:
    """From where a template reads: its scope, the step whose key it stands in, and what the key is for."""

    scope: Scope
    site: Site | None
    role: Role
    names: frozenset[str] = frozenset()
    """Names that loops give it."""
    inside: bool = False
    """Whether it is evaluated inside the block whose key it is."""


@dataclass(frozen=True, slots=True)
class Use:
    """One read of a name."""

    reference: Reference
    path: Path
    view: View

    @property
    def place(self) -> tuple[int, int]:
        """Line and column inside the text at the path."""
        return self.reference.line, self.reference.column


class Reader:
    """Reads the templates of a workflow, reports those that cannot be read, and collects what they use."""

    def __init__(self, outline: Outline, report: Report) -> None:
        self._outline, self._report = outline, report
        self.uses: list[Use] = []
        self.complete = True
        """Whether every template could be read, so that what was not found is not used."""
        self._seen: dict[tuple[str, bool], tuple[Reference, ...]] = {}
        self._work = 0
        defaults = outline.workflow.defaults
        self._defaults = {name: getattr(defaults, name) for name in defaults.model_fields_set}

    def read(self) -> None:
        """Read them all."""
        self._workflow(self._outline.workflow)
        for site in self._outline.sites:
            self._step(site)

    # ---- places ----------------------------------------------------------------------------------------------

    def _workflow(self, workflow: Workflow) -> None:
        root = self._outline.root
        for key, role in (("variables", "variable"), ("outputs", "output")):
            view = View(root, None, role)  # type: ignore[arg-type]  # one of the two words
            self._value(getattr(workflow, key), (key,), view)
        for index, trigger in enumerate(workflow.triggers):
            if isinstance(trigger.when, str):
                self._parse(trigger.when, ("triggers", index, "when"), bare=True)

    def _step(self, site: Site) -> None:
        step, path, given = site.step, site.path, site.step.model_fields_set
        value = View(site.scope, site, "value", site.scope.locals)
        decision = View(site.scope, site, "decision", site.scope.locals)
        item = View(site.scope, site, "value", site.inside.locals, site.is_leaf) if site.is_leaf else value
        if "with_" in given:
            self._inputs(site, item)
        if "name" in given:
            self._value(step.name, (*path, "name"), item)
        if "when" in given:
            self._condition(step.when, (*path, "when"), decision)
        if "needs" in given:
            for index, need in enumerate(step.needs):
                self._condition(need.when, (*path, "needs", index, "when"), decision)
        if "enabled" in given:
            self._value(step.enabled, (*path, "enabled"), decision)
        self._policies(step.timeout, step.retry, step.cache, path, item)
        if self._defaults and step.uses is not None:
            inherited = {name: value for name, value in self._defaults.items() if name not in given}
            timeout, retry, cache = (inherited.get(name) for name in ("timeout", "retry", "cache"))
            self._policies(timeout, retry, cache, ("defaults",), item)
        if "validate_" in given:
            self._validate(site, View(site.scope, site, "validate", item.names | {"output"}, site.is_leaf))
        if site.kind != "action":
            self._block(site, decision)

    def _policies(self, timeout: object, retry: Retry | None, cache: Cache | None, path: Path, item: View) -> None:
        """Read the policies of a step, its own or those that it inherits."""
        if isinstance(timeout, str):
            self._value(timeout, (*path, "timeout"), replace(item, role="decision"))
        if retry is not None:
            decision = replace(item, role="decision")
            for key in ("attempts", "delay", "max_delay", "jitter"):
                self._value(getattr(retry, key), (*path, "retry", key), decision)
        if cache is not None and cache.key is not None:
            self._value(cache.key, (*path, "cache", "key"), item)

    def _inputs(self, site: Site, view: View) -> None:
        uses = site.step.uses or ""
        literal, bare = LITERAL_INPUTS.get(uses, frozenset()), EXPRESSION_INPUTS.get(uses, frozenset())
        for name, value in site.step.with_.items():
            path = (*site.path, "with", name)
            if "{{" in name:
                self._report.add("E161", path, at_key=True, key=name)
            if name in bare and isinstance(value, str):
                self._condition(value, path, view)
            elif name not in literal:
                self._value(value, path, view)

    def _validate(self, site: Site, view: View) -> None:
        for index, rule in enumerate(site.step.validate_):
            path = (*site.path, "validate", index)
            self._condition(rule.that, (*path, "that"), view)
            self._value(rule.message, (*path, "message"), view)

    def _block(self, site: Site, decision: View) -> None:
        step, path = site.step, site.path
        inside = View(site.inside, site, "decision", site.inside.locals, inside=True)
        if step.for_each is not None:
            self._value(step.for_each, (*path, "for_each"), decision)
        looping = View(site.scope, site, "decision", site.inside.locals)
        self._condition(step.while_, (*path, "while"), looping)
        self._condition(step.until, (*path, "until"), inside)
        for index, branch in enumerate(step.choose):
            self._condition(branch.when, (*path, "choose", index, "when"), decision)
        if step.output is not None:
            self._value(step.output, (*path, "output"), View(site.inside, site, "value", inside.names, inside=True))

    # ---- templates -------------------------------------------------------------------------------------------

    def _condition(self, source: object, path: Path, view: View) -> None:
        if isinstance(source, str):
            self._take(self._parse(source, path, bare=True), path, view)

    def _value(self, value: object, path: Path, view: View) -> None:
        """Read the templates of a tree of values; keys are literal."""
        if isinstance(value, str):
            if "{" in value:
                self._take(self._parse(value, path, bare=False), path, view)
        elif isinstance(value, Mapping):
            for key, item in value.items():
                if isinstance(key, str) and "{{" in key:
                    self._report.add("E161", (*path, key), at_key=True, key=key)
                self._value(item, (*path, key), view)
        elif isinstance(value, list | tuple):
            for index, item in enumerate(value):
                self._value(item, (*path, index), view)

    def _take(self, references: tuple[Reference, ...], path: Path, view: View) -> None:
        if len(self.uses) + len(references) > MAX_USES:
            if self._work <= MAX_WORK:
                self._spend(MAX_WORK + 1, path)
            self.complete = False
            return
        for reference in references:
            self.uses.append(Use(reference, path, view))

    def _parse(self, text: str, path: Path, *, bare: bool) -> tuple[Reference, ...]:
        known = self._seen.get((text, bare))
        if known is not None:
            return known
        if self._work > MAX_WORK:
            self.complete = False
            return ()
        template: Template | None
        try:
            template = parse_expression(text) if bare else parse_template(text)
        except TemplateInvalid as error:
            self.complete = False
            self._spend(_cost(text) + len(text) ** 2 // 4000, path)
            self._report.add("E150", path, inside=(error.line, error.column), hint=error.hint, reason=error.reason)
            return ()
        if template is None:
            return ()
        self._seen[text, bare] = found = template.references
        self._spend(len(text) // 4 if template.is_path else _cost(text), path)
        return found

    def _spend(self, cost: int, path: Path) -> None:
        if self._work <= MAX_WORK < self._work + cost:
            self._report.add("E129", path)
        self._work += cost


def _cost(text: str) -> int:
    """Estimate what reading a template that is more than a path costs."""
    return 40 + 5 * len(text) + 3 * max(0, len(text) - 1_000)
