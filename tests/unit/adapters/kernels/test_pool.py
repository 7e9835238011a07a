"""The pool of kernels that were started ahead."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from ergon.adapters.kernels.pool import PooledKernels
from ergon.adapters.kernels.spawned import SpawnedKernels
from ergon.errors import ActionFailed
from ergon.ports import Kernel, KernelOrigin, KernelRequest
from ergon.testing.contracts.kernels import gone, nobody, talking, until


class Told:
    """A kernel that only notes what is done to it."""

    origin: KernelOrigin = "spawned"

    def __init__(self, number: int, request: KernelRequest) -> None:
        self.pid: int | None = number
        self.request = request
        self.connection: Mapping[str, object] = {}
        self.outputs = Path()
        self.ended = False
        self.dead = False

    def interrupt(self) -> None: ...

    def kill(self) -> None: ...

    def alive(self) -> bool:
        return not self.dead

    def end(self, *, grace: float = 0.0, handover: Path | None = None) -> None:
        self.ended = True

    def last_words(self) -> str:
        return ""


class Source:
    """Gives kernels that are none, numbered from 1."""

    def __init__(self) -> None:
        self.made: list[Told] = []
        self.refuses = False
        self.closed = False

    def acquire(self, request: KernelRequest, started: Callable[[int], None]) -> Kernel:
        if self.refuses:
            raise ActionFailed("There is no kernel.")
        kernel = Told(len(self.made) + 1, request)
        self.made.append(kernel)
        started(len(self.made))
        return kernel

    def close(self) -> None:
        self.closed = True


class Time:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def source() -> Source:
    return Source()


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
def pool(source: Source, time: Time) -> Iterator[PooledKernels]:
    pool = PooledKernels(source, size=2, idle=100, monotonic=time)
    yield pool
    pool.close()
    assert source.closed


def asked(name: str = "python3", **environment: str) -> KernelRequest:
    return KernelRequest(name, Path("/work"), environment)


def test_each_is_given_once_and_the_pool_fills_again(pool: PooledKernels, source: Source) -> None:
    told: list[int] = []
    given = [pool.acquire(asked(), told.append)]
    for _ in range(4):
        assert pool.wait_ready(2, 10)
        given.append(pool.acquire(asked(), told.append))
    assert [kernel.origin for kernel in given] == ["spawned", "pool", "pool", "pool", "pool"]
    assert told == [1, 2, 3, 4, 5], "the oldest comes first, and its pid is told when it is given"
    assert pool.wait_ready(2, 10)
    pool.close()
    assert [kernel.pid for kernel in source.made if kernel.ended] == [6, 7], "those that were given stay their owners'"


@pytest.mark.parametrize("other", [asked("ir"), asked(A="1"), KernelRequest("python3", Path("/other"), {})])
def test_another_kind_is_not_given(pool: PooledKernels, source: Source, other: KernelRequest) -> None:
    pool.acquire(asked(), nobody)
    assert pool.wait_ready(2, 10)
    assert pool.acquire(other, nobody).origin == "spawned"
    until(lambda: [kernel.request for kernel in source.made if not kernel.ended][-2:] == [other, other])
    assert pool.acquire(other, nobody).origin == "pool"
    until(lambda: pool.ready() == 2)


def test_there_are_never_more_than_its_size(pool: PooledKernels, source: Source) -> None:
    for number in range(4):
        pool.acquire(asked(A=str(number)), nobody)
        assert pool.wait_ready(2, 10)
        until(lambda: pool.ready() == 2)


def test_it_is_emptied_when_it_is_idle(pool: PooledKernels, source: Source, time: Time) -> None:
    pool.acquire(asked(), nobody)
    assert pool.wait_ready(2, 10)
    time.now = 101.0
    with pool._changed:
        pool._changed.notify_all()  # its time is ours, so it is woken by hand
    until(lambda: [kernel.pid for kernel in source.made if kernel.ended] == [2, 3])
    assert pool.acquire(asked(), nobody).origin == "spawned"


def test_one_that_died_is_not_given(pool: PooledKernels, source: Source) -> None:
    pool.acquire(asked(), nobody)
    assert pool.wait_ready(2, 10)
    source.made[1].dead = True
    assert pool.acquire(asked(), nobody).pid == 3
    assert source.made[1].ended


def test_what_cannot_be_started_ahead_is_not_tried_again(pool: PooledKernels, source: Source) -> None:
    pool.acquire(asked(), nobody)
    assert pool.wait_ready(2, 10)
    source.refuses = True
    pool.acquire(asked(), nobody)
    until(lambda: pool.ready() == 0)
    with pytest.raises(ActionFailed, match="There is no kernel"):
        pool.acquire(asked(), nobody)


def test_a_pool_of_none_keeps_none(source: Source) -> None:
    pool = PooledKernels(source, size=0, idle=100)
    pool.acquire(asked(), nobody)
    assert pool._keeper is None
    pool.close()


def test_one_that_waited_cannot_be_told_from_a_new_one(tmp_path: Path) -> None:
    request = KernelRequest("python3", tmp_path, {**os.environ, "A": "1"})
    spawned = SpawnedKernels(folder=tmp_path / "k")
    pool = PooledKernels(spawned, size=1, idle=100)
    try:
        with talking(pool.acquire(request, nobody)) as first:
            expected = first.facts()
        assert pool.wait_ready(1, 60)
        with talking(pool.acquire(request, nobody)) as second:
            assert second.kernel.origin == "pool"
            assert second.facts() == expected
    finally:
        pool.close()


OWNER = """
import os, sys, time
from pathlib import Path
from ergon.adapters.kernels.forked import ForkedKernels
from ergon.adapters.kernels.forks.client import ForkServer
from ergon.adapters.kernels.pool import PooledKernels
from ergon.adapters.kernels.spawned import SpawnedKernels
from ergon.ports import KernelRequest
folder = Path(sys.argv[1])
source = SpawnedKernels(folder=folder / "k")
if sys.argv[2] == "fork":
    source = ForkedKernels(ForkServer(folder=folder / "s", idle=0.5), otherwise=source, folder=folder / "k")
pool = PooledKernels(source, size=2, idle=100)
request = KernelRequest("python3", folder, dict(os.environ))
kernel = pool.acquire(request, lambda pid: None)
assert pool.wait_ready(2, 60)
print(kernel.pid, *[waiting.pid for waiting in pool._waiting.popitem()[1]], flush=True)
if sys.argv[3] == "end":
    sys.exit()
time.sleep(100)
"""


@pytest.mark.parametrize("kind", ["spawn", "fork"])
@pytest.mark.parametrize("how", ["kill", "end"])
def test_s35_all_are_gone_when_the_process_is(tmp_path: Path, kind: str, how: str) -> None:
    command = [sys.executable, "-c", OWNER, str(tmp_path), kind, how]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as owner:
        assert owner.stdout is not None
        pids = [int(pid) for pid in owner.stdout.readline().split()]
        assert len(pids) == 3
        if how == "kill":
            owner.send_signal(signal.SIGKILL)
        owner.wait()
    until(lambda: all(map(gone, pids)))
