"""The composer: trees with positions, and what is refused before anything is built (S1, S2)."""

from __future__ import annotations

import json
import time

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from ergon.loading.composer import MAX_DEPTH, MAX_VALUES, Composed, compose
from ergon.loading.events import open_slow_events
from ergon.loading.nodes import MappingNode, Node, ScalarNode, SequenceNode, plain


def value(text: str) -> object:
    composed = compose(text)
    assert composed.faults == ()
    assert composed.root is not None
    return plain(composed.root)


def codes(text: str) -> list[tuple[str, int, int]]:
    return [(fault.code, fault.line + 1, fault.column + 1) for fault in compose(text).faults]


def places(node: Node) -> list[tuple[int, int, int, int]]:
    found = [(node.line, node.column, node.start, node.end)]
    inner: list[Node] = []
    if isinstance(node, MappingNode):
        found += [(*place, 0, 0) for place in node.keys.values()]
        inner = list(node.items.values())
    elif isinstance(node, SequenceNode):
        inner = node.items
    return found + [place for each in inner for place in places(each)]


# ---- values and places -----------------------------------------------------------------------------


def test_every_key_and_value_knows_its_place() -> None:
    root = compose("a: 1\nb:\n  - x\n  - {c: 'd'}\n").root
    assert isinstance(root, MappingNode)
    assert root.keys == {"a": (0, 0), "b": (1, 0)}
    items = root.items["b"]
    assert isinstance(items, SequenceNode)
    last = items.items[1]
    assert isinstance(last, MappingNode)
    assert last.keys == {"c": (3, 5)}
    d = last.items["c"]
    assert isinstance(d, ScalarNode)
    assert (d.line, d.column, d.style) == (3, 8, "'")


TREES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs", "Cc", "Cn", "Co"]), max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text("abcxyz ", max_size=6), inner, max_size=4),
    max_leaves=20,
)


@given(tree=TREES)
def test_json_is_read_as_json_reads_it_s1(tree: object) -> None:
    """S1: JSON is the same document, escapes and tabs included."""
    for text in (json.dumps(tree), json.dumps(tree, ensure_ascii=False, indent="\t")):
        composed = compose(text)
        assert composed.faults == ()
        assert composed.root is not None
        assert plain(composed.root) == tree


@given(tree=TREES)
def test_the_slow_parser_gives_the_same_tree(tree: object) -> None:
    """A PyYAML without libyaml reads the same values at the same places."""
    text = yaml.safe_dump({"tree": tree}, allow_unicode=True)
    quick, slow = compose(text), compose(text, parse=open_slow_events)
    assert [f.code for f in quick.faults] == [f.code for f in slow.faults]
    if quick.root is not None and slow.root is not None:
        assert plain(quick.root) == plain(slow.root)
        assert [place[:2] for place in places(quick.root)] == [place[:2] for place in places(slow.root)]


def test_emoji_as_json_writes_them_s1() -> None:
    assert value(json.dumps({"name": "a😀b"})) == {"name": "a😀b"}
    assert value('{"a": "\\ud83d\\ude00", "b": \'\\ud83d\'}') == {"a": "😀", "b": "\\ud83d"}
    assert value('{"a": "\\\\ud83d \\uD83D\\uDE00"}') == {"a": "\\ud83d 😀"}


def test_half_a_surrogate_pair_is_refused() -> None:
    assert codes('{"a": "\\ud83d"}') == [("E118", 1, 7)]


@pytest.mark.parametrize("mark", ["\x85", "\u2028", "\u2029"])
def test_only_line_breaks_of_yaml_1_2_break_lines_s1(mark: str) -> None:
    assert value(f"a: 'x{mark}y'\nb: z{mark}z\n") == {"a": f"x{mark}y", "b": f"z{mark}z"}
    assert codes(f"a: x{mark}y\na: 2\n") == [("E110", 2, 1)]


def test_documents_may_be_marked_and_versioned() -> None:
    assert value("%YAML 1.2\n---\na: 1\n...\n") == {"a": 1}


def test_anchors_and_aliases_repeat_values() -> None:
    assert value("a: &x [1, 2]\nb: *x\nc: &k key\n*k : 3\n") == {"a": [1, 2], "b": [1, 2], "c": "key", "key": 3}


# ---- what is refused -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("a: 1\na: 2\n", [("E110", 2, 1)]),
        ("{a: 1, b: 2, a: 3}", [("E110", 1, 14)]),
        ("a: &x {b: 1}\nc:\n  <<: *x\n", [("E111", 3, 3)]),
        ("a: !x 1\nb: !!timestamp 2020-01-01\nc: !!set {}\n", [("E112", 1, 4), ("E112", 2, 4), ("E112", 3, 4)]),
        ("1: a\ntrue: b\n~: c\n", [("E113", 1, 1), ("E113", 2, 1), ("E113", 3, 1)]),
        ("? [a]\n: b\n", [("E113", 1, 3)]),
        ("{{a: 1}: 2}", [("E113", 1, 2)]),
        ("a: &x 1\n*x : 2\n", [("E113", 2, 1)]),
        ("a: 1\n---\nb: 2\n", [("E114", 2, 1)]),
        ("a: *x\n", [("E115", 1, 4)]),
        ("a: &x [*x]\n", [("E115", 1, 8)]),
        ("%YAML 1.1\n---\na: 1\n", [("E119", 1, 1)]),
        ("%TAG ! tag:x,2020:\n---\na: 1\n", [("E119", 1, 1)]),
    ],
)
def test_what_is_not_in_the_format_is_refused_s1(text: str, wanted: list[tuple[str, int, int]]) -> None:
    assert codes(text) == wanted


def test_a_quoted_merge_key_is_a_key_s1() -> None:
    assert value('"<<": 1\n') == {"<<": 1}


def test_all_faults_come_at_once_s10() -> None:
    found = codes("a: 1\na: 2\nb: !x 3\n4: 5\nc: {{ d }}\n")
    assert [code for code, _, _ in found] == ["E110", "E112", "E113", "E107"]


def test_an_unquoted_template_is_read_as_if_it_were_quoted() -> None:
    composed = compose("a: {{ x.y }}\nb: [{{ z }}, 1]\n")
    assert [f.code for f in composed.faults] == ["E107", "E107"]
    assert composed.root is not None
    assert plain(composed.root) == {"a": "{{ x.y }}", "b": ["{{ z }}", 1]}


@pytest.mark.parametrize("opening", ["[", "{a: ", "- ", "? ", "[{a: "])
def test_deep_nesting_is_refused_quickly_s2(opening: str) -> None:
    """S2: 60,000 levels would crash libyaml's own composer."""
    start = time.perf_counter()
    found = codes(opening * 60_000)
    assert [code for code, _, _ in found] == ["E108"]
    assert time.perf_counter() - start < 2


@pytest.mark.parametrize("depth", [MAX_DEPTH, MAX_DEPTH + 1])
def test_a_hundred_levels_are_allowed_s2(depth: int) -> None:
    assert [f.code for f in compose("[" * depth + "]" * depth).faults] == ["E108"] * (depth > MAX_DEPTH)


def test_aliases_count_for_the_depth_s2() -> None:
    half = "[" * 50 + "]" * 50
    nested = "[" * 49 + "*a" + "]" * 49
    assert codes(f"a: &a {half}\nb: {nested}\n") == []
    assert [c for c, _, _ in codes(f"a: &a {half}\nb: [{nested}]\n")] == ["E108"]


def test_an_alias_bomb_is_refused_before_it_goes_off_s2() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 20)]
    start = time.perf_counter()
    assert [c for c, _, _ in codes("\n".join(lines))] == ["E109"]
    assert time.perf_counter() - start < 1


def test_expanded_size_is_bounded_s2() -> None:
    text = "a: &a " + "x" * 100_000 + "\nb: [" + ", ".join(["*a"] * 201) + "]\n"
    assert [c for c, _, _ in codes(text)] == ["E109"]
    assert codes(text.replace(", *a", "", 5)) == []


def test_the_number_of_values_is_bounded_s15() -> None:
    assert [c for c, _, _ in codes("[" + "1," * (MAX_VALUES + 1) + "]")] == ["E109"]


def test_a_syntax_fault_keeps_the_faults_before_it() -> None:
    assert [c for c, _, _ in codes("a: 1\na: 2\nb: [\n")] == ["E110", "E106"]


@given(text=st.text(st.sampled_from("ab:-?[]{},&*!|>'\"%@`#\\ \n\t~<1.{}"), max_size=60))
def test_no_text_makes_it_raise(text: str) -> None:
    composed = compose(text)
    assert isinstance(composed, Composed)
    if composed.root is not None:
        plain(composed.root)
