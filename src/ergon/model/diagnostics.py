"""Diagnostics: what is wrong with a file, where, and what to do about it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Severity = Literal["error", "warning", "note"]


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """One fault of a file: a stable code, a place (line and column from 1) and one sentence."""

    code: str
    severity: Severity
    message: str
    file: str = ""
    line: int = 1
    column: int = 1
    hint: str = ""

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}:{self.column}: " if self.file else ""
        hint = f" {self.hint}" if self.hint else ""
        return f"{place}{self.code} {self.message}{hint}"

    def as_json(self) -> dict[str, object]:
        """Give the document that `ergon check --json` prints for it."""
        return {
            "code": self.code,
            "severity": self.severity,
            "message": self.message,
            "file": self.file,
            "line": self.line,
            "column": self.column,
            "hint": self.hint,
        }
