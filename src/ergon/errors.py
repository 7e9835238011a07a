"""The tree of everything that Ergon raises.

The raiser gives the facts, the class writes the sentence: what happened, where, and the next move. All of
them pickle, so that an error crosses a process border as itself.
"""

# N818: these class names are the stable error types that workflows name in `retry: {on: […]}`, so they carry
# no "Error" suffix.
# ruff: noqa: N818

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Literal, Protocol

Family = Literal["validation", "execution", "dependency", "configuration"]


class ErgonError(Exception):
    """Something that Ergon can say in one sentence."""

    family: ClassVar[Family] = "execution"
    hint: str = ""

    def __init__(self, **facts: object) -> None:
        super().__init__()
        self.__dict__.update(facts)

    def sentence(self) -> str:
        """Say what happened and where."""
        return type(self).__name__

    def __str__(self) -> str:
        return f"{self.sentence()} {self.hint}" if self.hint else self.sentence()

    def __reduce__(self) -> tuple[object, tuple[type[ErgonError], dict[str, object]]]:
        return _rebuild, (type(self), dict(self.__dict__))


def _rebuild(kind: type[ErgonError], facts: dict[str, object]) -> ErgonError:
    error = kind.__new__(kind)
    error.__dict__.update(facts)
    return error


class DiagnosticLike(Protocol):
    """What `WorkflowInvalid` needs of a diagnostic."""

    @property
    def severity(self) -> str:
        """`error`, `warning` or `note`."""

    def __str__(self) -> str: ...


# ---- what was asked for cannot be done: nothing was run ------------------------------------------------------


class Invalid(ErgonError):
    """The request itself is wrong; nothing was run."""

    family: ClassVar[Family] = "configuration"


class WorkflowInvalid(Invalid):
    """A workflow has faults; `diagnostics` lists them all."""

    family: ClassVar[Family] = "validation"

    def __init__(self, *, diagnostics: Sequence[DiagnosticLike], file: str = "") -> None:
        super().__init__()
        self.diagnostics = tuple(diagnostics)
        self.file = file

    def sentence(self) -> str:
        faults = [d for d in self.diagnostics if d.severity == "error"]
        if not faults:
            return f"The workflow {self.file} is invalid."
        more = f" (and {len(faults) - 1} more)" if len(faults) > 1 else ""
        return f"{faults[0]}{more}"


class TemplateInvalid(Invalid):
    """A template cannot be read; `line` and `column` (from 1) are inside the template's own text."""

    family: ClassVar[Family] = "validation"

    def __init__(self, *, source: str, reason: str, line: int = 1, column: int = 1, hint: str = "") -> None:
        super().__init__()
        self.source, self.reason, self.line, self.column, self.hint = source, reason, line, column, hint

    def sentence(self) -> str:
        return f"The template {_short(self.source)} cannot be read: {self.reason}."


class ParameterInvalid(Invalid):
    """A parameter is missing, unknown or out of its bounds."""

    family: ClassVar[Family] = "validation"

    def __init__(self, *, name: str, reason: str, hint: str = "") -> None:
        super().__init__()
        self.name, self.reason, self.hint = name, reason, hint

    def sentence(self) -> str:
        return f"Parameter '{self.name}': {self.reason}."


class ActionUnknown(Invalid):
    """No action has this name."""

    def __init__(self, *, name: str, suggestion: str = "") -> None:
        super().__init__()
        self.name = name
        self.hint = f"Did you mean '{suggestion}'?" if suggestion else "See `ergon actions` for the list."

    def sentence(self) -> str:
        return f"There is no action '{self.name}'."


class CallableUnknown(Invalid):
    """A `module:function` cannot be found."""

    def __init__(self, *, name: str, reason: str) -> None:
        super().__init__()
        self.name, self.reason = name, reason

    def sentence(self) -> str:
        return f"'{self.name}' cannot be used as an action: {self.reason}."


class StepUnknown(Invalid):
    """A step was named that the workflow or the run does not have."""

    def __init__(self, *, step: str, where: str, suggestion: str = "") -> None:
        super().__init__()
        self.step, self.where = step, where
        self.hint = f"Did you mean '{suggestion}'?" if suggestion else ""

    def sentence(self) -> str:
        return f"There is no step '{self.step}' in {self.where}."


class RunNotFound(Invalid):
    """No run, or more than one, has this id or prefix."""

    def __init__(self, *, reference: str, matches: Sequence[str] = ()) -> None:
        super().__init__()
        self.reference, self.matches = reference, tuple(matches)
        self.hint = "See `ergon runs` for the list." if not matches else "Give more of the id."

    def sentence(self) -> str:
        if self.matches:
            return f"'{self.reference}' could be any of {', '.join(self.matches)}."
        return f"There is no run '{self.reference}' here."


class RunOwned(Invalid):
    """A live process owns the run, so this one may not write to it."""

    def __init__(self, *, run: str, owner: str) -> None:
        super().__init__()
        self.run, self.owner = run, owner
        self.hint = "Stop it there, or use `ergon pause` and `ergon cancel`, which reach it from here."

    def sentence(self) -> str:
        return f"Run {self.run} is owned by {self.owner}, which is alive."


class NotPossible(Invalid):
    """The run is not in a state in which this can be done."""

    def __init__(self, *, what: str, reason: str, hint: str = "") -> None:
        super().__init__()
        self.what, self.reason, self.hint = what, reason, hint

    def sentence(self) -> str:
        return f"Cannot {self.what}: {self.reason}."


class SettingInvalid(Invalid):
    """A setting has a wrong name or value; `origin` says which file or variable it came from."""

    def __init__(self, *, name: str, reason: str, origin: str, hint: str = "") -> None:
        super().__init__()
        self.name, self.reason, self.origin, self.hint = name, reason, origin, hint

    def sentence(self) -> str:
        what = f"Setting '{self.name}' in {self.origin}" if self.name else f"The settings in {self.origin}"
        return f"{what}: {self.reason}."


class AdapterUnknown(Invalid):
    """No adapter of a port serves a URL."""

    def __init__(self, *, port: str, url: str, known: Sequence[str]) -> None:
        super().__init__()
        self.port, self.url, self.known = port, url, tuple(known)
        self.hint = f"Known are: {', '.join(known)}."

    def sentence(self) -> str:
        return f"No {self.port} serves '{self.url}'."


class ExtraMissing(Invalid):
    """A package is needed that the core does not bring."""

    family: ClassVar[Family] = "dependency"

    def __init__(self, *, package: str, extra: str, purpose: str) -> None:
        super().__init__()
        self.package, self.extra, self.purpose = package, extra, purpose
        self.hint = f"Install it with: pip install 'jupyter-ergon[{extra}]'"

    def sentence(self) -> str:
        return f"{self.purpose} needs the package {self.package}, which is not installed."


class Unsupported(Invalid):
    """Something that the format names and this version does not do."""

    def __init__(self, *, what: str, hint: str = "") -> None:
        super().__init__()
        self.what, self.hint = what, hint

    def sentence(self) -> str:
        return f"{self.what} is not supported by this version."


# ---- what goes wrong inside a run: these class names are the stable error types ------------------------------


class StepError(ErgonError):
    """An attempt of a step failed."""


class ActionFailed(StepError):
    """An action says that it failed, and why."""

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__()
        self.message, self.hint = message, hint

    def sentence(self) -> str:
        return self.message


class TemplateFailed(StepError):
    """A template was evaluated and could not give a value."""

    family: ClassVar[Family] = "validation"

    def __init__(self, *, source: str, reason: str, hint: str = "") -> None:
        super().__init__()
        self.source, self.reason, self.hint = source, reason, hint

    def sentence(self) -> str:
        return f"The template {_short(self.source)} has no value: {self.reason}."


class InputInvalid(StepError):
    """An action's input has the wrong type or value."""

    family: ClassVar[Family] = "validation"

    def __init__(self, *, action: str, field: str, reason: str, hint: str = "") -> None:
        super().__init__()
        self.action, self.field, self.reason, self.hint = action, field, reason, hint

    def sentence(self) -> str:
        return f"Input '{self.field}' of {self.action}: {self.reason}."


class Timeout(StepError):
    """A time limit was reached; `seconds` is the limit."""

    def __init__(self, *, seconds: float, what: str = "attempt", hint: str = "") -> None:
        super().__init__()
        self.seconds, self.what, self.hint = seconds, what, hint

    def sentence(self) -> str:
        return f"The {self.what} took longer than its limit of {self.seconds:g} s."


class LoopLimit(StepError):
    """A loop needed one more iteration than `max_iterations`."""

    def __init__(self, *, limit: int) -> None:
        super().__init__()
        self.limit = limit

    def sentence(self) -> str:
        return f"The loop needed more than its {self.limit} iterations."


class ValidatorFailed(StepError):
    """An output did not pass a `validate` rule."""

    family: ClassVar[Family] = "validation"

    def __init__(self, *, that: str, message: str = "") -> None:
        super().__init__()
        self.that, self.message = that, message

    def sentence(self) -> str:
        return self.message or f"The output does not hold: {self.that}."


class NotStorable(StepError):
    """A value has no codec; `where` is its place in the output, such as `[2].rows`."""

    family: ClassVar[Family] = "validation"

    def __init__(self, *, where: str, kind: str, hint: str = "") -> None:
        super().__init__()
        self.where, self.kind = where, kind
        self.hint = hint or "Return JSON-able values, bytes, data frames, arrays or figures."

    def sentence(self) -> str:
        place = f" at {self.where}" if self.where else ""
        return f"The output{place} holds a {self.kind}, which cannot be stored."


class LeaseLost(StepError):
    """Another process took the run over, so this one stopped writing."""

    def __init__(self, *, run: str, epoch: int) -> None:
        super().__init__()
        self.run, self.epoch = run, epoch

    def sentence(self) -> str:
        return f"Run {self.run} was taken over by another process (epoch {self.epoch})."


class ProcessDied(StepError):
    """The process that ran an attempt ended before the attempt did."""

    def __init__(self, *, what: str) -> None:
        super().__init__()
        self.what = what

    def sentence(self) -> str:
        return f"{self.what} died while the step ran."


class PathRefused(StepError):
    """A path lies outside the workspace and its allow-list."""

    family: ClassVar[Family] = "configuration"

    def __init__(self, *, path: str, workspace: str) -> None:
        super().__init__()
        self.path, self.workspace = path, workspace
        self.hint = "Move it inside, or list its folder under `allow_paths` in ergon.yaml."

    def sentence(self) -> str:
        return f"The path {self.path} is outside the workspace {self.workspace}."


class SecretMissing(StepError):
    """The vault has no secret of this name."""

    family: ClassVar[Family] = "configuration"

    def __init__(self, *, name: str, hint: str = "") -> None:
        super().__init__()
        self.name, self.hint = name, hint

    def sentence(self) -> str:
        return f"There is no secret '{self.name}'."


class ArtifactDamaged(StepError):
    """An artifact is missing or its bytes do not have their hash."""

    family: ClassVar[Family] = "dependency"

    def __init__(self, *, sha256: str, reason: str) -> None:
        super().__init__()
        self.sha256, self.reason = sha256, reason

    def sentence(self) -> str:
        return f"Artifact {self.sha256[:12]}… {self.reason}."


class CellFailed(StepError):
    """A cell of a notebook raised; `cell` counts from 1, as does `line` within the cell (0: unknown)."""

    def __init__(self, *, notebook: str, cell: int, line: int, error: str, output: str = "") -> None:
        super().__init__()
        self.notebook, self.cell, self.line, self.error, self.output = notebook, cell, line, error, output
        self.hint = f"The executed notebook is {output}." if output else ""

    def sentence(self) -> str:
        place = f", line {self.line}" if self.line else ""
        return f"Cell {self.cell}{place} of {self.notebook} failed: {self.error}."


class NotebookInvalid(StepError):
    """A file cannot run as a notebook; `notebook` is how the workflow calls it."""

    family: ClassVar[Family] = "validation"

    def __init__(self, *, notebook: str, reason: str, hint: str = "") -> None:
        super().__init__()
        self.notebook, self.reason, self.hint = notebook, reason, hint

    def sentence(self) -> str:
        return f"{self.notebook} cannot run: {self.reason}."


class KernelDied(StepError):
    """A notebook's kernel ended, or never started (`cell` 0)."""

    family: ClassVar[Family] = "dependency"

    def __init__(self, *, notebook: str, cell: int, reason: str) -> None:
        super().__init__()
        self.notebook, self.cell, self.reason = notebook, cell, reason

    def sentence(self) -> str:
        where = f"died at cell {self.cell}" if self.cell else "did not start"
        return f"The kernel of {self.notebook} {where}: {self.reason}."


# ---- the store -----------------------------------------------------------------------------------------------


class StoreError(ErgonError):
    """The store cannot keep or give what was asked; `path` is where it lies."""

    family: ClassVar[Family] = "dependency"

    def __init__(self, *, path: str, reason: str, hint: str = "") -> None:
        super().__init__()
        self.path, self.reason, self.hint = path, reason, hint

    def sentence(self) -> str:
        return f"The store {self.path} {self.reason}."


class StoreBusy(StoreError):
    """Another process held the store for too long."""


class StoreFull(StoreError):
    """The disk has no room."""


class StoreReadOnly(StoreError):
    """The store may not be written."""


class StoreNewer(StoreError):
    """The store was written by a newer version."""


class StoreDamaged(StoreError):
    """The store is not a sound database."""


# ---- what a finished run is reported as ----------------------------------------------------------------------


class RunFailed(ErgonError):
    """A run did not succeed; `step` is the failing step and `error_type` its stable error type."""

    def __init__(self, *, run: str, status: str, step: str = "", error_type: str = "", message: str = "") -> None:
        super().__init__()
        self.run, self.status, self.step = run, status, step
        self.error_type, self.message = error_type, message
        self.hint = f"See `ergon show {run}`."

    def sentence(self) -> str:
        why = f" at step '{self.step}'" if self.step else ""
        what = f": {self.error_type}: {self.message}" if self.error_type else ""
        return f"Run {self.run} {self.status}{why}{what}"


def _short(text: str, limit: int = 80) -> str:
    """Quote a text on one line, cut at `limit` characters."""
    flat = " ".join(text.split())
    return f"'{flat if len(flat) <= limit else flat[: limit - 1] + '…'}'"
