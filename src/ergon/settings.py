"""Settings: what a user may configure (S57)."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

from ergon.model.policies import Durability


class Settings(BaseModel):
    """What a workspace is run with."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    store: str = ""
    """URL of the store; empty for `runs.db` in the workspace's state folder."""
    artifacts: str = ""
    """URL of the artifacts; empty for a folder beside the store."""
    vault: str = "env:"
    """URL of the vault that gives secrets."""
    durability: Durability = "full"
    """What survives: power loss (`full`), the process (`process`), nothing (`off`)."""
    concurrency: int = Field(default=8, ge=1, le=10_000)
    """Actions at once in a run."""
    runs: int = Field(default=10, ge=1, le=1000)
    """Runs at once in a process; more are queued."""
    processes: int = Field(default=4, ge=1, le=256)
    """Child processes at once, for steps with `run_on: process`."""
    allow_paths: tuple[Path, ...] = ()
    """Folders outside the workspace that file actions may touch."""
