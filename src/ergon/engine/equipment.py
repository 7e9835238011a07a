"""What an engine is built of."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from ergon.engine.means import OpenedChild
from ergon.engine.values import Values
from ergon.engine.workspace import Workspace
from ergon.model.directives import Child
from ergon.ports import Catalog, Clock, Executor, Store, Vault


@dataclass(frozen=True, slots=True)
class Equipment:
    """What an engine is built of."""

    store: Store
    values: Values
    vault: Vault
    catalog: Callable[[str], Catalog]
    executors: Callable[[asyncio.AbstractEventLoop], Mapping[str, Executor]]
    clock: Callable[[asyncio.AbstractEventLoop], Clock]
    workspace: Workspace
    open_child: Callable[[Child, str], OpenedChild]
    facts: Mapping[str, object] = field(default_factory=dict)
    """What `run_started` records of this process: pid, host, version."""
    concurrency: int = 8
    """Actions at once in a run."""
    overrules: bool = False
    """Whether `concurrency` counts more than what a workflow says of itself (S57)."""
    runs: int = 10
    """Runs at once in this process."""
