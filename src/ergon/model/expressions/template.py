"""Templates: one string with `{{ … }}`, or one bare expression, read once and evaluated often."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Final, Literal

from ergon.errors import TemplateFailed, TemplateInvalid
from ergon.model.expressions.failure import reason_of
from ergon.model.expressions.limits import MAX_SOURCE
from ergon.model.expressions.lookup import Deferred, is_mapping, load
from ergon.model.expressions.paths import PATH, Key, PathMissing, read_path, walk
from ergon.model.expressions.plain import DATA, GIVEN
from ergon.model.expressions.reference import Reference, is_computed
from ergon.model.expressions.text import joined, written

if TYPE_CHECKING:
    from ergon.model.expressions.syntax import Syntax

Kind = Literal["value", "text", "expression"]

_VALUE: Final = re.compile(rf"\{{\{{-?\s*{PATH}\s*-?\}}\}}")
_BARE: Final = re.compile(rf"\s*{PATH}\s*")
_PLACE: Final = re.compile(rf"\{{\{{\s*{PATH}\s*\}}\}}")
_MARKS: Final = ("{{", "{%", "{#")
_CACHED: Final = 4096


class Template:
    """A string with templates, or a bare expression."""

    __slots__ = ("kind", "source")

    is_path: bool = False
    """Whether it is one plain dotted path."""

    def __init__(self, source: str, kind: Kind) -> None:
        self.source = source
        self.kind: Kind = kind
        """`value` keeps the type of what it reads, `text` gives a string, `expression` is bare (S12, S13)."""

    @property
    def references(self) -> tuple[Reference, ...]:
        """What it reads of names that it does not bind itself."""
        raise NotImplementedError

    def evaluate(self, names: Mapping[str, object]) -> object:
        """Give its value; raises TemplateFailed for whatever goes wrong."""
        raise NotImplementedError

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Template):
            return NotImplemented
        return self.source == other.source and self.kind == other.kind

    def __hash__(self) -> int:
        return hash((self.source, self.kind))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.source!r})"

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return parse_expression if self.kind == "expression" else parse_template, (self.source,)


class PathTemplate(Template):
    """A template that is one plain path: `{{ steps.load.output.rows[0] }}`."""

    __slots__ = ("_keys", "_root", "_steps")

    is_path = True

    def __init__(self, source: str, kind: Kind, root: str, keys: tuple[Key, ...]) -> None:
        self.source = source
        self.kind = kind
        self._root = root
        self._keys = keys
        self._steps = tuple([key for key, _ in keys])

    @property
    def references(self) -> tuple[Reference, ...]:
        """The one name that it reads."""
        before = self.source[: self.source.index(self._root)]
        line, column = before.count("\n") + 1, len(before) - before.rfind("\n")
        computed = is_computed(self._root, self._steps, dynamic=False)
        return (Reference(self._root, self._steps, False, computed, line, column),)

    def evaluate(self, names: Mapping[str, object]) -> object:
        """Give what the path leads to; as a value, a deferred one is left unloaded."""
        try:
            value = names[self._root]
            for key in self._steps:
                kind = type(value)
                if kind is dict or kind is list or is_mapping(kind):
                    value = value[key]  # type: ignore[index]  # a list with a text key raises TypeError
                else:
                    return self._finish(walk(names, self._root, self._keys))
            return value if type(value) in DATA else self._finish(value)
        except Exception:
            return self._explain(names)

    def _explain(self, names: Mapping[str, object]) -> object:
        """Walk again by all the rules: an attribute may be meant, or it fails and says why."""
        try:
            return self._finish(walk(names, self._root, self._keys))
        except PathMissing as error:
            raise TemplateFailed(source=self.source, reason=error.reason, hint=error.hint) from None
        except Exception as error:
            raise TemplateFailed(source=self.source, reason=reason_of(error)) from None

    def _finish(self, value: object) -> object:
        if self.kind == "expression":
            value = load(value)
        return value if type(value) in DATA or isinstance(value, Deferred) else GIVEN.copy(value)


class PlainText(Template):
    """A text whose templates are all plain paths: `build/{{ parameters.city }}`."""

    __slots__ = ("_pieces",)

    def __init__(self, source: str, pieces: tuple[str | PathTemplate, ...]) -> None:
        super().__init__(source, "text")
        self._pieces = pieces

    @property
    def references(self) -> tuple[Reference, ...]:
        """The names that it reads, in order."""
        found: list[Reference] = []
        line, column = 1, 1
        for piece in self._pieces:
            text = piece if isinstance(piece, str) else piece.source
            for one in piece.references if isinstance(piece, PathTemplate) else ():
                place = one.column + (column - 1 if one.line == 1 else 0)
                found.append(Reference(one.root, one.path, False, one.computed, line + one.line - 1, place))
            line += text.count("\n")
            column = len(text) - text.rfind("\n") if "\n" in text else column + len(text)
        return tuple(found)

    def evaluate(self, names: Mapping[str, object]) -> str:
        """Give the text."""
        try:
            return joined([p if isinstance(p, str) else written(p.evaluate(names)) for p in self._pieces])
        except TemplateFailed as error:
            raise TemplateFailed(source=self.source, reason=error.reason, hint=error.hint) from None
        except Exception as error:
            raise TemplateFailed(source=self.source, reason=reason_of(error)) from None


class JinjaTemplate(Template):
    """Any other template: read by Jinja when it is made, compiled by it when it is first evaluated."""

    __slots__ = ("_references",)

    def __init__(self, source: str, kind: Kind, references: tuple[Reference, ...]) -> None:
        super().__init__(source, kind)
        self._references = references

    @property
    def references(self) -> tuple[Reference, ...]:
        """What it reads of names that it does not bind itself."""
        return self._references

    def evaluate(self, names: Mapping[str, object]) -> object:
        """Give its value: fresh, without lazy or undefined parts."""
        from ergon.model.expressions.program import run  # noqa: PLC0415  # Jinja loads when it is needed: 60 ms

        return run(self.source, self.kind == "expression", names, self._references)


def parse_template(text: str) -> Template | None:
    """Read a string; None if it holds no template. Raises TemplateInvalid."""
    if "{" not in text:
        return None
    match = _VALUE.fullmatch(text)
    if match is not None and (path := read_path(match[1], match[2])) is not None:
        return PathTemplate(text, "value", *path)
    return _parse(text) if any(mark in text for mark in _MARKS) else None


def parse_expression(text: str) -> Template:
    """Read a bare expression; one wrapped in `{{ }}` is accepted (S13). Raises TemplateInvalid."""
    match = _BARE.fullmatch(text) or _VALUE.fullmatch(text.strip())
    if match is not None and (path := read_path(match[1], match[2])) is not None:
        return PathTemplate(text, "expression", *path)
    return _parse_expression(text)


@lru_cache(maxsize=_CACHED)
def _parse(text: str) -> Template:
    _allow_source(text)
    pieces = _pieces(text)
    if pieces is not None:
        return PlainText(text, pieces)
    syntax = _read(text, bare=False)
    if syntax.path is not None:
        return PathTemplate(text, "value", *syntax.path)
    return JinjaTemplate(text, "value" if syntax.is_value else "text", syntax.references)


@lru_cache(maxsize=_CACHED)
def _parse_expression(text: str) -> Template:
    _allow_source(text)
    syntax = _read(text, bare=True)
    if syntax.path is not None:
        return PathTemplate(text, "expression", *syntax.path)
    return JinjaTemplate(text, "expression", syntax.references)


def _read(text: str, *, bare: bool) -> Syntax:
    from ergon.model.expressions.syntax import read  # noqa: PLC0415  # Jinja loads when it is needed: 60 ms

    return read(text, bare=bare)


def _allow_source(text: str) -> None:
    if len(text) > MAX_SOURCE:
        raise TemplateInvalid(source=text, reason=f"it has {len(text):,} characters, and {MAX_SOURCE:,} is the most")


def _pieces(text: str) -> tuple[str | PathTemplate, ...] | None:
    """Split a text at its templates, if all of them are plain paths."""
    pieces: list[str | PathTemplate] = []
    end = 0
    for match in _PLACE.finditer(text):
        path = read_path(match[1], match[2])
        if path is None:
            return None
        pieces += [text[end : match.start()], PathTemplate(match[0], "value", *path)]
        end = match.end()
    pieces.append(text[end:])
    literal = [piece for piece in pieces if isinstance(piece, str)]
    if any(mark in piece for piece in literal for mark in _MARKS) or any(p.endswith("{") for p in literal[:-1]):
        return None
    return tuple(piece for piece in pieces if piece != "")
