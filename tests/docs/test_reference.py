"""The docs say what the code does: generated pages are up to date, and nothing is left out."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

DOCS = Path(__file__).parents[2] / "docs"


def _generator() -> ModuleType:
    spec = importlib.util.spec_from_file_location("docs_generate", DOCS / "generate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("page", ["format.md", "actions.md", "states.md", "errors.md", "cli.md", "settings.md"])
def test_generated_pages_are_up_to_date(page: str) -> None:
    text = _generator().pages()[page]
    assert (DOCS / "reference" / page).read_text(encoding="utf-8") == text, "run: python docs/generate.py"


def test_every_link_between_pages_leads_somewhere() -> None:
    for page in DOCS.rglob("*.md"):
        for target in _links(page.read_text(encoding="utf-8")):
            assert (page.parent / target).exists(), f"{page.relative_to(DOCS)} links to {target}"


def _links(text: str) -> list[str]:
    found = [part.partition(")")[0].partition("#")[0] for part in text.split("](")[1:]]
    return [target for target in found if target and "://" not in target and " " not in target]


def test_decision_records_are_short() -> None:
    for record in (DOCS / "decisions").glob("*.md"):
        assert len(record.read_text(encoding="utf-8").splitlines()) < 40, record.name
