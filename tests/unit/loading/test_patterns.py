"""Patterns: what Python's own matcher says, in time that grows with the text (S6, S15)."""

from __future__ import annotations

import re
import time
import warnings

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from ergon.loading.patterns import Pattern, PatternInvalid

ATOMS = st.sampled_from(
    ["a", "b", ".", "[ab]", "[^a]", "[a-c0-9]", r"\d", r"\w", r"\s", r"\W", r"\b", r"\B", "^", "$", r"\A", r"\Z", "é"]
)


def joined(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return (
        st.tuples(inner, inner).map("".join)
        | st.tuples(inner, inner).map("|".join).map("({})".format)
        | inner.map("(?:{})*".format)
        | inner.map("({})+?".format)
        | inner.map("(?P<n>{})?".format)
        | inner.map("(?:{}){{1,3}}".format)
        | inner.map("(?={})".format)
        | inner.map("(?!{})".format)
        | inner.map("(?i:{})".format)
        | inner.map("(?s:{})".format)
    )


PATTERNS = st.recursive(ATOMS, joined, max_leaves=6)


@given(source=PATTERNS, text=st.text("abcABé1 \n_", max_size=8))
def test_it_agrees_with_python(source: str, text: str) -> None:
    assume(source.count("?P<n>") < 2)
    assume(text or r"\B" not in source)  # Python changed its mind on that in 3.14
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        wanted = re.fullmatch(source, text) is not None
    assert Pattern(source).matches(text) is wanted


@pytest.mark.parametrize(
    ("source", "good", "bad"),
    [
        (r"[A-Z]{2}\d{4}", ["AB1234"], ["AB123", "AB12345", "ab1234"]),
        (r"^[a-z]+(-[a-z]+)*$", ["a-b-c", "abc"], ["a--b", "-a", ""]),
        (r"(?=.*\d)(?=.*[a-z]).{4,8}", ["abc1", "1234567a"], ["abcd", "123a56789"]),
        (r"(?i)oslo|rome", ["OSLO", "Rome"], ["paris", "osl"]),
        (r"(?a)\w+", ["abc"], ["é"]),
        (r"(?m)^a$\n^b$", ["a\nb"], ["ab"]),
        ("", [""], ["a"]),
    ],
)
def test_the_whole_text_must_match_s6(source: str, good: list[str], bad: list[str]) -> None:
    pattern = Pattern(source)
    assert all(pattern.matches(text) for text in good)
    assert not any(pattern.matches(text) for text in bad)


@pytest.mark.parametrize("source", ["(a+)+b", "(a|a)*b", "(a*)*b", "(.*)*=", "(a|aa)+$b", "(?=(a+)+b)a*"])
def test_what_takes_python_for_ever_is_quick_s15(source: str) -> None:
    start = time.perf_counter()
    assert not Pattern(source).matches("a" * 2_000)
    assert time.perf_counter() - start < 2


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("(", "missing"),
        ("[a-", "unterminated"),
        ("*a", "nothing to repeat"),
        (r"(a)\1", "a reference to a group"),
        ("(?<=a)b", "looking behind"),
        ("(?<!a)b", "looking behind"),
        ("a++", "a possessive repeat"),
        ("(?>a)", "an atomic group"),
        ("(a)?(?(1)b|c)", "a reference to a group"),
        ("a" * 2_000, "longer than"),
        ("(a{1,50}){1,50}", "too large"),
        ("(" * 400 + ")" * 400, ""),
    ],
)
def test_what_cannot_be_used_is_refused(source: str, reason: str) -> None:
    if reason:
        with pytest.raises(PatternInvalid, match=re.escape(reason)):
            Pattern(source)
    else:
        assert Pattern(source).matches("")


def test_a_text_that_is_too_long_is_refused() -> None:
    with pytest.raises(PatternInvalid, match="too long"):
        Pattern("(ab|cd)*").matches("ab" * 1_000_000)
