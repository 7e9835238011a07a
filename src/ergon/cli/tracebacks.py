"""Tracebacks: the part of one that is the user's code, and the place where it ends."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from ergon.cli.words import clean, shown_path

_FRAME: Final = re.compile(r'^  File "(?P<file>[^"\n]+)", line (?P<line>\d+)(?:, in (?P<name>.+))?$', re.MULTILINE)
_OWN: Final = str(Path(__file__).parents[1])


def users_part(traceback: str) -> str:
    """Give a traceback without the frames of Ergon that lead to the user's code."""
    first = next((found for found in _FRAME.finditer(traceback) if not found["file"].startswith(_OWN)), None)
    start = _FRAME.search(traceback)
    if first is None or start is None:
        return traceback
    return traceback[: start.start()] + traceback[first.start() :]


def place_of(traceback: str) -> str:
    """Give the last place in the user's code, such as `weather.py, line 12, in clean`; empty if there is none."""
    frames = [found for found in _FRAME.finditer(traceback) if not found["file"].startswith(_OWN)]
    if not frames:
        return ""
    last = frames[-1]
    file = shown_path(Path(last["file"])) if Path(last["file"]).is_absolute() else last["file"]
    return clean(f"{file}, line {last['line']}" + (f", in {last['name']}" if last["name"] else ""))
