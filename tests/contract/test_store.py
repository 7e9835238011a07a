"""The contract of stores, on every adapter."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from ergon.adapters.stores.memory import MemoryStore
from ergon.adapters.stores.sqlite import SqliteStore
from ergon.ports import Store
from ergon.testing.contracts.store import StoreContract


class TestMemoryStore(StoreContract):
    @pytest.fixture
    def store(self, tmp_path: Path) -> Iterator[Store]:
        store = MemoryStore()
        yield store
        store.close()


class TestSqliteStore(StoreContract):
    @pytest.fixture
    def store(self, tmp_path: Path) -> Iterator[Store]:
        store = SqliteStore(f"sqlite:///{tmp_path}/home/runs.db")
        yield store
        store.close()

    @pytest.fixture
    def view(self, store: Store) -> Iterator[Store]:
        view = SqliteStore(store.url)
        yield view
        view.close()


class TestSqliteStoreWithoutWal(TestSqliteStore):
    @pytest.fixture
    def store(self, tmp_path: Path) -> Iterator[Store]:
        store = SqliteStore(f"sqlite:///{tmp_path}/home/runs.db", vfs="unix-dotfile")
        yield store
        store.close()

    @pytest.fixture
    def view(self, store: Store) -> Iterator[Store]:
        view = SqliteStore(store.url, vfs="unix-dotfile")
        yield view
        view.close()
