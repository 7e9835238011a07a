"""The loader never raises: for any bytes, any text, any tree, and any file with something changed (S10)."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tests.unit.loading.test_rules import HEADER, SOUND

from ergon.actions.catalog import ActionCatalog
from ergon.loading.codes import CODES
from ergon.loading.loader import Loaded, load_text

CATALOG = ActionCatalog()
FOLDER = Path(__file__).parents[2] / "fixtures" / "broken"
BROKEN = [path.read_bytes() for path in sorted(FOLDER.glob("*.ergon.*")) if path.stat().st_size < 4_000]
FILES = [*(HEADER + text for text in SOUND.values()), *(data.decode("utf-8", "replace") for data in BROKEN)]
WORDS = [
    "ergon",
    "name",
    "steps",
    "id",
    "uses",
    "with",
    "needs",
    "when",
    "for_each",
    "while",
    "until",
    "choose",
    "parallel",
    "output",
    "as",
    "retry",
    "timeout",
    "on_error",
    "parameters",
    "variables",
    "settings",
    "outputs",
    "triggers",
    "resources",
    "defaults",
    "validate",
    "cache",
    "type",
    "default",
    "options",
    "minimum",
    "pattern",
    "otherwise",
    "max_iterations",
    "step",
    "on",
    "that",
    "x-a",
    "core.noop",
    "core.set",
    "json:loads",
    "__main__:x",
    "1",
    "0",
    "-1",
    "1e3",
    "true",
    "null",
    "yes",
    "[]",
    "{}",
    "''",
    "{{",
    "}}",
    "{{steps.a.output}}",
    "{{item}}",
    "{{steps}}",
    "{%if%}",
    "a",
    "a",
    "a",
    "b",
    "5/s",
    "10s",
    "string",
    "enum",
    "integer",
]


def sound(loaded: Loaded) -> None:
    """Hold what comes of a text against what every answer keeps; what cannot be decoded has no text."""
    lines = loaded.text.count("\n") + loaded.text.count("\r") + 2
    for found in loaded.diagnostics:
        assert found.code in CODES
        assert found.severity == CODES[found.code].severity
        assert found.message
        assert 1 <= found.line <= lines or not loaded.text
        assert found.column >= 1
    places = [(d.line, d.column) for d in loaded.diagnostics if d.code != "N302"]
    assert places == sorted(places)
    if loaded.workflow is None:
        assert not loaded.ok
    json.dumps([d.as_json() for d in loaded.diagnostics])


def check(source: str | bytes) -> None:
    for file in ("a.ergon.yaml", "a.ergon.json"):
        sound(load_text(source, file=file, folder=FOLDER, catalog=CATALOG))


@given(source=st.binary(max_size=200))
@example(b"\xff\xfe")
@example(b"\x00")
@example(b"\xef\xbb\xbf")
def test_any_bytes(source: bytes) -> None:
    check(source)


@given(source=st.text(max_size=200))
def test_any_text(source: str) -> None:
    check(source)


@given(source=st.text(st.sampled_from("ab1:-?[]{},&*!|>'\"%@`#\\ \n\t~<.{}%=\x85\u2028\ufeff"), max_size=120))
def test_any_text_of_signs(source: str) -> None:
    check(HEADER + source)


SCALARS = st.sampled_from(WORDS) | st.none() | st.booleans() | st.integers(-5, 30) | st.floats() | st.text(max_size=5)
TREES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(WORDS) | st.text(max_size=4), inner),
    max_leaves=30,
)


@given(tree=TREES)
def test_any_tree(tree: object) -> None:
    check(yaml.safe_dump(tree, allow_unicode=True))


@given(body=st.dictionaries(st.sampled_from(WORDS[:30]), TREES, max_size=6), steps=st.lists(TREES, max_size=4))
def test_any_tree_with_a_header(body: dict[str, object], steps: list[object]) -> None:
    document = {**body, "ergon": 1, "name": "fuzz", "steps": steps}
    check(yaml.safe_dump(document, allow_unicode=True, sort_keys=False))


SMALL = SCALARS | st.lists(SCALARS, max_size=2) | st.dictionaries(st.sampled_from(WORDS), SCALARS, max_size=2)
STEP = st.fixed_dictionaries(
    {"id": st.sampled_from("abcd")},
    optional={
        "uses": st.sampled_from(["core.noop", "core.set", "core.sleep", "nope", "json:loads", "core.assert"]),
        "with": st.dictionaries(st.sampled_from(["value", "seconds", "that", "x-y"]), SCALARS, max_size=2),
        "needs": st.lists(st.sampled_from("abcde") | SCALARS, max_size=2),
        "when": st.sampled_from(
            ["steps.a.output", "item", "loop.index", "state.x", "secrets.S", "1 +", "{{ run.id }}"]
        ),
        "on_error": st.fixed_dictionaries({}, optional={"step": st.sampled_from("abc"), "continue": SCALARS}),
        "retry": SMALL,
        "validate": SMALL,
        "output": SMALL,
        "max_iterations": st.integers(-1, 3),
        "as": st.sampled_from(["item", "x", "steps"]),
        "resources": SMALL,
        "cache": SMALL,
    },
)


def blocks(inner: st.SearchStrategy[dict[str, object]]) -> st.SearchStrategy[dict[str, object]]:
    steps = st.lists(inner, max_size=3)
    block = st.fixed_dictionaries(
        {},
        optional={
            "for_each": SMALL,
            "while": SCALARS,
            "until": SCALARS,
            "steps": steps,
            "parallel": steps,
            "choose": st.lists(
                st.fixed_dictionaries({"steps": steps}, optional={"when": SCALARS, "otherwise": st.booleans()}),
                max_size=2,
            ),
        },
    )
    return st.tuples(STEP, block).map(lambda pair: {**pair[0], **pair[1]})


@given(steps=st.lists(st.recursive(STEP, blocks, max_leaves=8), max_size=4))
def test_any_steps(steps: list[object]) -> None:
    check(json.dumps({"ergon": 1, "name": "fuzz", "steps": steps}, default=str))


def cut(text: str, at: int, length: int, piece: str) -> str:
    return text[:at] + text[at + length :]


def put(text: str, at: int, length: int, piece: str) -> str:
    return text[:at] + piece + text[at:]


def twice(text: str, at: int, length: int, piece: str) -> str:
    return text[: at + length] + text[at:]


def swap(text: str, at: int, length: int, piece: str) -> str:
    return text[:at] + piece + text[at + length :]


@given(
    text=st.sampled_from(FILES),
    changes=st.lists(
        st.tuples(
            st.sampled_from([cut, put, twice, swap]),
            st.floats(0, 1),
            st.integers(0, 12),
            st.sampled_from([*WORDS, ":", "-", "\n", "  ", "\t", "'", '"', "&a ", "*a", "!", "[", "}", "#", "|", "\\"]),
        ),
        min_size=1,
        max_size=4,
    ),
)
@settings(max_examples=200)
def test_any_file_with_something_changed(
    text: str, changes: list[tuple[Callable[[str, int, int, str], str], float, int, str]]
) -> None:
    for change, where, length, piece in changes:
        text = change(text, int(where * len(text)), length, piece)
    check(text)


@pytest.mark.parametrize("text", FILES)
def test_any_file_cut_off(text: str) -> None:
    for end in range(0, len(text), max(1, len(text) // 12)):
        check(text[:end])
