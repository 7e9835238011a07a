"""What each row is measured against: raw asyncio tasks, and bare journals that only commit."""

from __future__ import annotations

import asyncio
import queue
import sqlite3
import threading
import time
from pathlib import Path

from benchmarks.shapes import needs

_TABLE = "CREATE TABLE event (seq INTEGER PRIMARY KEY, at REAL, type TEXT, step TEXT, attempt INTEGER, value TEXT)"
_INSERT = "INSERT INTO event (at, type, step, attempt, value) VALUES (?, ?, ?, ?, ?)"


def asyncio_tasks(shape: str, size: int) -> float:
    """Give the seconds that raw tasks of a shape take, each awaiting those that it follows from."""
    before = [needs(shape, number) for number in range(size)]

    async def noop(value: int) -> int:
        return value

    async def chain() -> None:
        for number in range(size):
            await asyncio.create_task(noop(number))

    async def fan() -> None:
        await asyncio.gather(*[asyncio.create_task(noop(number)) for number in range(size)])

    async def grid() -> None:
        tasks: list[asyncio.Task[int]] = []

        async def follow(number: int) -> int:
            for source in before[number]:
                await tasks[source]
            return await noop(number)

        for number in range(size):
            tasks.append(asyncio.create_task(follow(number)))  # noqa: PERF401  # tasks see those before them
        await asyncio.gather(*tasks)

    work = {"chain": chain, "values": chain, "grid": grid}.get(shape, fan)
    begun = time.perf_counter()
    asyncio.run(work())
    return time.perf_counter() - begun


def _open(folder: Path) -> sqlite3.Connection:
    db = sqlite3.connect(folder / "floor.db", isolation_level=None, check_same_thread=False)
    db.execute("PRAGMA journal_mode=WAL")
    db.execute("PRAGMA synchronous=FULL")
    db.execute(_TABLE)
    return db


def _rows(number: int) -> list[tuple[object, ...]]:
    now = time.time()
    return [
        (now, "step_succeeded", f"s{number}", 1, str(number)),
        (now, "step_started", f"s{number + 1}", 1, None),
    ]


def journal_inline(folder: Path, size: int) -> float:
    """Give the seconds of a journal that commits two events a step in the caller's thread."""
    db = _open(folder)
    begun = time.perf_counter()
    for number in range(size):
        db.execute("BEGIN IMMEDIATE")
        db.executemany(_INSERT, _rows(number))
        db.execute("COMMIT")
    return time.perf_counter() - begun


def journal_in_thread(folder: Path, size: int, *, together: int = 1) -> float:
    """Give the seconds of a journal in a writer thread, an event loop waiting for `together` steps at a time.

    The writer commits whatever its queue holds as one transaction: with `together` above 1 that is a group commit.
    """
    db = _open(folder)
    work: queue.SimpleQueue[tuple[list[tuple[object, ...]], asyncio.Future[None]] | None] = queue.SimpleQueue()

    def write(loop: asyncio.AbstractEventLoop) -> None:
        while (first := work.get()) is not None:
            batch = [first]
            while not work.empty():
                item = work.get()
                if item is None:
                    return
                batch.append(item)
            db.execute("BEGIN IMMEDIATE")
            for rows, _ in batch:
                db.executemany(_INSERT, rows)
            db.execute("COMMIT")
            loop.call_soon_threadsafe(_tell, [future for _, future in batch])

    async def main() -> float:
        loop = asyncio.get_running_loop()
        thread = threading.Thread(target=write, args=(loop,))
        thread.start()
        begun = time.perf_counter()
        for start in range(0, size, together):
            futures = [loop.create_future() for _ in range(min(together, size - start))]
            for offset, future in enumerate(futures):
                work.put((_rows(start + offset), future))
            await asyncio.gather(*futures)
        took = time.perf_counter() - begun
        work.put(None)
        thread.join()
        return took

    return asyncio.run(main())


def _tell(futures: list[asyncio.Future[None]]) -> None:
    for future in futures:
        future.set_result(None)
