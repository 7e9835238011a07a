"""Leases: who owns a run (S44)."""

from __future__ import annotations

import os
import sqlite3
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final, NamedTuple

from ergon.errors import RunOwned
from ergon.model.records import Owner

_BEAT_COUNTS: Final = 60.0
"""Seconds for which a heartbeat speaks for an owner on another host."""
_BOOT_ID: Final = Path("/proc/sys/kernel/random/boot_id")


class Host(NamedTuple):
    """This machine, as the rows of owned runs name it."""

    name: str
    machine: str
    """Tells machines apart, if it can: containers of one machine share its locks under other names."""

    @staticmethod
    def here() -> Host:
        """Give the host that this process runs on."""
        machine = ""
        if sys.platform == "linux":
            try:
                machine = _BOOT_ID.read_text(encoding="ascii").strip()
            except OSError:
                machine = ""
        return Host(os.uname().nodename, machine)

    def is_elsewhere(self, name: str, machine: str) -> bool:
        """Say whether a row names another host than this one."""
        return name != self.name and (not machine or machine != self.machine)


class SqliteLease:
    """The ownership of a run by this process, as a lock of the operating system with an epoch."""

    __slots__ = ("_give_up", "_released", "epoch", "run")

    def __init__(self, run: str, epoch: int, give_up: Callable[[SqliteLease, Callable[[], None]], None]) -> None:
        self.run = run
        self.epoch = epoch
        self._give_up = give_up
        self._released = False

    def release(self, done: Callable[[], None] | None = None) -> None:
        """Give the run up, after what is queued for it was written; done once, more does nothing."""
        if not self._released:
            self._released = True
            self._give_up(self, done or _nothing)


def _nothing() -> None:
    """Tell nobody that a run was given up."""


class Claimed(NamedTuple):
    """What the row of a run says about its owner."""

    number: int
    epoch: int
    host: str
    machine: str
    pid: int
    beat: float

    @staticmethod
    def read(db: sqlite3.Connection, run: str) -> Claimed | None:
        """Give what the row says; None if there is none."""
        query = "SELECT n, epoch, host, machine, pid, beat FROM runs WHERE id = ?"
        row = db.execute(query, (run,)).fetchone()
        return None if row is None else Claimed(*row)

    @staticmethod
    def beating(db: sqlite3.Connection) -> list[Claimed]:
        """Give what the rows of runs say whose owner's heart has beaten lately."""
        query = "SELECT n, epoch, host, machine, pid, beat FROM runs WHERE beat > ?"
        return [Claimed(*row) for row in db.execute(query, (time.time() - _BEAT_COUNTS,)).fetchall()]

    def owner_elsewhere(self, here: Host) -> Owner | None:
        """Give the owner if it is on another host and its heart beats; there no lock can be asked."""
        if here.is_elsewhere(self.host, self.machine) and self.beat > time.time() - _BEAT_COUNTS:
            return Owner(self.pid, self.host, alive=True)
        return None


def take(db: sqlite3.Connection, run: str, here: Host) -> int:
    """Raise the epoch of a run whose lock is held; gives it. Raises `RunOwned` for a live owner elsewhere."""
    claimed = Claimed.read(db, run)
    if claimed is None:
        return 1
    owner = claimed.owner_elsewhere(here)
    if owner is not None:
        raise RunOwned(run=run, owner=str(owner))
    db.execute(
        "UPDATE runs SET epoch = ?, host = ?, machine = ?, pid = ?, beat = ? WHERE n = ?",
        (claimed.epoch + 1, here.name, here.machine, os.getpid(), time.time(), claimed.number),
    )
    return claimed.epoch + 1


def beat(db: sqlite3.Connection, epochs: list[tuple[str, int]]) -> None:
    """Say that the owner of some runs lives, if it still is this one."""
    now = time.time()
    db.executemany("UPDATE runs SET beat = ? WHERE id = ? AND epoch = ?", [(now, run, epoch) for run, epoch in epochs])
