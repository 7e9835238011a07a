"""What all tests share: the same random draws each time, and no settings of the person who runs them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from ergon.adapters.kernels.forks.client import ForkServer

# Deterministic, and patient with a machine that is busy.
settings.register_profile("ergon", derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("ergon")


@pytest.fixture(autouse=True)
def no_personal_settings(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Keep the user's settings, state and environment out of every test."""
    for name in [name for name in os.environ if name.startswith("ERGON_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path_factory.mktemp("config")))


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give a fresh workspace (a folder with `.ergon/`), which is the current directory too."""
    (tmp_path / ".ergon").mkdir()
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture(scope="session")
def fork_server(tmp_path_factory: pytest.TempPathFactory) -> ForkServer:
    """Give a fork server of the tests' own, which ends soon after them."""
    return ForkServer(idle=20.0, folder=tmp_path_factory.mktemp("forks"))
