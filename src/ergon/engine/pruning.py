"""Pruning: forgets old runs with all that was kept for them (S49)."""

from __future__ import annotations

import contextlib
import shutil
from pathlib import Path
from typing import Final

from ergon.engine.workspace import Workspace
from ergon.model.records import Pruned
from ergon.ports import ArtifactStore, Store

GRACE: Final = 3600.0
"""Seconds for which bytes that no event names are spared: a live run may be about to name them."""


def prune(store: Store, artifacts: ArtifactStore, workspace: Workspace, *, before: float | None, keep: int) -> Pruned:
    """Forget ended runs that ended before a time, but of each workflow the newest `keep`; gives what that freed.

    Their logs and outputs go with them, and every artifact that no run names any more.
    """
    pruned = store.prune(before=before, keep=keep)
    freed, removed = pruned.bytes + artifacts.sweep(), 0
    for sha256 in artifacts.hashes() - store.artifacts_named():
        size = artifacts.remove(sha256, older=GRACE)
        freed, removed = freed + size, removed + bool(size)
    return Pruned(pruned.runs, pruned.artifacts + removed, freed + _sweep_folders(store, workspace))


def _sweep_folders(store: Store, workspace: Workspace) -> int:
    """Remove logs and outputs of runs that are gone.

    The folders are read before the list of runs is: a run is in the store before it writes anything else.
    """
    logs = list(workspace.logs.glob("*"))
    outputs = [path for path in workspace.outputs.glob("*") if path.is_dir()]
    known = {record.id for record in store.runs()}
    return sum(_remove(path) for path in (*logs, *outputs) if path.name.partition(".")[0] not in known)


def _remove(path: Path) -> int:
    """Remove a file or folder, and give its bytes; another process may be at the same."""
    size = 0
    with contextlib.suppress(FileNotFoundError):
        size = sum(inner.stat().st_size for inner in (path, *path.rglob("*")) if inner.is_file())
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()
    return size
