"""Kernel: a fresh Jupyter kernel on a leash, for one notebook."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from jupyter_client.kernelspec import KernelSpecManager, NoSuchKernel  # noqa: TID253  # imported when a notebook runs
from jupyter_client.manager import AsyncKernelManager  # noqa: TID253  # as above

from ergon.actions.leash import Leash, await_end
from ergon.errors import ActionFailed

OUTPUTS: Final = "ERGON_NOTEBOOK_OUTPUTS"
"""Environment variable that names the folder that `ergon.output` hands values over in."""
_LOCAL: Final = "local-provisioner"
_SHUTDOWN: Final = 5.0


class LeashedKernelManager(AsyncKernelManager):
    """Starts its kernel on a leash."""

    leash: Leash | None = None

    def format_kernel_cmd(self, extra_arguments: list[str] | None = None) -> list[str]:
        """Give the command, held back until it is journaled."""
        command = super().format_kernel_cmd(extra_arguments)
        return command if self.leash is None else self.leash.command(command)


@dataclass(slots=True)
class Kernel:
    """A kernel that is about to run, runs, or has ended."""

    name: str
    folder: Path
    """Where it runs."""
    scratch: Path
    """A folder for its connection file and for what it prints outside of cells."""
    environment: Mapping[str, str]
    manager: LeashedKernelManager = field(init=False)
    leash: Leash | None = field(init=False, default=None)
    pid: int | None = field(init=False, default=None)

    @asynccontextmanager
    async def running(self, started: Callable[[int], None]) -> AsyncIterator[LeashedKernelManager]:
        """Start it, tell its pid before it begins, and end it with all that it started."""
        self.manager = LeashedKernelManager(kernel_name=self.name, connection_file=str(self.scratch / "kernel.json"))
        graceful = False
        try:
            await self._start(started)
            yield self.manager
            graceful = True
        finally:
            await self._end(graceful=graceful)

    async def _start(self, started: Callable[[int], None]) -> None:
        options: dict[str, Any] = {"cwd": str(self.folder), "env": self._environment()}
        if self._is_local():
            self.leash = self.manager.leash = Leash()
            options["stdin"] = self.leash.stdin
        if self.manager.ipykernel:
            options["extra_arguments"] = ["--HistoryManager.hist_file=:memory:"]
        with (self.scratch / "kernel.log").open("wb") as log:
            try:
                await self.manager.start_kernel(stdout=log, stderr=log, **options)
            except OSError as error:
                raise ActionFailed(f"The kernel '{self.name}' cannot be started: {error}.") from None
            finally:
                if self.leash is not None:
                    self.leash.spawned()
        self.pid = getattr(self.manager.provisioner, "pid", None)
        if self.pid is not None:
            await asyncio.to_thread(started, self.pid)
            if self.leash is not None:
                self.leash.go(self.pid)

    def _is_local(self) -> bool:
        """Say whether the kernel is a process of this machine, which a leash can hold."""
        spec = self.manager.kernel_spec
        provisioner = spec.metadata.get("kernel_provisioner", {}) if spec is not None else {}
        return bool(provisioner.get("provisioner_name", _LOCAL) == _LOCAL)

    def _environment(self) -> dict[str, str]:
        """Give the kernel our environment, and Ergon where it is run from its source."""
        environment = {**os.environ, **self.environment}
        source = Path(__file__).resolve().parents[2]
        if source.name not in ("site-packages", "dist-packages"):
            known = environment.get("PYTHONPATH")
            environment["PYTHONPATH"] = f"{known}{os.pathsep}{source}" if known else str(source)
        return environment

    async def _end(self, *, graceful: bool) -> None:
        """End it: after a success it may say goodbye, otherwise it is killed."""
        manager = self.manager
        if self.pid is None or self.leash is None:
            if manager.has_kernel:
                await manager.shutdown_kernel(now=not graceful)
            if self.leash is not None:
                self.leash.release()
            return
        if graceful:
            await manager.request_shutdown()
            try:
                async with asyncio.timeout(_SHUTDOWN):
                    await asyncio.to_thread(await_end, self.pid)
            except TimeoutError:
                pass
        self.leash.release()
        if manager.provisioner is not None:
            await manager.provisioner.wait()
        await manager.cleanup_resources()

    def last_words(self) -> str:
        """Say how it ended, and what it printed last if it ended by itself."""
        process = getattr(getattr(self.manager, "provisioner", None), "process", None)
        code = process.poll() if process is not None else None
        if code is None:
            return "its process is gone"
        if code < 0:
            why = ", as happens when memory runs out" if -code == signal.SIGKILL else ""
            return f"its process was ended by {_signal(-code)}{why}"
        lines = (self.scratch / "kernel.log").read_text("utf-8", "replace").strip().splitlines()
        said = f" ({lines[-1].strip()[-200:]})" if lines and code else ""
        return f"its process ended with code {code}{said}"


def _signal(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def kernel_for(notebook: Mapping[str, Any], name: str) -> tuple[str, str]:
    """Give the name of the kernel that a notebook wants, or that was asked for, and its language.

    Raises `ActionFailed` if it is not installed.
    """
    asked = name or notebook.get("metadata", {}).get("kernelspec", {}).get("name") or "python3"
    specs = KernelSpecManager()
    try:
        spec = specs.get_kernel_spec(asked)
    except NoSuchKernel:
        known = ", ".join(sorted(specs.find_kernel_specs()))
        raise ActionFailed(f"There is no kernel '{asked}'.", hint=f"Installed are: {known}.") from None
    return asked, spec.language or "python"
