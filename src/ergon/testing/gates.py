"""Gates: where the actions of a test wait until the test lets them go on, instead of sleeping.

Importing this module makes two actions: `bench.gate` waits in the engine's loop, `bench.thread_gate` in a thread.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from pathlib import Path
from typing import Final
from weakref import WeakValueDictionary

from ergon.actions.action import action
from ergon.ports import Context

_LOOK_EVERY: Final = 0.005


class Gate:
    """Where actions wait until a test opens it; for any thread."""

    def __init__(self) -> None:
        self.waiting = 0
        """How many stand at it."""
        self._open = threading.Event()
        self._lock = threading.Lock()
        self._futures: list[asyncio.Future[None]] = []

    def open(self) -> None:
        """Let all go on, now and from now on."""
        with self._lock:
            self._open.set()
            futures, self._futures = self._futures, []
        for future in futures:
            with contextlib.suppress(RuntimeError):  # its loop is closed
                future.get_loop().call_soon_threadsafe(_resolve, future)

    async def stand(self) -> None:
        """Wait in an event loop until it is open."""
        future = asyncio.get_running_loop().create_future()
        with self._lock:
            if self._open.is_set():
                return
            self._futures.append(future)
            self.waiting += 1
        try:
            await future
        finally:
            with self._lock:
                self.waiting -= 1

    def stand_in_thread(self, ctx: Context, *, stubborn: bool) -> None:
        """Wait in a thread until it is open, or, unless it is stubborn, until the attempt is told to stop."""
        with self._lock:
            self.waiting += 1
        try:
            while not self._open.wait(_LOOK_EVERY) and (stubborn or not ctx.cancelled):
                pass
        finally:
            with self._lock:
                self.waiting -= 1


class Gates:
    """The gates of one bench, by name."""

    def __init__(self, workspace: Path) -> None:
        self._gates: dict[str, Gate] = {}
        self._lock = threading.Lock()
        _known[workspace] = self

    def __getitem__(self, name: str) -> Gate:
        with self._lock:
            return self._gates.setdefault(name, Gate())

    def forget(self, name: str) -> None:
        """Put a closed gate where one was open."""
        with self._lock:
            self._gates.pop(name, None)

    @property
    def waiting(self) -> int:
        """How many actions stand at any of them."""
        return sum(gate.waiting for gate in list(self._gates.values()))

    def open_all(self) -> None:
        """Let everybody go on."""
        for gate in list(self._gates.values()):
            gate.open()


_known: Final[WeakValueDictionary[Path, Gates]] = WeakValueDictionary()


def gates_of(ctx: Context) -> Gates:
    """Give the gates of the bench that an action runs on."""
    return _known[ctx.workspace]


@action("bench.gate")
async def gate(name: str, value: object = None, *, ctx: Context) -> object:
    """Waits in the engine's loop until the test opens the gate, and gives its value."""
    await gates_of(ctx)[name].stand()
    return value


@action("bench.thread_gate")
def thread_gate(name: str, value: object = None, stubborn: bool = False, *, ctx: Context) -> object:
    """Waits in a thread until the test opens the gate, and gives its value; a stubborn one cannot be told to stop."""
    gates_of(ctx)[name].stand_in_thread(ctx, stubborn=stubborn)
    return value


def _resolve(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)
