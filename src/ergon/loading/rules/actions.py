"""Actions: they must exist, and the inputs of every step must fit them (S10, S56)."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path as FilePath
from typing import Final

from ergon.errors import ActionUnknown, ErgonError, InputInvalid
from ergon.loading.codes import CODES
from ergon.loading.labels import described
from ergon.loading.positions import Path
from ergon.loading.report import Report
from ergon.loading.rules.outline import Outline, Site
from ergon.loading.source import NotFound, Signature, SourceReader, misfit
from ergon.model.graph import EXPRESSION_INPUTS, LITERAL_INPUTS
from ergon.ports import ActionHandler, Catalog, Problem

_TYPE_FAULT: Final = "Input '"
"""How the sentence of an input of a wrong type begins (`InputInvalid`)."""


_RUNS_A_FILE: Final = frozenset({"notebook.run", "workflow.run"})
"""Actions whose `path` is a file that must be there before the run."""


@dataclass(frozen=True, slots=True)
class _Inputs:
    """The names that an action takes."""

    known: tuple[str, ...]
    required: tuple[str, ...]
    is_open: bool


class Actions:
    """Checks what steps use against a catalog, and functions against their source."""

    def __init__(self, report: Report, catalog: Catalog | None, folder: FilePath | None) -> None:
        self._report, self._catalog, self._folder = report, catalog, folder
        self._sources = SourceReader(folder)
        self._handlers: dict[str, ActionHandler | None] = {}
        self._signatures: dict[str, Signature | None] = {}
        self._inputs: dict[str, _Inputs] = {}
        self._faults: dict[str, tuple[str, str]] = {}
        self._names: Sequence[str] | None = None

    def check(self, outline: Outline) -> None:
        """Check every step that uses an action."""
        for site in outline.sites:
            name = site.step.uses
            if name is None or "{{" in name:
                continue
            if ":" in name:
                self._function(site, name)
            elif self._catalog is not None:
                self._action(site, name, self._catalog)

    # ---- actions of the catalog ------------------------------------------------------------------------------

    def _action(self, site: Site, name: str, catalog: Catalog) -> None:
        if name not in self._handlers:
            self._handlers[name] = self._find(name, catalog)
        handler = self._handlers[name]
        if handler is None:
            reason, hint = self._faults[name]
            if reason:
                self._report.add("E171", (*site.path, "uses"), hint=hint, name=name, reason=reason)
            else:
                self._report.add("E170", (*site.path, "uses"), hint=hint, name=name)
            return
        inputs = self._inputs.setdefault(name, _read_schema(handler.schema))
        missing = self._compare(site, name, inputs)
        given = {key: value for key, value in site.step.with_.items() if inputs.is_open or key in inputs.known}
        self._ask(site, handler, given, missing)
        self._look(site, name)

    def _find(self, name: str, catalog: Catalog) -> ActionHandler | None:
        """Find an action; of one that is not there, remember why."""
        if self._names is not None and name not in self._names:
            self._faults[name] = "", self._unknown(name, self._names)
            return None
        try:
            return catalog.find(name)
        except ActionUnknown as error:
            self._names = catalog.names()
            self._faults[name] = "", self._unknown(name, self._names) or error.hint
        except ErgonError as error:
            self._faults[name] = getattr(error, "reason", error.sentence()), error.hint
        return None

    def _unknown(self, name: str, names: Sequence[str]) -> str:
        return self._report.suggest(name, names) or "See `ergon actions` for the list."

    def _ask(self, site: Site, handler: ActionHandler, given: Mapping[str, object], missing: frozenset[str]) -> None:
        """Let an action check its own inputs."""
        unknown_yet = frozenset(k for k, v in given.items() if _is_templated(handler.name, k, v)) | missing
        for problem in handler.check(given, templated=unknown_yet, folder=self._folder):
            self._problem(site, handler.name, problem)

    def _problem(self, site: Site, action: str, problem: Problem) -> None:
        path: Path = (*site.path, "with", *problem.path)
        if not problem.path and "with_" not in site.step.model_fields_set:
            path = (*site.path, "uses")
        code = "E174" if problem.message.startswith(_TYPE_FAULT) else "E175"
        if problem.severity != "error":
            code = "W209"
        if problem.code in CODES:
            code = problem.code
        self._report.add(code, path, hint=problem.hint, message=problem.message)

    def _look(self, site: Site, action: str) -> None:
        """Report a notebook or workflow that a step runs and that is not there."""
        value = site.step.with_.get("path")
        if action not in _RUNS_A_FILE or self._folder is None or not isinstance(value, str) or "{" in value:
            return
        reason = _absence(self._folder / value)
        if reason:
            names = _names_beside(self._folder / value)
            hint = self._report.suggest(FilePath(value).name, names) or None
            self._report.add(
                "E176", (*site.path, "with", "path"), hint=hint, action=action, called=value, reason=reason
            )

    # ---- functions read from source --------------------------------------------------------------------------

    def _function(self, site: Site, name: str) -> None:
        if name not in self._signatures and name not in self._faults:
            try:
                self._signatures[name] = self._sources.signature(name)
            except NotFound as error:
                self._faults[name] = str(error), ""
        if name in self._faults:
            reason, hint = self._faults[name]
            self._report.add("E171", (*site.path, "uses"), hint=hint, name=name, reason=reason)
            return
        signature = self._signatures[name]
        if signature is None:
            return
        inputs = _Inputs(tuple(signature.types), tuple(sorted(signature.required)), signature.is_open)
        self._compare(site, name, inputs)
        for key, value in site.step.with_.items():
            if not _is_templated(name, key, value):
                wanted = misfit(signature.types.get(key), value)
                if wanted:
                    reason = f"must be {wanted}, not {described(value)}"
                    message = InputInvalid(action=name, field=key, reason=reason).sentence()
                    self._report.add("E174", (*site.path, "with", key), message=message)

    # ---- names of inputs -------------------------------------------------------------------------------------

    def _compare(self, site: Site, action: str, inputs: _Inputs) -> frozenset[str]:
        """Report inputs that an action does not have and those that are missing; gives the missing ones."""
        given, path = site.step.with_, (*site.path, "with")
        strange = [] if inputs.is_open else [name for name in given if name not in inputs.known]
        missing = [name for name in inputs.required if name not in given]
        meant = set()
        for name in strange:
            found = self._report.closest(name, [known for known in inputs.known if known not in given])
            hint = f"Did you mean '{found}'?" if found else f"Its inputs are {', '.join(inputs.known) or 'none'}."
            self._report.add("E172", (*path, name), at_key=True, hint=hint, action=action, name=name)
            meant.add(found)
        if not (self._report.partial(path) or self._report.partial(site.path)):
            at = path if "with_" in site.step.model_fields_set else (*site.path, "uses")
            for name in missing:
                if name not in meant:
                    self._report.add("E173", at, at_key=at is path, action=action, name=name)
        return frozenset(missing)


def _absence(path: FilePath) -> str:
    """Say why a path is no file that can be run; empty if it is one."""
    try:
        return "" if path.is_file() else "it is a folder" if path.is_dir() else "there is no such file"
    except (OSError, ValueError):
        return "there is no such file"


def _names_beside(path: FilePath) -> list[str]:
    try:
        return sorted(os.listdir(path.parent))
    except (OSError, ValueError):
        return []


def _read_schema(schema: Mapping[str, object]) -> _Inputs:
    properties, required = schema.get("properties"), schema.get("required")
    return _Inputs(
        known=tuple(properties) if isinstance(properties, Mapping) else (),
        required=tuple(required) if isinstance(required, list | tuple) else (),
        is_open=schema.get("additionalProperties", True) is not False,
    )


def _is_templated(action: str, name: str, value: object) -> bool:
    """Whether an input's value is not known before the run."""
    if name in LITERAL_INPUTS.get(action, ()):
        return False
    if name in EXPRESSION_INPUTS.get(action, ()) and isinstance(value, str):
        return True
    if isinstance(value, str):
        return "{{" in value or "{%" in value or "{#" in value
    if isinstance(value, Mapping):
        return any(_is_templated("", "", inner) for inner in value.values())
    if isinstance(value, list | tuple):
        return any(_is_templated("", "", inner) for inner in value)
    return False
