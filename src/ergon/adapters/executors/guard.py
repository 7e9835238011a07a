"""Guard: ends process groups whose owner was killed before it could."""

from __future__ import annotations

import contextlib
import subprocess
import threading
from typing import Final

# The last line that was read names the groups that are alive. The end of the input is the end of the owner: no
# signal can keep the system from closing its pipe.
_SCRIPT: Final = """
while read -r line; do groups=$line; done
for group in $groups; do kill -s KILL -- "-$group"; done
"""


class Guard:
    """A small shell, in a session of its own, that outlives its owner for an instant.

    A worker notices by itself that its owner is gone, but what its action started does not. Used from any thread.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._groups: set[int] = set()
        self._shell: subprocess.Popen[bytes] | None = None

    def add(self, group: int) -> None:
        """Watch over a process group."""
        with self._lock:
            self._groups.add(group)
            self._tell()

    def remove(self, group: int) -> None:
        """Forget a process group that is gone: its number may be given to another."""
        with self._lock:
            self._groups.discard(group)
            self._tell()

    def close(self) -> None:
        """End the shell, and with it the groups that were not removed."""
        with self._lock:
            shell, self._shell = self._shell, None
            if shell is not None:
                shell.communicate()

    def _tell(self) -> None:
        if self._shell is not None and self._shell.poll() is not None:  # somebody killed it
            self._shell.communicate()
            self._shell = None
        if self._shell is None:
            if not self._groups:
                return
            self._shell = _started()
        assert self._shell.stdin is not None
        with contextlib.suppress(BrokenPipeError):  # it was killed just now; the next change starts another
            self._shell.stdin.write(" ".join(map(str, self._groups)).encode() + b"\n")


def _started() -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        ["/bin/sh", "-c", _SCRIPT],
        bufsize=0,
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
