"""How a kernel is taken for ready: by what it publishes, without a quiet period."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from queue import Empty
from typing import Any

import pytest
import zmq
from jupyter_client.session import Session

from ergon.actions.kernel import PromptClient, _manager
from ergon.adapters.kernels.spawned import SpawnedKernels
from ergon.ports import Kernel, KernelOrigin, KernelRequest
from ergon.testing.contracts.kernels import nobody

KEY = b"key"


class Speaking:
    """A kernel that only answers `kernel_info_request`, and publishes on what subscribers it has."""

    origin: KernelOrigin = "spawned"
    pid: int | None = None
    outputs = Path()

    def __init__(self, *, lost: int, greets: bool) -> None:
        """The ends of the first `lost` answers are not published."""
        self.lost, self.greets = lost, greets
        self.asked = 0
        self.lives = True
        self.context = zmq.Context()
        self.shell, self.iopub = self.context.socket(zmq.ROUTER), self.context.socket(zmq.XPUB)
        self.others = [self.context.socket(zmq.ROUTER) for _ in range(2)]
        ports = [socket.bind_to_random_port("tcp://127.0.0.1") for socket in (self.shell, self.iopub, *self.others)]
        names = ("shell_port", "iopub_port", "stdin_port", "control_port")
        told: dict[str, object] = {"ip": "127.0.0.1", "transport": "tcp", "key": KEY.decode(), "hb_port": 1}
        self.connection: Mapping[str, object] = {**told, **dict(zip(names, ports, strict=True))}
        self.session: Any = Session(key=KEY)

    def serve(self) -> None:
        poller = zmq.Poller()
        for socket in (self.shell, self.iopub):
            poller.register(socket, zmq.POLLIN)
        while self.lives:
            for socket, _ in poller.poll(20):
                if socket is self.iopub:
                    self.iopub.recv()
                    if self.greets:
                        self.session.send(self.iopub, "iopub_welcome", {"subscription": ""}, parent=None)
                else:
                    self.answer()

    def answer(self) -> None:
        identity, message = self.session.recv(self.shell, mode=0)
        self.asked += 1
        self.session.send(self.shell, "kernel_info_reply", {"protocol_version": "5.3"}, message, ident=identity)
        if self.asked > self.lost:
            for state in ("busy", "idle"):
                self.session.send(self.iopub, "status", {"execution_state": state}, message)

    def alive(self) -> bool:
        return self.lives

    def interrupt(self) -> None: ...

    def kill(self) -> None: ...

    def end(self, *, grace: float = 0.0, handover: Path | None = None) -> None: ...

    def last_words(self) -> str:
        return ""


@contextmanager
def speaking(*, lost: int = 0, greets: bool = True, silent: bool = False) -> Iterator[Speaking]:
    kernel = Speaking(lost=lost, greets=greets)
    thread = threading.Thread(target=kernel.serve)
    if not silent:
        thread.start()
    yield kernel
    kernel.lives = False
    if not silent:
        thread.join()
    kernel.context.destroy(linger=0)


async def ready(kernel: Kernel, timeout: float = 30.0) -> list[str]:
    """Wait until a kernel is ready; gives the types of what it has published after that, but for a greeting."""
    manager = _manager(kernel, "python3")
    client: Any = manager.client()
    assert isinstance(client, PromptClient)
    client.start_channels()
    try:
        await client.wait_for_ready(timeout=timeout)
        left = []
        try:
            while True:
                left.append((await client.iopub_channel.get_msg(timeout=0.1))["msg_type"])
        except Empty:
            return [each for each in left if each != "iopub_welcome"]
    finally:
        client.stop_channels()
        manager.let_go()


@pytest.mark.parametrize("greets", [True, False])
@pytest.mark.parametrize("lost", [0, 1, 3])
def test_it_is_ready_when_an_answer_was_published_whole(lost: int, greets: bool) -> None:
    with speaking(lost=lost, greets=greets) as kernel:
        assert asyncio.run(ready(kernel)) == []
        assert kernel.asked > lost


def test_nothing_of_a_real_kernel_comes_late(tmp_path: Path) -> None:
    request = KernelRequest("python3", tmp_path, dict(os.environ))
    kernel = SpawnedKernels(folder=tmp_path / "k").acquire(request, nobody)
    try:
        assert asyncio.run(ready(kernel)) == []
    finally:
        kernel.end()


def test_one_that_does_not_answer_is_told() -> None:
    with speaking(silent=True) as kernel:
        with pytest.raises(RuntimeError, match=r"respond in 0\.1 seconds"):
            asyncio.run(ready(kernel, timeout=0.1))
        kernel.lives = False
        with pytest.raises(RuntimeError, match="died before"):
            asyncio.run(ready(kernel))
