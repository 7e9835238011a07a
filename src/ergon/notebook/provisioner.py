"""Provisioner: gives Jupyter's own clients kernels from the fork server, as `JUPYTER_DEFAULT_PROVISIONER_NAME=ergon`.

What cannot be forked is started as Jupyter starts it, by the local provisioner.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from jupyter_client.connect import (  # noqa: TID253  # Jupyter imports this when it starts a kernel
    KernelConnectionInfo,
    LocalPortCache,
)
from jupyter_client.provisioning.local_provisioner import LocalProvisioner  # noqa: TID253  # as above

from ergon.adapters.kernels.forked import Command, command_of, platform_forbids
from ergon.app import find_home
from ergon.errors import ErgonError
from ergon.settings import KernelSettings, load_settings

if TYPE_CHECKING:
    from ergon.adapters.kernels.forks.client import Fork

_PORTS: Final = ("shell_port", "iopub_port", "stdin_port", "control_port", "hb_port")
_UNDERSTOOD: Final = frozenset({"cwd", "env", "stdout", "stderr", "independent", "extra_arguments", "kernel_id"})
_running: Final[set[Fork]] = set()
"""Forks whose kernels run; a kernel does not end because its manager is forgotten."""


class ErgonProvisioner(LocalProvisioner):
    """Forks Python kernels of this environment, and starts all others."""

    _fork: Fork | None = None
    _picked = False
    """Whether the kernel has picked its ports; a restarted one keeps them."""

    async def launch_kernel(self, cmd: list[str], **kwargs: Any) -> KernelConnectionInfo:
        """Give the connection of a kernel that is forked, or else started."""
        await asyncio.to_thread(self._let_go)
        command = self._forkable(cmd, kwargs)
        if isinstance(command, str):
            self.log.debug("The kernel is started, not forked: %s.", command)
        elif await asyncio.to_thread(self._forked, command, kwargs):
            return self.connection_info
        return await super().launch_kernel(cmd, **kwargs)

    @staticmethod
    def _forkable(cmd: list[str], kwargs: dict[str, Any]) -> Command | str:
        """Read what is to be started; gives the reason if it cannot be forked."""
        if reason := platform_forbids():
            return reason
        if kwargs.get("independent") or not kwargs.keys() <= _UNDERSTOOD:
            return "it is to be started in a way of its own"
        if any(kwargs.get(stream) in (subprocess.PIPE, subprocess.STDOUT) for stream in ("stdout", "stderr")):
            return "its output goes into a pipe"
        return command_of(cmd, kwargs["env"])

    def _forked(self, command: Command, kwargs: dict[str, Any]) -> bool:
        """Fork a kernel; gives whether there is one."""
        from ergon.adapters.kernels.forks.client import ForkError, ForkServer  # noqa: PLC0415  # for Linux alone

        folder = Path(kwargs.get("cwd") or Path.cwd())
        settings = self._settings(folder)
        if settings.start == "spawn":
            return False
        server = ForkServer(preload=settings.preload, idle=settings.idle)
        environment = {**kwargs["env"], "JPY_PARENT_PID": str(os.getpid())}
        with self._unpicked_ports(command), _outputs(kwargs) as output:
            try:
                fork = server.fork(
                    command.arguments, folder=folder, environment=environment, output=output, options=command.options
                )
                self._take(fork, fork.bound())
            except (ForkError, ErgonError) as error:
                self.log.warning("The kernel is started, not forked: %s.", str(error).rstrip("."))
                return False
        self.cwd = kwargs.get("cwd", Path.cwd())
        return True

    def _settings(self, folder: Path) -> KernelSettings:
        """Read the settings of the workspace that the kernel will run in."""
        try:
            return load_settings(find_home(folder)[1]).kernel
        except ErgonError as error:
            self.log.warning("Ergon's settings do not hold: %s", error)
            return KernelSettings()

    @contextlib.contextmanager
    def _unpicked_ports(self, command: Command) -> Iterator[None]:
        """Let the kernel pick its ports, where Jupyter picked them for it; if it is not to be, they are as before."""
        file = self._connection_file(command)
        before = file.read_bytes() if file is not None and self.ports_cached and not self._picked else None
        if file is not None and before is not None:
            file.write_text(json.dumps({**json.loads(before), **dict.fromkeys(_PORTS, 0)}))
        yield
        if file is not None and before is not None and not self._picked:
            file.write_bytes(before)

    @staticmethod
    def _connection_file(command: Command) -> Path | None:
        for flag, value in zip(command.arguments, command.arguments[1:], strict=False):
            if flag == "-f":
                return Path(value)
        return None

    def _take(self, fork: Fork, ports: dict[str, int]) -> None:
        """Take a fork for our process, and its ports for those of the kernel's manager."""
        cache: Any = LocalPortCache.instance()
        manager: Any = self.parent
        connection: Any = self.connection_info
        for name, port in ports.items():
            if self.ports_cached:
                cache.return_port(connection[name])
                cache.currently_used_ports.add(port)
            connection[name] = port
            if manager is not None:
                setattr(manager, name, port)
        self._picked = True
        self._fork = fork
        _running.add(fork)
        process: Any = fork
        self.process = process
        self.pid = self.pgid = fork.pid

    def _let_go(self) -> None:
        fork, self._fork = self._fork, None
        if fork is not None:
            fork.close()
            _running.discard(fork)

    async def cleanup(self, restart: bool = False) -> None:
        """Let go of the kernel, which has ended."""
        await super().cleanup(restart)
        if self.process is None or self.process.poll() is not None:
            await asyncio.to_thread(self._let_go)


@contextlib.contextmanager
def _outputs(kwargs: dict[str, Any]) -> Iterator[tuple[int, int]]:
    """Give the open files that the kernel's output goes to: those asked for, or our own."""
    with open(os.devnull, "wb") as nothing:

        def file_of(stream: str, own: int) -> int:
            given = kwargs.get(stream)
            if given == subprocess.DEVNULL:
                return nothing.fileno()
            try:
                file = own if given is None else given if isinstance(given, int) else int(given.fileno())
                os.fstat(file)
            except (OSError, ValueError):
                return nothing.fileno()
            return file

        yield file_of("stdout", 1), file_of("stderr", 2)
