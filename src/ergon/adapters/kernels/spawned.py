"""Spawned: a kernel is a new process of its kernelspec's command, on a leash."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import threading
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from ergon.adapters.kernels import folders
from ergon.adapters.kernels.endings import told_end
from ergon.errors import ActionFailed
from ergon.leash import Leash, await_end
from ergon.ports import KERNEL_OUTPUTS, KernelOrigin, KernelRequest

if TYPE_CHECKING:
    from jupyter_client.manager import AsyncKernelManager

LOCAL: Final = frozenset({"local-provisioner", "ergon"})
"""Provisioners whose kernels are processes of this machine, which a leash can hold."""


class SpawnedKernels:
    """Starts a kernel whenever one is asked for."""

    def __init__(self, *, folder: Path | None = None) -> None:
        """`folder` holds the kernels' own folders; by default a private one of the user."""
        self._folder = folder

    def acquire(self, request: KernelRequest, started: Callable[[int], None]) -> SpawnedKernel:
        """Start a kernel, held back until its pid was told."""
        kernel = SpawnedKernel(_manager(request.name), folders.kernel_folder(self._folder))
        try:
            kernel.start(request, started)
        except BaseException:
            kernel.end()
            raise
        return kernel

    def close(self) -> None:
        """Do nothing: no kernel waits here."""


class SpawnedKernel:
    """A kernel in a process of ours, or of a provisioner's."""

    origin: KernelOrigin = "spawned"

    def __init__(self, manager: AsyncKernelManager, folder: Path) -> None:
        self._manager = manager
        self._folder = folder
        self._leash: Leash | None = None
        self._ending = threading.Lock()
        self._ended = False
        self._code: int | None = None
        self._words = ""
        self.pid: int | None = None
        self.connection: Mapping[str, object] = {}
        self.outputs = folder / folders.OUTPUTS

    def start(self, request: KernelRequest, started: Callable[[int], None]) -> None:
        """Start it; where it is a process of this machine it begins when its pid was told."""
        manager = self._manager
        manager.connection_file = str(self._folder / folders.CONNECTION)
        environment = {**request.environment, KERNEL_OUTPUTS: str(self.outputs)}
        options: dict[str, Any] = {"cwd": str(request.folder), "env": environment}
        if manager.ipykernel:
            options["extra_arguments"] = ["--HistoryManager.hist_file=:memory:"]
        self._leash = self._hold(options)
        with (self._folder / folders.LOG).open("wb") as log:
            try:
                _done(manager.start_kernel(stdout=log, stderr=log, **options))
            except OSError as error:
                raise ActionFailed(f"The kernel '{request.name}' cannot be started: {error}.") from None
            finally:
                if self._leash is not None:
                    self._leash.spawned()
        self.pid = getattr(manager.provisioner, "pid", None)
        self.connection = dict(manager.get_connection_info())
        if self.pid is not None:
            started(self.pid)
            if self._leash is not None:
                self._leash.go(self.pid)

    def _hold(self, options: dict[str, Any]) -> Leash | None:
        """Put the command on a leash, if it will be a process of this machine."""
        from jupyter_client.provisioning.local_provisioner import LocalProvisioner

        manager = self._manager
        spec = manager.kernel_spec
        assert spec is not None
        named = spec.metadata.get("kernel_provisioner", {}).get("provisioner_name", "local-provisioner")
        if named not in LOCAL:
            return None
        manager.provisioner = LocalProvisioner(kernel_spec=spec, parent=manager)
        leash = Leash()
        options["stdin"] = leash.stdin
        command = manager.format_kernel_cmd
        manager.format_kernel_cmd = lambda extra_arguments=None: leash.command(command(extra_arguments))  # type: ignore[method-assign]
        return leash

    def interrupt(self) -> None:
        """Interrupt what it runs, by a signal or by a message, as its kernelspec says."""
        with self._ending:
            if not self._ended and self._manager.has_kernel:
                _done(self._manager.interrupt_kernel())

    def kill(self) -> None:
        """Kill its process group."""
        with self._ending, contextlib.suppress(ProcessLookupError, PermissionError):
            if self._ended:
                return
            if self.pid is None or self._leash is None or not hasattr(os, "killpg"):
                _done(self._manager.shutdown_kernel(now=True))
            else:
                os.killpg(self.pid, signal.SIGKILL)

    def alive(self) -> bool:
        """Say whether its process runs."""
        with self._ending:
            if self._ended:
                return False
            process = getattr(self._manager.provisioner, "process", None)
            return process.poll() is None if process is not None else bool(_done(self._manager.is_alive()))

    def end(self, *, grace: float = 0.0, handover: Path | None = None) -> None:
        """Wait for it to end, kill what is left, and take its folder away."""
        if grace and self.pid is not None and self._leash is not None:
            self._wait(self.pid, grace)
        with self._ending:
            if self._ended:
                return
            self._ended = True
            manager = self._manager
            if self._leash is None or self.pid is None:
                if manager.has_kernel:
                    _done(manager.shutdown_kernel(now=not grace))
                if self._leash is not None:
                    self._leash.release()
            else:
                self._leash.release()
                self._code = self._reaped()
            _done(manager.cleanup_resources())
            self._words = told_end(self._code, self._folder)
            folders.take_away(self._folder, handover)

    @staticmethod
    def _wait(pid: int, seconds: float) -> None:
        waiter = threading.Thread(target=await_end, args=(pid,), daemon=True)
        waiter.start()
        waiter.join(seconds)

    def _reaped(self) -> int | None:
        process: subprocess.Popen[bytes] | None = getattr(self._manager.provisioner, "process", None)
        return process.wait() if process is not None else None

    def last_words(self) -> str:
        """Say how it ended."""
        process = getattr(self._manager.provisioner, "process", None)
        return self._words or told_end(process.poll() if process is not None else None, self._folder)


def _done(work: Awaitable[Any]) -> Any:
    """Do in a loop of the moment what the manager would have awaited."""

    async def main() -> Any:
        return await work

    return asyncio.run(main())


def _manager(name: str) -> AsyncKernelManager:
    import zmq
    from jupyter_client.kernelspec import NoSuchKernel
    from jupyter_client.manager import AsyncKernelManager
    from traitlets import Instance

    class Manager(AsyncKernelManager):
        """Awaited in a loop of the moment, with sockets that belong to none."""

        context = Instance(zmq.Context)

    manager = Manager(kernel_name=name, context=zmq.Context.instance())
    try:
        assert manager.kernel_spec is not None
    except NoSuchKernel:
        known = sorted(manager.kernel_spec_manager.find_kernel_specs())
        raise ActionFailed(f"There is no kernel '{name}'.", hint=f"Installed are: {', '.join(known)}.") from None
    return manager
