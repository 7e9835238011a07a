"""What all tests share: the same random draws each time, and no settings of the person who runs them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest
from hypothesis import HealthCheck, settings

if TYPE_CHECKING:
    from ergon.adapters.kernels.forks.client import ForkServer

# Deterministic, and patient with a machine that is busy.
settings.register_profile("ergon", derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("ergon")


@pytest.fixture(scope="session")
def runtime_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Give the folder of what is shared by processes of these tests; the fork servers in it are ended."""
    folder = tmp_path_factory.mktemp("runtime")
    yield folder
    for process in psutil.process_iter(["cmdline"]):
        if str(folder) in " ".join(process.info["cmdline"] or ()):
            process.terminate()


@pytest.fixture(autouse=True)
def no_personal_settings(
    monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory, runtime_folder: Path
) -> None:
    """Keep the user's settings, state and environment out of every test."""
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(runtime_folder))
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
    from ergon.adapters.kernels.forks.client import ForkServer

    return ForkServer(idle=20.0, folder=tmp_path_factory.mktemp("forks"))
