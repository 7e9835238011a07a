"""What only the environment does as a vault."""

from __future__ import annotations

import pytest

from ergon.adapters.vaults.environment import EnvironmentVault
from ergon.errors import SecretMissing, SettingInvalid


def test_s48_a_secret_is_read_anew_each_time(monkeypatch: pytest.MonkeyPatch) -> None:
    vault = EnvironmentVault()
    monkeypatch.setenv("ROTATED", "first")
    assert vault.get("ROTATED") == "first"
    monkeypatch.setenv("ROTATED", "second")
    assert vault.get("ROTATED") == "second"


@pytest.mark.parametrize(("value", "state"), [(None, "not set"), ("", "empty")])
def test_s48_the_hint_names_the_variable(monkeypatch: pytest.MonkeyPatch, value: str | None, state: str) -> None:
    monkeypatch.delenv("API_KEY", raising=False)
    if value is not None:
        monkeypatch.setenv("API_KEY", value)
    with pytest.raises(SecretMissing, match=f"environment variable API_KEY is {state}"):
        EnvironmentVault().get("API_KEY")


def test_an_address_that_says_more_is_refused() -> None:
    with pytest.raises(SettingInvalid, match="'env:PREFIX_'"):
        EnvironmentVault("env:PREFIX_")
