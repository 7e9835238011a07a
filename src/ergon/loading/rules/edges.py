"""Edges: which step waits for which, by `needs` and by templates, and what is wrong with them (S19, S20, S24)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise

from ergon.loading.positions import Path
from ergon.loading.report import Report
from ergon.loading.rules.cycles import cycles
from ergon.loading.rules.names import STEP_FACTS
from ergon.loading.rules.outline import Outline, Scope, Site
from ergon.loading.rules.uses import Use


@dataclass(frozen=True, slots=True)
class Edge:
    """A step waits for another of the same scope; `path` is where the file says so."""

    waits: Site
    source: Site
    path: Path
    inside: tuple[int, int] | None
    fact: str = ""
    """What is read of the source; empty for `needs`."""


class Edges:
    """All edges of a workflow, each between two steps of one scope."""

    def __init__(self, outline: Outline, report: Report) -> None:
        self._outline, self._report = outline, report
        self.found: dict[Site, list[Edge]] = {}
        """The edges of each step, by the one that waits."""
        self.has_cycles = False

    def collect(self, uses: Iterable[Use]) -> None:
        """Find all edges, and report those that lead nowhere or to the step itself."""
        for site in self._outline.sites:
            for index, need in enumerate(site.step.needs):
                self._need(site, need.step, (*site.path, "needs", index, "step"))
            if site.step.on_error is not None and site.step.on_error.step is not None:
                self._stand_in(site, site.step.on_error.step)
        for use in uses:
            if use.reference.root == "steps" and use.view.role != "variable":
                self._use(use)

    def check_cycles(self) -> None:
        """Report steps that wait for each other."""
        for scope in self._outline.scopes:
            graph = {site: list(dict.fromkeys(e.source for e in self.of(site))) for site in scope.sites}
            for cycle in cycles(graph):
                self.has_cycles = True
                edge = next(e for e in self.of(cycle[0]) if e.source is cycle[1])
                names = " → ".join(self._report.shown.get(site.id, site.id) for site in cycle)
                self._report.add("E145", edge.path, inside=edge.inside, hint=_advice(cycle), cycle=names)

    def of(self, site: Site) -> list[Edge]:
        """Give the edges of a step."""
        return self.found.get(site, [])

    # ---- what the file says ----------------------------------------------------------------------------------

    def _need(self, site: Site, name: str, path: Path) -> None:
        source = site.scope.find(name)
        if source is None:
            if name not in self._report.bad_names and not self._incomplete(site.scope):
                self._missing(name, site.scope, path, needs=site)
            return
        self._connect(site, source, path, None, "")

    def _stand_in(self, site: Site, name: str) -> None:
        path = (*site.path, "on_error", "step")
        source = site.scope.ids.get(name)
        if source is not None:
            self._connect(site, source, path, None, "stand_in")
        elif site.scope.find(name) is not None:
            self._report.add("E147", path, step=name, id=site.id)
        elif name not in self._report.bad_names and not self._incomplete(site.scope):
            self._missing(name, site.scope, path, needs=site)

    def _use(self, use: Use) -> None:
        reference = use.reference
        if reference.computed or not reference.path:
            self._report.add("E156", use.path, inside=use.place, what="A step", example="steps.load.output")
            return
        name = str(reference.path[0])
        scope = use.view.scope
        source = scope.find(name)
        if source is None:
            if name not in self._report.bad_names and not self._incomplete(scope):
                self._missing(name, scope, use.path, inside=use.place)
            return
        self._fact(use, name)
        waits = use.view.site
        if waits is not None and not (use.view.inside and source.scope.owner is waits):
            fact = str(reference.path[1]) if len(reference.path) > 1 else "output"
            self._connect(waits, source, use.path, use.place, fact)

    def _fact(self, use: Use, name: str) -> None:
        """Check what is read of a step."""
        path = use.reference.path
        if len(path) == 1:
            if not use.reference.lenient:
                what = f"What is read of step '{name}'"
                self._report.add("E156", use.path, inside=use.place, what=what, example=f"steps.{name}.output")
        elif path[1] not in STEP_FACTS:
            wrong = str(path[1])
            hint = self._report.suggest(wrong, STEP_FACTS) or f"Its output is under `steps.{name}.output`."
            self._report.add("E155", use.path, inside=use.place, hint=hint, owner=f"Step '{name}'", name=wrong)

    # ---- what it means ---------------------------------------------------------------------------------------

    def _connect(self, site: Site, source: Site, path: Path, inside: tuple[int, int] | None, fact: str) -> None:
        """Add an edge, from the block in the source's scope that the waiting step is inside of (S24)."""
        waits = next((s for s in site.ancestors() if s.scope is source.scope), None)
        if waits is None:
            return
        if waits is not source:
            if not (fact == "error" and _serves(waits, source)):
                self.found.setdefault(waits, []).append(Edge(waits, source, path, inside, fact))
        elif site is source and not _is_inside(path, site):
            self._report.add("E143", path, inside=inside, id=site.id)
        else:
            self._report.add("E144", path, inside=inside, block=source.id)

    def _missing(
        self, name: str, scope: Scope, path: Path, *, inside: tuple[int, int] | None = None, needs: Site | None = None
    ) -> None:
        """Report a step that cannot be seen from a scope, or does not exist at all."""
        hidden = self._outline.by_id.get(name)
        if not hidden:
            known = (step for around in scope.around() for step in around.ids)
            hint = self._report.suggest(name, known)
            if needs is not None:
                self._report.add("E141", path, hint=hint, id=needs.id, step=name)
            else:
                self._report.add("E154", path, inside=inside, hint=hint, name=name)
            return
        enclosing = {around.owner for around in scope.around()}
        block = next((s for s in hidden[0].ancestors() if scope.find(s.id) is s), hidden[0])
        other = block in enclosing
        where = f"in another branch of '{block.id}'" if other else f"inside '{block.id}'"
        advice = "Only one branch runs." if other else None
        self._report.add("E142", path, inside=inside, hint=advice, step=name, where=where, block=block.id)

    def _incomplete(self, scope: Scope) -> bool:
        """Whether a step that seems to be missing may be one that was left out."""
        return any(self._report.partial(around.path) for around in scope.around())


def _serves(stand_in: Site, failed: Site) -> bool:
    """Whether a step stands in for another, so that it may read that one's error (S31)."""
    on_error = failed.step.on_error
    return on_error is not None and on_error.step == stand_in.id


def _is_inside(path: Path, site: Site) -> bool:
    """Whether a place is among a block's inner keys, which are evaluated inside it."""
    return len(path) > len(site.path) and path[len(site.path)] in ("output", "until", "steps", "parallel")


def _advice(cycle: list[Site]) -> str | None:
    for first, second in pairwise(cycle):
        if _serves(second, first) or _serves(first, second):
            return "A stand-in starts by itself when the step fails; it may read that step's `error` only."
    return None
