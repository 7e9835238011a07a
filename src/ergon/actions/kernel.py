"""Kernel: a fresh Jupyter kernel for one notebook, from its start to its end."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from ergon.ports import Kernel as OwnedKernel
from ergon.ports import KernelRequest, Kernels

_SHUTDOWN: Final = 5.0


@dataclass(slots=True)
class Kernel:
    """A kernel that is about to run, runs, or has ended."""

    name: str
    folder: Path
    """Where it runs."""
    handover: Path
    """Where what its notebook hands over is to be when it has ended."""
    environment: Mapping[str, str]
    """Variables beside those of this process."""
    kernels: Kernels
    owned: OwnedKernel | None = field(init=False, default=None)

    @asynccontextmanager
    async def running(self, started: Callable[[int], None]) -> AsyncIterator[OwnedKernel]:
        """Acquire it, its pid told before it can run anything, and end it with all that it started.

        Whoever has no error to raise has asked it to end, and it gets time to.
        """
        self.owned = owned = await self._acquire(started)
        grace = 0.0
        try:
            yield owned
            grace = _SHUTDOWN
        finally:
            await _whole(asyncio.to_thread(owned.end, grace=grace, handover=self.handover))

    async def _acquire(self, started: Callable[[int], None]) -> OwnedKernel:
        request = KernelRequest(self.name, self.folder, {**_environment(), **self.environment})
        taken: list[OwnedKernel] = []
        try:
            await _whole(asyncio.to_thread(lambda: taken.append(self.kernels.acquire(request, started))))
        except asyncio.CancelledError:
            for owned in taken:
                await asyncio.to_thread(owned.end)
            raise
        return taken[0]

    def last_words(self) -> str:
        """Say how it ended, and what it printed last if it ended by itself."""
        return self.owned.last_words() if self.owned is not None else "its process is gone"


async def _whole(work: Coroutine[Any, Any, None]) -> None:
    """Await work to its end, also where this is cancelled, which is raised then."""
    task = asyncio.ensure_future(work)
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait([task])
        raise


def _environment() -> dict[str, str]:
    """Give our environment, with Ergon where it is run from its source."""
    environment = dict(os.environ)
    source = Path(__file__).resolve().parents[2]
    if source.name not in ("site-packages", "dist-packages"):
        known = environment.get("PYTHONPATH")
        environment["PYTHONPATH"] = f"{known}{os.pathsep}{source}" if known else str(source)
    return environment
