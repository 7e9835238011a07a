"""A peer's own environment: made once with venv and pip, and made anew when its pins change."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

from benchmarks.peers.catalog import Peer
from benchmarks.peers.failure import PeerError, last_line

ROOT: Final = Path(__file__).parents[2]
FOLDER: Final = ROOT / ".cache" / "peers"
INSTALL_LIMIT: Final = 600.0
"""Seconds that an installation may take."""


def python_of(peer: Peer) -> Path:
    """Give the interpreter of a peer's environment, which is made first if need be.

    Raises:
        PeerError: It could not be installed; the text says why.
    """
    home = FOLDER / peer.name
    python, stamp = home / "bin" / "python", home / ".ready"
    wanted = "\n".join(peer.pins) + "\n"
    if stamp.is_file() and stamp.read_text() == wanted:
        return python
    shutil.rmtree(home, ignore_errors=True)
    print(f"Installing {', '.join(peer.pins)} into {home.relative_to(ROOT)}", file=sys.stderr, flush=True)
    _install([sys.executable, "-m", "venv", str(home)])
    _install([str(python), "-m", "pip", "--disable-pip-version-check", "--quiet", "install", *peer.pins])
    stamp.write_text(wanted)
    return python


def _install(command: list[str]) -> None:
    try:
        done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=INSTALL_LIMIT)
    except subprocess.TimeoutExpired:
        raise PeerError(f"not installed within {INSTALL_LIMIT:.0f} s") from None
    if done.returncode:
        raise PeerError(f"not installed: {last_line(done.stderr)}")
