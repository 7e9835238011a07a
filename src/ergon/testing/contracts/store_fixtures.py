"""What the contract of stores is tested with."""

from __future__ import annotations

import abc
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from ergon.ports import Store

SHA: Final = "0123456789abcdef" * 4


class StoreFixtures(abc.ABC):
    """Gives the store, and another view on the same runs."""

    @pytest.fixture
    @abc.abstractmethod
    def store(self, tmp_path: Path) -> Iterator[Store]:
        """Give an empty store, and close it."""

    @pytest.fixture
    def view(self, store: Store) -> Store | Iterator[Store]:
        """Give a second store on the same runs, if there can be one, and close it."""
        return store
