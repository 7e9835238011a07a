"""Artifacts in memory, for tests and for runs that keep nothing."""

from __future__ import annotations

import hashlib
import threading
import time
from pathlib import Path

from ergon.errors import ArtifactDamaged


class MemoryArtifacts:
    """Keeps artifacts for as long as the object lives."""

    def __init__(self, url: str = "memory:") -> None:
        self.url = url
        self._kept: dict[str, tuple[bytes, float]] = {}
        self._lock = threading.Lock()

    def put(self, data: bytes) -> str:
        """Keep bytes."""
        sha256 = hashlib.sha256(data).hexdigest()
        with self._lock:
            self._kept[sha256] = (bytes(data), time.monotonic())
        return sha256

    def put_file(self, path: Path) -> tuple[str, int]:
        """Keep a file's bytes."""
        data = path.read_bytes()
        return self.put(data), len(data)

    def get(self, sha256: str) -> bytes:
        """Give bytes."""
        try:
            return self._kept[sha256][0]
        except KeyError:
            raise ArtifactDamaged(sha256=sha256, reason="is not in memory any more") from None

    def path(self, sha256: str) -> Path | None:
        """Give None: there are no files."""
        return None

    def has(self, sha256: str) -> bool:
        """Say whether the bytes are there."""
        return sha256 in self._kept

    def remove(self, sha256: str, *, older: float = 0.0) -> int:
        """Forget bytes unless they were put within the last `older` seconds; gives how many were freed."""
        with self._lock:
            data, at = self._kept.get(sha256, (b"", 0.0))
            if older and time.monotonic() - at < older:
                return 0
            self._kept.pop(sha256, None)
        return len(data)

    def hashes(self) -> set[str]:
        """Give the hashes of all that is kept."""
        with self._lock:
            return set(self._kept)

    def sweep(self) -> int:
        """Give 0: nothing is ever half done."""
        return 0
