"""What every vault must do (S48)."""

from __future__ import annotations

import abc

import pytest

from ergon.errors import SecretMissing
from ergon.ports import Vault

NAME = "ERGON_CONTRACT_TOKEN"
VALUE = "swordfish-Ünïcode '\"\\ $1"


class VaultContract(abc.ABC):
    """Subclass as `TestMine` and give the fixture `vault`: its secret `NAME` has the value `VALUE`."""

    @pytest.fixture
    @abc.abstractmethod
    def vault(self, monkeypatch: pytest.MonkeyPatch) -> Vault:
        """Give a vault with one secret."""

    def test_s48_it_gives_a_secret_as_it_is(self, vault: Vault) -> None:
        assert vault.get(NAME) == VALUE

    def test_s48_it_names_the_secret_that_it_does_not_have(self, vault: Vault) -> None:
        with pytest.raises(SecretMissing, match="ERGON_CONTRACT_ABSENT") as missing:
            vault.get("ERGON_CONTRACT_ABSENT")
        assert missing.value.hint

    def test_s48_it_never_shows_a_value(self, vault: Vault) -> None:
        assert VALUE not in repr(vault)
        with pytest.raises(SecretMissing) as missing:
            vault.get(NAME + "_")
        assert VALUE not in str(missing.value)
