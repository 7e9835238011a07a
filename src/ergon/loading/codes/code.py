"""A code: one kind of fault, with its sentence and what to do about it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from ergon.model.diagnostics import Severity

_SEVERITIES: Final[dict[str, Severity]] = {"E": "error", "W": "warning", "N": "note"}


@dataclass(frozen=True, slots=True)
class Code:
    """A kind of fault: its title in the documents, its sentence with facts to fill in, its usual hint."""

    code: str
    title: str
    sentence: str
    hint: str = ""

    @property
    def severity(self) -> Severity:
        """Say how grave it is."""
        return _SEVERITIES[self.code[0]]
