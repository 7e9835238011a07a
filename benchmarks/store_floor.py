"""The store beside its floor: a bare journal that commits inline, and one in a writer thread.

Each round runs all of them, one after the other, on the same disk; what counts is the ratio of their medians.
Run it with `python benchmarks/store_floor.py [--rounds N] [--folder FOLDER]`.
"""

from __future__ import annotations

import argparse
import json
import queue
import sqlite3
import statistics
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

from ergon.adapters.stores.memory import MemoryStore
from ergon.adapters.stores.sqlite import SqliteStore
from ergon.model import events as e
from ergon.model.events import Event
from ergon.ports import Change, Lease, Store

Done = Callable[[BaseException | None], None]
RUN = "20260101-120000-a1b2c3"
CHAIN = 400
"""Commits of one step each, every one waited for."""
TURN = 20
FAN = 4000
"""Steps that are queued without waiting."""


class Journal(Protocol):
    """What is measured: takes the events of one step, and calls back when they are on disk."""

    def write(self, events: Sequence[Event], done: Done) -> None: ...

    def close(self) -> None: ...


def _bare(path: Path) -> sqlite3.Connection:
    db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    db.execute("PRAGMA journal_mode = wal")
    db.execute("PRAGMA synchronous = full")
    db.execute("CREATE TABLE journal (seq INTEGER PRIMARY KEY, event TEXT)")
    return db


def _lines(events: Sequence[Event]) -> list[tuple[int, str]]:
    return [(event.seq, json.dumps([event.at, event.type, event.step, event.value])) for event in events]


class BareInline:
    """Commits in the caller's thread."""

    def __init__(self, path: Path) -> None:
        self._db = _bare(path)

    def write(self, events: Sequence[Event], done: Done) -> None:
        self._db.execute("BEGIN IMMEDIATE")
        self._db.executemany("INSERT INTO journal VALUES (?, ?)", _lines(events))
        self._db.execute("COMMIT")
        done(None)

    def close(self) -> None:
        self._db.close()


class BareThread:
    """Commits in a writer thread, all that waits in one transaction."""

    def __init__(self, path: Path) -> None:
        self._db = _bare(path)
        self._queue: queue.SimpleQueue[tuple[Sequence[Event], Done] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._work)
        self._thread.start()

    def write(self, events: Sequence[Event], done: Done) -> None:
        self._queue.put((events, done))

    def _work(self) -> None:
        while (item := self._queue.get()) is not None:
            items = [item]
            for _ in range(self._queue.qsize()):
                if (item := self._queue.get()) is None:
                    self._queue.put(None)
                    break
                items.append(item)
            self._db.execute("BEGIN IMMEDIATE")
            lines = [line for events, _ in items for line in _lines(events)]
            self._db.executemany("INSERT INTO journal VALUES (?, ?)", lines)
            self._db.execute("COMMIT")
            for _, done in items:
                done(None)

    def close(self) -> None:
        self._queue.put(None)
        self._thread.join()
        self._db.close()


class InStore:
    """A store behind its port."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self._lease: Lease = store.claim(RUN)
        created = Event(RUN, 1, time.time(), e.RUN_CREATED, data={"workflow": "bench"}, correlation=RUN)
        started = Event(RUN, 2, time.time(), e.RUN_STARTED, data={"epoch": 1}, correlation=RUN)
        wait_for(self, [created, started])

    def write(self, events: Sequence[Event], done: Done) -> None:
        self.store.commit(Change(RUN, self._lease.epoch, events), done)

    def close(self) -> None:
        self._lease.release()
        self.store.close()


def steps(count: int) -> list[tuple[Event, Event]]:
    """Make the two events of each of some steps, as the engine does; numbered after those of the run."""
    pairs = []
    for index in range(count):
        path, seq, value = f"fan[{index}]", 2 * index + 3, json.dumps({"index": index, "name": "item"})
        inputs = {"inputs": json.dumps({"value": index})}
        pairs.append(
            (
                Event(RUN, seq, time.time(), e.STEP_STARTED, path, 1, correlation=RUN),
                Event(RUN, seq + 1, time.time(), e.STEP_SUCCEEDED, path, 1, inputs, value, correlation=RUN),
            )
        )
    return pairs


def wait_for(journal: Journal, events: Sequence[Event]) -> None:
    """Write events and wait until they are on disk."""
    answers: queue.SimpleQueue[BaseException | None] = queue.SimpleQueue()
    journal.write(events, answers.put)
    error = answers.get()
    if error is not None:
        raise error


def chains(journals: dict[str, Journal]) -> dict[str, float]:
    """Give the median time, in seconds, of a commit of one step that is waited for.

    The journals take turns, a few commits each, so that all of them meet the same disk.
    """
    times: dict[str, list[float]] = {name: [] for name in journals}
    pairs = steps(CHAIN)
    for first in range(0, CHAIN, TURN):
        for name, journal in journals.items():
            for pair in pairs[first : first + TURN]:
                start = time.perf_counter()
                wait_for(journal, pair)
                times[name].append(time.perf_counter() - start)
    return {name: statistics.median(taken) for name, taken in times.items()}


def fan_out(journal: Journal) -> tuple[float, float]:
    """Give the time and the CPU time of a step, in seconds, where none is waited for until the last."""
    pairs = steps(FAN)
    answers: queue.SimpleQueue[BaseException | None] = queue.SimpleQueue()

    def ignore(error: BaseException | None) -> None:
        if error is not None:
            answers.put(error)

    wall, cpu = time.perf_counter(), time.process_time()
    for pair in pairs[:-1]:
        journal.write(pair, ignore)
    journal.write(pairs[-1], answers.put)
    error = answers.get()
    if error is not None:
        raise error
    return (time.perf_counter() - wall) / FAN, (time.process_time() - cpu) / FAN


def bytes_per_step(path: Path) -> float:
    """Give the size of a database of FAN steps, for each, with nothing left in its WAL."""
    return path.stat().st_size / FAN


KINDS: dict[str, Callable[[Path], Journal]] = {
    "bare journal, inline": lambda folder: BareInline(folder / "inline.db"),
    "bare journal, writer thread": lambda folder: BareThread(folder / "thread.db"),
    "SqliteStore": lambda folder: InStore(SqliteStore(f"sqlite:///{folder}/runs.db")),
    "MemoryStore": lambda folder: InStore(MemoryStore()),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--folder", type=Path, default=Path("."), help="where the databases are made")
    options = parser.parse_args()
    results: dict[str, list[tuple[float, float, float]]] = {name: [] for name in KINDS}
    sizes = []
    for _ in range(options.rounds):
        with tempfile.TemporaryDirectory(dir=options.folder) as folder:
            journals = {name: make(Path(folder)) for name, make in KINDS.items()}
            linked = chains(journals)
            for journal in journals.values():
                journal.close()
        for name, make in KINDS.items():
            with tempfile.TemporaryDirectory(dir=options.folder) as folder:
                journal = make(Path(folder))
                results[name].append((linked[name], *fan_out(journal)))
                journal.close()
                if name == "SqliteStore":
                    sizes.append(bytes_per_step(Path(folder) / "runs.db"))
    report(results, statistics.median(sizes))


def report(results: dict[str, list[tuple[float, float, float]]], size: float) -> None:
    """Print the table."""
    medians = {
        name: [statistics.median(column) for column in zip(*rows, strict=True)] for name, rows in results.items()
    }
    inline, thread = medians["bare journal, inline"], medians["bare journal, writer thread"]
    print(f"{'':30} {'chain, µs a step':>30} {'fan-out, µs a step':>26} {'CPU':>10}")
    for name, (linked, wall, cpu) in medians.items():
        beside = f"{linked * 1e6:7.0f}  {linked / inline[0]:5.2f} × {linked / thread[0]:5.2f} ×"
        fan = f"{wall * 1e6:7.1f} {wall / thread[1]:6.2f} ×"
        print(f"{name:30} {beside:>30} {fan:>26} {cpu * 1e6:10.1f}")
    print(f"\nchain: beside the inline and the threaded journal; fan-out: beside the threaded. {size:.0f} bytes a step")


if __name__ == "__main__":
    main()
