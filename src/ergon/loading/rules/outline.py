"""The outline: every step of a workflow with its place in the document and the scope it stands in (S24)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ergon.loading.positions import Path
from ergon.model.workflow import Step, StepKind, Workflow


class Scope:
    """Steps that see each other: those of the workflow, of a block, or of one branch."""

    __slots__ = ("ids", "locals", "owner", "path", "sites")

    def __init__(self, path: Path, owner: Site | None, names: frozenset[str]) -> None:
        self.path = path
        self.owner = owner
        self.locals = names
        """Names that the loops around it give to templates."""
        self.sites: list[Site] = []
        self.ids: dict[str, Site] = {}
        """The first step with each id."""

    @property
    def outer(self) -> Scope | None:
        """The scope that the block which it belongs to stands in."""
        return None if self.owner is None else self.owner.scope

    def find(self, step: str) -> Site | None:
        """Find the step that an id means from here: in this scope, or in one that encloses it."""
        scope: Scope | None = self
        while scope is not None:
            found = scope.ids.get(step)
            if found is not None:
                return found
            scope = scope.outer
        return None

    def around(self) -> Iterator[Scope]:
        """Give this scope and those that enclose it, from the inside out."""
        scope: Scope | None = self
        while scope is not None:
            yield scope
            scope = scope.outer


class Site:
    """A step where it stands."""

    __slots__ = ("inner", "inside", "kind", "path", "scope", "step")

    def __init__(self, step: Step, path: Path, scope: Scope) -> None:
        self.step, self.path, self.scope = step, path, scope
        self.kind: StepKind = step.kind
        self.inner: list[Scope] = []
        """The scopes that it opens: one for each branch of `choose`, else at most one."""
        self.inside = scope
        """What its own inner keys (`output`, `until`, of a loop with `uses` also `with`) see."""

    @property
    def id(self) -> str:
        """The step's id."""
        return self.step.id

    @property
    def is_leaf(self) -> bool:
        """Whether it repeats one action of its own instead of steps."""
        return self.kind in ("for_each", "while") and self.step.uses is not None

    def ancestors(self) -> Iterator[Site]:
        """Give this step and the blocks around it, from the inside out."""
        site: Site | None = self
        while site is not None:
            yield site
            site = site.scope.owner


class Outline:
    """All steps and scopes of a workflow, outer ones first."""

    def __init__(self, workflow: Workflow) -> None:
        self.workflow = workflow
        self.root = Scope(("steps",), None, frozenset())
        self.scopes: list[Scope] = [self.root]
        self.sites: list[Site] = []
        self.by_id: dict[str, list[Site]] = {}
        self._fill(self.root, workflow.steps)
        for site in self.sites:
            self._open(site)

    def _fill(self, scope: Scope, steps: Sequence[Step]) -> None:
        for index, step in enumerate(steps):
            site = Site(step, (*scope.path, index), scope)
            scope.sites.append(site)
            scope.ids.setdefault(step.id, site)
            self.sites.append(site)
            self.by_id.setdefault(step.id, []).append(site)

    def _open(self, site: Site) -> None:
        """Make the scopes inside a step; their steps join the list that is being walked."""
        if site.kind == "action":
            return
        names = site.scope.locals
        if site.kind in ("for_each", "while"):
            names |= {"loop"} if site.kind == "while" else {"loop", site.step.as_ or "item"}
        site.inside = Scope((*site.path, "steps"), site, names)
        for path, steps in _bodies(site.step, site.path):
            scope = Scope(path, site, names)
            self._fill(scope, steps)
            self.scopes.append(scope)
            site.inner.append(scope)
            for name, inner in scope.ids.items():
                site.inside.ids.setdefault(name, inner)


def _bodies(step: Step, path: Path) -> Iterator[tuple[Path, Sequence[Step]]]:
    if step.steps:
        yield (*path, "steps"), step.steps
    if step.parallel:
        yield (*path, "parallel"), step.parallel
    for index, branch in enumerate(step.choose):
        yield (*path, "choose", index, "steps"), branch.steps
