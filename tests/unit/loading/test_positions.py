"""Positions: a place inside a value is found in the text, however the value is written (S10)."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ergon.loading.composer import compose
from ergon.loading.nodes import MappingNode, ScalarNode
from ergon.loading.positions import Positions

MARK = "MARK"


def positions(text: str) -> Positions:
    root = compose(text).root
    assert root is not None
    return Positions(text, root)


def place_in(text: str) -> tuple[int, int]:
    before = text[: text.index(MARK)]
    return before.count("\n") + 1, len(before) - before.rfind("\n")


def found(text: str) -> tuple[int, int]:
    root = compose(text).root
    assert isinstance(root, MappingNode)
    node = root.items["a"]
    assert isinstance(node, ScalarNode)
    assert isinstance(node.value, str)
    return positions(text).inside(("a",), *place_in(node.value))


@pytest.mark.parametrize(
    "text",
    [
        f"a: some {MARK} text\n",
        f"a: 'it''s ''{MARK}'''\n",
        f'a: "tab\\t \\"q\\" \\u00e9\\x41\\U0001F600 {MARK}"\n',
        f'a: "folded\n   over {MARK}\n  lines"\n',
        f'a: "empty\n\n\n   lines {MARK}"\n',
        f'a: "escaped \\\n     break {MARK}"\n',
        f"a: plain\n  folded {MARK}\n  over\n",
        f"a: 'single\n\n  folded {MARK}'\n",
        f"a: |\n  first\n    indented {MARK}\n",
        f"a: |2-\n    first\n   {MARK}\n",
        f"a: | # a comment with {MARK[:2]}\n\n\n  late {MARK}\n",
        f"a: >-\n  folded\n  over\n\n  paragraphs {MARK}\n",
        f"a: &anchor plain {MARK}\n",
        f"a: &anchor\n  'quoted {MARK}'\n",
        f"a: !!str &b tagged {MARK}\n",
        f'{{"a": "\\ud83d\\ude00 {MARK}"}}',
        f"a: é😀 {MARK}\n",
        f"x: 1\r\na: |\r\n  one\r\n  two {MARK}\r\n",
    ],
)
def test_a_place_inside_a_scalar_is_found_in_the_text(text: str) -> None:
    assert found(text) == place_in(text)


@given(
    before=st.text(st.characters(exclude_categories=["Cs", "Cc", "Cn", "Co", "Zl", "Zp"]), max_size=30),
    ascii_only=st.booleans(),
)
def test_a_place_inside_any_json_text_is_found(before: str, ascii_only: bool) -> None:
    text = json.dumps({"a": before.replace("M", "") + MARK}, ensure_ascii=ascii_only)
    assert found(text) == place_in(text)


@given(lines=st.lists(st.text("abc {}'\":#-", min_size=1, max_size=12), min_size=1, max_size=6))
def test_a_place_inside_any_block_is_found(lines: list[str]) -> None:
    text = "a: |2\n" + "".join(f"  {line}\n" for line in [*lines, f"x {MARK}"])
    assert found(text) == place_in(text)


def test_keys_and_values_have_their_places() -> None:
    here = positions("a: 1\nb:\n  - c: [x, yy]\n")
    assert here.key(("b", 0, "c")) == (3, 5)
    assert here.value(("b", 0, "c", 1)) == (3, 12)
    assert here.key(("b", 0, "c", 1)) == (3, 12)
    assert here.value(()) == (1, 1)


def test_what_is_not_there_has_the_place_of_what_is_around() -> None:
    here = positions("a: 1\nb:\n  - c: [x, yy]\n")
    assert here.value(("b", 0, "nothing", 3)) == (3, 5)
    assert here.value(("b", 7)) == (3, 3)
    assert here.inside(("b", 0), 5, 5) == (3, 5)


def test_a_place_beyond_a_text_is_its_end() -> None:
    assert positions("a: abc\n").inside(("a",), 9, 9) == (1, 6)
    assert positions("a: ''\n").inside(("a",), 1, 1) == (1, 4)
