"""Benches of the semantic tests. Every run on them is checked against its journal, folded anew (S38)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.semantics import deeds

from ergon.testing.clock import FakeClock
from ergon.testing.runs import Bench


def _forget() -> None:
    for each in (deeds.MENDED, deeds.UNDONE, deeds.ONCE):
        each.clear()


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    """Give a bench with the system's clock."""
    _forget()
    with Bench(tmp_path) as bench:
        yield bench


@pytest.fixture
def clock() -> FakeClock:
    """Give a clock that stands still."""
    return FakeClock()


@pytest.fixture
def timed(tmp_path: Path, clock: FakeClock) -> Iterator[Bench]:
    """Give a bench whose clock the test moves."""
    _forget()
    with Bench(tmp_path, clock=clock) as bench:
        yield bench
