"""Lingering: attempts that were given up and still run (S35)."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Final

from ergon.ports import Context

PATIENCE: Final = 10.0
"""Seconds that a next attempt waits for the one before."""


@dataclass(slots=True)
class _Group:
    """What lingers of one step."""

    count: int = 0
    gone: asyncio.Event = field(default_factory=asyncio.Event)


class Lingering:
    """The attempts that were given up and still run, by run and step. Used in the engine's loop only."""

    def __init__(self, patience: float = PATIENCE) -> None:
        self._patience = patience
        self._groups: dict[tuple[str, str], _Group] = {}

    def __len__(self) -> int:
        return sum(group.count for group in self._groups.values())

    def add(self, context: Context) -> None:
        """Note that an attempt was given up."""
        self._groups.setdefault((context.run, context.step), _Group()).count += 1

    def remove(self, context: Context) -> None:
        """Note that such an attempt has ended."""
        key = context.run, context.step
        group = self._groups[key]
        group.count -= 1
        if not group.count:
            del self._groups[key]
            group.gone.set()

    async def idle(self, run: str, step: str) -> bool:
        """Wait until nothing of a step lingers; gives whether that came true in time."""
        group = self._groups.get((run, step))
        if group is None:
            return True
        try:
            async with asyncio.timeout(self._patience):
                await group.gone.wait()
        except TimeoutError:
            return False
        return True
