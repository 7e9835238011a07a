"""What the tests of the process executor share."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from ergon.adapters.executors.process import ProcessExecutor
from ergon.testing.context import FakeContext


@pytest.fixture
def context(tmp_path: Path) -> FakeContext:
    return FakeContext(tmp_path)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def executor() -> AsyncIterator[ProcessExecutor]:
    """One for most tests, since a process takes a moment to start."""
    executor = ProcessExecutor(2)
    yield executor
    await executor.close()
