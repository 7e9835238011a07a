"""The page of diagnostics: every code is explained, and every example gives its code."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import pytest

from ergon.actions.catalog import ActionCatalog
from ergon.loading.codes import CODES
from ergon.loading.loader import load_text

PAGE = Path(__file__).parents[3] / "docs" / "reference" / "diagnostics.md"
SECTION = re.compile(
    r"^### (?P<code>[EWN]\d{3}): (?P<title>.*?)\n\n(?P<why>.*?)\n\n```(?P<language>\w+)\n(?P<example>.*?)\n```\n\n"
    r"\*\*Mend:\*\* (?P<mend>.*?)\n(?=\n|\Z)",
    re.M | re.S,
)


@dataclass(frozen=True)
class Section:
    code: str
    title: str
    why: str
    language: str
    example: str
    mend: str


SECTIONS = {s.code: s for s in (Section(**m.groupdict()) for m in SECTION.finditer(PAGE.read_text("utf-8")))}
SHOWN = [s for s in SECTIONS.values() if s.language in ("yaml", "json")]


def test_every_code_is_explained_in_order() -> None:
    headings = re.findall(r"^### ([EWN]\d{3})", PAGE.read_text("utf-8"), re.M)
    assert headings == list(CODES) == list(SECTIONS)


@pytest.mark.parametrize("section", SECTIONS.values(), ids=lambda s: s.code)
def test_a_section_has_the_title_of_the_code(section: Section) -> None:
    assert section.title == CODES[section.code].title
    assert section.why
    assert section.mend.endswith(".")


@pytest.mark.parametrize("section", SHOWN, ids=lambda s: s.code)
def test_an_example_gives_its_code(section: Section) -> None:
    """S10: the examples are files as people write them, with the header left out."""
    text = section.example
    if section.language == "yaml" and "ergon:" not in text and section.code not in ("E116", "E120"):
        text = "ergon: 1\nname: example\n" + text
    loaded = load_text(text + "\n", file=f"example.ergon.{section.language}", catalog=ActionCatalog())
    codes = [found.code for found in loaded.diagnostics]
    assert section.code in codes
    assert [code for code in codes if code.startswith("E")] == [section.code] * section.code.startswith("E")
