"""The report: collects faults as they are found, and gives them as diagnostics in the order of the text."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from ergon.loading.codes import CODES
from ergon.loading.faults import Fault
from ergon.loading.positions import Path, Positions
from ergon.loading.suggestions import closest
from ergon.model.diagnostics import Diagnostic

MAX_DIAGNOSTICS: Final = 1_000
_MAX_SUGGESTIONS: Final = 100
_MAX_FACT: Final = 80
_MAX_SENTENCE: Final = 400
_SENTENCES: Final = frozenset({"cycle", "expected", "message", "problem", "reason"})
"""Facts that are parts of a sentence themselves."""


class Report:
    """What was found wrong with one file."""

    def __init__(self, file: str, positions: Positions | None = None) -> None:
        self.file = file
        self.positions = positions
        self.shown: dict[str, str] = {}
        """What ids that had to be made up are called in sentences."""
        self.bad_names: set[str] = set()
        """Texts that were meant as ids and cannot be; what refers to them is not at fault."""
        self._found: dict[tuple[int, int, str, str], Diagnostic] = {}
        self._suggestions = 0
        self._left_out = 0

    def add(
        self,
        code: str,
        path: Path,
        *,
        at_key: bool = False,
        inside: tuple[int, int] | None = None,
        hint: str | None = None,
        **facts: object,
    ) -> None:
        """Add a fault of the value (or with `at_key` its key) at a path, or at a line and column inside its text."""
        self.put(code, path, facts, at_key=at_key, inside=inside, hint=hint)

    def put(
        self,
        code: str,
        path: Path,
        facts: Mapping[str, object],
        *,
        at_key: bool = False,
        inside: tuple[int, int] | None = None,
        hint: str | None = None,
    ) -> None:
        """Add a fault whose facts are at hand as a mapping."""
        line, column = 1, 1
        if self.positions is not None and len(self._found) < MAX_DIAGNOSTICS:
            if inside is not None:
                line, column = self.positions.inside(path, *inside)
            else:
                line, column = self.positions.key(path) if at_key else self.positions.value(path)
        self._add(code, line, column, hint, facts)

    def add_fault(self, fault: Fault) -> None:
        """Add a fault of the text."""
        self._add(fault.code, fault.line + 1, fault.column + 1, fault.hint or None, fault.facts)

    def partial(self, path: Path) -> bool:
        """Say whether a part of what stands at a path was left out, so that what is missing may be there."""
        return self.positions is not None and self.positions.partial(path)

    def suggest(self, word: str, known: Iterable[str]) -> str:
        """Give `Did you mean 'x'?`, or an empty text; only for the first faults, which keeps a check quick."""
        found = self.closest(word, known)
        return f"Did you mean '{found}'?" if found else ""

    def closest(self, word: str, known: Iterable[str]) -> str:
        """Give the known word nearest to a wrong one, or an empty text."""
        if self._suggestions >= _MAX_SUGGESTIONS:
            return ""
        self._suggestions += 1
        return closest(word, known)

    @property
    def has_errors(self) -> bool:
        """Whether anything found so far keeps the workflow from running."""
        return any(found.severity == "error" for found in self._found.values())

    def diagnostics(self) -> tuple[Diagnostic, ...]:
        """Give all diagnostics by place."""
        found = sorted(self._found.values(), key=lambda d: (d.line, d.column, d.code))
        if self._left_out:
            last = found[-1]
            note = CODES["N302"]
            message = note.sentence.format(count=self._left_out)
            found.append(Diagnostic(note.code, note.severity, message, self.file, last.line, last.column, note.hint))
        return tuple(found)

    def _add(self, code: str, line: int, column: int, hint: str | None, facts: Mapping[str, object]) -> None:
        kind = CODES[code]
        if len(self._found) >= MAX_DIAGNOSTICS:
            self._left_out += 1
            return
        told = {name: self._told(name, value) for name, value in facts.items()}
        message = kind.sentence.format_map(told)
        hint = kind.hint.format_map(told) if hint is None else hint
        made = Diagnostic(code, kind.severity, message, self.file, line, column, hint)
        self._found.setdefault((line, column, code, message), made)

    def _told(self, name: str, value: object) -> str:
        text = str(value)
        return self.shown.get(text, short(text, _MAX_SENTENCE if name in _SENTENCES else _MAX_FACT))


def short(text: str, limit: int = _MAX_FACT) -> str:
    """Give a text on one line, cut at `limit` characters."""
    flat = " ".join(text[: 4 * limit].split())
    return flat if len(flat) <= limit and len(text) <= 4 * limit else flat[: limit - 1] + "…"
