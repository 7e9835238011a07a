"""Lookup: what `a.b` and `a['b']` give, the same for plain paths and for Jinja (S14)."""

from __future__ import annotations

import abc
import datetime
import enum
import types
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence, Set
from difflib import get_close_matches
from itertools import islice
from typing import Final


class Deferred(abc.ABC):
    """A value that loads when it is read, such as a reference to an artifact."""

    __slots__ = ()

    @abc.abstractmethod
    def load(self) -> object:
        """Give the value itself."""


class Absent(enum.Enum):
    """The mark for what is not there."""

    ABSENT = enum.auto()


ABSENT: Final = Absent.ABSENT
_PLAIN: Final = frozenset({str, int, float, bool, type(None), dict, list, tuple})

CALLABLES: Final = (
    type,
    types.FunctionType,
    types.BuiltinFunctionType,
    types.MethodType,
    types.MethodWrapperType,
    types.MethodDescriptorType,
    types.WrapperDescriptorType,
)
"""What can be called and is no data."""

INTERNALS: Final = (
    *CALLABLES,
    types.ModuleType,
    types.CodeType,
    types.FrameType,
    types.TracebackType,
    types.GeneratorType,
    types.CoroutineType,
    types.AsyncGeneratorType,
)
"""Python's own machinery: no template looks into it."""

_TEXT_METHODS: Final = frozenset(
    """capitalize casefold center count encode endswith expandtabs find format format_map index isalnum
    isalpha isascii isdecimal isdigit isidentifier islower isnumeric isprintable isspace istitle isupper join
    ljust lower lstrip partition removeprefix removesuffix replace rfind rindex rjust rpartition rsplit
    rstrip split splitlines startswith strip swapcase title upper zfill""".split()  # noqa: SIM905  # words read better as words
)
_DATE_METHODS: Final = frozenset(
    """astimezone ctime date dst isocalendar isoformat isoweekday replace strftime time timestamp timetuple
    timetz toordinal total_seconds tzname utcoffset weekday""".split()  # noqa: SIM905  # words read better as words
)
_NUMBER_METHODS: Final = frozenset({"as_integer_ratio", "bit_count", "bit_length", "conjugate", "hex", "is_integer"})
_METHODS: Final[tuple[tuple[type, frozenset[str]], ...]] = (
    (str, _TEXT_METHODS),
    (bytes, frozenset({"decode", "hex"})),
    (list, frozenset({"copy", "count", "index"})),
    (tuple, frozenset({"count", "index"})),
    (range, frozenset({"count", "index"})),
    (dict, frozenset({"copy"})),
    (Mapping, frozenset({"get", "items", "keys", "values"})),
    (Set, frozenset({"isdisjoint"})),
    (set, frozenset({"copy", "difference", "intersection", "issubset", "issuperset", "union"})),
    (frozenset, frozenset({"copy", "difference", "intersection", "issubset", "issuperset", "union"})),
    (int, _NUMBER_METHODS),
    (float, _NUMBER_METHODS),
    (datetime.date, _DATE_METHODS),
    (datetime.time, _DATE_METHODS),
    (datetime.timedelta, _DATE_METHODS),
)


_MAPPINGS: Final[dict[type, bool]] = {dict: True}


def methods_of(kind: type) -> frozenset[str]:
    """Name the methods of a type that templates may call: none changes anything or reads a clock."""
    return frozenset().union(*(names for base, names in _METHODS if issubclass(kind, base)))


def is_mapping(kind: type) -> bool:
    """Tell, quickly, whether a type is a mapping that reading does not change."""
    known = _MAPPINGS.get(kind)
    if known is None:
        known = _MAPPINGS[kind] = issubclass(kind, Mapping) and not issubclass(kind, defaultdict)
    return known


def load(value: object) -> object:
    """Give a deferred value loaded, and any other as it is."""
    if type(value) in _PLAIN:
        return value
    while isinstance(value, Deferred):
        value = value.load()
    return value


def look(holder: object, key: object, *, item_first: bool) -> object:
    """Read a key or attribute: of a mapping its key first (S14); `ABSENT` where there is none to read."""
    holder = load(holder)
    if item_first or isinstance(holder, Mapping):
        found = _item(holder, key)
        return _attribute(holder, key) if found is ABSENT else found
    found = _attribute(holder, key)
    return _item(holder, key) if found is ABSENT else found


def _item(holder: object, key: object) -> object:
    if isinstance(holder, INTERNALS):
        return ABSENT
    if isinstance(holder, defaultdict) and key not in holder:
        return ABSENT
    try:
        return holder[key]  # type: ignore[index]  # whatever has no items raises TypeError
    except (TypeError, LookupError):
        return ABSENT


def _attribute(holder: object, name: object) -> object:
    if not isinstance(name, str) or name.startswith("_") or isinstance(holder, INTERNALS):
        return ABSENT
    try:
        value = getattr(holder, name)
    except AttributeError:
        return ABSENT
    if callable(value):
        return value if name in methods_of(type(holder)) else ABSENT
    return ABSENT if isinstance(value, INTERNALS) else value


# ---- saying what is missing ------------------------------------------------------------------------------

_KINDS: Final[tuple[tuple[type | tuple[type, ...], str], ...]] = (
    (type(None), "null"),
    (bool, "a boolean"),
    ((int, float), "a number"),
    (str, "a text"),
    (Mapping, "a mapping"),
    (tuple, "a tuple"),
    (Sequence, "a list"),
    (CALLABLES, "a function"),
)


def kind_of(value: object) -> str:
    """Name a value's kind with its article: `a list`, `null`, `a DataFrame`."""
    for kind, words in _KINDS:
        if isinstance(value, kind):
            return words
    name = type(value).__name__
    return f"{'an' if name[:1].lower() in 'aeiou' else 'a'} {name}"


def missing_name(name: str, known: Iterable[str]) -> tuple[str, str]:
    """Say that a name is not defined: the reason, and a hint or ''."""
    return f"'{_cut(name)}' is not defined", suggestion(name, known)


def missing_key(holder: object, key: object, where: str = "") -> tuple[str, str]:
    """Say what `holder`, at the path `where` ('' if unknown), does not have: the reason, and a hint or ''."""
    subject = f"'{where}'" if where else kind_of(holder)
    named = f"'{_cut(key)}'" if isinstance(key, str) else f"item {_cut(repr(key))}"
    if isinstance(key, str) and key.startswith("_"):
        return f"{named} of {subject} is private", ""
    if isinstance(holder, Mapping):
        return f"{subject} has no {named}", _hint(key, holder)
    if isinstance(key, str) and hasattr(holder, key):
        return f"{named} of {subject} may not be used in a template", ""
    if isinstance(holder, Sequence) and not isinstance(holder, str):
        return f"{subject} has {len(holder)} item{'' if len(holder) == 1 else 's'} and no {named}", ""
    return f"{subject} {f'is {kind_of(holder)} and ' if where else ''}has no {named}", ""


def _hint(key: object, holder: Mapping[object, object]) -> str:
    names = [k for k in islice(holder, 1000) if isinstance(k, str)]
    if isinstance(key, str) and (hint := suggestion(key, names)):
        return hint
    return f"It has: {', '.join(_cut(n) for n in names)}." if 0 < len(names) <= 8 else ""


def suggestion(name: str, known: Iterable[str]) -> str:
    """Suggest the known name that is nearest: `Did you mean 'rows'?`, or ''."""
    near = get_close_matches(name[:100], [k for k in known if len(k) <= 100], n=1)
    return f"Did you mean '{near[0]}'?" if near else ""


def _cut(text: str, limit: int = 60) -> str:
    return text if len(text) <= limit else text[: limit - 1] + "…"
