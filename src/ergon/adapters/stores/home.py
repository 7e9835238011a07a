"""The home: the folder that a store lies in, and the files in it."""

from __future__ import annotations

import os
from pathlib import Path

Identity = tuple[int, int]
"""Device and inode of a file: tells it from another that took its place."""


def identity(path: Path) -> Identity | None:
    """Give what tells a file apart; None if there is none, or nothing in it."""
    try:
        status = os.stat(path)
    except OSError:
        return None
    return (status.st_dev, status.st_ino) if status.st_size else None


def make_home(folder: Path) -> None:
    """Make the folder, with a `.gitignore` that keeps all of it out of version control.

    A folder that somebody else made and filled gets none: it may be the root of a project.
    """
    folder.mkdir(parents=True, exist_ok=True)
    ignore = folder / ".gitignore"
    if not ignore.exists() and (folder.name == ".ergon" or not any(folder.iterdir())):
        ignore.write_text("*\n", encoding="utf-8")
