"""Any text at all: reading raises only TemplateInvalid and evaluation only TemplateFailed, in bounded time."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable

import jinja2
from hypothesis import example, given, settings
from hypothesis import strategies as st
from jinja2.sandbox import ImmutableSandboxedEnvironment

from ergon.errors import TemplateFailed, TemplateInvalid
from ergon.model.expressions import Template, Value, parse_expression, parse_template, parse_value
from ergon.model.expressions.limits import MAX_SIZE

NAMES: dict[str, object] = {
    "a": 1,
    "b": "text",
    "steps": {"x": {"output": [1, {"a": "b"}]}},
    "item": {"a": [3, 1, 2], "b": None},
}
SECONDS = 20
PROGRAM_FAULTS = ("SyntaxError", "TemplateAssertionError", "NameError", "AssertionError", "UnboundLocalError")


def words(text: str) -> st.SearchStrategy[str]:
    return st.sampled_from(text.split())


TOKENS = st.one_of(
    words(
        """{{ }} {% %} {# #} {{- -}} {%- -%} ( ) [ ] { } , . : | ~ + - * / // % ** == != < > <= >= = and or not in
        is if else elif endif for endfor set endset with endwith macro endmacro call endcall filter endfilter raw
        endraw print recursive true false none self super caller loop varargs kwargs namespace dict range cycler
        joiner a b steps x output item 0 1 7 1.5 1e9 1e999 0xff 99999999999 '' 'a' "b" 'a{b}' '%s' default defined
        undefined length map select selectattr list join upper replace round sort sum tojson first last batch slice
        center indent format string odd mapping include import extends block do loop.index loop.last loop.cycle
        ns.a \\ é 名 $ # _ __class__ .upper() .items() .format( .join( .replace( [0] [-1] ['a'] [1:] ?"""
    ),
    st.sampled_from([" ", "\n", "\r\n", "\t", "\x1c", ""]),
)
TEXTS = st.one_of(
    st.text(max_size=60),
    st.lists(TOKENS, max_size=25).map("".join),
    st.lists(TOKENS, max_size=25).map(" ".join),
    st.lists(TOKENS, max_size=12).map(lambda tokens: "{{ " + " ".join(tokens) + " }}"),
    st.lists(TOKENS, max_size=12).map(lambda tokens: "x{{" + " ".join(tokens) + "}}"),
    st.lists(TOKENS, max_size=12).map(lambda tokens: "{% for i in a %}" + "".join(tokens) + "{% endfor %}"),
    st.lists(TOKENS, max_size=12).map(lambda tokens: "{% set y = " + " ".join(tokens) + " %}{{ y }}"),
)
TREES = st.recursive(
    TEXTS,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=5), inner, max_size=3)),
    max_leaves=5,
)

LEAVES = st.one_of(
    words("a b item.a item steps.x.output steps.x.output[1] nothing"),
    words("0 1 -1 2.5 '' 'ab' '%s' [] [1,2] {} {'a':1} none true 9999999"),
)
FILTERS = words(
    """abs batch(2) capitalize center(9) count default(1) dictsort escape first float format(1) groupby('a') indent
    int items join(',') last length list lower map('string') map(attribute='a') max min reverse round select
    selectattr('a') slice(2) sort string striptags sum title tojson trim truncate unique upper urlencode wordcount
    wordwrap xmlattr"""
)
OPERATORS = words("+ - * / // % ** ~ == != < > and or in")
TESTS = words("defined odd none mapping string number iterable")
KEYS = words("a b items upper() keys() split() get(1) format(1) x")
EXPRESSIONS = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.builds("({} {} {})".format, inner, OPERATORS, inner),
        st.builds("({} | {})".format, inner, FILTERS),
        st.builds("({} is {})".format, inner, TESTS),
        st.builds("({} if {} else {})".format, inner, inner, inner),
        st.builds("({} if {})".format, inner, inner),
        st.builds("(not {})".format, inner),
        st.builds("(-{})".format, inner),
        st.builds("[{}, {}]".format, inner, inner),
        st.builds("({}, {})".format, inner, inner),
        st.builds("{{'k': {}, {}: 1}}".format, inner, inner),
        st.builds("({})[{}]".format, inner, inner),
        st.builds("({})[{}:{}]".format, inner, inner, inner),
        st.builds("({}).{}".format, inner, KEYS),
        st.builds("range({})".format, inner),
        st.builds("dict(a={})".format, inner),
    ),
    max_leaves=8,
)


def read(parse: Callable[[str], Template | None], text: str) -> Template | TemplateInvalid | None:
    try:
        return parse(text)
    except TemplateInvalid as error:
        return error


def evaluate(template: Template | Value, names: dict[str, object]) -> object:
    try:
        return template.evaluate(names)
    except TemplateFailed as error:
        return error


def check_fault(error: TemplateInvalid, text: str) -> None:
    assert error.reason
    assert "\n" not in str(error)
    assert 1 <= error.line <= text.count("\n") + 1
    assert error.column >= 1


def check_results(template: Template) -> None:
    """Evaluate a template with and without names; whatever it gives is data of bounded size."""
    assert all(one.line >= 1 and one.column >= 1 for one in template.references)
    for names in (NAMES, {}):
        found = evaluate(template, names)
        if isinstance(found, TemplateFailed):
            assert found.reason
            assert "\n" not in str(found)
            assert not found.reason.startswith(PROGRAM_FAULTS)
        else:
            assert template.kind != "text" or type(found) is str
            assert is_data(found)


def is_data(value: object) -> bool:
    """Whether a value is plain data: nothing lazy, nothing undefined, nothing of Jinja's."""
    if isinstance(value, dict):
        return all(is_data(key) and is_data(item) for key, item in value.items())
    if isinstance(value, (list, tuple)):
        return all(map(is_data, value))
    if isinstance(value, str):
        return len(value) <= MAX_SIZE
    return value is None or isinstance(value, (bool, int, float, bytes))


@given(text=TEXTS)
@example(text="{{ 1 }}{% macro a(b=caller) %}{% endmacro %}{{ a() }}")
@example(text="{% call(a) b() %}{% endcall %}")
@example(text="{% set a.b = 1 %}")
@example(text="{{ '\\ud800' }}")
@example(text="\ud800{{ a | upper }}")
@example(text="{{ '{' ~ '0' ~ '}' }}{{ '{'.format() }}{{ '%' % 1 }}")
@example(text="{{ a(*b, **c) }}")
@example(text="{{ {}[{}] }}{{ {[]: 1} }}")
@settings(max_examples=200)
def test_any_text_is_read_or_refused(text: str) -> None:
    start = time.monotonic()
    for parse in (parse_template, parse_expression):
        found = read(parse, text)
        if isinstance(found, TemplateInvalid):
            check_fault(found, text)
        elif found is not None:
            check_results(found)
    assert time.monotonic() - start < SECONDS


@given(expression=EXPRESSIONS)
@settings(max_examples=200)
def test_any_expression_is_evaluated_or_fails(expression: str) -> None:
    start = time.monotonic()
    for found in (
        read(parse_expression, expression),
        read(parse_template, f"{{{{ {expression} }}}}"),
        read(parse_template, f"<{{{{ {expression} }}}}>"),
    ):
        if isinstance(found, TemplateInvalid):  # it is well formed, so only its size can be at fault
            limits = ("too large", "would make", "too long", "nested", "too wide")
            assert any(limit in found.reason for limit in limits), found.reason
        else:
            assert found is not None
            check_results(found)
    assert time.monotonic() - start < SECONDS


@given(tree=TREES)
@settings(max_examples=100)
def test_any_tree_is_read_or_refused(tree: object) -> None:
    try:
        value = parse_value(tree)
    except TemplateInvalid as error:
        fault = error
    else:
        assert isinstance(evaluate(value, NAMES), TemplateFailed) or not value.is_static or value.evaluate({}) == tree
        return
    check_fault(fault, fault.source)


STOCK = ImmutableSandboxedEnvironment(undefined=jinja2.StrictUndefined, optimized=False)


@given(expression=EXPRESSIONS.filter(lambda text: "tojson" not in text))
@settings(max_examples=200)
def test_what_an_expression_gives_is_what_jinja_gives(expression: str) -> None:
    template = read(parse_expression, expression)
    if isinstance(template, Template):
        found = evaluate(template, NAMES)
        if not isinstance(found, TemplateFailed):
            try:
                expected = STOCK.compile_expression(expression, undefined_to_none=False)(**NAMES)
            except (TypeError, AttributeError):  # some filters that want a text take a number here
                return
            expected = settled(expected)
            if not any(word in repr(expected) for word in ("<", "dict_", "range")):  # Jinja printed a lazy part
                assert found == expected


def settled(value: object) -> object:
    """A value as Jinja gives it, with its lazy parts as lists."""
    if isinstance(value, dict):
        return {key: settled(item) for key, item in value.items()}
    if isinstance(value, tuple):
        return tuple(map(settled, value))
    if isinstance(value, Iterable) and not isinstance(value, str):
        return [settled(item) for item in value]
    return value
