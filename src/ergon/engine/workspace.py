"""The workspace: the folder that holds `.ergon/`, and which paths file actions may touch (S11, DESIGN: safety)."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ergon.errors import PathRefused

HOME_NAME: Final = ".ergon"


@dataclass(frozen=True, slots=True)
class Workspace:
    """Where a run may read and write."""

    root: Path
    home: Path
    """The folder of the state: `.ergon/`, or `$ERGON_HOME`."""
    allowed: tuple[Path, ...] = ()
    """Further folders, from `allow_paths`."""

    @property
    def outputs(self) -> Path:
        """Where steps put files of their own, by run."""
        return self.home / "outputs"

    @property
    def logs(self) -> Path:
        """Where the logs of runs lie."""
        return self.home / "logs"

    def resolve(self, path: str | Path, *, folder: Path) -> Path:
        """Resolve a path against a folder, symbolic links followed; raises `PathRefused` where it leads outside."""
        try:
            target = (folder / Path(path).expanduser()).resolve()
        except (OSError, RuntimeError, ValueError) as error:
            raise PathRefused(path=str(path), workspace=str(self.root)) from error
        for allowed in (self.root, self.outputs, *self.allowed):
            if target.is_relative_to(allowed.resolve()):
                return target
        raise PathRefused(path=str(path), workspace=str(self.root))


def find_home(folder: Path | None = None) -> tuple[Path, Path]:
    """Give (state's folder, workspace): `$ERGON_HOME`, else the nearest `.ergon/` upward, else here (S11)."""
    here = (folder or Path.cwd()).resolve()
    if given := os.environ.get("ERGON_HOME"):
        return Path(given).resolve(), here
    for place in (here, *here.parents):
        if (place / HOME_NAME).is_dir():
            return place / HOME_NAME, place
    return here / HOME_NAME, here
