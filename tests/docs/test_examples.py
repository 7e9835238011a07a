"""The examples in the docs are valid, and those that can run alone do."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from ergon.actions.catalog import ActionCatalog
from ergon.app import Source, open_app
from ergon.loading.loader import load_text

ROOT = Path(__file__).parents[2]
_BLOCK = re.compile(r"^```yaml\n(ergon: 1\n.*?)^```", re.MULTILINE | re.DOTALL)
_FUNCTION = """
def count(text: str) -> dict[str, int]:
    words = text.split()
    return {w: words.count(w) for w in words}
"""
_RUNNABLE = {
    "hello": "succeeded",
    "words": "succeeded",
    "many": "partial",
    "blocks": "succeeded",
    "careful": "succeeded",
}


def _examples() -> list[tuple[str, str]]:
    pages = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
    return [
        (f"{page.relative_to(ROOT)}:{number}", text)
        for page in pages
        if "diagnostics" not in page.name
        for number, text in enumerate(_BLOCK.findall(page.read_text(encoding="utf-8")), 1)
    ]


@pytest.mark.parametrize(("place", "text"), _examples(), ids=[place for place, _ in _examples()])
def test_an_example_is_valid_and_runs(place: str, text: str, tmp_path: Path) -> None:
    (tmp_path / ".ergon").mkdir()
    (tmp_path / "words.py").write_text(_FUNCTION)
    loaded = load_text(text, file=place, folder=tmp_path, catalog=ActionCatalog(tmp_path))
    assert loaded.ok, [str(d) for d in loaded.diagnostics]
    assert loaded.workflow is not None
    expected = _RUNNABLE.get(loaded.workflow.name)
    if expected is None:
        return
    file = tmp_path / "example.ergon.yaml"
    file.write_text(text)
    app = open_app(tmp_path)
    try:
        handle = app.start(Source(loaded.workflow, file), {})
        assert handle.wait(60)
        assert handle.state.status.value == expected, handle.state.error
    finally:
        app.close()


def test_there_are_examples() -> None:
    assert len(_examples()) >= 6
