"""Templates: what kind each is, what it gives, and what is an error."""

from __future__ import annotations

import copy
import pickle
from concurrent.futures import ThreadPoolExecutor

import pytest

from ergon.errors import TemplateFailed, TemplateInvalid
from ergon.model.expressions import Template, parse_expression, parse_template
from ergon.model.secrets import Secret

NAMES: dict[str, object] = {
    "parameters": {"city": "Oslo", "n": 3, "rate": 0.5, "none": None, "names": ["a", "b"]},
    "steps": {"load": {"output": {"rows": [{"t": 1}, {"t": 41}, {"t": 7}], "items": "data"}}},
    "item": {"ok": True, "text": "1e3", "pair": "1','2"},
    "loop": {"index": 0, "last": None},
}


def template(text: str) -> Template:
    found = parse_template(text)
    assert found is not None
    return found


def evaluate(text: str, **names: object) -> object:
    return template(text).evaluate({**NAMES, **names})


def failure(text: str, **names: object) -> TemplateFailed:
    with pytest.raises(TemplateFailed) as caught:
        template(text).evaluate({**NAMES, **names})
    return caught.value


# ---- S12: values and texts -------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["", "plain", "{ a }", "a } b", "}}", "%}", "#}", "{", "{ {", "${x}"])
def test_a_string_without_templates_is_none(text: str) -> None:
    assert parse_template(text) is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{{ parameters.n }}", 3),
        ("{{ parameters.n + 1 }}", 4),
        ("{{ parameters.n / 2 }}", 1.5),
        ("{{ parameters.n > 2 }}", True),
        ("{{ parameters.none }}", None),
        ("{{ item.text }}", "1e3"),
        ("{{ item.pair }}", "1','2"),
        ("{{ item.text | string }}", "1e3"),
        ("{{ item.text ~ '' }}", "1e3"),
        ("{{ '1' }}", "1"),
        ("{{ 'True' }}", "True"),
        ("{{ [1, 'a', {'b': none}] }}", [1, "a", {"b": None}]),
        ("{{ (1, 2) }}", (1, 2)),
        ("{{ 1, 2 }}", (1, 2)),
        ("{{ {'a': parameters.n} }}", {"a": 3}),
        ("{{ '}}' }}", "}}"),
        ("{{ '{{' ~ '}}' }}", "{{}}"),
        ("{{ steps.load.output.rows | selectattr('t', '>', 5) | map(attribute='t') | list }}", [41, 7]),
    ],
)
def test_one_template_alone_keeps_the_type_s12(text: str, expected: object) -> None:
    found = evaluate(text)
    assert template(text).kind == "value"
    assert (found, type(found)) == (expected, type(expected))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{{ parameters.n }} ", "3 "),
        (" {{ parameters.n }}", " 3"),
        ("{{ parameters.n }}\n", "3\n"),
        ("{{ parameters.n }}{{ parameters.n }}", "33"),
        ("{# why #}{{ parameters.n }}", "3"),
        ("{{ parameters.n }}{# why #}", "3"),
        ("{# nothing #}", ""),
        ("{% if parameters.n > 2 %}many{% else %}few{% endif %}", "many"),
        (
            "{% for n in parameters.names %}{{ loop.index }}{{ n }}{% if not loop.last %},{% endif %}{% endfor %}",
            "1a,2b",
        ),
        ("{% for n in parameters.names if n != 'a' %}{{ n }}{% endfor %}", "b"),
        ("{% for n in [] %}{{ n }}{% else %}none{% endfor %}", "none"),
        ("{% set x = parameters.n * 2 %}{{ x }}", "6"),
        ("{% set x %}<{{ parameters.n }}>{% endset %}{{ x }}{{ x }}", "<3><3>"),
        ("{% with x = 1 %}{{ x }}{% endwith %}", "1"),
        ("{% macro twice(x) %}{{ x }}{{ x }}{% endmacro %}{{ twice('ab') }}", "abab"),
        ("{% macro box() %}[{{ caller() }}]{% endmacro %}{% call box() %}in{% endcall %}", "[in]"),
        ("{% filter upper %}a{{ parameters.n }}b{% endfilter %}", "A3B"),
        ("{% raw %}{{ as it is }}{% endraw %}", "{{ as it is }}"),
        ("{% print parameters.n %}", "3"),
        ("{% set ns = namespace(n=0) %}{% for i in range(4) %}{% set ns.n = ns.n + i %}{% endfor %}{{ ns.n }}", "6"),
        (
            "{% for i in [1, [2, [3]]] recursive %}{{ i if i is number else '(' ~ loop(i) ~ ')' }}{% endfor %}",
            "1(2(3))",
        ),
        ("{% set c = cycler('a', 'b') %}{{ c.next() }}{{ c.next() }}{{ c.next() }}", "aba"),
        ("{% set j = joiner('|') %}{{ j() }}a{{ j() }}b", "a|b"),
        ("a\n  {%- if true %} b {%- endif %}", "a b"),
        (
            "n={{ parameters.n }}, {{ parameters.none }}, {{ true }}, {{ parameters.names }}",
            "n=3, None, True, ['a', 'b']",
        ),
    ],
)
def test_any_other_string_with_templates_is_a_text_s12(text: str, expected: object) -> None:
    found = evaluate(text)
    assert template(text).kind == "text"
    assert (found, type(found)) == (expected, str)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{{ parameters.names | map('upper') }}", ["A", "B"]),
        ("{{ parameters.names | select }}", ["a", "b"]),
        ("{{ parameters.names | reverse }}", ["b", "a"]),
        ("{{ parameters.names | batch(1) }}", [["a"], ["b"]]),
        ("{{ parameters.names | unique }}", ["a", "b"]),
        ("{{ range(3) }}", [0, 1, 2]),
        ("{{ {'a': 1}.keys() }}", ["a"]),
        ("{{ {'a': 1}.values() }}", [1]),
        ("{{ {'a': 1}.items() }}", [("a", 1)]),
        ("{{ [range(2), {'x': parameters.names | map('upper')}] }}", [[0, 1], {"x": ["A", "B"]}]),
        ("{{ parameters.names | map('upper') if true else 1 }}", ["A", "B"]),
    ],
)
def test_lazy_results_become_lists_s12(text: str, expected: object) -> None:
    assert evaluate(text) == expected


def test_text_keeps_every_line_end_s12() -> None:
    for end in ("\r\n", "\r", "\n"):
        text = f"a{end}{{{{ parameters.n | string }}}}{end}{{{{ 'x{end}y' | upper }}}}{end}"
        assert evaluate(text) == f"a{end}3{end}X{end}Y{end}"
    assert evaluate("\x1c\r\n{{ parameters.n | string }}") == "\x1c\r\n3"


def test_a_result_shares_nothing_with_the_names_s15() -> None:
    rows = NAMES["steps"]["load"]["output"]["rows"]  # type: ignore[index]
    for text in (
        "{{ steps.load.output.rows | list }}",
        "{{ steps.load.output.rows[:2] }}",
        "{{ [steps.load.output.rows[0]] }}",
    ):
        found = evaluate(text)
        assert isinstance(found, list)
        found[0]["t"] = "changed"
        assert rows[0] == {"t": 1}


# ---- S13: bare expressions -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("parameters.n > 2", True),
        ("  parameters.n > 2  ", True),
        ("parameters.n >\n 2 and not item.ok", False),
        ("{{ parameters.n > 2 }}", True),
        ("  {{ parameters.n }}\n", 3),
        ("{{- item.ok -}}", True),
        ("item.ok", True),
        ("true", True),
        ("false", False),
        ("none", None),
        ("parameters.n in [1, 3]", True),
        ("parameters.n not in [1, 3]", False),
        ("parameters.n is odd", True),
        ("'a' if parameters.n else 'b'", "a"),
        ("1 < parameters.n <= 3", True),
        ("loop.index == 0 and loop.last is none", True),
        ("parameters.names | length == 2", True),
        ("{'a': {'b': 1}}['a']['b']", 1),
    ],
)
def test_a_bare_expression_gives_its_value_s13(text: str, expected: object) -> None:
    found = parse_expression(text)
    assert found.kind == "expression"
    assert found.source == text
    assert found.evaluate(NAMES) == expected


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "unexpected"),
        ("   ", "unexpected"),
        ("{{ }}", "expected an expression"),
        ("a b", "something after the end"),
        ("{{ a }} and {{ b }}", "it is a text"),
        ("{{ a }} > 3", "expected token"),
        ("{{ a }}{# c #}", "expected token"),
        ("{% if a %}1{% endif %}", "unexpected '%'"),
        ("a }}", "something after"),
        ("a,", "something after"),
    ],
)
def test_what_is_no_expression_is_refused_s13(text: str, reason: str) -> None:
    with pytest.raises(TemplateInvalid, match=reason):
        parse_expression(text)


def test_half_wrapped_expressions_get_a_hint_s13() -> None:
    for text in ("{{ a }} > 3", "{{ a }} and {{ b }}"):
        with pytest.raises(TemplateInvalid) as caught:
            parse_expression(text)
        assert "without {{ }}" in caught.value.hint


# ---- S14: undefined --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "{{ parameters.typo }}",
        "{{ parameters.typo + 1 }}",
        "{{ [parameters.typo] }}",
        "{{ [1, [parameters.typo]] }}",
        "{{ {'a': parameters.typo} }}",
        "{{ (parameters.typo, 1) }}",
        "{{ {parameters.typo: 1} }}",
        "{{ [parameters.typo] | length }}",
        "{{ parameters.typo == 1 }}",
        "{{ parameters.typo != 1 }}",
        "{{ parameters.typo in [] }}",
        "{{ 1 in parameters.typo }}",
        "{{ parameters.typo not in {} }}",
        "{{ parameters.typo is none }}",
        "{{ parameters.typo is string }}",
        "{{ parameters.typo is mapping }}",
        "{{ parameters.typo is in [] }}",
        "{{ not parameters.typo }}",
        "{{ parameters.typo and 1 }}",
        "{{ 1 and parameters.typo }}",
        "{{ 1 if parameters.typo else 2 }}",
        "{{ parameters.typo if true else 2 }}",
        "{{ parameters.typo | length }}",
        "{{ parameters.typo | list }}",
        "{{ parameters.typo | items | list }}",
        "{{ parameters.typo | first }}",
        "{{ parameters.typo | upper }}",
        "{{ parameters.typo | tojson }}",
        "{{ [] | default(parameters.typo) | list if false else parameters.typo }}",
        "{{ parameters.names | join(parameters.typo) }}",
        "{{ parameters.names | map('default', parameters.typo) | list if false else [parameters.typo] }}",
        "{{ parameters.names[parameters.typo] }}",
        "{{ parameters.names[parameters.typo:] }}",
        "{{ parameters.typo[1:] }}",
        "{{ parameters.typo.deeper.still }}",
        "{{ parameters.typo() }}",
        "{{ range(parameters.typo) }}",
        "{{ dict(a=parameters.typo) }}",
        "{{ 'a' ~ parameters.typo }}",
        "{{ -parameters.typo }}",
        "{{ '%s' % parameters.typo }}",
        "{{ '{}'.format(parameters.typo) }}",
        "{{ parameters.other | default(parameters.typo) }}",
        "{{ steps.load.output.rows | map(attribute='typo') | list }}",
        "{{ steps.load.output.rows | sum(attribute='typo') }}",
        "{{ steps.load.output.rows | sort(attribute='typo') }}",
        "{{ steps.load.output.rows | map(attribute='typo') | list | string }}",
        "{{ steps.load.output.rows | map(attribute='typo') | list | upper }}",
        "{{ steps.load.output.rows | map(attribute='typo') | list ~ '' }}",
        "{{ '%s' % (steps.load.output.rows | map(attribute='typo') | list) }}",
        "{{ '{}'.format(steps.load.output.rows | map(attribute='typo') | list) }}",
        "{{ steps.load.output.rows | map(attribute='typo') | list | tojson }}",
        "{{ steps.load.output.rows | map(attribute='typo') | join }}",
        "text {{ steps.load.output.rows | map(attribute='typo') | list }}",
        "{{ [] | first }}",
        "{{ [] | min }}",
        "text {{ parameters.typo }}",
        "text {{ parameters.typo | string }}",
        "{% if parameters.typo %}{% endif %}",
        "{% for x in parameters.typo %}{% endfor %}",
        "{% set x = parameters.typo %}{{ x }}",
        "{% set x = [parameters.typo] %}",
    ],
)
def test_undefined_is_an_error_wherever_it_ends_up_s14(text: str) -> None:
    failure(text)
    if text.startswith("{{"):
        with pytest.raises(TemplateFailed):
            parse_expression(text.removeprefix("{{").removesuffix("}}")).evaluate(NAMES)


def test_a_typo_in_a_condition_is_named_s14() -> None:
    with pytest.raises(TemplateFailed) as caught:
        parse_expression("parameters.cty == 'Oslo'").evaluate(NAMES)
    assert caught.value.reason == "'parameters' has no 'cty'"
    assert caught.value.hint == "Did you mean 'city'?"


@pytest.mark.parametrize(
    ("text", "reason", "hint"),
    [
        ("{{ paramters.n + 1 }}", "'paramters' is not defined", "Did you mean 'parameters'?"),
        ("{{ steps.laod.output + 1 }}", "'steps' has no 'laod'", "Did you mean 'load'?"),
        ("{{ steps.load.output.rows[7].t + 1 }}", "'steps.load.output.rows' has 3 items and no item 7", ""),
        ("{{ [parameters.ctiy] }}", "'parameters' has no 'ctiy'", "Did you mean 'city'?"),
        ("{% for r in steps.load.output.rows %}{{ r.zz }}{% endfor %}", "a mapping has no 'zz'", "It has: t."),
        ("{{ steps.load.output.rows | map(attribute='zz') | list }}", "a mapping has no 'zz'", "It has: t."),
        ("{{ [] | first }}", "no first item, sequence was empty", ""),
        ("{{ 'a' if false }}", "its 'if' does not hold and has no 'else'", ""),
        ("{{ (parameters.n).foo + 1 }}", "'parameters.n' is a number and has no 'foo'", ""),
    ],
)
def test_what_is_missing_is_named_by_its_path_s14(text: str, reason: str, hint: str) -> None:
    error = failure(text)
    assert (error.reason, error.hint) == (reason, hint)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{{ parameters.typo | default(7) }}", 7),
        ("{{ parameters.typo | d('x') }}", "x"),
        ("{{ parameters.typo.deeper[0].still | default(7) }}", 7),
        ("{{ nothing.at.all | default(7) }}", 7),
        ("{{ parameters.none | default(7, true) }}", 7),
        ("{{ parameters.none | default(7) }}", None),
        ("{{ parameters.typo is defined }}", False),
        ("{{ parameters.typo is not defined }}", True),
        ("{{ parameters.typo.x is undefined }}", True),
        ("{{ parameters.n is defined and parameters.n > 2 }}", True),
        ("{{ parameters.typo is defined and parameters.typo > 2 }}", False),
        ("{{ parameters.typo if false else 2 }}", 2),
        ("{{ true or parameters.typo }}", True),
        ("{{ steps.load.output.rows | map(attribute='typo', default=0) | sum }}", 0),
        ("a{{ 'x' if false }}b", "ab"),
        ("{% if parameters.typo is defined %}x{% endif %}y", "y"),
    ],
)
def test_what_copes_with_undefined_s14(text: str, expected: object) -> None:
    assert evaluate(text) == expected


# ---- failures --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("{{ 1 / 0 }}", "it divides by zero"),
        ("{{ parameters.city + 1 }}", 'can only concatenate str (not "int") to str'),
        ("{{ parameters.n() }}", "a number cannot be called"),
        ("{{ parameters.names() }}", "a list cannot be called"),
        ("{{ range }}", "'range' is not defined"),
        ("{{ [range] }}", "a function is no value that a template can give"),
        ("{{ [parameters.city.upper] }}", "'upper' is a method, which is called as upper()"),
        ("{{ [namespace(a=1)] }}", "a Namespace is no value that a template can give"),
        ("{{ parameters.city | int('x', 2, 3, 4) }}", "positional argument"),
        ("{{ parameters.city.center() }}", "missing 1 required positional argument"),
        ("{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}", "it is nested too deeply, or calls itself without end"),
        ("{% macro f(a) %}{% endmacro %}{{ f(1, 2) }}", "takes not more than 1 argument"),
        ("x{{ (1).__class__ }}", "'__class__' of a number is private"),
    ],
)
def test_whatever_goes_wrong_is_one_clause(text: str, reason: str) -> None:
    error = failure(text)
    assert reason in error.reason
    assert "\n" not in str(error)
    assert error.__cause__ is None


def test_a_failing_view_is_a_failed_template() -> None:
    class Broken(dict[str, object]):
        def __getitem__(self, key: str) -> object:
            raise OSError("the disk is gone")

    for text in ("{{ x.a }}", "{{ x.a + 1 }}", "a {{ x.a }}"):
        assert "the disk is gone" in failure(text, x=Broken()).reason


def test_errors_pickle() -> None:
    error = failure("{{ steps.laod.output + 1 }}")
    again = pickle.loads(pickle.dumps(error))
    assert (again.reason, again.hint, str(again)) == (error.reason, error.hint, str(error))


def test_templates_compare_by_source_and_travel() -> None:
    for one in (template("{{ a.b }}"), template("x{{ a }}"), template("{{ a + 1 }}"), parse_expression("a + 1")):
        again = pickle.loads(pickle.dumps(one))
        assert again == one
        assert hash(again) == hash(one)
        assert (type(again), again.kind, again.references) == (type(one), one.kind, one.references)
        assert copy.deepcopy(one) == one
        assert one != "{{ a.b }}"
        assert one.source in repr(one)
    assert template("{{ a }}") != parse_expression("{{ a }}")


def test_names_come_before_jinjas_functions() -> None:
    assert evaluate("{{ range + 1 }}", range=1) == 2
    assert evaluate("{{ dict.a | string }}", dict={"a": 1}) == "1"


def test_a_name_of_the_programs_own_variable_is_free() -> None:
    assert evaluate("{{ result + 1 }}", result=1) == 2
    assert evaluate("{{ context ~ environment ~ missing }}", context=1, environment=2, missing=3) == "123"


# ---- S48: secrets ----------------------------------------------------------------------------------------


def test_a_secret_passes_whole_or_inside_a_text_s48() -> None:
    secret = Secret("TOKEN")
    names = {"secrets": {"TOKEN": secret}}
    assert template("{{ secrets.TOKEN }}").evaluate(names) is secret
    assert template("{{ secrets.TOKEN if true }}").evaluate(names) is secret
    for text in (
        "Bearer {{ secrets.TOKEN }}",
        "{{ 'Bearer' }} {{ secrets.TOKEN }}",
        "{{ 'Bearer ' ~ secrets.TOKEN }}",
        "{{ 'Bearer %s' % secrets.TOKEN }}",
        "{{ 'Bearer {}'.format(secrets.TOKEN) }}",
        "{{ ['Bearer', secrets.TOKEN] | join(' ') }}",
    ):
        assert template(text).evaluate(names) == f"Bearer {secret}"


def test_a_secret_is_not_looked_into_s48() -> None:
    names = {"secrets": {"TOKEN": Secret("TOKEN")}}
    for expression in ("== 'x'", "| length", "[0]", "+ 'x'", "and 1", "in ['x']", "| list", "| first"):
        with pytest.raises(TemplateFailed, match="TOKEN"):
            parse_expression(f"secrets.TOKEN {expression}").evaluate(names)


def test_one_template_is_evaluated_by_many_threads_at_once() -> None:
    one = template("{% for i in range(n) %}{{ i * n }};{% endfor %}{{ n | string }}")
    expected = [one.evaluate({"n": n}) for n in range(20)]
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(lambda n: one.evaluate({"n": n}), list(range(20)) * 5)) == expected * 5
