"""The peers beside Ergon: each measurement is a process of its own, peer and Ergon take turns in one run."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import statistics
import subprocess
import tempfile
from pathlib import Path
from typing import Final

from benchmarks import engine
from benchmarks.peers.catalog import PEERS, SIZE, Mode, Peer
from benchmarks.peers.environment import ROOT, python_of
from benchmarks.peers.failure import PeerError, last_line
from benchmarks.peers.table import HEAD, Row
from benchmarks.shapes import SHAPES, needs

REPEATS: Final = 3
LIMIT: Final = 120.0
"""Seconds that one measurement of a peer may take."""
_SETTINGS: Final = {
    # Nothing is told to anybody, and no settings but these count.
    "DO_NOT_TRACK": "1",
    "HAMILTON_TELEMETRY_ENABLED": "false",
    "LANGSMITH_TRACING": "false",
    "PREFECT_CLOUD_ENABLE_ORCHESTRATION_TELEMETRY": "false",
    "PREFECT_LOGGING_LEVEL": "ERROR",
    "PREFECT_SERVER_ALLOW_EPHEMERAL_MODE": "true",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
}


def report() -> None:
    """Print a row for each peer, mode and shape, once it is measured."""
    print(f"Medians of {REPEATS}; ratio: the peer's time over Ergon's, with the durability of Ergon that is named.")
    print(HEAD, flush=True)
    for peer in PEERS:
        try:
            python = python_of(peer)
        except PeerError as why:
            print(Row(peer.name, peer.version, "", "", SIZE, "", reason=str(why)).line(), flush=True)
            continue
        for mode in peer.modes:
            for shape in SHAPES:
                print(_measured(peer, python, mode, shape).line(), flush=True)


def _measured(peer: Peer, python: Path, mode: Mode, shape: str) -> Row:
    def row(*, seconds: float | None = None, ergon: float | None = None, reason: str = "") -> Row:
        note = f"not {SIZE}: too slow" if size < SIZE else ""
        return Row(peer.name, peer.version, mode.text, shape, size, mode.beside, seconds, ergon, reason, note)

    size = peer.size(shape)
    theirs, ours = [], []
    try:
        for _ in range(REPEATS):
            theirs.append(_peer_once(peer, python, mode, shape))
            ours.append(engine.child(mode.beside, shape, size))
    except PeerError as why:
        return row(reason=str(why))
    return row(seconds=statistics.median(theirs), ergon=statistics.median(ours))


def _peer_once(peer: Peer, python: Path, mode: Mode, shape: str) -> float:
    """Give the seconds of one run, measured by the peer's driver in the peer's environment."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as home:
        graph = [needs(shape, number) for number in range(peer.size(shape))]
        asked = json.dumps({"needs": graph, "durable": mode.durable, "folder": home})
        said = _run([str(python), "-m", f"benchmarks.peers.drivers.{peer.name}"], asked, home)
    return float(json.loads(said.splitlines()[-1])["seconds"])


def _run(command: list[str], asked: str, home: str) -> str:
    """Run a driver with nothing of the caller's environment, and end whatever it started."""
    settings = {**_SETTINGS, "PATH": os.defpath, "HOME": home, "PREFECT_HOME": home}
    driver = subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env=settings,
        start_new_session=True,
    )
    try:
        said, complaint = driver.communicate(asked, timeout=LIMIT)
    except subprocess.TimeoutExpired:
        raise PeerError(f"took more than {LIMIT:.0f} s") from None
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(driver.pid, signal.SIGKILL)
        driver.wait()
    if driver.returncode:
        raise PeerError(last_line(complaint))
    return said
