"""Words for numbers and values: durations, ages, sizes, outputs on one line."""

from __future__ import annotations

import json
import os
import re
import time
from pathlib import Path
from typing import Final

_ESCAPES: Final = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|.)?")
_UNITS: Final = ((86_400, "d"), (3_600, "h"), (60, "min"))


def seconds(value: float | None) -> str:
    """Give a duration as people say it: `0.31 s`, `12.4 s`, `3 min 05 s`, `2 h 10 min`."""
    if value is None:
        return "–"
    if value < 9.995:
        return f"{value:.2f} s"
    if value < 59.95:
        return f"{value:.1f} s"
    whole = round(value)
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02} s"
    minutes = whole // 60
    if whole < 86_400:
        return f"{minutes // 60} h {minutes % 60:02} min"
    return f"{minutes // 1440} d {minutes % 1440 // 60:02} h"


def ago(at: float, *, now: float | None = None) -> str:
    """Say how long ago a time was."""
    passed = max(0.0, (time.time() if now is None else now) - at)
    for size, unit in _UNITS:
        if passed >= size:
            return f"{int(passed // size)} {unit} ago"
    return "just now" if passed < 5 else f"{int(passed)} s ago"


def size(bytes: int) -> str:  # noqa: A002  # what it is
    """Give a number of bytes as people say it."""
    value, unit = float(bytes), "B"
    for unit in ("B", "kB", "MB", "GB", "TB"):
        if value < 1000 or unit == "TB":
            break
        value /= 1000
    return f"{value:.0f} {unit}" if unit == "B" or value >= 100 else f"{value:.1f} {unit}"


def plural(count: int, noun: str) -> str:
    """Give a number with its noun: `1 step`, `3 steps`."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def brief(value: object, limit: int = 100) -> str:
    """Give a JSON value on one line, cut at `limit` characters."""
    if isinstance(value, dict) and "$artifact" in value:
        name = f"{value['name']}, " if value.get("name") else ""
        return f"<{name}{value.get('type')}, {size(int(value.get('size', 0)))}>"
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    flat = " ".join(clean(text[: 8 * limit]).split())
    return flat if len(flat) <= limit else flat[: limit - 1] + "…"


def clean(text: str) -> str:
    """Give a text without what would steer a terminal."""
    return "".join(c if c.isprintable() or c == "\t" else " " for c in _ESCAPES.sub("", text))


def shown_path(path: Path) -> str:
    """Give a path as short as it can be typed here."""
    try:
        relative = os.path.relpath(path)
    except ValueError:  # another drive
        return str(path)
    return relative if len(relative) <= len(str(path)) else str(path)
