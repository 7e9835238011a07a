"""Kernel: a fresh Jupyter kernel for one notebook, and what talks to it."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from queue import Empty
from typing import Any, Final

from jupyter_client.asynchronous.client import AsyncKernelClient  # noqa: TID253  # imported when a notebook runs
from jupyter_client.kernelspec import KernelSpecManager, NoSuchKernel  # noqa: TID253  # as above
from jupyter_client.manager import AsyncKernelManager  # noqa: TID253  # as above

from ergon.errors import ActionFailed
from ergon.ports import Kernel as OwnedKernel
from ergon.ports import KernelRequest, Kernels

_SHUTDOWN: Final = 5.0
_LOOK: Final = 0.5
"""Seconds without an answer after which the kernel is asked again, and its process looked at."""
_LOST: Final = 0.2
"""Seconds after an answer in which its end must have been published."""
_SOON: Final = 0.005
"""Seconds after a greeting in which what follows it is there."""


class PromptClient(AsyncKernelClient):
    """A client that takes a kernel for ready when what it publishes arrives, without a quiet period.

    It asks, and waits until it was told on both channels that the answer is complete: then nothing that was published
    before is still to come. What is published before the kernel knows of our subscription is lost; a kernel that
    greets its subscribers (`iopub_welcome`) is asked again as soon as it has, any other after a while.
    """

    def start_channels(
        self, shell: bool = True, iopub: bool = True, stdin: bool = True, hb: bool = False, control: bool = True
    ) -> None:
        """Connect; without a heartbeat, as the process itself says whether it lives."""
        super().start_channels(shell=shell, iopub=iopub, stdin=stdin, hb=hb, control=control)

    async def wait_for_ready(self, timeout: float | None = None) -> None:
        """Wait until the kernel answers; raises RuntimeError if it does not."""
        limit = time.monotonic() + (timeout if timeout is not None else float("inf"))
        while not await self._answered(self.kernel_info()):
            if not await self._async_is_alive():
                raise RuntimeError("Kernel died before replying to kernel_info")
            if time.monotonic() > limit:
                raise RuntimeError(f"Kernel didn't respond in {timeout} seconds")

    async def _answered(self, request: str) -> bool:
        """Say whether a request was answered, and its end published."""
        try:
            while (reply := await self.shell_channel.get_msg(timeout=_LOOK))["parent_header"].get("msg_id") != request:
                pass
            self._handle_kernel_info_reply(reply)
            while True:
                message = await self.iopub_channel.get_msg(timeout=_LOST)
                own = message["parent_header"].get("msg_id") == request
                if own and message["content"].get("execution_state") == "idle":
                    return True
                if message["msg_type"] == "iopub_welcome" and not await self._is_coming():
                    return False
        except Empty:
            return False

    async def _is_coming(self) -> bool:
        """Say whether more was published since the kernel greeted us."""
        return bool(await self.iopub_channel.socket.poll(_SOON * 1000))


class AcquiredKernelManager(AsyncKernelManager):
    """What Jupyter's clients take for the manager of a kernel, which is ours already."""

    owned: OwnedKernel

    @property
    def has_kernel(self) -> bool:
        """Say that there is one."""
        return True

    async def _async_is_alive(self) -> bool:
        return self.owned.alive()

    async def _async_interrupt_kernel(self) -> None:
        await asyncio.to_thread(self.owned.interrupt)

    is_alive = _async_is_alive  # as its base has it
    interrupt_kernel = _async_interrupt_kernel

    def say_goodbye(self) -> None:
        """Ask it to end."""
        self._connect_control_socket()
        self.session.send(self._control_socket, self.session.msg("shutdown_request", content={"restart": False}))

    def let_go(self) -> None:
        """Close what talks to it."""
        self._close_control_socket()
        if self._created_context:
            self.context.destroy(linger=100)


@dataclass(slots=True)
class Kernel:
    """A kernel that is about to run, runs, or has ended."""

    name: str
    folder: Path
    """Where it runs."""
    handover: Path
    """Where what its notebook hands over is to be when it has ended."""
    kernels: Kernels
    owned: OwnedKernel | None = field(init=False, default=None)

    @asynccontextmanager
    async def running(self, started: Callable[[int], None]) -> AsyncIterator[AcquiredKernelManager]:
        """Acquire it, its pid told before it can run anything, and end it with all that it started."""
        self.owned = owned = await self._acquire(started)
        manager = _manager(owned, self.name)
        grace = 0.0
        try:
            yield manager
            manager.say_goodbye()
            grace = _SHUTDOWN
        finally:
            await _whole(asyncio.to_thread(owned.end, grace=grace, handover=self.handover))
            manager.let_go()

    async def _acquire(self, started: Callable[[int], None]) -> OwnedKernel:
        request = KernelRequest(self.name, self.folder, _environment())
        taken: list[OwnedKernel] = []
        try:
            await _whole(asyncio.to_thread(lambda: taken.append(self.kernels.acquire(request, started))))
        except asyncio.CancelledError:
            for owned in taken:
                await asyncio.to_thread(owned.end)
            raise
        return taken[0]

    def last_words(self) -> str:
        """Say how it ended, and what it printed last if it ended by itself."""
        return self.owned.last_words() if self.owned is not None else "its process is gone"


async def _whole(work: Coroutine[Any, Any, None]) -> None:
    """Await work to its end, also where this is cancelled, which is raised then."""
    task = asyncio.ensure_future(work)
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait([task])
        raise


def _manager(owned: OwnedKernel, name: str) -> AcquiredKernelManager:
    manager = AcquiredKernelManager(kernel_name=name, client_factory=PromptClient)
    connection: Any = dict(owned.connection)
    manager.load_connection_info(connection)
    manager.owned = owned
    return manager


def _environment() -> dict[str, str]:
    """Give our environment, with Ergon where it is run from its source."""
    environment = dict(os.environ)
    source = Path(__file__).resolve().parents[2]
    if source.name not in ("site-packages", "dist-packages"):
        known = environment.get("PYTHONPATH")
        environment["PYTHONPATH"] = f"{known}{os.pathsep}{source}" if known else str(source)
    return environment


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
