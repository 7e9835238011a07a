"""The contract of what gives kernels, on each adapter."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from ergon.adapters.kernels.spawned import SpawnedKernels
from ergon.ports import Kernels
from ergon.testing.contracts.kernels import KernelsContract


class TestSpawnedKernels(KernelsContract):
    @pytest.fixture
    def kernels(self, tmp_path: Path) -> Iterator[Kernels]:
        kernels = SpawnedKernels(folder=tmp_path / "kernels")
        yield kernels
        kernels.close()
