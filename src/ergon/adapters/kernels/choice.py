"""Choice: which way of getting kernels is in force, and why."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

from ergon.adapters.kernels.forked import ForkedKernels, platform_forbids
from ergon.adapters.kernels.pool import PooledKernels
from ergon.adapters.kernels.spawned import SpawnedKernels
from ergon.errors import ErgonError
from ergon.ports import Kernels

Start = Literal["auto", "fork", "pool", "spawn"]


class Wish(Protocol):
    """What is asked of kernels, as the settings have it."""

    @property
    def start(self) -> Start:
        """How they are to come to be."""

    @property
    def preload(self) -> Sequence[str]:
        """Modules that forked ones have loaded."""

    @property
    def pool(self) -> int:
        """How many wait."""

    @property
    def idle(self) -> float:
        """Seconds after which what waits ends."""


@dataclass(frozen=True, slots=True)
class Way:
    """How kernels come to be."""

    forks: bool
    pools: bool
    reason: str
    """Why: the end of a sentence."""

    def __str__(self) -> str:
        if self.forks:
            return "kernels that wait in a pool, forked" if self.pools else "forked"
        return "kernels that wait in a pool" if self.pools else "started anew"


def way_of(wish: Wish) -> Way:
    """Say which way is in force; `fork` where nothing can be forked is as `auto`."""
    start, pool, forbidden = wish.start, wish.pool, platform_forbids()
    if start == "spawn":
        return Way(False, False, "`kernel.start` is spawn")
    if start == "pool":
        return Way(not forbidden, pool > 0, "`kernel.start` is pool" + (f", and {forbidden}" if forbidden else ""))
    if not forbidden:
        return Way(True, False, "the system can")
    return Way(False, pool > 0, forbidden)


@dataclass(frozen=True, slots=True)
class KernelStart:
    """How kernels come to be, and what was found when it was tried."""

    way: Way
    preloaded: Sequence[str] = ()
    refused: Mapping[str, str] = field(default_factory=dict)
    """Modules that cannot be loaded ahead, with the reason: the end of a sentence."""
    fault: str = ""
    """Why it does not work; empty if it does."""


def try_way(wish: Wish) -> KernelStart:
    """Try the way that is in force."""
    way = way_of(wish)
    if sys.platform != "linux" or not way.forks:
        return KernelStart(way)
    from ergon.adapters.kernels.forks.client import ForkError, ForkServer

    try:
        facts = ForkServer(preload=tuple(wish.preload), idle=wish.idle).facts(os.environ)
    except (ForkError, ErgonError) as error:
        return KernelStart(way, fault=str(error).rstrip("."))
    return KernelStart(way, facts["preloaded"], facts["refused"])


def kernels(wish: Wish) -> Kernels:
    """Put together what gives kernels.

    What cannot be forked (another language or environment) comes from a pool of its own, unless nothing is to wait.
    """
    way, pool, idle = way_of(wish), wish.pool, wish.idle
    spawned: Kernels = SpawnedKernels()
    if sys.platform == "linux" and way.forks:
        from ergon.adapters.kernels.forks.client import ForkServer

        server = ForkServer(preload=tuple(wish.preload), idle=wish.idle)
        if way.pools:
            return PooledKernels(ForkedKernels(server, otherwise=spawned), size=pool, idle=idle)
        return ForkedKernels(server, otherwise=PooledKernels(spawned, size=pool, idle=idle))
    return PooledKernels(spawned, size=pool, idle=idle) if way.pools else spawned
