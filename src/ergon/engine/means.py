"""What every run of an engine works with."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from concurrent.futures import Executor as Pool
from dataclasses import dataclass

from ergon.engine.journal import Acknowledgements
from ergon.model.directives import Child
from ergon.model.graph import Graph
from ergon.ports import Catalog, Clock, Executor, Store


@dataclass(frozen=True, slots=True)
class OpenedChild:
    """A child workflow that `workflow.run` is about to run: its definition is kept with the parent's events."""

    graph: Graph
    text: str
    name: str
    parameters: str
    folder: str
    file: str


@dataclass(frozen=True, slots=True)
class Means:
    """What every run of an engine works with."""

    loop: asyncio.AbstractEventLoop
    pool: Pool
    store: Store
    clock: Clock
    catalog: Callable[[str], Catalog]
    """Gives the actions that workflows of a folder can use."""
    executors: Mapping[str, Executor]
    acknowledgements: Acknowledgements
    open_child: Callable[[Child, str], OpenedChild]
    """Loads and checks a child workflow, given the parent's folder; called in a thread."""
    concurrency: int
    overrules: bool = False
    """Whether `concurrency` counts more than what a workflow says of itself (S57)."""
