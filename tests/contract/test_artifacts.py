"""The contract of artifact stores, on each adapter."""

from __future__ import annotations

from pathlib import Path

import pytest

from ergon.adapters.artifacts.folder import FolderArtifacts
from ergon.adapters.artifacts.memory import MemoryArtifacts
from ergon.ports import ArtifactStore
from ergon.testing.contracts.artifacts import ArtifactsContract


class TestFolderArtifacts(ArtifactsContract):
    @pytest.fixture
    def artifacts(self, tmp_path: Path) -> ArtifactStore:
        return FolderArtifacts((tmp_path / "a folder é").as_uri())


class TestMemoryArtifacts(ArtifactsContract):
    @pytest.fixture
    def artifacts(self, tmp_path: Path) -> ArtifactStore:
        return MemoryArtifacts("memory:")
