from __future__ import annotations

import math

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from ergon.actions.yamltext import parse_yaml, print_yaml


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("on", "on"), ("no", "no"), ("yes", "yes"), ("true", True), ("FALSE", False), ("null", None), ("~", None),
        ("", None), ("1e3", 1000.0), ("0o17", 15), ("0x1f", 31), ("017", 17), ("1_000", "1_000"), ("12:30", "12:30"),
        ("2024-01-31", "2024-01-31"), ("+.5", 0.5), ("-.inf", -math.inf), ("1.", 1.0), (".", "."), ("'1'", "1"),
    ],
)  # fmt: skip
def test_scalars_are_those_of_yaml_1_2(text: str, value: object) -> None:
    """S1."""
    assert parse_yaml(f"- {text}") == [value]
    assert type(parse_yaml(f"- {text}")[0]) is type(value)  # type: ignore[index]


def test_aliases_work() -> None:
    assert parse_yaml("a: &x [1]\nb: *x\n") == {"a": [1], "b": [1]}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: [1", "line 2, column 1: did not find"),
        ("a:\n\t- 1", "line 2"),
        ("a: 1\n---\nb: 2", "single document"),
        ("!!python/object:os.system {}", "could not determine a constructor"),
        ("[" * 60_000, "nested deeper than 100"),
        ("a: &a [*a]", "stands for itself"),
        ("? [1]\n: 2", "unhashable"),
        ("b: 1\na: \x01", "line 2: .*control characters"),
        ("&a [x,x,x,x,x,x,x,x,x]\n", ""),
    ],
)
def test_what_is_wrong_is_told(text: str, said: str) -> None:
    if not said:
        assert len(parse_yaml(text)) == 9  # type: ignore[arg-type]
        return
    with pytest.raises(ValueError, match=said):
        parse_yaml(text)


def test_an_alias_bomb_is_refused_before_it_expands() -> None:
    """S2."""
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 9)]
    with pytest.raises(ValueError, match="2,000,000"):
        parse_yaml("\n".join(lines))


VALUE = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(st.characters(codec="utf-8")),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(st.characters(codec="utf-8")), inner, max_size=4)
    ),
    max_leaves=8,
)


@given(VALUE)
def test_what_is_written_reads_back_the_same_as_yaml_1_2_and_1_1(value: object) -> None:
    text = print_yaml(value)
    assert parse_yaml(text) == value
    assert yaml.safe_load(text) == value


@pytest.mark.parametrize(
    "word", ["on", "no", "1e3", "0o17", "017", "12:30", "2024-01-31", "~", "=", "<<", "1_000", "true"]
)
def test_words_that_some_yaml_takes_for_something_else_are_quoted(word: str) -> None:
    assert print_yaml([word]) == f"- '{word}'\n"


def test_what_yaml_has_no_form_for_is_told() -> None:
    assert print_yaml((1, (2,))) == "- 1\n- - 2\n"
    with pytest.raises(ValueError, match="object"):
        print_yaml([object()])
