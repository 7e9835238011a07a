"""Ergon: a workflow environment that lives in the notebook.

Names load when they are first used, so that importing the package costs next to nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from ergon.actions.action import action as action
    from ergon.errors import ActionFailed as ActionFailed
    from ergon.errors import ErgonError as ErgonError
    from ergon.errors import ParameterInvalid as ParameterInvalid
    from ergon.errors import RunFailed as RunFailed
    from ergon.errors import RunNotFound as RunNotFound
    from ergon.errors import WorkflowInvalid as WorkflowInvalid
    from ergon.model.diagnostics import Diagnostic as Diagnostic
    from ergon.model.directives import Wait as Wait
    from ergon.model.states import RunStatus as RunStatus
    from ergon.model.states import StepStatus as StepStatus
    from ergon.model.values import Artifact as Artifact
    from ergon.notebook.output import output as output
    from ergon.notebook.run import Run as Run
    from ergon.notebook.run import StepResult as StepResult
    from ergon.notebook.session import resume as resume
    from ergon.notebook.session import runs as runs
    from ergon.notebook.tracing import workflow as workflow
    from ergon.notebook.workflow import Workflow as Workflow
    from ergon.notebook.workflow import load as load
    from ergon.notebook.workflow import run as run
    from ergon.ports import Context as Context

_HOMES: Final = {
    "ActionFailed": "ergon.errors",
    "Artifact": "ergon.model.values",
    "Context": "ergon.ports",
    "Diagnostic": "ergon.model.diagnostics",
    "ErgonError": "ergon.errors",
    "ParameterInvalid": "ergon.errors",
    "Run": "ergon.notebook.run",
    "RunFailed": "ergon.errors",
    "RunNotFound": "ergon.errors",
    "RunStatus": "ergon.model.states",
    "StepResult": "ergon.notebook.run",
    "StepStatus": "ergon.model.states",
    "Wait": "ergon.model.directives",
    "Workflow": "ergon.notebook.workflow",
    "WorkflowInvalid": "ergon.errors",
    "action": "ergon.actions.action",
    "load": "ergon.notebook.workflow",
    "output": "ergon.notebook.output",
    "resume": "ergon.notebook.session",
    "run": "ergon.notebook.workflow",
    "runs": "ergon.notebook.session",
    "workflow": "ergon.notebook.tracing",
}

__all__ = sorted([*_HOMES, "__version__"])  # noqa: PLE0605  # pinned by a test


def __getattr__(name: str) -> object:
    if name == "__version__":
        return importlib.import_module("importlib.metadata").version("jupyter-ergon")
    if name in _HOMES:
        value = getattr(importlib.import_module(_HOMES[name]), name)
        globals()[name] = value
        return value
    raise AttributeError(f"module 'ergon' has no attribute '{name}'")


def load_ipython_extension(shell: object) -> None:
    """Give IPython the magics `%%step` and `%ergon`; `%load_ext ergon` calls it."""
    importlib.import_module("ergon.notebook.cells.magics").register(shell)


def __dir__() -> list[str]:
    return __all__
