"""Faults: every error becomes one sentence, a hint and an exit code; nobody sees a traceback."""

from __future__ import annotations

import contextlib
import os
import platform
import sys
import tempfile
import time
import traceback
from pathlib import Path

from ergon.cli import codes
from ergon.cli.terminal import paint, terminal
from ergon.errors import ErgonError, Invalid, WorkflowInvalid
from ergon.model.diagnostics import Diagnostic


def tell(error: BaseException) -> int:
    """Say on stderr what went wrong, with `--json` also in the document; gives the exit code."""
    if isinstance(error, WorkflowInvalid):
        from ergon.cli.diagnostics import show_diagnostics

        show_diagnostics(error.diagnostics, stream=sys.stderr)
        _document(error, error.sentence())
        return codes.INVALID
    if isinstance(error, ErgonError):
        _say(error.sentence(), error.hint)
        _document(error, error.sentence())
        return codes.INVALID if isinstance(error, Invalid) else codes.FAILED
    return _own_fault(error)


def tell_usage(message: str) -> None:
    """Give the document of a wrong usage, which was told on stderr already."""
    if terminal.keeps_stdout:
        terminal.document({"error": {"type": "UsageError", "message": message, "hint": ""}})


def _say(sentence: str, hint: str = "") -> None:
    terminal.note(f"{paint('error:', 'red', sys.stderr)} {sentence}")
    if hint:
        terminal.note(f"{paint('hint:', 'cyan', sys.stderr)}  {hint}")


def _document(error: ErgonError, message: str) -> None:
    if not terminal.keeps_stdout:
        return
    told: dict[str, object] = {"error": {"type": type(error).__name__, "message": message, "hint": error.hint}}
    if isinstance(error, WorkflowInvalid):
        told |= {"ok": False, "diagnostics": [d.as_json() for d in error.diagnostics if isinstance(d, Diagnostic)]}
    terminal.document(told)


def _own_fault(error: BaseException) -> int:
    """Say that Ergon itself is at fault, and where the details are."""
    sentence = f"This is a fault of Ergon's own, not of yours: {type(error).__name__}: {error}"
    place = _keep(error)
    hint = f"The details are in {place}; please report them." if place else "The details could not be kept."
    _say(sentence, hint)
    if terminal.keeps_stdout:
        terminal.document({"error": {"type": type(error).__name__, "message": sentence, "hint": hint}})
    return codes.FAILED


def _keep(error: BaseException) -> Path | None:
    """Write the traceback into a file: in the state's folder if there is one, else among the temporary ones."""
    from ergon.app import find_home

    text = "".join(traceback.format_exception(error))
    facts = f"ergon {' '.join(sys.argv[1:])}\nPython {sys.version}\n{platform.platform()}\n\n"
    name = f"fault-{time.strftime('%Y%m%d-%H%M%S')}-{os.getpid()}.txt"
    home, _ = find_home()
    for folder in (home / "faults", Path(tempfile.gettempdir())):
        with contextlib.suppress(OSError):
            if folder.parent.is_dir():
                folder.mkdir(exist_ok=True)
                (folder / name).write_text(facts + text, encoding="utf-8", errors="backslashreplace")
                return folder / name
    return None
