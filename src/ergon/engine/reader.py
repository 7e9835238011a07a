"""Reads stored values back, and keeps the items of a running `for_each` at hand one by one."""

from __future__ import annotations

import json
from collections.abc import Mapping

from ergon.engine.values import Values
from ergon.model.outputs import body_text
from ergon.model.states import RunState, StepState


class Reader:
    """Decodes stored values for one run."""

    def __init__(self, values: Values) -> None:
        self.values = values
        self._items: dict[str, list[str]] = {}

    def decode(self, text: str) -> object:
        """Give a fresh copy of a stored value."""
        return self.values.decode(text)

    def item(self, block: StepState, index: int) -> object:
        """Give a fresh copy of one item of a `for_each`."""
        return self.values.decode(self.item_text(block, index))

    def item_text(self, block: StepState, index: int) -> str:
        """Give the stored form of one item."""
        texts = self._items.get(block.path)
        if texts is None:
            texts = self._items[block.path] = self.split(block.items or "[]")
        return texts[index]

    def split(self, text: str) -> list[str]:
        """Give the stored forms of the members of a stored list, a large one loaded from its artifact."""
        members = json.loads(text)
        if isinstance(members, Mapping):
            members = json.loads(self.values.stored_text(text))
        return [json.dumps(member, separators=(",", ":"), ensure_ascii=False) for member in members]

    def keep(self, block: StepState, texts: list[str]) -> None:
        """Keep the items of a block that has just been opened."""
        self._items[block.path] = texts

    def drop(self, block: StepState) -> None:
        """Forget the items of a block that has ended."""
        self._items.pop(block.path, None)

    def last(self, state: RunState, block: StepState, index: int) -> object:
        """Give the output of the iteration before `index`, or None (S27)."""
        if index <= 0 or not block.bodies:
            return None
        return self.values.decode(body_text(state, block.bodies.get(index - 1)))
