"""Filters and tests: the same as Jinja's own, but for the few that are written anew."""

from __future__ import annotations

import datetime
import json

import jinja2.filters
import jinja2.tests
import pytest
from jinja2.sandbox import ImmutableSandboxedEnvironment

from ergon.errors import TemplateFailed
from ergon.model.expressions import parse_expression
from ergon.model.expressions.guards import FILTERS, TESTS

NAMES: dict[str, object] = {
    "s": "Hello, <b>World</b> & 'all'",
    "words": "the quick brown fox jumps over the lazy dog",
    "lines": "one\ntwo\n\nthree",
    "n": 42,
    "x": -3.14159,
    "rows": [
        {"name": "b", "n": 2, "in": {"k": 1}},
        {"name": "A", "n": 1, "in": {"k": 2}},
        {"name": "a", "n": 1, "in": {"k": 3}},
    ],
    "numbers": [3, 1, 2, 3, 1],
    "d": {"b": 1, "a": 2, "C": 3},
    "empty": [],
    "null": None,
}

STOCK = ImmutableSandboxedEnvironment(undefined=jinja2.StrictUndefined)

EXPRESSIONS = """
x | abs
d | attr('items') is callable
numbers | batch(2) | list
numbers | batch(3, 0) | list
words | capitalize
s | center(40)
numbers | count
d | dictsort
d | dictsort(true)
d | dictsort(false, 'value', true)
n | filesizeformat
123456789 | filesizeformat(true)
numbers | first
'1.5' | float
'x' | float(2.5)
'%s is %d' | format(s, n)
'%(a)s' | format(a=n)
rows | groupby('n') | map('first') | list
rows | groupby('name') | map('last') | map('length') | list
rows | groupby('in.k', default=0) | length
lines | indent
lines | indent(2, true)
lines | indent('> ', true, true)
'12' | int
'x' | int(7)
'0x1f' | int(0, 16)
3.9 | int
d | items | list
numbers | join
numbers | join(', ')
rows | join('|', attribute='name')
numbers | last
words | length
d | length
words | list
numbers | list
s | lower
rows | map(attribute='name') | list
rows | map(attribute='in.k') | list
rows | map(attribute='x', default='-') | list
numbers | map('string') | list
rows | map(attribute='name') | map('upper') | join
numbers | max
numbers | min
rows | max(attribute='n')
rows | min(attribute='n')
numbers | reject('odd') | list
numbers | reject | list
rows | rejectattr('n', 'eq', 1) | list
rows | rejectattr('n') | list
s | replace('l', 'L')
s | replace('l', 'L', 1)
words | replace('', '-', 3)
numbers | reverse | list
words | reverse
x | round
x | round(2)
x | round(1, 'ceil')
x | round(1, 'floor')
n | round(-1)
s | safe | string
numbers | select('gt', 1) | list
numbers | select('in', [1, 2]) | list
numbers | select | list
rows | selectattr('n') | list
rows | selectattr('n', '>', 1) | list
rows | selectattr('name', 'lower') | map(attribute='n') | list
numbers | slice(2) | list
numbers | slice(3, 0) | list
numbers | sort
numbers | sort(true)
rows | sort(attribute='name')
rows | sort(attribute='n,name', case_sensitive=true)
rows | sort(attribute='in.k', reverse=true)
n | string
s | striptags
numbers | sum
rows | sum(attribute='n')
rows | sum('n', 10)
words | title
'  x ' | trim
'xxaxx' | trim('x')
words | truncate(15)
words | truncate(15, true)
words | truncate(15, true, '!', 0)
numbers | unique | list
rows | unique(attribute='name') | map(attribute='n') | list
s | upper
s | urlencode
d | urlencode
[('a', 1), ('b', 'c d')] | urlencode
words | wordcount
words | wordwrap(12)
'abcdefghijkl mno' | wordwrap(5, true, '|')
'abcdefghijkl mno' | wordwrap(width=5, break_long_words=false)
{'class': s, 'id': none} | xmlattr
null | default('d')
null | default('d', true)
empty | first | default('nothing')
n is odd
n is even
n is divisibleby 7
n is defined
n is number
n is integer
x is float
n is string
s is string
d is mapping
numbers is sequence
numbers is iterable
null is none
true is boolean
false is false
true is true
n is eq(42)
n is ne 1
n is gt 1
n is ge 42
n is lt 1
n is le 42
n is in [1, 42]
n is not in [1]
n is sameas n
s is lower
'ABC' is upper
'upper' is filter
'odd' is test
s is callable
s is escaped
n == 42 and not x > 0
1 < n < 43
n in [1, 42] and 'o' in words
'a' in d
n // 5
n % 5
n / 5
n ** 2
-n
+n
'a' ~ n ~ none ~ true
words[4:9]
words[::-1]
numbers[-1]
numbers[:2] + [9]
'%s and %s' % ('a', 1)
'ab' * 3
[1] * 2
{'a': 1, 2: 'b'}
(1, 2) + (3,)
'yes' if n else 'no'
[] or 'x'
""".strip().splitlines()


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_an_expression_gives_what_jinja_gives(expression: str) -> None:
    expected = STOCK.compile_expression(expression, undefined_to_none=False)(**NAMES)
    if isinstance(expected, str):
        expected = str(expected)
    assert parse_expression(expression).evaluate(NAMES) == expected


def test_every_filter_and_test_is_among_those_compared() -> None:
    text = "\n".join(EXPRESSIONS)
    own = {"d", "e", "escape", "forceescape", "tojson"}
    used = {name for name in FILTERS if f"| {name}" in text or f"('{name}'" in text}
    assert set(FILTERS) - used - own == set()
    symbols = {"==", "!=", ">", ">=", "<", "<=", "equalto", "greaterthan", "lessthan", "undefined"}
    assert {name for name in TESTS if f"is {name}" not in text and f"is not {name}" not in text} <= symbols
    assert set(jinja2.filters.FILTERS) - set(FILTERS) == {"pprint", "random", "urlize"}
    assert set(jinja2.tests.TESTS) == set(TESTS)


@pytest.mark.parametrize("name", ["e", "escape", "forceescape"])
def test_escaping_gives_a_plain_text(name: str) -> None:
    found = parse_expression(f"'<' | {name} ~ '<' + ('&' | {name})").evaluate({})
    assert found == "&lt;<&amp;"
    assert type(found) is str
    assert parse_expression(f"n | {name}").evaluate({"n": 1}) == "1"


def test_no_markup_ever_comes_out() -> None:
    for expression in (
        "s | safe",
        "s | e",
        "s | safe | upper",
        "s | striptags",
        "d | xmlattr",
        "d | tojson",
        "[s | e]",
    ):
        found = parse_expression(expression).evaluate(NAMES)
        assert type(found[0] if isinstance(found, list) else found) is str


def test_tojson_writes_json_as_people_expect() -> None:
    data = {
        "z": [1, 2.5, True, None],
        "a": "<ü&'\">",
        3: (1, 2),
        "nan": float("nan"),
        "inf": [float("-inf")],
        "day": datetime.date(2026, 3, 1),
    }
    text = parse_expression("data | tojson").evaluate({"data": data})
    assert (
        text
        == '{"z": [1, 2.5, true, null], "a": "<ü&\'\\">", "3": [1, 2], "nan": null, "inf": [null], "day": "2026-03-01"}'
    )
    assert isinstance(text, str)
    assert json.loads(text)["inf"] == [None]
    assert parse_expression("[1, {'a': 2}] | tojson(indent=2)").evaluate({}) == json.dumps([1, {"a": 2}], indent=2)
    assert parse_expression("[1, 2] | map('string') | tojson").evaluate({}) == '["1", "2"]'


def test_tojson_refuses_what_is_no_json() -> None:
    for value, reason in ((object(), "an object cannot be written as JSON"), ({(1, 2): 3}, "keys must be")):
        with pytest.raises(TemplateFailed, match=reason):
            parse_expression("x | tojson").evaluate({"x": value})


def test_a_missing_argument_is_a_failure_of_the_filter_by_its_name() -> None:
    for expression in (
        "s | replace",
        "s | replace('a')",
        "numbers | batch",
        "s | round(1, 2, 3)",
        "s | truncate(1, 2, 3, 4, 5)",
        "s | round(1, 'up')",
        "numbers | map | list",
    ):
        with pytest.raises(TemplateFailed) as caught:
            parse_expression(expression).evaluate(NAMES)
        name = expression.split("|")[1].split("(")[0].strip()
        assert name in caught.value.reason
        assert "do_" not in caught.value.reason
        assert "_number" not in caught.value.reason
