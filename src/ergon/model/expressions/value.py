"""Values: whole trees of settings, such as a step's `with`, whose strings may be templates (S16)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Final

from ergon.errors import TemplateInvalid
from ergon.model.expressions.plain import FRESH, SCALARS
from ergon.model.expressions.reference import Reference
from ergon.model.expressions.template import PathTemplate, Template, parse_template

MAX_NESTING: Final = 100
"""Levels of a tree."""

Place = tuple[str | int, ...]
Maker = Callable[[Mapping[str, object]], object]


class Value:
    """A tree, compiled once; every evaluation gives a structure of its own."""

    __slots__ = ("_make", "is_static", "references")

    def __init__(self, make: Maker, references: tuple[Reference, ...], is_static: bool) -> None:
        self._make = make
        self.references = references
        """What its templates read, in the order of the tree."""
        self.is_static = is_static
        """Whether it holds no template."""

    def evaluate(self, names: Mapping[str, object]) -> object:
        """Give the tree with its templates evaluated; raises TemplateFailed."""
        return self._make(names)


def parse_value(value: object) -> Value:
    """Read a tree of mappings, lists and scalars; raises TemplateInvalid for the first fault in it."""
    references: list[Reference] = []
    make = _build(value, (), references)
    return Value(_static(value) if make is None else make, tuple(references), make is None)


def templates(value: object) -> Iterator[tuple[Place, str]]:
    """Give every string in a tree that holds a template, with the keys and indexes that lead to it."""
    for place, item in _leaves(value):
        if isinstance(item, str) and any(mark in item for mark in ("{{", "{%", "{#")):
            yield place, item


def template_keys(value: object) -> Iterator[Place]:
    """Give the place of every mapping's key that holds `{{`: keys are literal, so it is a fault (S16)."""
    for place, item in _leaves(value):
        if isinstance(item, Mapping):
            yield from ((*place, key) for key in item if _is_templated(key))


def _leaves(value: object, place: Place = ()) -> Iterator[tuple[Place, object]]:
    """Give everything in a tree, from the outside in and in order; no deeper than a tree may be."""
    yield place, value
    if len(place) >= MAX_NESTING:
        return
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield from _leaves(item, (*place, key))
    elif isinstance(value, (list, tuple)):
        for index, item in enumerate(value):
            yield from _leaves(item, (*place, index))


def _is_templated(key: object) -> bool:
    return isinstance(key, str) and "{{" in key


def _build(value: object, place: Place, references: list[Reference]) -> Maker | None:
    """Compile a part of a tree; None if it holds no template."""
    if type(value) in SCALARS and not isinstance(value, str):
        return None
    if isinstance(value, str):
        return _build_text(value, references)
    if len(place) >= MAX_NESTING:
        raise TemplateInvalid(source=_spell(place[:3]), reason=f"it is nested more than {MAX_NESTING} levels deep")
    if isinstance(value, Mapping):
        return _build_mapping(value, place, references)
    if isinstance(value, (list, tuple)):
        return _build_list(value, place, references)
    return None


def _build_text(text: str, references: list[Reference]) -> Maker | None:
    template = parse_template(text)
    if template is None:
        return None
    references.extend(template.references)
    return _fresh(template) if isinstance(template, PathTemplate) else template.evaluate


def _fresh(template: Template) -> Maker:
    """A path gives what it leads to; whoever gets it must not share it."""
    evaluate, copy = template.evaluate, FRESH.copy

    def make(names: Mapping[str, object]) -> object:
        found = evaluate(names)
        return found if type(found) in SCALARS else copy(found)

    return make


def _build_mapping(value: Mapping[object, object], place: Place, references: list[Reference]) -> Maker | None:
    makers: dict[object, Maker | None] = {}
    for key, item in value.items():
        here = (*place, key if isinstance(key, int) else str(key))
        if _is_templated(key):
            raise TemplateInvalid(source=str(key), reason=f"a key is literal and may hold no template ({_spell(here)})")
        makers[key] = _build(item, here, references)
    if not any(makers.values()):
        return None
    base = {key: item if type(item) in SCALARS else None for key, item in value.items()}
    made = [
        (key, make or _static(value[key])) for key, make in makers.items() if make or type(value[key]) not in SCALARS
    ]

    def fill(names: Mapping[str, object]) -> object:
        result = base.copy()
        for key, make in made:
            result[key] = make(names)
        return result

    return fill


def _build_list(value: list[object] | tuple[object, ...], place: Place, references: list[Reference]) -> Maker | None:
    makers = [_build(item, (*place, index), references) for index, item in enumerate(value)]
    if not any(makers):
        return None
    made = [make or _static(item) for make, item in zip(makers, value, strict=True)]
    if isinstance(value, tuple):
        return lambda names: tuple([make(names) for make in made])
    return lambda names: [make(names) for make in made]


def _static(value: object) -> Maker:
    """Give copies of a part without templates."""
    kept = FRESH.copy(value)
    if type(kept) in SCALARS:
        return lambda _names: kept
    if isinstance(kept, (dict, list)) and all(
        type(item) in SCALARS for item in (kept.values() if isinstance(kept, dict) else kept)
    ):
        copy = kept.copy
        return lambda _names: copy()
    return lambda _names: FRESH.copy(kept)


def _spell(place: Place) -> str:
    return ".".join(map(str, place))
