"""A context in memory, for the tests of actions."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Literal

from ergon.adapters.kernels.spawned import SpawnedKernels
from ergon.errors import PathRefused, SecretMissing
from ergon.model.values import Artifact
from ergon.ports import Context, Kernels


class FakeContext(Context):
    """What an action asks of its run, answered in memory; what it said is kept for a test to look at.

    Paths are refused outside the workspace, as in a real run.
    """

    def __init__(
        self,
        workspace: Path,
        *,
        folder: Path | None = None,
        step: str = "step",
        attempt: int = 1,
        secrets: Mapping[str, str] | None = None,
        journal: dict[str, object] | None = None,
        kernels: Kernels | None = None,
    ) -> None:
        """Make a context.

        Args:
            workspace: A folder that the action may use.
            folder: The workflow's folder; the workspace if absent.
            step: The step's path.
            attempt: The attempt's number, from 1.
            secrets: Secrets by name.
            journal: What `once` keeps; give one mapping to two contexts to try a second attempt.
            kernels: What gives kernels; each is started anew if absent.
        """
        self.workspace = workspace
        self.folder = folder or workspace
        self.run = "run-1"
        self.step = step
        self.attempt = attempt
        self.epoch = 1
        self.workflow = "test"
        self.actor = "test"
        self.idempotency_key = f"{self.run}:{step}"
        self.journal = journal if journal is not None else {}
        self.logged: list[tuple[str, str]] = []
        """Lines of the log, as (level, message)."""
        self.written: dict[str, str] = {"stdout": "", "stderr": ""}
        """Streamed text, by stream."""
        self.progressed: list[tuple[float | None, str]] = []
        """Progress, as (fraction, text)."""
        self.emitted: list[tuple[str, Mapping[str, object]]] = []
        """Signals, as (type, data)."""
        self.noted: list[tuple[str, Mapping[str, object]]] = []
        """Facts for the journal, as (type, data)."""
        self.artifacts: dict[str, bytes] = {}
        """Bytes of artifacts, by sha256."""
        self.processes: list[int] = []
        """Child processes, by pid."""
        self._kernels = kernels or SpawnedKernels()
        self._secrets = dict(secrets or {})
        self._lock = threading.Lock()
        self._callbacks: list[Callable[[], None]] = []
        self._cancelled = False

    @property
    def kernels(self) -> Kernels:
        """What gives kernels."""
        return self._kernels

    @property
    def cancelled(self) -> bool:
        """Whether `cancel` was called."""
        return self._cancelled

    def cancel(self) -> None:
        """Tell the action to stop."""
        with self._lock:
            self._cancelled = True
            callbacks, self._callbacks = self._callbacks, []
        for callback in callbacks:
            callback()

    def on_cancel(self, callback: Callable[[], None]) -> None:
        """Call back when the action is told to stop."""
        with self._lock:
            if not self._cancelled:
                self._callbacks.append(callback)
                return
        callback()

    def log(self, message: str, level: Literal["debug", "info", "warning", "error"] = "info") -> None:
        """Keep a line of the log."""
        self.logged.append((level, message))

    def write(self, text: str, stream: Literal["stdout", "stderr"] = "stdout") -> None:
        """Keep streamed text."""
        with self._lock:
            self.written[stream] += text

    def progress(self, fraction: float | None, text: str = "") -> None:
        """Keep progress."""
        self.progressed.append((fraction, text))

    def emit(self, type: str, data: Mapping[str, object]) -> None:
        """Keep a signal."""
        self.emitted.append((type, data))

    def note(self, type: str, data: Mapping[str, object]) -> None:
        """Keep a fact."""
        self.noted.append((type, data))

    def artifact(self, data: bytes | Path, *, type: str = "bytes", name: str = "") -> object:
        """Keep bytes or a file's bytes; the reference loads them as bytes."""
        content = data.read_bytes() if isinstance(data, Path) else data
        sha256 = hashlib.sha256(content).hexdigest()
        self.artifacts[sha256] = content
        return Artifact(sha256, type, len(content), name, loader=lambda artifact: self.artifacts[artifact.sha256])

    def secret(self, name: str) -> str:
        """Give a secret."""
        if name not in self._secrets:
            raise SecretMissing(name=name)
        return self._secrets[name]

    def redacted(self, data: Mapping[str, object]) -> Mapping[str, object]:
        """Give data with the secrets hidden."""
        return {key: self._hidden(value) for key, value in data.items()}

    def _hidden(self, value: object) -> object:
        if isinstance(value, str):
            for secret in self._secrets.values():
                value = value.replace(secret, "***")
            return value
        if isinstance(value, Mapping):
            return self.redacted(value)
        return [self._hidden(member) for member in value] if isinstance(value, list) else value

    def path(self, relative: str | Path, *, write: bool = False) -> Path:
        """Resolve a path inside the workspace."""
        workspace = self.workspace.resolve()
        resolved = (self.folder / relative).resolve()
        if not resolved.is_relative_to(workspace):
            raise PathRefused(path=str(relative), workspace=str(workspace))
        return resolved

    def output_folder(self) -> Path:
        """Give a folder of the step's own."""
        folder = self.workspace / ".ergon" / "outputs" / self.run / self.step
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def once(self, key: str, function: Callable[[], object]) -> object:
        """Give the function's result, kept under the key."""
        if key not in self.journal:
            self.journal[key] = function()
        return self.journal[key]

    def process_started(self, pid: int) -> None:
        """Keep a child process's pid."""
        self.processes.append(pid)
