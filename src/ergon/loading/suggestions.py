"""Suggestions: the known word that a wrong one was probably meant to be."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

_MIN_LENGTH: Final = 3
_MAX_LENGTH: Final = 64
_MAX_KNOWN: Final = 2_000


def closest(word: str, known: Iterable[str]) -> str:
    """Give the known word that differs least, or an empty text when none is near."""
    if not _MIN_LENGTH <= len(word) <= _MAX_LENGTH:
        return ""
    lowered = word.lower()
    limit = 1 + len(word) // 4
    best, best_distance = "", limit + 1
    for count, candidate in enumerate(known):
        if count >= _MAX_KNOWN:
            break
        if abs(len(candidate) - len(word)) > limit or candidate == word:
            continue
        found = distance(lowered, candidate.lower(), best_distance - 1)
        if found < best_distance:
            best, best_distance = candidate, found
    return best


def distance(a: str, b: str, limit: int) -> int:
    """Count the letters to insert, drop, change or swap between two words; `limit + 1` when there are more."""
    before: list[int] = []
    row = list(range(len(b) + 1))
    for i, x in enumerate(a, 1):
        earlier, before, row = before, row, [i]
        for j, y in enumerate(b, 1):
            cost = min(row[j - 1] + 1, before[j] + 1, before[j - 1] + (x != y))
            if i > 1 and j > 1 and x == b[j - 2] and y == a[i - 2]:
                cost = min(cost, earlier[j - 2] + 1)
            row.append(cost)
        if min(row) > limit:
            return limit + 1
    return min(row[-1], limit + 1)
