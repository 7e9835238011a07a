"""Limits (S15): what a template makes and how long it takes is bounded, when it is read and when it is evaluated."""

from __future__ import annotations

import time

import pytest

from ergon.errors import TemplateFailed, TemplateInvalid
from ergon.model.expressions import parse_expression, parse_template

BIG = "x" * 1_000_000
NAMES: dict[str, object] = {
    "n": 10**9,
    "s": "abc",
    "big": BIG,
    "rows": list(range(100_000)),
    "d": {"k": [1, 2]},
    "t": "a\tb" * 1000,
}
DOUBLED_LIST = "{% set ns = namespace(x=[1]) %}{% for i in range(99) %}{% set ns.x = [ns.x, ns.x] %}{% endfor %}"
DOUBLED_TUPLE = "{% set ns = namespace(x=1) %}{% for i in range(99) %}{% set ns.x = (ns.x, ns.x) %}{% endfor %}"
SECONDS = 20
"""More than a bounded template takes on a busy machine, and far less than any of these would without bounds."""


def outcome(text: str) -> str:
    """What comes of reading and evaluating a template, in bounded time."""
    start = time.monotonic()
    try:
        template = parse_template(text)
        assert template is not None
        result = repr(template.evaluate(NAMES))[:100]
    except TemplateInvalid as error:
        result = f"invalid: {error.reason}"
    except TemplateFailed as error:
        result = f"failed: {error.reason}"
    assert time.monotonic() - start < SECONDS
    return result


@pytest.mark.parametrize(
    ("expression", "reason"),
    [
        ("10**(10**8)", "over 10,000 bits"),
        ("(-7) ** 99999", "over 10,000 bits"),
        ("parameters.n + 10**(10**8)", "over 10,000 bits"),
        ("2**9000 * 2**9000", "over 10,000 bits"),
        ("'a' * 10**10", "10,000,000,000 characters"),
        ("10**10 * 'a'", "10,000,000,000 characters"),
        ("[0] * 10**10", "10,000,000,000 items"),
        ("'%1000000000d' % 1", "a field of 1,000,000,000 is too wide"),
        ("range(10**9)", "a range of more than 100,000 numbers"),
        ("range(0, 10**30)", "a range of more than 100,000 numbers"),
        ("1e999", "a number in it is too large"),
        ("0x" + "f" * 5000, "a number in it is too large"),
        ("9" * 5000, "a number in it is too large"),
    ],
)
def test_what_is_too_large_is_found_when_it_is_read_s15(expression: str, reason: str) -> None:
    start = time.monotonic()
    for parse, text in ((parse_template, f"{{{{ {expression} }}}}"), (parse_expression, expression)):
        with pytest.raises(TemplateInvalid, match=reason):
            parse(text)
    with pytest.raises(TemplateInvalid, match=reason):
        parse_template(f"text {{% if x %}}{{{{ {expression} }}}}{{% endif %}}")
    assert time.monotonic() - start < SECONDS


def test_the_fault_has_its_place_s15() -> None:
    with pytest.raises(TemplateInvalid) as caught:
        parse_template("two\nlines {{ 10**(10**8) }}")
    assert (caught.value.line, caught.value.column) == (2, 12)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{{ n ** 5 }}", str(10**45)),
        ("{{ 2 ** -2 }}", "0.25"),
        ("{{ 2 ** 0.5 }}", str(2**0.5)),
        ("{{ (-1) ** 100000001 }}", "-1"),
        ("{{ 1 ** n }}", "1"),
        ("{{ 'ab' * 3 }}", "'ababab'"),
        ("{{ 'ab' * -3 }}", "''"),
        ("{{ [0] * 3 }}", "[0, 0, 0]"),
        ("{{ ('a' * 1000000) | length }}", "1000000"),
        ("{{ big | length }}", "1000000"),
        ("{{ (big | upper)[:2] }}", "'XX'"),
        ("{{ rows | sum }}", "4999950000"),
        ("{{ range(100000) | length }}", "100000"),
        ("{{ rows | select('even') | map('string') | list | length }}", "50000"),
        (
            "{% set ns = namespace(n=0) %}{% for i in range(100000) %}{% set ns.n = ns.n + i %}{% endfor %}{{ ns.n }}",
            "'4999950000'",
        ),
        ("{{ '%5.1f|%-4s|%d%%' % (2.25, 'a', 3) }}", "'  2.2|a   |3%'"),
        ("{{ '%(a)s' % {'a': 1} }}", "'1'"),
        ("{{ '{:>5}|{0}'.format(3) if false else '{:>5}'.format(3) }}", "'    3'"),
    ],
)
def test_what_is_within_bounds_is_just_done(text: str, expected: str) -> None:
    assert outcome(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "{{ s * n }}",
        "{{ [s] * n }}",
        "{{ n ** n }}",
        "{{ (n ** 300) * (n ** 300) }}",
        "{{ big + big }}",
        "{{ big ~ big }}",
        "{{ big ~ '.' ~ big }}",
        "{{ rows + rows + rows + rows + rows + rows + rows + rows + rows + rows + rows }}",
        "{{ big.replace('x', big) }}",
        "{{ big | replace('', big) }}",
        "{{ big.join(rows | map('string')) }}",
        "{{ rows | join(big) }}",
        "{{ s.center(n) }}",
        "{{ s.ljust(n) }}",
        "{{ s.rjust(n) }}",
        "{{ s.zfill(n) }}",
        "{{ t.expandtabs(n) }}",
        "{{ s | center(n) }}",
        "{{ s | indent(n) }}",
        "{{ s | indent(big) }}",
        "{{ big.replace('x', '\n') | indent(1000) }}",
        "{{ '%1000000000d' | format(n) }}",
        "{{ '%.1000000000f' % n }}",
        "{{ '%*d' | format(n, 1) }}",
        "{{ ('%(a)s' * 1000) % {'a': big} }}",
        "{{ ('%s' * 1000) % ([big] * 1000) | list | length }}",
        "{{ '{:1000000000}'.format(n) }}",
        "{{ '{:{}}'.format(1, n) }}",
        "{{ ('{0}' * 1000).format(big) }}",
        "{{ '{a:1000000000}'.format_map({'a': 1}) }}",
        "{{ s | batch(n, 'x') | list }}",
        "{{ s | slice(n) | list }}",
        "{{ 1 | round(n, 'ceil') }}",
        "{{ s | round(9, 'ceil') }}",
        "{{ range(n) }}",
        "{{ rows | map('center', 1000) | list | length }}",
        "{{ rows | map('string') | map('center', 10000) | join | length }}",
        "{{ rows | batch(1) | sum(start=[]) | length }}",
        "{{ d | tojson(indent=1000000) }}",
        "{{ ('<!---->' * 100000) | striptags }}",
        "{{ ('-' * 100000) | wordwrap(10) }}",
        "{{ big | wordwrap(1) }}",
        "{{ s | wordwrap(1, true, big) }}",
        "{{ ('f' * 100000) | int(0, 16) }}",
        "{{ rows | tojson | length if false else ([rows] * 3) | tojson }}",
        "{{ [[[[1]*1000]*1000]*1000]*1000 }}",
        "{{ ([[[[1]*1000]*1000]*1000]*1000) | string }}",
        "{{ ([[[[1]*1000]*1000]*1000]*1000) ~ '' }}",
        "{{ ([[[[1]*1000]*1000]*1000]*1000) == ([[[[1]*1000]*1000]*1000]*1000) }}",
        "{{ ([[[1]*1000]*1000]*1000) in [([[[1]*1000]*1000]*1000)] }}",
        "{{ '%s' % ([[[[1]*1000]*1000]*1000]*1000) }}",
        "{{ '{}'.format([[[[1]*1000]*1000]*1000]*1000) }}",
        "text {{ [[[[1]*1000]*1000]*1000]*1000 }}",
        "{% for i in range(100000) %}{% for j in range(100000) %}{% endfor %}{% endfor %}",
        "{% for i in range(100000) %}{% for j in range(100000) if false %}{% endfor %}{% endfor %}",
        "{% for i in range(100000) %}{{ big }}{% endfor %}",
        "{% for i in range(100000) %}" + "some text " * 20 + "{% endfor %}",
        "{% set x %}{% for i in range(100000) %}{{ big }}{% endfor %}{% endset %}",
        "{% for i in range(100000) %}{% set y = 5 in rows %}{% endfor %}",
        "{% for i in range(100000) %}{% if rows == rows %}{% endif %}{% endfor %}",
        "{% for i in range(100000) %}{% set y = big.count('x') %}{% endfor %}",
        "{% for i in range(100000) %}{% set y = rows[1:] %}{% endfor %}",
        DOUBLED_LIST + "{{ ns.x }}",
        DOUBLED_LIST + "{{ ns.x == ns.x }}",
        DOUBLED_TUPLE + "{{ {ns.x: 1} }}",
        DOUBLED_TUPLE + "{{ d[ns.x] is defined }}",
        DOUBLED_TUPLE + "{{ d.get(ns.x) }}",
        "{% set ns = namespace(x=2) %}{% for i in range(99) %}{% set ns.x = ns.x * ns.x %}{% endfor %}",
        "{% set ns = namespace(x='a') %}{% for i in range(99) %}{% set ns.x = ns.x ~ ns.x %}{% endfor %}",
        "{% macro f() %}{{ f() }}{{ f() }}{% endmacro %}{{ f() }}",
        "{% macro f(n) %}{% if n %}{{ f(n - 1) }}{{ f(n - 1) }}{% endif %}{% endmacro %}{{ f(60) }}",
        "{% for x in [1] recursive %}{{ loop([1]) }}{% endfor %}",
    ],
)
def test_what_would_be_too_large_or_too_long_is_stopped_s15(text: str) -> None:
    assert outcome(text).startswith(("failed: ", "invalid: "))


def test_what_a_template_only_passes_on_may_be_large_s15() -> None:
    large = "x" * 3_000_000
    rows = [{"i": i} for i in range(100_000)]
    for text, expected in (
        ("{{ large }}", large),
        ("{{ large | default('') }}", large),
        ("{{ large | upper }}", large.upper()),
        ("{{ large if true else '' }}", large),
        ("{{ [large] | first }}", large),
        ("{{ rows | list }}", rows),
        ("{{ rows | selectattr('i', 'lt', 2) | list }}", rows[:2]),
    ):
        template = parse_template(text)
        assert template is not None
        assert template.evaluate({"large": large, "rows": rows}) == expected


@pytest.mark.parametrize(
    "text",
    [
        "{{ " + "(" * 10_000 + "1" + ")" * 10_000 + " }}",
        "{{ " + "[" * 10_000 + "]" * 10_000 + " }}",
        "{{ " + "{1:" * 10_000 + "}" * 10_000 + " }}",
        "{{ " + "not " * 10_000 + "1 }}",
        "{{ " + "-" * 10_000 + "1 }}",
        "{{ " + "- " * 10_000 + "1 }}",
        "{{ " + "1 + " * 10_000 + "1 }}",
        "{{ " + "2 ** " * 10_000 + "1 }}",
        "{{ " + "a and " * 10_000 + "1 }}",
        "{{ x" + ".a" * 10_000 + " + 1 }}",
        "{{ x" + "[0]" * 10_000 + " + 1 }}",
        "{{ x" + "|list" * 10_000 + " }}",
        "{{ x" + "()" * 10_000 + " }}",
        "{{ 1" + " if a else 1" * 5_000 + " }}",
        "{{ 1" + " is odd" * 100 + " }}",
        "{% if a %}" * 3_000 + "{% endif %}" * 3_000,
        "{% for a in b %}" * 1_500 + "{% endfor %}" * 1_500,
        "{% for a in b %}" * 15 + "{% endfor %}" * 15,
        "{{ 1" + "0" * 90_000 + " }}",
        "{{ 'a' }}" + "x" * 100_000,
        "{{" * 40_000,
        "{%" * 40_000,
        "{#" * 40_000,
    ],
)
def test_however_deep_or_long_it_is_refused_s15(text: str) -> None:
    start = time.monotonic()
    with pytest.raises(TemplateInvalid):
        parse_template(text)
    assert time.monotonic() - start < SECONDS


def test_a_long_path_is_still_a_path() -> None:
    value: object = 7
    for _ in range(2_000):
        value = {"a": value}
    template = parse_template("{{ x" + ".a" * 2_000 + " }}")
    assert template is not None
    assert template.evaluate({"x": value}) == 7


@pytest.mark.parametrize(
    "pattern",
    [
        ("(", ")"),
        ("[", "]"),
        ("{1: ", "}"),
        ("1 + ", ""),
        ("a == (", ")"),
        ("not ", ""),
        ("a ~ (", ")"),
        ("a.b(", ")"),
        ("(1 if a else ", ")"),
        ("[a, ", "][1:]"),
        ("a if (", ") else b"),
        ("(a in (", "))"),
        ("(", ").b"),
        ("a[", "]"),
        ("(", " is odd)"),
        ("(", " | list)"),
        ("a and ", ""),
        ("dict(a=", ")"),
    ],
)
def test_whatever_is_not_refused_as_too_deep_also_compiles_s15(pattern: tuple[str, str]) -> None:
    """The deepest that may be read is not too deep for Jinja's compiler, nor for Python's."""
    before, after = pattern
    accepted = 0
    for depth in range(1, 80):
        try:
            template = parse_expression(before * depth + "x" + after * depth)
        except TemplateInvalid:
            break
        accepted = depth
    assert accepted >= 8
    with pytest.raises(TemplateFailed) as caught:
        template.evaluate({})
    assert "is not defined" in caught.value.reason


def test_statements_as_deep_as_may_be_also_compile_s15() -> None:
    for opened, closed in (
        ("{% for a in [1] %}", "{% endfor %}"),
        ("{% for a in [1] if a %}{{ loop.index }}", "{% endfor %}"),
        ("{% if true %}", "{% endif %}"),
        ("{% with a = 1 %}", "{% endwith %}"),
        ("{% filter upper %}", "{% endfilter %}"),
        ("{% set a %}", "{% endset %}{{ a }}"),
        ("{% macro a() %}", "{% endmacro %}{{ a() }}"),
    ):
        template = parse_template(opened * 12 + "x" + closed * 12)
        assert template is not None
        assert "x" in str(template.evaluate({})).lower()
        with pytest.raises(TemplateInvalid, match="nested too deeply"):
            parse_template(opened * 13 + "x" + closed * 13)


def test_reading_many_constants_stays_quick_s15() -> None:
    start = time.monotonic()
    parse_template("{{ [" + "'a' * 1000000," * 6_000 + "1] }}")
    assert time.monotonic() - start < SECONDS


@pytest.mark.parametrize(
    "text",
    [
        "{{ [" + "a," * 20_000 + "1] }}",
        "{{ [" + "".join(f"a{i}," for i in range(14_000)) + "1] }}",
        "{{ [" + "".join(f"a.b{i} is defined," for i in range(4_500)) + "1] }}",
        "{{ [" + "a," * 20_000 + "1 2] }}",
        "{{ a }}" * 14_000,
        "{{ a + 1 }}\n" * 8_000,
        "{% if a %}b{% endif %}" * 4_500,
    ],
)
def test_a_template_as_long_as_may_be_is_read_quickly_s15(text: str) -> None:
    start = time.monotonic()
    try:
        template = parse_template(text)
    except TemplateInvalid:
        template = None
    if template is not None:
        assert len(template.references) > 4_000
    assert time.monotonic() - start < SECONDS
