"""The contract of vaults, on each adapter."""

from __future__ import annotations

import pytest

from ergon.adapters.vaults.environment import EnvironmentVault
from ergon.adapters.vaults.memory import MemoryVault
from ergon.ports import Vault
from ergon.testing.contracts.vault import NAME, VALUE, VaultContract


class TestEnvironmentVault(VaultContract):
    @pytest.fixture
    def vault(self, monkeypatch: pytest.MonkeyPatch) -> Vault:
        monkeypatch.setenv(NAME, VALUE)
        return EnvironmentVault("env:")


class TestMemoryVault(VaultContract):
    @pytest.fixture
    def vault(self, monkeypatch: pytest.MonkeyPatch) -> Vault:
        return MemoryVault({NAME: VALUE})
