"""Written files: which files a run left, as far as its steps name them."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from ergon.engine.workspace import Workspace
from ergon.errors import ArtifactDamaged
from ergon.model.report import instances
from ergon.model.states import RunState, StepState

_MOST_TEXTS: Final = 20_000
_LONGEST_PATH: Final = 400
_TICK: Final = 0.05
"""Seconds by which a file system's clock may lag behind."""


def written_files(state: RunState, workspace: Workspace, whole: Callable[[str], str]) -> list[Path]:
    """Give the files that steps name in their inputs or outputs and that were written since the run began.

    `whole` gives the stored form of what was too large to be inline. What lies in the run's own folder of outputs
    comes last. Files are told once, in the order of the steps.
    """
    if state.started_at is None:
        return []
    since = state.started_at - _TICK
    found: dict[Path, None] = {}
    for number, (step, text) in enumerate(_texts(state, whole)):
        if number >= _MOST_TEXTS:
            break
        path = Path(step.body.frame.folder or workspace.root) / text
        if _is_new(path, since):
            found[Path(os.path.normpath(path))] = None
    own = workspace.outputs / state.run
    for folder, _, names in os.walk(own):
        found |= dict.fromkeys(Path(folder) / name for name in sorted(names))
    return list(found)


def _texts(state: RunState, whole: Callable[[str], str]) -> Iterator[tuple[StepState, str]]:
    """Give the texts in inputs and outputs that may be the path of a file."""
    for step in instances(state):
        if step.node.kind != "action" or step.started_at is None:
            continue
        for stored in (step.output, step.inputs):
            if stored is None:
                continue
            try:
                texts = _leaves(json.loads(whole(stored)))
            except ArtifactDamaged:
                continue
            yield from ((step, text) for text in texts if _like_a_path(text))


def _leaves(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for member in value.values():
            yield from _leaves(member)
    elif isinstance(value, list):
        for member in value:
            yield from _leaves(member)


def _like_a_path(text: str) -> bool:
    return 0 < len(text) <= _LONGEST_PATH and text.isprintable() and ("." in text or "/" in text)


def _is_new(path: Path, since: float) -> bool:
    try:
        found = path.stat()
        return path.is_file() and max(found.st_mtime, found.st_ctime) >= since
    except (OSError, ValueError):
        return False
