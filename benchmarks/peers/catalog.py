"""The peers: what is installed for each, pinned, and what is measured."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from benchmarks.shapes import SHAPES
from ergon.model.policies import Durability

SIZE: Final = 1000
"""Steps of a run."""


@dataclass(frozen=True, slots=True)
class Mode:
    """A way to run a peer, and the durability of Ergon that it is set beside."""

    durable: bool
    text: str
    beside: Durability


@dataclass(frozen=True, slots=True)
class Peer:
    """An engine that is measured beside Ergon."""

    name: str
    """The name of its environment's folder and of its driver's module."""
    pins: tuple[str, ...]
    """What pip installs, exactly; the first is the peer itself."""
    modes: tuple[Mode, ...]
    fewer: Mapping[str, int] = field(default_factory=dict)
    """Steps of a run, by shape, where the peer would need minutes for `SIZE`."""

    def size(self, shape: str) -> int:
        """Give the number of steps of a run in a shape."""
        return self.fewer.get(shape, SIZE)

    @property
    def version(self) -> str:
        """The peer's own version."""
        return self.pins[0].partition("==")[2]


OFF: Final = Mode(durable=False, text="off", beside="off")

PEERS: Final = (
    Peer(
        "langgraph",
        ("langgraph==1.2.22", "langgraph-checkpoint-sqlite==3.1.2"),
        (OFF, Mode(durable=True, text="SQLite, sync", beside="full")),
    ),
    # It has no mode that keeps nothing. Its SQLite file keeps SQLite's own defaults: a rollback journal, synced at
    # each commit.
    Peer(
        "dbos", ("dbos==3.4.0",), (Mode(durable=True, text="SQLite", beside="full"),), fewer=dict.fromkeys(SHAPES, 200)
    ),
    # Its SQLite file is in WAL mode with synchronous=NORMAL, which survives the process and not a loss of power; its
    # server records task runs in batches, after the tasks. 3.9 needs a certifi that not every index has yet, and the
    # server of 3.8 does not start with the newest FastAPI, which it allows.
    Peer(
        "prefect",
        ("prefect==3.8.8", "fastapi==0.139.0"),
        (Mode(durable=True, text="server, SQLite", beside="process"),),
        fewer=dict.fromkeys(SHAPES, 200),
    ),
    Peer("pyiron_workflow", ("pyiron_workflow==0.20.3",), (OFF,), fewer={"grid": 200}),
    Peer("hamilton", ("sf-hamilton==1.90.0",), (OFF,)),
)
