"""The public surface: few names, sorted, loaded when they are used."""

from __future__ import annotations

import subprocess
import sys

import ergon

NAMES = [
    "ActionFailed",
    "Artifact",
    "Context",
    "Diagnostic",
    "ErgonError",
    "ParameterInvalid",
    "Run",
    "RunFailed",
    "RunNotFound",
    "RunStatus",
    "StepResult",
    "StepStatus",
    "Wait",
    "Workflow",
    "WorkflowInvalid",
    "__version__",
    "action",
    "load",
    "output",
    "resume",
    "run",
    "runs",
    "workflow",
]
HEAVY = [
    "IPython",
    "bokeh",
    "duckdb",
    "httpx",
    "ipykernel",
    "jupyter_client",
    "nbformat",
    "pandas",
    "papermill",
    "typer",
]


def test_the_names_are_pinned() -> None:
    assert ergon.__all__ == NAMES
    assert all(getattr(ergon, name) is not None for name in NAMES)


def test_importing_the_package_imports_nothing_heavy() -> None:
    code = f"import ergon, sys; ergon.load; ergon.Workflow; print([m for m in {HEAVY!r} if m in sys.modules])"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert shown.stdout.strip() == "[]"
