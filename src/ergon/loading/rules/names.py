"""Names in templates: each must exist and mean something where it stands (S17)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from ergon.loading.report import Report
from ergon.loading.rules.outline import Outline
from ergon.loading.rules.uses import Use

STEP_FACTS: Final = ("output", "status", "error", "attempts", "failed")
_LOOP_FACTS: Final = ("index", "last")
_ROOTS: Final = ("parameters", "variables", "steps", "state", "run", "trigger", "env", "secrets")
_IN_VARIABLES: Final = ("parameters", "variables", "env", "run", "trigger")
_PLACED: Final = {"loop": "outside a loop", "item": "outside a `for_each`", "output": "outside `validate`"}
_BOOLEAN_WORDS: Final = frozenset({"yes", "no", "on", "off", "y", "n"})


class Names:
    """Checks what templates read, steps excepted, and remembers which parameters are read."""

    def __init__(self, outline: Outline, report: Report) -> None:
        workflow = outline.workflow
        self._report = report
        self._parameters = {parameter.name for parameter in workflow.parameters}
        self._variables = set(workflow.variables)
        self._allowed = set(workflow.settings.env)
        self._steps = outline.by_id
        self.read: set[str] = set()
        """Parameters that something reads, or was probably meant to."""

    def check(self, uses: Iterable[Use]) -> None:
        """Check every use."""
        for use in uses:
            root = use.reference.root
            if root in use.view.names:
                if root == "loop":
                    self._loop(use)
            elif root not in _ROOTS:
                self._unknown(use, root)
            elif use.view.role == "variable" and root not in _IN_VARIABLES:
                self._add(
                    "E157", use, name=root, where="in a variable", hint=f"Variables read {_listed(_IN_VARIABLES)}."
                )
            else:
                self._known(use, root)

    def _known(self, use: Use, root: str) -> None:
        path = use.reference.path
        name = str(path[0]) if path else ""
        if root == "parameters":
            self._parameter(use, name)
        elif root == "variables":
            if name and name not in self._variables and not self._report.partial(("variables",)):
                self._add("E153", use, name=name, hint=self._report.suggest(name, self._variables))
        elif root == "env":
            if name and name not in self._allowed and not self._report.partial(("settings",)):
                self._add("E159", use, name=name)
        elif root == "secrets":
            self._secret(use, name)

    def _parameter(self, use: Use, name: str) -> None:
        if not name:
            self.read |= self._parameters
        elif name in self._parameters:
            self.read.add(name)
        elif not self._report.partial(("parameters",)):
            meant = self._report.closest(name, self._parameters)
            self.read.add(meant)
            self._add("E152", use, name=name, hint=f"Did you mean '{meant}'?" if meant else "")

    def _secret(self, use: Use, name: str) -> None:
        if use.view.role in ("decision", "validate"):
            self._add("E158", use, name=f"secrets.{name}" if name else "secrets")
        elif not name:
            self._add("E156", use, what="A secret", example="secrets.API_KEY")

    def _loop(self, use: Use) -> None:
        path = use.reference.path
        if path and path[0] not in _LOOP_FACTS:
            hint = "A loop has `loop.index`, from 0, and `loop.last`."
            self._add("E155", use, owner="'loop'", name=path[0], hint=hint)

    def _unknown(self, use: Use, root: str) -> None:
        if root in _PLACED:
            hint = {"item": "", "loop": ""}.get(root, "Write `steps.ID.output`.")
            self._add("E157", use, name=root, where=_PLACED[root], hint=hint)
            return
        self._add("E151", use, name=root, hint=self._meant(use, root))

    def _meant(self, use: Use, root: str) -> str:
        for place, names in (("parameters", self._parameters), ("variables", self._variables)):
            if root in names:
                self.read.add(root)
                return f"Did you mean '{place}.{root}'?"
        if root in self._steps:
            return f"Did you mean 'steps.{root}.output'?"
        if root in _BOOLEAN_WORDS:
            return "Only true and false are booleans."
        known = (*_ROOTS, *sorted(use.view.names))
        return self._report.suggest(root, known) or f"Known are {_listed(known)}; a text stands in quotes."

    def _add(self, code: str, use: Use, *, hint: str | None = None, **facts: object) -> None:
        self._report.put(code, use.path, facts, inside=use.place, hint=hint)


def _listed(words: tuple[str, ...]) -> str:
    return ", ".join(words[:-1]) + f" and {words[-1]}"
