"""Any text at all: reading raises nothing but TemplateInvalid, evaluation nothing but TemplateFailed, in bounded time."""

from __future__ import annotations

import time

from hypothesis import example, given, settings
from hypothesis import strategies as st

from ergon.errors import TemplateFailed, TemplateInvalid
from ergon.model.expressions import Template, parse_expression, parse_template, parse_value
from ergon.model.expressions.limits import MAX_SIZE

NAMES: dict[str, object] = {
    "a": 1,
    "b": "text",
    "steps": {"x": {"output": [1, {"a": "b"}]}},
    "item": {"a": [3, 1, 2], "b": None},
}
SECONDS = 20

TOKENS = st.sampled_from(
    [
        "{{",
        "}}",
        "{%",
        "%}",
        "{#",
        "#}",
        "{{-",
        "-}}",
        "{%-",
        "-%}",
        "(",
        ")",
        "[",
        "]",
        "{",
        "}",
        ",",
        ".",
        ":",
        "|",
        "~",
        "+",
        "-",
        "*",
        "/",
        "//",
        "%",
        "**",
        "==",
        "!=",
        "<",
        ">",
        "<=",
        ">=",
        "=",
        "and",
        "or",
        "not",
        "in",
        "is",
        "if\n",
        "",
        "",
        "",
        "else",
        "elif",
        "endif",
        "for",
        "endfor",
        "set",
        "endset",
        "with",
        "endwith",
        "macro",
        "endmacro",
        "call",
        "endcall",
        "filter",
        "endfilter",
        "raw",
        "endraw",
        "print\n",
        "",
        "",
        "",
        "recursive",
        "true",
        "false",
        "none",
        "self",
        "super",
        "caller",
        "loop",
        "varargs",
        "kwargs",
        "namespace",
        "dict",
        "range",
        "cycler",
        "joiner",
        "a",
        "b",
        "steps",
        "x\n",
        "",
        "",
        "",
        "output",
        "item",
        "0",
        "1",
        "7",
        "1.5",
        "1e9",
        "1e999",
        "0xff",
        "99999999999",
        "''",
        "'a'",
        '"b"',
        "'a{b}'",
        "'%s'",
        "default",
        "defined",
        "undefined",
        "length",
        "map\n",
        "",
        "",
        "",
        "select",
        "selectattr",
        "list",
        "join",
        "upper",
        "replace",
        "round",
        "sort",
        "sum",
        "tojson",
        "first",
        "last",
        "batch",
        "slice",
        "center",
        "indent",
        "format\n",
        "",
        "",
        "",
        "string",
        "odd",
        "mapping",
        "include",
        "import",
        "extends",
        "block",
        "do",
        "loop.index",
        "loop.last",
        "loop.cycle",
        "ns.a",
        "\\",
        "\n",
        "\r\n",
        "\t",
        "\x1c",
        "é",
        "名",
        "$\n",
        "",
        "",
        "",
        "#",
        "_",
        "__class__",
        ".upper()",
        ".items()",
        ".format(",
        ".join(",
        ".replace(",
        "[0]",
        "[-1]",
        "['a']",
        "[1:]",
        "?",
    ]
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

NAMES_ONLY = st.sampled_from(["a", "b", "item.a", "item", "steps.x.output", "steps.x.output[1]", "nothing"])
CONSTANTS = st.sampled_from(
    ["0", "1", "-1", "2.5", "''", "'ab'", "'%s'", "[]", "[1, 2]", "{}", "{'a': 1}", "none", "true", "9999999"]
)
FILTERS = st.sampled_from(
    [
        "abs",
        "batch(2)",
        "capitalize",
        "center(9)",
        "count",
        "default(1)",
        "dictsort",
        "escape",
        "first",
        "float",
        "format(1)",
        "groupby('a')",
        "indent",
        "int",
        "items",
        "join(',')",
        "last",
        "length",
        "list",
        "lower",
        "map('string')",
        "map(attribute='a')",
        "max",
        "min",
        "reverse",
        "round",
        "select",
        "selectattr('a')",
        "slice(2)",
        "sort",
        "string",
        "striptags",
        "sum",
        "title",
        "tojson",
        "trim",
        "truncate",
        "unique",
        "upper",
        "urlencode",
        "wordcount",
        "wordwrap",
        "xmlattr",
    ]
)
EXPRESSIONS = st.recursive(
    st.one_of(NAMES_ONLY, CONSTANTS),
    lambda inner: st.one_of(
        st.builds(
            "({} {} {})".format,
            inner,
            st.sampled_from(["+", "-", "*", "/", "//", "%", "**", "~", "==", "!=", "<", ">", "and", "or", "in"]),
            inner,
        ),
        st.builds("({} | {})".format, inner, FILTERS),
        st.builds(
            "({} is {})".format,
            inner,
            st.sampled_from(["defined", "odd", "none", "mapping", "string", "number", "iterable"]),
        ),
        st.builds("({} if {} else {})".format, inner, inner, inner),
        st.builds("({} if {})".format, inner, inner),
        st.builds("(not {})".format, inner),
        st.builds("(-{})".format, inner),
        st.builds("[{}, {}]".format, inner, inner),
        st.builds("({}, {})".format, inner, inner),
        st.builds("{{'k': {}, {}: 1}}".format, inner, inner),
        st.builds("({})[{}]".format, inner, inner),
        st.builds("({})[{}:{}]".format, inner, inner, inner),
        st.builds(
            "({}).{}".format,
            inner,
            st.sampled_from(["a", "b", "items", "upper()", "keys()", "split()", "get(1)", "format(1)", "x"]),
        ),
        st.builds("range({})".format, inner),
        st.builds("dict(a={})".format, inner),
    ),
    max_leaves=8,
)


def check_result(template: Template) -> None:
    """Evaluate a template with and without names; whatever it gives is data of bounded size."""
    assert all(one.line >= 1 and one.column >= 1 for one in template.references)
    for names in (NAMES, {}):
        try:
            found = template.evaluate(names)
        except TemplateFailed as error:
            assert error.reason
            assert "\n" not in str(error)
            assert not error.reason.startswith(("SyntaxError", "TemplateAssertionError", "NameError", "AssertionError"))
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
@settings(max_examples=300)
def test_any_text_is_read_or_refused(text: str) -> None:
    start = time.monotonic()
    for parse in (parse_template, parse_expression):
        try:
            template = parse(text)
        except TemplateInvalid as error:
            assert error.reason
            assert error.line >= 1
            assert error.column >= 1
            assert error.line <= text.count("\n") + 1
        else:
            if template is not None:
                check_result(template)
    assert time.monotonic() - start < SECONDS


@given(expression=EXPRESSIONS)
@settings(max_examples=200)
def test_any_expression_is_evaluated_or_fails(expression: str) -> None:
    start = time.monotonic()
    for parse, text in (
        (parse_expression, expression),
        (parse_template, f"{{{{ {expression} }}}}"),
        (parse_template, f"<{{{{ {expression} }}}}>"),
    ):
        try:
            template = parse(text)
        except TemplateInvalid as error:
            assert any(
                word in error.reason
                for word in ("too large", "would make", "too long", "nested", "too wide", "printed")
            ), error.reason
        else:
            assert template is not None
            check_result(template)
    assert time.monotonic() - start < SECONDS


@given(
    tree=st.recursive(
        TEXTS,
        lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=5), inner, max_size=3)),
        max_leaves=5,
    )
)
@settings(max_examples=100)
def test_any_tree_is_read_or_refused(tree: object) -> None:
    try:
        value = parse_value(tree)
    except TemplateInvalid:
        return
    try:
        value.evaluate(NAMES)
    except TemplateFailed as error:
        assert error.reason
