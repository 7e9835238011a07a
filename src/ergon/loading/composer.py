"""The composer: text to a tree of nodes, from the parser's event stream, within bounds (S1, S2)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import yaml

from ergon.loading.events import Alias, DocumentStart, Event, Events, Scalar, Start, open_events
from ergon.loading.faults import Fault, Stopped
from ergon.loading.nodes import MappingNode, Node, ScalarNode, SequenceNode
from ergon.loading.scalars import resolve, resolve_as
from ergon.loading.standins import StandIns, stand_in
from ergon.loading.syntax import syntax_fault

MAX_DEPTH: Final = 100
MAX_EXPANDED: Final = 20_000_000
"""Characters of all keys and values, aliases expanded."""
MAX_VALUES: Final = 300_000
"""Keys and values, aliases expanded: what can be checked in the time that a check may take."""
_CORE: Final = "tag:yaml.org,2002:"
_SCALAR_TAGS: Final = frozenset({"str", "int", "float", "bool", "null"})
_MERGE: Final = "<<"
_OVERHEAD: Final = 2


@dataclass(frozen=True, slots=True)
class Composed:
    """A tree (None where the text cannot be read) and the faults found on the way."""

    root: Node | None
    faults: tuple[Fault, ...]


@dataclass(frozen=True, slots=True)
class _Anchored:
    node: Node
    size: int
    values: int
    height: int


class _Open:
    """A collection whose end has not come yet."""

    __slots__ = ("anchor", "height", "kept", "key", "mapping", "node", "place", "size", "values")

    def __init__(self, node: SequenceNode | MappingNode, anchor: str | None, size: int, values: int) -> None:
        self.node, self.anchor, self.size, self.values = node, anchor, size, values
        self.mapping = isinstance(node, MappingNode)
        self.height = 1
        self.key: str | None = None
        self.place = (0, 0)
        self.kept = True
        """Whether the value to come is kept: it is not where its key was refused."""


def compose(text: str, *, parse: Callable[[str], Events] = open_events) -> Composed:
    """Read a text into a tree; never raises, for any text without control characters."""
    to_parse, stand_ins = stand_in(text)
    composer = _Composer(text, stand_ins)
    try:
        composer.run(parse(to_parse))
    except Stopped as stopped:
        composer.faults.append(stopped.fault)
        return Composed(None, tuple(composer.faults))
    except yaml.YAMLError as error:
        last = syntax_fault(text, error)
        known = {(fault.code, fault.line, fault.column) for fault in composer.faults}
        faults = composer.faults if (last.code, last.line, last.column) in known else [*composer.faults, last]
        return Composed(None, tuple(faults))
    return Composed(composer.root, tuple(composer.faults))


class _Composer:
    """Takes events in and builds the tree with a stack of its own, however deep the text."""

    def __init__(self, text: str, stand_ins: StandIns | None) -> None:
        self.text = text
        self.root: Node | None = None
        self.faults: list[Fault] = []
        self._stand_ins = stand_ins
        self._stack: list[_Open] = []
        self._anchors: dict[str, _Anchored] = {}
        self._size = self._values = 0
        self._documents = 0

    def run(self, events: Events) -> None:
        """Take in all events; raises `Stopped`, or what the parser raises."""
        get = events.get_event
        handlers: dict[type, Callable[..., None]] = {
            yaml.ScalarEvent: self._scalar,
            yaml.MappingStartEvent: self._mapping,
            yaml.SequenceStartEvent: self._sequence,
            yaml.MappingEndEvent: self._end,
            yaml.SequenceEndEvent: self._end,
            yaml.AliasEvent: self._alias,
            yaml.DocumentStartEvent: self._document,
        }
        while (event := get()) is not None:
            handle = handlers.get(type(event))
            if handle is not None:
                handle(event)

    # ---- events ----------------------------------------------------------------------------------------------

    def _document(self, event: DocumentStart) -> None:
        self._documents += 1
        if self._documents > 1:
            raise Stopped(self._fault("E114", event))
        version = event.version
        if (version is not None and tuple(version) != (1, 2)) or event.tags:
            self.faults.append(self._fault("E119", event))

    def _scalar(self, event: Scalar) -> None:
        start, end = event.start_mark, event.end_mark
        text: str = event.value
        style: str = event.style or ""
        if self._stand_ins is not None:
            text = self._restored(event, text, style)
        self._grow(len(text) + _OVERHEAD, 1, event)
        stack = self._stack
        if stack and stack[-1].mapping and stack[-1].key is None:
            self._scalar_key(stack[-1], event, text, style)
            return
        if event.tag is None:
            value = text if style else self._resolved(event, text)
        else:
            value = self._tagged(event, text, style)
        node = ScalarNode(value, style, start.line, start.column, start.index, end.index)
        if event.anchor is not None:
            self._anchors[event.anchor] = _Anchored(node, len(text) + _OVERHEAD, 1, 0)
        if stack:
            self._attach(stack[-1], node)
        else:
            self.root = node

    def _mapping(self, event: Start) -> None:
        mark = event.start_mark
        self._start(event, "map", MappingNode({}, {}, mark.line, mark.column, mark.index, mark.index))

    def _sequence(self, event: Start) -> None:
        mark = event.start_mark
        self._start(event, "seq", SequenceNode([], mark.line, mark.column, mark.index, mark.index))

    def _start(self, event: Start, tag: str, node: MappingNode | SequenceNode) -> None:
        if len(self._stack) >= MAX_DEPTH:
            raise Stopped(self._fault("E108", event, limit=str(MAX_DEPTH)))
        if event.tag is not None and event.tag not in ("!", _CORE + tag):
            self.faults.append(self._fault("E112", event, tag=_tag_name(event.tag)))
        before = self._size, self._values
        self._grow(_OVERHEAD, 1, event)
        if event.anchor is not None:
            self._anchors.pop(event.anchor, None)
        self._stack.append(_Open(node, event.anchor, *before))

    def _end(self, event: Event) -> None:
        done = self._stack.pop()
        done.node.end = event.end_mark.index
        node: Node = done.node
        stack = self._stack
        if done.anchor is not None:
            size, values = self._size - done.size, self._values - done.values
            self._anchors[done.anchor] = _Anchored(node, size, values, done.height)
        if not stack:
            self.root = node
            return
        outer = stack[-1]
        outer.height = max(outer.height, done.height + 1)
        if outer.mapping and outer.key is None:
            self._collection_key(outer, node)
        else:
            self._attach(outer, node)

    def _alias(self, event: Alias) -> None:
        found = self._anchors.get(event.anchor)
        if found is None:
            inside = any(o.anchor == event.anchor for o in self._stack)
            reason = "stands inside what it names" if inside else "names no anchor above it"
            raise Stopped(self._fault("E115", event, name=event.anchor, reason=reason))
        if len(self._stack) + found.height > MAX_DEPTH:
            raise Stopped(self._fault("E108", event, limit=str(MAX_DEPTH)))
        self._grow(found.size, found.values, event)
        if not self._stack:
            return
        outer = self._stack[-1]
        outer.height = max(outer.height, found.height + 1)
        if not outer.mapping or outer.key is not None:
            self._attach(outer, found.node)
        elif isinstance(found.node, ScalarNode) and isinstance(found.node.value, str):
            mark = event.start_mark
            self._key(outer, found.node.value, mark.line, mark.column)
        else:
            self._refuse_key(outer, event.start_mark.line, event.start_mark.column, f"*{event.anchor}")

    # ---- keys and values -------------------------------------------------------------------------------------

    def _scalar_key(self, outer: _Open, event: Scalar, text: str, style: str) -> None:
        mark = event.start_mark
        if event.tag is not None:
            key = self._tagged(event, text, style)
        elif style:
            key = text
        elif text == _MERGE:
            self.faults.append(self._fault("E111", event))
            self._drop(outer)
            return
        else:
            key = self._resolved(event, text)
        if event.anchor is not None:
            node = ScalarNode(key, style, mark.line, mark.column, mark.index, event.end_mark.index)
            self._anchors[event.anchor] = _Anchored(node, len(text) + _OVERHEAD, 1, 0)
        if isinstance(key, str):
            self._key(outer, key, mark.line, mark.column)
        else:
            self._refuse_key(outer, mark.line, mark.column, text)

    def _key(self, outer: _Open, key: str, line: int, column: int) -> None:
        node = outer.node
        assert isinstance(node, MappingNode)
        if key in node.items:
            first = node.keys[key][0] + 1
            self.faults.append(Fault("E110", line, column, {"key": key, "first": str(first)}))
            self._drop(outer)
            return
        outer.key, outer.place = key, (line, column)

    def _collection_key(self, outer: _Open, node: Node) -> None:
        """A collection as a key: refused, or an unquoted template, which is then read as if it were quoted."""
        opening = self.text[outer.node.start : outer.node.start + 2]
        if opening == "{{" and len(self._stack) > 1:
            self._drop(outer)
            return
        self._refuse_key(outer, node.line, node.column, self.text[node.start : node.end])

    def _refuse_key(self, outer: _Open, line: int, column: int, text: str) -> None:
        self.faults.append(Fault("E113", line, column, {"key": text or "(nothing)"}))
        self._drop(outer)

    def _drop(self, outer: _Open) -> None:
        """Leave out the value that comes next."""
        assert isinstance(outer.node, MappingNode)
        outer.node.partial = True
        outer.key, outer.kept = "", False

    def _attach(self, outer: _Open, node: Node) -> None:
        if outer.mapping:
            key, outer.key = outer.key, None
            if not outer.kept:
                outer.kept = True
                return
            holder = outer.node
            if isinstance(holder, MappingNode) and key is not None:
                holder.items[key] = self._unquoted(node)
                holder.keys[key] = outer.place
        elif isinstance(outer.node, SequenceNode):
            outer.node.items.append(self._unquoted(node))

    def _unquoted(self, node: Node) -> Node:
        """Give a template that lacks its quotes as the text it was meant to be, and say so."""
        if type(node) is not MappingNode or not node.partial or not self.text.startswith("{{", node.start):
            return node
        text = self.text[node.start : node.end]
        self.faults.append(Fault("E107", node.line, node.column, {"text": text}))
        return ScalarNode(text, "", node.line, node.column, node.start, node.end)

    # ---- scalars ---------------------------------------------------------------------------------------------

    def _resolved(self, event: Scalar, text: str) -> str | int | float | bool | None:
        try:
            return resolve(text)
        except ValueError as error:
            self.faults.append(self._fault("E118", event, reason=str(error)))
            return text

    def _tagged(self, event: Scalar, text: str, style: str) -> str | int | float | bool | None:
        tag = str(event.tag)
        name = tag.removeprefix(_CORE)
        if tag == "!":
            return text
        if tag == name or name not in _SCALAR_TAGS:
            self.faults.append(self._fault("E112", event, tag=_tag_name(tag)))
            return text if style else self._resolved(event, text)
        try:
            return resolve_as(name, text)
        except ValueError as error:
            self.faults.append(self._fault("E118", event, reason=str(error)))
            return text

    def _restored(self, event: Scalar, text: str, style: str) -> str:
        assert self._stand_ins is not None
        text = self._stand_ins.restore(text, escapes=style == '"')
        if any("\ud800" <= c <= "\udfff" for c in text):
            self.faults.append(self._fault("E118", event, reason="half of a surrogate pair stands alone"))
            return ""
        return text

    # ---- bounds ----------------------------------------------------------------------------------------------

    def _grow(self, size: int, values: int, event: Event) -> None:
        self._size += size
        self._values += values
        if self._values > MAX_VALUES:
            raise Stopped(self._fault("E109", event, limit=f"{MAX_VALUES:,} keys and values"))
        if self._size > MAX_EXPANDED:
            raise Stopped(self._fault("E109", event, limit=f"{MAX_EXPANDED // 1_000_000} MB"))

    @staticmethod
    def _fault(code: str, event: Event, **facts: str) -> Fault:
        mark = event.start_mark
        return Fault(code, mark.line, mark.column, facts)


def _tag_name(tag: str) -> str:
    return "!!" + tag.removeprefix(_CORE) if tag.startswith(_CORE) else tag if tag.startswith("!") else f"!<{tag}>"
