"""The contract of what gives kernels, on each adapter."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from ergon.adapters.kernels.forked import ForkedKernels, platform_forbids
from ergon.adapters.kernels.forks.client import ForkServer
from ergon.adapters.kernels.spawned import SpawnedKernels
from ergon.ports import Kernels
from ergon.testing.contracts.kernels import KernelsContract

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
