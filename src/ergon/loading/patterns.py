"""Patterns: regular expressions matched in time that grows with the text, whatever the expression (S15).

Python's own matcher can take for ever on a text of thirty characters, and cannot be stopped. This one follows
all ways through the expression at once. It knows everything that a parameter's pattern needs; what it does not
know (references to groups, looking behind, possessive repeats) is refused.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any, Final

_MAX_PATTERN: Final = 1_000
_MAX_SIZE: Final = 2_000
MAX_WORK: Final = 2_000_000
"""Steps of one match: the size of the expression times the length of the text."""

_parser: Any = import_module("re._parser")  # Any: the expression's tree has no public types
_CATEGORIES: Final[dict[str, Callable[[str], bool]]] = {
    "CATEGORY_DIGIT": str.isdecimal,
    "CATEGORY_SPACE": str.isspace,
    "CATEGORY_WORD": lambda c: c.isalnum() or c == "_",
}
_Test = Callable[[str], bool]


class PatternInvalid(Exception):  # noqa: N818  # its text is part of a sentence
    """A pattern cannot be used; its text is the reason, as a clause."""


@dataclass(slots=True)
class _Step:
    """One place in the expression: a character to be matched, a condition, or a fork; then where to go on."""

    next: list[int] = field(default_factory=list)
    test: _Test | None = None
    condition: Callable[[str, int], bool] | None = None


class Pattern:
    """A regular expression that a whole text must match."""

    def __init__(self, source: str) -> None:
        """Read an expression; raises PatternInvalid."""
        if len(source) > _MAX_PATTERN:
            raise PatternInvalid(f"it is longer than {_MAX_PATTERN:,} characters")
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                tree = _parser.parse(source)
        except re.error as error:
            raise PatternInvalid(str(error)) from None
        except (RecursionError, OverflowError) as error:
            raise PatternInvalid("it is too complex") from error
        self.source = source
        self._steps: list[_Step] = []
        self._end = self._add(_Step())
        self._start = self._sequence(tree, self._end, tree.state.flags)

    @property
    def size(self) -> int:
        """The number of its places."""
        return len(self._steps)

    def matches(self, text: str) -> bool:
        """Whether a whole text matches; raises PatternInvalid for a text that is too long to be tried."""
        if len(text) * self.size > MAX_WORK:
            raise PatternInvalid("the text is too long for it")
        here = self._reach([self._start], text, 0)
        for index, character in enumerate(text):
            onward = [
                n for i in here if (t := self._steps[i].test) is not None and t(character) for n in self._steps[i].next
            ]
            if not onward:
                return False
            here = self._reach(onward, text, index + 1)
        return self._end in here

    def _begins(self, start: int, end: int, text: str, index: int) -> bool:
        """Whether the part between two places matches some text from an index on."""
        here = self._reach([start], text, index)
        while end not in here:
            if index >= len(text) or not here:
                return False
            character = text[index]
            onward = [
                n for i in here if (t := self._steps[i].test) is not None and t(character) for n in self._steps[i].next
            ]
            index += 1
            here = self._reach(onward, text, index)
        return True

    def _reach(self, places: Iterable[int], text: str, index: int) -> set[int]:
        """Give all places that can be reached without a further character."""
        reached: set[int] = set()
        pending = list(places)
        while pending:
            place = pending.pop()
            if place in reached:
                continue
            reached.add(place)
            step = self._steps[place]
            if step.test is None and (step.condition is None or step.condition(text, index)):
                pending += step.next
        return reached

    # ---- reading ---------------------------------------------------------------------------------------------

    def _add(self, step: _Step) -> int:
        if len(self._steps) >= _MAX_SIZE:
            raise PatternInvalid("it is too large")
        self._steps.append(step)
        return len(self._steps) - 1

    def _sequence(self, items: Any, end: int, flags: int) -> int:  # Any: see _parser
        for operator, value in reversed(list(items)):
            end = self._item(str(operator), value, end, flags)
        return end

    def _item(self, operator: str, value: Any, end: int, flags: int) -> int:  # Any: see _parser
        if operator in ("LITERAL", "NOT_LITERAL", "IN", "ANY"):
            return self._add(_Step([end], _character(operator, value, flags)))
        if operator == "BRANCH":
            return self._add(_Step([self._sequence(branch, end, flags) for branch in value[1]]))
        if operator == "SUBPATTERN":
            _, add, drop, inner = value
            return self._sequence(inner, end, (flags | add) & ~drop)
        if operator in ("MAX_REPEAT", "MIN_REPEAT"):
            least, most, inner = value
            return self._repeat(least, most, inner, end, flags)
        if operator == "AT":
            return self._add(_Step([end], condition=_boundary(str(value), flags)))
        if operator in ("ASSERT", "ASSERT_NOT") and value[0] > 0:
            return self._look_ahead(value[1], operator == "ASSERT", end, flags)
        raise PatternInvalid(f"it uses {_REFUSED.get(operator, operator.lower())}, which is not supported")

    def _repeat(self, least: int, most: Any, inner: Any, end: int, flags: int) -> int:  # Any: see _parser
        if most is _parser.MAXREPEAT:
            loop = self._add(_Step())
            self._steps[loop].next = [self._sequence(inner, loop, flags), end]
            start = loop
        else:
            start = end
            for _ in range(most - least):
                start = self._add(_Step([self._sequence(inner, start, flags), end]))
        for _ in range(least):
            start = self._sequence(inner, start, flags)
        return start

    def _look_ahead(self, inner: Any, wanted: bool, end: int, flags: int) -> int:  # Any: see _parser
        stop = self._add(_Step())
        start = self._sequence(inner, stop, flags)
        return self._add(_Step([end], condition=lambda text, index: self._begins(start, stop, text, index) is wanted))


_REFUSED: Final = {
    "ASSERT": "looking behind",
    "ASSERT_NOT": "looking behind",
    "GROUPREF": "a reference to a group",
    "GROUPREF_EXISTS": "a reference to a group",
    "ATOMIC_GROUP": "an atomic group",
    "POSSESSIVE_REPEAT": "a possessive repeat",
}


def _character(operator: str, value: Any, flags: int) -> _Test:  # Any: see _parser
    if operator == "ANY":
        return (lambda c: True) if flags & re.S else (lambda c: c != "\n")
    if operator == "IN":
        return _class(value, flags)
    test = _literal(value, flags)
    return test if operator == "LITERAL" else lambda c: not test(c)


def _literal(code: int, flags: int) -> _Test:
    wanted = chr(code)
    if flags & re.I:
        lowered = wanted.lower()
        return lambda c: c.lower() == lowered
    return lambda c: c == wanted


def _class(items: Any, flags: int) -> _Test:  # Any: see _parser
    tests: list[_Test] = []
    negated = False
    for operator, value in items:
        name = str(operator)
        if name == "NEGATE":
            negated = True
        elif name == "LITERAL":
            tests.append(_literal(value, flags))
        elif name == "RANGE":
            tests.append(_range(chr(value[0]), chr(value[1]), flags))
        else:
            tests.append(_category(str(value), flags))
    return lambda c: any(test(c) for test in tests) is not negated


def _range(low: str, high: str, flags: int) -> _Test:
    if flags & re.I:
        return lambda c: low <= c <= high or low <= c.lower() <= high or low <= c.upper() <= high
    return lambda c: low <= c <= high


def _category(name: str, flags: int) -> _Test:
    inside = _CATEGORIES[name.replace("_NOT_", "_")]
    test: _Test = (lambda c: c.isascii() and inside(c)) if flags & re.A else inside
    return (lambda c: not test(c)) if "_NOT_" in name else test


def _boundary(name: str, flags: int) -> Callable[[str, int], bool]:
    if name == "AT_BEGINNING" and flags & re.M:
        return lambda text, index: index == 0 or text[index - 1] == "\n"
    if name in ("AT_BEGINNING", "AT_BEGINNING_STRING"):
        return lambda text, index: index == 0
    if name == "AT_END" and flags & re.M:
        return lambda text, index: index == len(text) or text[index] == "\n"
    if name == "AT_END":
        return lambda text, index: index == len(text) or (index == len(text) - 1 and text[index] == "\n")
    if name == "AT_END_STRING":
        return lambda text, index: index == len(text)
    word = _category("CATEGORY_WORD", flags)
    wanted = name == "AT_BOUNDARY"

    def at_boundary(text: str, index: int) -> bool:
        before = index > 0 and word(text[index - 1])
        after = index < len(text) and word(text[index])
        return (before is not after) is wanted

    return at_boundary
