"""Which way of getting kernels is in force."""

from __future__ import annotations

from pathlib import Path

import pytest

from ergon.adapters.kernels import choice
from ergon.adapters.kernels.choice import Start, kernels, try_way, way_of
from ergon.adapters.kernels.forked import ForkedKernels, platform_forbids
from ergon.adapters.kernels.pool import PooledKernels
from ergon.adapters.kernels.spawned import SpawnedKernels
from ergon.settings import KernelSettings

WAYS: list[tuple[Start, int, str, str, str]] = [
    ("auto", 1, "", "forked", "the system can"),
    ("auto", 1, "no forks", "kernels that wait in a pool", "no forks"),
    ("auto", 0, "no forks", "started anew", "no forks"),
    ("fork", 1, "", "forked", "the system can"),
    ("fork", 1, "no forks", "kernels that wait in a pool", "no forks"),
    ("pool", 1, "", "kernels that wait in a pool, forked", "`kernel.start` is pool"),
    ("pool", 1, "no forks", "kernels that wait in a pool", "`kernel.start` is pool, and no forks"),
    ("pool", 0, "no forks", "started anew", "`kernel.start` is pool, and no forks"),
    ("spawn", 1, "", "started anew", "`kernel.start` is spawn"),
]


@pytest.mark.parametrize(("start", "pool", "forbidden", "way", "reason"), WAYS)
def test_what_is_in_force_is_told_with_its_reason(
    start: Start, pool: int, forbidden: str, way: str, reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(choice, "platform_forbids", lambda: forbidden)
    found = way_of(KernelSettings(start=start, pool=pool))
    assert (str(found), found.reason) == (way, reason)
    made = kernels(KernelSettings(start=start, pool=pool))
    expected = {"forked": ForkedKernels, "started anew": SpawnedKernels}.get(way, PooledKernels)
    assert type(made) is expected
    made.close()


@pytest.mark.skipif(bool(platform_forbids()), reason=platform_forbids())
def test_trying_it_says_what_is_loaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    state = try_way(KernelSettings(preload=("colorsys", "no_such_module"), idle=1.0))
    assert (list(state.preloaded), list(state.refused), state.fault) == (["colorsys"], ["no_such_module"], "")
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / ("long" * 50)))
    assert "cannot be started" in try_way(KernelSettings()).fault
    assert try_way(KernelSettings(start="spawn")).fault == ""
