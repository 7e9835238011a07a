"""Folders: a private place for each kernel's connection file, its log and what its notebook hands over."""

from __future__ import annotations

import contextlib
import os
import shutil
import stat
import tempfile
from pathlib import Path
from typing import Final

from ergon.errors import ActionFailed

CONNECTION: Final = "kernel.json"
LOG: Final = "kernel.log"
OUTPUTS: Final = "outputs"
_swept: set[Path] = set()


def private_folder(parent: Path | None = None) -> Path:
    """Make and give this user's folder for what kernels need (mode 0700); raises `ActionFailed` if it is not ours.

    It lies in the session's runtime folder where there is one, else in the temporary folder under the user's number.
    """
    if parent is not None:
        place = parent
    elif runtime := os.environ.get("XDG_RUNTIME_DIR"):
        place = Path(runtime) / "ergon"
    else:
        place = Path(tempfile.gettempdir()) / f"ergon-{os.getuid() if hasattr(os, 'getuid') else 'user'}"
    with contextlib.suppress(FileExistsError):
        place.mkdir(mode=0o700, parents=True)
    found = place.lstat()
    ours = not hasattr(os, "getuid") or found.st_uid == os.getuid()
    if not stat.S_ISDIR(found.st_mode) or not ours:
        raise ActionFailed(f"{place} is not a folder of yours, so no kernel can keep its files there.")
    if stat.S_IMODE(found.st_mode) & 0o077:
        place.chmod(0o700)
    return place


def kernel_folder(parent: Path | None = None) -> Path:
    """Make a folder for one kernel; what killed processes left is taken away, once a process."""
    place = private_folder(parent)
    if place not in _swept:
        _swept.add(place)
        _sweep(place)
    made = Path(tempfile.mkdtemp(dir=place, prefix=f"kernel-{os.getpid()}-"))
    (made / OUTPUTS).mkdir()
    return made


def _sweep(place: Path) -> None:
    import psutil

    for left in place.glob("kernel-*-*"):
        owner = left.name.split("-")[1]
        if owner.isdecimal() and not psutil.pid_exists(int(owner)):
            shutil.rmtree(left, ignore_errors=True)


def take_away(folder: Path, handover: Path | None) -> None:
    """Remove a kernel's folder; what its notebook handed over goes into the folder `handover`, if one is given."""
    if handover is not None:
        for file in (folder / OUTPUTS).iterdir():
            shutil.move(file, handover / file.name)
    shutil.rmtree(folder, ignore_errors=True)


def last_line(folder: Path) -> str:
    """Give the last line that a kernel printed outside of cells; empty if there is none."""
    try:
        lines = (folder / LOG).read_text("utf-8", "replace").strip().splitlines()
    except OSError:
        return ""
    return lines[-1].strip()[-200:] if lines else ""
