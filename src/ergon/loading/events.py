"""Events: what the YAML parser gives, one after the other, and how it is opened."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol, cast

import yaml


class Mark(Protocol):
    """A place in the text; all three count from 0."""

    line: int
    column: int
    index: int


class Event(Protocol):
    """Something that begins and ends in the text."""

    start_mark: Mark
    end_mark: Mark


class DocumentStart(Event, Protocol):
    """A document begins."""

    version: tuple[int, int] | None
    tags: Mapping[str, str] | None


class Scalar(Event, Protocol):
    """A scalar."""

    anchor: str | None
    tag: str | None
    value: str
    style: str | None


class Start(Event, Protocol):
    """A mapping or a list begins."""

    anchor: str | None
    tag: str | None


class Alias(Event, Protocol):
    """An alias of something above it."""

    anchor: str


class Events(Protocol):
    """A stream of events."""

    def get_event(self) -> object:
        """Give the next event, or None at the end; raises `yaml.YAMLError`."""


def open_events(text: str) -> Events:
    """Parse a text with libyaml, or where PyYAML came without it with PyYAML's own parser."""
    if yaml.__with_libyaml__:
        return cast(Events, yaml.CSafeLoader(text))
    return open_slow_events(text)


def open_slow_events(text: str) -> Events:
    """Parse a text with PyYAML's own parser, which gives the same events about ten times as slowly."""
    return cast(Events, yaml.SafeLoader(text))
