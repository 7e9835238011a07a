"""What every driver does: read a graph, warm up, run the graph once, tell the seconds that it took.

A driver runs in its peer's environment, where Ergon is not: it gets the graph as data, and imports nothing of Ergon.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

WARM_UP: Final = [[], [0]]


@dataclass(frozen=True, slots=True)
class Task:
    """A graph of no-op steps to run."""

    needs: list[list[int]]
    """For each step the numbers of those that it follows from, all of them lower than its own."""
    durable: bool
    """Whether each step's outcome is to be on disk."""
    folder: Path
    """Where the peer may write."""
    done: list[int] = field(default_factory=list)
    """The numbers of the steps that ran: every step adds its own."""

    @property
    def size(self) -> int:
        """The number of steps."""
        return len(self.needs)

    def waves(self) -> list[list[int]]:
        """Give the steps in waves: those of a wave may run at once, after all waves before."""
        depths: list[int] = []
        for before in self.needs:
            depths.append(1 + max((depths[number] for number in before), default=-1))
        found: list[list[int]] = [[] for _ in range(max(depths) + 1)]
        for number, depth in enumerate(depths):
            found[depth].append(number)
        return found


def answer(prepare: Callable[[Task], Callable[[], object]]) -> None:
    """Do the measurement that standard input asks for, and print its seconds as the last line.

    `prepare` builds the graph in the peer's own terms, which is not measured, and gives what runs it.

    Raises:
        RuntimeError: The peer did not run every step exactly once.
    """
    asked = json.load(sys.stdin)
    folder = Path(asked["folder"])
    prepare(Task(WARM_UP, asked["durable"], folder))()
    task = Task(asked["needs"], asked["durable"], folder)
    run = prepare(task)
    begun = time.perf_counter()
    run()
    took = time.perf_counter() - begun
    if sorted(task.done) != list(range(task.size)):
        raise RuntimeError(f"{len(task.done)} steps ran, {task.size} were asked for")
    print(json.dumps({"seconds": took}), flush=True)
