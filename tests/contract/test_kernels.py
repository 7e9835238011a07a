"""The contract of what gives kernels, on each adapter."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from ergon.adapters.kernels.forked import ForkedKernels, platform_forbids
from ergon.adapters.kernels.forks.client import ForkServer
from ergon.adapters.kernels.pool import PooledKernels
from ergon.adapters.kernels.spawned import SpawnedKernels
from ergon.ports import KernelRequest, Kernels
from ergon.testing.contracts.kernels import KernelsContract, nobody

forks = pytest.mark.skipif(bool(platform_forbids()), reason=platform_forbids())


class TestSpawnedKernels(KernelsContract):
    @pytest.fixture
    def kernels(self, tmp_path: Path) -> Iterator[Kernels]:
        kernels = SpawnedKernels(folder=tmp_path / "kernels")
        yield kernels
        kernels.close()


@forks
class TestForkedKernels(KernelsContract):
    @pytest.fixture
    def kernels(self, fork_server: ForkServer, tmp_path: Path) -> Iterator[Kernels]:
        folder = tmp_path / "kernels"
        kernels = ForkedKernels(fork_server, otherwise=SpawnedKernels(folder=folder), folder=folder)
        yield kernels
        kernels.close()


class TestPooledKernels(KernelsContract):
    @pytest.fixture
    def kernels(self, request_: KernelRequest, tmp_path: Path) -> Iterator[Kernels]:
        """Give a pool in which two wait."""
        kernels = PooledKernels(SpawnedKernels(folder=tmp_path / "kernels"), size=2, idle=60)
        kernels.acquire(request_, nobody).end()
        assert kernels.wait_ready(2, 60)
        yield kernels
        kernels.close()
