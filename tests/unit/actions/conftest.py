"""A context in memory, and what calls an action by name as a step does."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import nbformat as untyped_nbformat
import pytest

from ergon.actions import modules
from ergon.actions.action import Action, registry
from ergon.actions.catalog import ActionCatalog
from ergon.testing.context import FakeContext

nbformat: Any = untyped_nbformat
v4: Any = untyped_nbformat.v4


@pytest.fixture
def context(tmp_path: Path) -> FakeContext:
    return FakeContext(tmp_path)


@pytest.fixture
def run(context: FakeContext) -> Callable[..., Any]:
    """Give what binds and calls an action by its name."""

    def call(name: str, /, **inputs: object) -> Any:
        action = ActionCatalog().find(name)
        result = action.call(context, action.bind(inputs))

        async def wait(awaitable: Awaitable[object]) -> object:
            return await awaitable

        return asyncio.run(wait(result)) if isinstance(result, Awaitable) else result

    return call


@pytest.fixture
def start(context: FakeContext) -> Callable[..., asyncio.Task[Any]]:
    """Give what starts an async action by its name, in the running loop."""

    async def call(made: Action, inputs: dict[str, object]) -> Any:
        awaitable: Any = made.call(context, inputs)
        return await awaitable

    def begin(name: str, /, **inputs: object) -> asyncio.Task[Any]:
        made = ActionCatalog().find(name)
        return asyncio.get_running_loop().create_task(call(made, made.bind(inputs)))

    return begin


@pytest.fixture
def make(tmp_path: Path) -> Callable[..., Path]:
    """Give what writes a notebook: a cell is code, text that begins with `# `, or (code, tag)."""

    def write(*cells: str | tuple[str, str], name: str = "book.ipynb", **metadata: object) -> Path:
        book = v4.new_notebook(metadata={"kernelspec": {"name": "python3", "display_name": "Python"}, **metadata})
        for cell in cells:
            if isinstance(cell, tuple):
                book.cells.append(v4.new_code_cell(cell[0], metadata={"tags": [cell[1]]}))
            else:
                book.cells.append(v4.new_markdown_cell(cell) if cell.startswith("# ") else v4.new_code_cell(cell))
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        nbformat.write(book, file)
        return file

    return write


@pytest.fixture
def executed(context: FakeContext) -> Callable[..., Any]:
    """Give what reads the executed notebook, which must be valid."""

    def read(name: str = "book.ipynb") -> Any:
        book = nbformat.read(context.output_folder() / name, as_version=4)
        nbformat.validate(book)
        return book

    return read


@pytest.fixture
def imports() -> Iterator[None]:
    """Forget what a test imported from its own folders, and the actions that it made."""
    path, cached, known, made = list(sys.path), dict(sys.path_importer_cache), set(sys.modules), dict(registry)
    folders, claimed = list(modules._folders), set(modules._claimed)
    sys.path[:] = [each for each in path if each not in folders]  # what tests before this one ran from elsewhere
    modules._folders.clear()
    yield
    modules._folders[:] = folders
    modules._claimed.clear()
    modules._claimed.update(claimed)
    sys.path[:] = path
    sys.path_importer_cache.clear()
    sys.path_importer_cache.update(cached)
    modules.drop(set(sys.modules) - known - {name for name in sys.modules if not _is_local(name)})
    registry.clear()
    registry.update(made)


def _is_local(name: str) -> bool:
    """Say whether a module came from a temporary folder."""
    file = getattr(sys.modules.get(name), "__file__", None) or ""
    return "pytest-" in file
