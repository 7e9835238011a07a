"""Docstrings: the sentence, the help and the words about each argument that they hold."""

from __future__ import annotations

import inspect
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

_SECTION: Final = re.compile(
    r"(?:Args|Arguments|Parameters|Returns|Yields|Raises|Example|Examples|Notes?|Attributes):\s*$"
)
_ARGUMENT: Final = re.compile(r"\s+\**(\w+)(?:\s*\([^)]*\))?:\s*(.*)$")
_ARGUMENTS: Final = ("Args:", "Arguments:", "Parameters:")


@dataclass(frozen=True, slots=True)
class Docstring:
    """What a docstring in Google's style says."""

    summary: str = ""
    """Its first sentence."""
    help: str = ""
    """What stands between the summary and the first section."""
    arguments: Mapping[str, str] = field(default_factory=dict)


def read_docstring(text: str | None) -> Docstring:
    """Take a docstring apart; an absent one gives empty words."""
    if not text:
        return Docstring()
    lines = inspect.cleandoc(text).splitlines()
    sections = [index for index, line in enumerate(lines) if _SECTION.match(line)]
    body = lines[: sections[0]] if sections else lines
    paragraphs = "\n".join(body).split("\n\n", 1)
    summary = " ".join(paragraphs[0].split())
    rest = paragraphs[1].strip() if len(paragraphs) > 1 else ""
    return Docstring(summary, rest, _arguments(lines))


def _arguments(lines: list[str]) -> dict[str, str]:
    """Give what the section about arguments says of each."""
    start = next((index for index, line in enumerate(lines) if line.strip() in _ARGUMENTS), None)
    found: dict[str, str] = {}
    name, depth = "", 0
    for line in lines[start + 1 :] if start is not None else ():
        indent = len(line) - len(line.lstrip())
        if line.strip() and not indent:
            break
        match = _ARGUMENT.match(line)
        if match and (not depth or indent <= depth):
            name, depth = match[1], indent
            found[name] = match[2].strip()
        elif name and line.strip():
            found[name] += " " + line.strip()
    return found
