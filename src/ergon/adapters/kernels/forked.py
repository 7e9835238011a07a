"""Forked: a kernel is a fork of a process that has its imports loaded; where that cannot be, another way serves."""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from ergon import leash
from ergon.adapters.kernels import folders
from ergon.adapters.kernels.endings import told_end
from ergon.ports import KERNEL_OUTPUTS, Kernel, KernelOrigin, KernelRequest, Kernels

if TYPE_CHECKING:
    from jupyter_client.kernelspec import KernelSpec

    from ergon.adapters.kernels.forks.client import Fork, ForkServer

_LAUNCHER: Final = ("-m", "ipykernel_launcher")
_NO_HISTORY: Final = "--HistoryManager.hist_file=:memory:"


@dataclass(frozen=True, slots=True)
class Command:
    """A kernel's command line that a fork can stand in for."""

    options: tuple[str, ...]
    """Those of the interpreter."""
    arguments: tuple[str, ...]
    """Those of the kernel."""


def platform_forbids() -> str:
    """Say why no kernel can be forked here; empty if it can be."""
    if sys.platform != "linux":
        return "kernels are forked on Linux only"
    if not hasattr(os, "pidfd_open"):
        return "this Python was built without pidfd_open"
    try:
        os.close(os.pidfd_open(os.getpid()))
    except OSError:
        return "the system has no pidfd_open"
    return ""


def command_of(argv: Sequence[str], environment: Mapping[str, str]) -> Command | str:
    """Read a kernelspec's command line; gives the reason if a fork cannot stand in for it."""
    own = {f"python{number}" for number in ("", "3", f"3.{sys.version_info[1]}")} | {sys.executable}
    if not argv or argv[0] not in own:
        return "it is no Python kernel of this environment"
    if _LAUNCHER[0] not in argv or tuple(argv[(at := list(argv).index(_LAUNCHER[0])) : at + 2]) != _LAUNCHER:
        return "it is not started by ipykernel_launcher"
    paths = environment.get("PYTHONPATH", "")
    if paths and not all(os.path.isabs(part) for part in paths.split(os.pathsep)):
        return "PYTHONPATH has parts that depend on the folder"
    return Command(tuple(argv[1:at]), tuple(argv[at + 2 :]))


class ForkedKernels:
    """Forks kernels where it can; what it cannot fork comes from elsewhere."""

    def __init__(self, server: ForkServer, *, otherwise: Kernels, folder: Path | None = None) -> None:
        """`otherwise` gives kernels of other languages and environments, and all if the server fails."""
        self._server = server
        self._otherwise = otherwise
        self._folder = folder

    def acquire(self, request: KernelRequest, started: Callable[[int], None]) -> Kernel:
        """Fork a kernel, or take one from elsewhere."""
        from ergon.adapters.kernels.forks.client import ForkError

        found = _command(request)
        if isinstance(found, str):
            return self._otherwise.acquire(request, started)
        folder = folders.kernel_folder(self._folder)
        try:
            fork = self._fork(request, found, folder)
        except ForkError:
            folders.take_away(folder, None)
            return self._otherwise.acquire(request, started)
        kernel = ForkedKernel(fork, folder)
        try:
            started(fork.pid)
            kernel.bind()
        except ForkError:
            kernel.end()
            return self._otherwise.acquire(request, started)
        except BaseException:
            kernel.end()
            raise
        return kernel

    def _fork(self, request: KernelRequest, command: Command, folder: Path) -> Fork:
        file = folder / folders.CONNECTION
        _write_connection(file)
        named = {"connection_file": str(file)}
        arguments = [part.format_map(named) if part == "{connection_file}" else part for part in command.arguments]
        with (folder / folders.LOG).open("wb") as log:
            return self._server.fork(
                [*arguments, *([] if _NO_HISTORY in arguments else [_NO_HISTORY])],
                folder=request.folder,
                environment={
                    **request.environment,
                    "JPY_PARENT_PID": str(os.getpid()),
                    KERNEL_OUTPUTS: str(folder / folders.OUTPUTS),
                },
                output=(log.fileno(), log.fileno()),
                options=command.options,
            )

    def close(self) -> None:
        """End those that wait elsewhere; the server ends when it has been idle for long enough."""
        self._otherwise.close()


class ForkedKernel:
    """A kernel that is a child of the fork server."""

    origin: KernelOrigin = "fork"

    def __init__(self, fork: Fork, folder: Path) -> None:
        self._fork = fork
        self._folder = folder
        self._words = ""
        self.pid: int | None = fork.pid
        self.connection: Mapping[str, object] = {}
        self.outputs = folder / folders.OUTPUTS
        leash.hold(fork.pid)

    def bind(self) -> None:
        """Wait until its ports are bound."""
        told: dict[str, Any] = json.loads((self._folder / folders.CONNECTION).read_bytes())
        self.connection = {**told, **self._fork.bound()}

    def interrupt(self) -> None:
        """Interrupt it and all that it started."""
        self._fork.send_group(signal.SIGINT)

    def kill(self) -> None:
        """Kill it and all that it started."""
        self._fork.send_group(signal.SIGKILL)

    def alive(self) -> bool:
        """Say whether it runs."""
        return self._fork.poll() is None

    def end(self, *, grace: float = 0.0, handover: Path | None = None) -> None:
        """Wait for it to end, kill what is left, and take its folder away."""
        if grace:
            self._fork.wait(grace)
        if self._words:
            return
        self._fork.close()
        leash.release(self._fork.pid)
        self._words = told_end(self._fork.returncode, self._folder)
        folders.take_away(self._folder, handover)

    def last_words(self) -> str:
        """Say how it ended."""
        return self._words or told_end(self._fork.poll(), self._folder)


def _command(request: KernelRequest) -> Command | str:
    from jupyter_client.kernelspec import KernelSpecManager, NoSuchKernel

    try:
        spec = KernelSpecManager().get_kernel_spec(request.name)
    except NoSuchKernel:
        return "it is not installed"
    return forkable(spec, request.environment)


def forkable(spec: KernelSpec, environment: Mapping[str, str]) -> Command | str:
    """Read a kernelspec; gives the reason if its kernels cannot be forked."""
    named = spec.metadata.get("kernel_provisioner", {}).get("provisioner_name", "ergon")
    if named not in ("local-provisioner", "ergon"):
        return f"the provisioner '{named}' starts it"
    if spec.env:
        return "its kernelspec sets variables"
    return command_of(spec.argv, environment)


def _write_connection(file: Path) -> None:
    """Write what a kernel is told of its connection: a key, and ports that it picks itself."""
    import uuid

    ports = dict.fromkeys(("shell_port", "iopub_port", "stdin_port", "control_port", "hb_port"), 0)
    told = {"transport": "tcp", "ip": "127.0.0.1", "key": str(uuid.uuid4()), "signature_scheme": "hmac-sha256", **ports}
    descriptor = os.open(file, os.O_CREAT | os.O_WRONLY | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as sink:
        json.dump(told, sink)
