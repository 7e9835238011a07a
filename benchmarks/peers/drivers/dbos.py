"""DBOS on SQLite: one workflow, a DBOS step for each step; it has no mode that keeps nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from dbos import DBOS

from benchmarks.peers.driver import Task, answer

_tasks: dict[int, Task] = {}


def step(number: int, size: int) -> None:
    """Do nothing."""
    _tasks[size].done.append(number)


async def async_step(number: int, size: int) -> None:
    """Do nothing, on the event loop."""
    _tasks[size].done.append(number)


_step = DBOS.step()(step)
_async_step = DBOS.step()(async_step)


def chain(size: int) -> None:
    """Run steps one after another, as DBOS does it fastest: in plain calls."""
    for number in range(size):
        _step(number, size)


async def waves(size: int) -> None:
    """Run steps in waves, those of a wave at once."""
    for wave in _tasks[size].waves():
        await asyncio.gather(*[_async_step(number, size) for number in wave])


_chain = DBOS.workflow()(chain)
_waves = DBOS.workflow()(waves)


def prepare(task: Task) -> Callable[[], object]:
    """Open the database once, and give what runs the workflow."""
    if not _tasks:
        url = f"sqlite:///{task.folder / 'dbos.sqlite'}"
        DBOS(config={"name": "peers", "system_database_url": url, "log_level": "ERROR"})
        DBOS.launch()
    _tasks[task.size] = task
    if len(task.waves()) == task.size:
        return lambda: _chain(task.size)
    return lambda: asyncio.run(_waves(task.size))


if __name__ == "__main__":
    answer(prepare)
    DBOS.destroy()
