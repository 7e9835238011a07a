"""Syntax: what cannot be read is refused with its line and column, a reason, and a hint where there is one (S10)."""

from __future__ import annotations

import pytest

from ergon.errors import TemplateInvalid
from ergon.model.expressions import parse_expression, parse_template


def fault(text: str) -> TemplateInvalid:
    with pytest.raises(TemplateInvalid) as caught:
        parse_template(text)
    assert caught.value.source == text
    assert "\n" not in str(caught.value)
    return caught.value


@pytest.mark.parametrize(
    ("text", "place", "reason"),
    [
        ("{{ a b }}", (1, 6), "expected token 'end of print statement', got 'b'"),
        ("x\n  {{ a b }}", (2, 8), "expected token 'end of print statement', got 'b'"),
        ("{{ a }} {{ a a }}", (1, 14), "expected token 'end of print statement', got 'a'"),
        ("{{ }}", (1, 4), "expected an expression, got 'end of print statement'"),
        ("{{ a + }}", (1, 8), "unexpected 'end of print statement'"),
        ("{{ a ? b }}", (1, 6), "unexpected char '?' at 5"),
        ("{{ 'a }}", (1, 4), 'unexpected char "\'" at 3'),
        ("{{ (a }}", (1, 7), "unexpected '}'"),
        ("{{ a) }}", (1, 5), "unexpected ')'"),
        ("{{ [1, 2 }}", (1, 10), "unexpected '}'"),
        ("{{ a", (1, 5), "unexpected end of template"),
        ("{{ a }", (1, 6), "unexpected '}'"),
        ("{{ a | }}", (1, 8), "expected token 'name'"),
        ("{{ a.1b }}", (1, 7), "expected token 'end of print statement'"),
        ("{{ a. }}", (1, 9), "expected name or number"),
        ("{{ f(a=1, 2) }}", (1, 11), "invalid syntax for function call expression"),
        ("{% if a %}x", (1, 12), "unexpected end of template"),
        ("{% if %}x{% endif %}", (1, 7), "expected an expression"),
        ("{% endif %}", (1, 4), "encountered unknown tag 'endif'"),
        ("{% for x of y %}{% endfor %}", (1, 10), "expected token 'in'"),
        ("{% foo %}", (1, 4), "encountered unknown tag 'foo'"),
        ("{% for x in y %}{% endif %}", (1, 20), "encountered unknown tag 'endif'"),
        ("a\n{# never closed", (2, 3), "missing end of comment tag"),
        ("{% raw %}x", (1, 10), "missing end of raw directive"),
        ("{{ a\n  b }}", (2, 3), "expected token 'end of print statement', got 'b'"),
        ("{{ 'b' b }}", (1, 8), "got 'b'"),
        ("{# b #}{{ a b }}", (1, 13), "got 'b'"),
        ("{{ a is b is c }}", (1, 11), "cannot chain multiple tests"),
        ("{% set 1 = 2 %}", (1, 10), "can't assign to 'const'"),
    ],
)
def test_a_fault_has_its_place_and_reason_s10(text: str, place: tuple[int, int], reason: str) -> None:
    error = fault(text)
    assert reason in error.reason
    assert (error.line, error.column) == place


@pytest.mark.parametrize(
    ("text", "place", "reason", "hint"),
    [
        ("{{ a | uper }}", (1, 8), "there is no filter 'uper'", "Did you mean 'upper'?"),
        ("{{ a }}\n{{ a is od }}", (2, 9), "there is no test 'od'", "Did you mean 'odd'?"),
        ("{{ a | zzz }}", (1, 8), "there is no filter 'zzz'", ""),
        ("{{ a if b else (c | lowr) }}", (1, 21), "there is no filter 'lowr'", "Did you mean 'lower'?"),
        ("{{ f(a=1, a=2) }}", (1, 6), "the argument 'a' is given twice", ""),
        ("{{ x | replace(old='a', old='b') }}", (1, 16), "the argument 'old' is given twice", ""),
        ("{% macro f(a, a) %}{% endmacro %}", (1, 5), "the argument 'a' is given twice", ""),
        ("{% macro f(caller) %}{% endmacro %}", (1, 12), "an argument cannot be called 'caller'", ""),
        ("{{ self.x }}", (1, 4), "the name 'self' is Jinja's own", ""),
        ("{% for loop in x %}{% endfor %}", (1, 8), "the name 'loop' cannot be given to anything else", ""),
        ("{% set loop = 1 %}", (1, 8), "the name 'loop' cannot be given to anything else", ""),
        ("{{ a in b in c }}", (1, 5), "'in' cannot be chained", "Use `and` between them."),
        ("{% include 'a' %}", (1, 4), "'include' may not be used in a template", ""),
    ],
)
def test_what_jinja_would_find_too_late_is_found_s10(text: str, place: tuple[int, int], reason: str, hint: str) -> None:
    error = fault(text)
    assert reason in error.reason
    assert error.hint == hint
    assert (error.line, error.column) == place


def test_a_bare_expression_has_its_places_too_s10() -> None:
    for text, place in (("a b", (1, 3)), ("a >\n  > b", (2, 3)), ("a | uper", (1, 5)), ("  {{ a b }}", (1, 8))):
        with pytest.raises(TemplateInvalid) as caught:
            parse_expression(text)
        assert (caught.value.line, caught.value.column) == place


def test_carriage_returns_do_not_move_a_fault_s10() -> None:
    error = fault("one\r\ntwo\r\n  {{ a b }}")
    assert (error.line, error.column) == (3, 8)


def test_a_template_is_at_most_100000_characters_s15() -> None:
    assert "100,001 characters" in fault("{{ a }}" + "x" * 99_994).reason
    assert parse_template("{{ a }}" + "x" * 99_993) is not None
    with pytest.raises(TemplateInvalid, match="100,000 is the most"):
        parse_expression("a" * 60_000 + " + " + "b" * 60_000)


def test_long_words_of_a_template_are_cut_in_the_sentence() -> None:
    assert len(str(fault("{{ a " + "b" * 5_000 + " }}"))) < 700
