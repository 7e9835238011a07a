"""References (S20): which names a template reads, how constant they are, and whether it copes with their absence."""

from __future__ import annotations

import pytest

from ergon.model.expressions import Reference, parse_expression, parse_template, parse_value

Read = tuple[str, tuple[str | int, ...]]


def references(text: str) -> tuple[Reference, ...]:
    template = parse_template(text)
    assert template is not None
    return template.references


def reads(text: str) -> list[Read]:
    return [(one.root, one.path) for one in references(text)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{{ item }}", [("item", ())]),
        ("{{ steps.load.output.rows[0].a }}", [("steps", ("load", "output", "rows", 0, "a"))]),
        ("{{ steps['plan-x'].output[0].a }}", [("steps", ("plan-x", "output", 0, "a"))]),
        ("{{ steps['plan-x'].output[-1] + 1 }}", [("steps", ("plan-x", "output", -1))]),
        ("{{ steps.a.output + steps.b.output }}", [("steps", ("a", "output")), ("steps", ("b", "output"))]),
        ("a {{ x }} b {{ y.z }}", [("x", ()), ("y", ("z",))]),
        ("{{ steps.a.output[n] }}", [("n", ()), ("steps", ("a", "output"))]),
        ("{{ steps.a.output[n].b }}", [("n", ()), ("steps", ("a", "output"))]),
        ("{{ steps.a.output[1:n] }}", [("n", ()), ("steps", ("a", "output"))]),
        ("{{ steps.a.output[true] }}", [("steps", ("a", "output"))]),
        ("{{ steps.a.output.items() }}", [("steps", ("a", "output", "items"))]),
        ("{{ f(a, b=c, *d, **e) }}", [("f", ()), ("a", ()), ("c", ()), ("d", ()), ("e", ())]),
        ("{{ a | replace(b, c) }}", [("a", ()), ("b", ()), ("c", ())]),
        ("{{ a is divisibleby(b) }}", [("a", ()), ("b", ())]),
        ("{{ a if b else c }}", [("a", ()), ("b", ()), ("c", ())]),
        ("{{ [a, {b: c}] }}", [("a", ()), ("b", ()), ("c", ())]),
        ("{{ (a.b ~ c.d).e }}", [("a", ("b",)), ("c", ("d",))]),
        ("{{ 1 + 2 }}", []),
        ("{{ range(n) }}", [("n", ())]),
        ("{{ dict(a=n) }}", [("n", ())]),
        ("{{ range }}", [("range", ())]),
        ("{# {{ a }} #}{% raw %}{{ b }}{% endraw %}", []),
    ],
)
def test_what_is_read_s20(text: str, expected: list[Read]) -> None:
    assert reads(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{% for x in a %}{{ x }}{{ loop.index }}{% endfor %}{{ x }}{{ loop.index }}", ["a", "x", "loop"]),
        ("{% for x, (y, z) in a if x %}{{ y }}{{ z }}{% else %}{{ x }}{% endfor %}", ["a", "x"]),
        ("{% for x in x %}{{ x }}{% endfor %}", ["x"]),
        ("{{ x }}{% set x = y %}{{ x }}", ["x", "y"]),
        ("{% set x, y = a %}{{ x }}{{ y }}", ["a"]),
        ("{% set x = x %}{{ x }}", ["x"]),
        ("{% set x %}{{ a }}{% set b = 1 %}{% endset %}{{ x }}{{ b }}", ["a", "b"]),
        ("{% set x | replace(a, b) %}{% endset %}", ["a", "b"]),
        ("{% set ns = namespace(a=b) %}{% set ns.a = c %}{{ ns.a }}", ["b", "c"]),
        ("{% with x = a, y = x %}{{ x }}{{ y }}{% endwith %}{{ y }}", ["a", "x", "y"]),
        ("{% if a %}{% set x = 1 %}{% endif %}{{ x }}", ["a", "x"]),
        ("{% if a %}{% set x = 1 %}{% else %}{% set x = 2 %}{% endif %}{{ x }}", ["a"]),
        (
            "{% if a %}{% set x = 1 %}{% elif b %}{% set x = 2 %}{% else %}{% set y = 2 %}{% endif %}{{ x }}",
            ["a", "b", "x"],
        ),
        ("{% for i in a %}{% set x = 1 %}{% endfor %}{{ x }}", ["a", "x"]),
        (
            "{% macro f(x, y=a) %}{{ x }}{{ y }}{{ b }}{{ varargs }}{{ kwargs }}{{ f() }}{% endmacro %}{{ f(c) }}",
            ["a", "b", "c"],
        ),
        ("{% macro f() %}{{ caller(1) }}{% endmacro %}{% call(x) f() %}{{ x }}{{ a }}{% endcall %}", ["a"]),
        ("{% filter replace(a, b) %}{{ c }}{% endfilter %}", ["c", "a", "b"]),
    ],
)
def test_names_that_the_template_binds_are_no_references_s20(text: str, expected: list[str]) -> None:
    assert [one.root for one in references(text)] == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{{ steps.x.output }}", [False]),
        ("{{ steps.x.output | default(1) }}", [True]),
        ("{{ steps.x.output | d(1) }}", [True]),
        ("{{ steps.x.output.a[0] | default(1) }}", [True]),
        ("{{ steps.x.output is defined }}", [True]),
        ("{{ steps.x.output is not defined }}", [True]),
        ("{{ steps.x.output is undefined }}", [True]),
        ("{{ not (steps.x.output is defined) }}", [True]),
        ("{{ (steps.x.output) | default(steps.y.output) }}", [True, False]),
        ("{{ steps.x.output | default(steps.y.output) | default(1) }}", [True, True]),
        ("{{ steps.x.output | default(default_value=steps.y.output) | default(1) }}", [True, True]),
        ("{{ (steps.x.output if steps.y.output else steps.z.output) | default(1) }}", [True, False, True]),
        ("{{ steps.x.output | first | default(1) }}", [False]),
        ("{{ steps.x.output | default(1) | string ~ steps.x.output }}", [True, False]),
        ("{{ (steps.x.output + 1) | default(1) }}", [False]),
        ("{{ steps.x.output[steps.y.output] | default(1) }}", [False, True]),
        ("{{ steps.x.output is defined and steps.x.output.ok }}", [True, True]),
        ("{{ steps.x.output if steps.x.output is defined else 0 }}", [True, True]),
        ("{{ steps.x.output is defined and steps.y.output }}", [True, False]),
        ("{{ steps.x.output.a is defined and steps.x.output }}", [True, False]),
        ("{% if steps.x.output is defined %}{{ steps.x.output.a }}{% endif %}", [True, True]),
        ("a {{ steps.x.output }}", [False]),
        ("a {{ steps.x.output | default('') }}", [True]),
    ],
)
def test_who_copes_with_absence_does_not_skip_s20(text: str, expected: list[bool]) -> None:
    assert [one.lenient for one in references(text)] == expected
    if text.startswith("{{"):
        bare = parse_expression(text.removeprefix("{{").removesuffix("}}"))
        assert [one.lenient for one in bare.references] == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{{ steps }}", True),
        ("{{ steps | length }}", True),
        ("{{ steps[n] }}", True),
        ("{{ steps[n].output }}", True),
        ("{{ steps[item.id].output | default(1) }}", True),
        ("all: {{ steps }}", True),
        ("{% for id in steps %}{% endfor %}", True),
        ("{{ f(steps) }}", True),
        ("{{ variables[n] }}", True),
        ("{{ variables }}", False),
        ("{{ item }}", False),
        ("{{ steps['plan-evaluation'].output }}", False),
        ("{{ steps['plan-evaluation'].output[n] }}", False),
        ("{{ steps.a }}", False),
    ],
)
def test_a_computed_name_is_marked_s20(text: str, expected: bool) -> None:
    found = [one for one in references(text) if one.root not in ("n", "f", "item") or text == "{{ item }}"]
    assert [one.computed for one in found] == [expected]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{{ item }}", [(1, 4)]),
        ("{{item}}", [(1, 3)]),
        ("{{\n  steps.a.output\n}}", [(2, 3)]),
        ("a {{ x }} b {{ y.z }}", [(1, 6), (1, 16)]),
        ("one {{ a }}\ntwo {{ b }} {{ a }}\n{{\nc }}", [(1, 8), (2, 8), (2, 16), (4, 1)]),
        ("{{ a + b.c + a }}", [(1, 4), (1, 8), (1, 14)]),
        ("{{ steps.a.output + steps.b.output }}", [(1, 4), (1, 21)]),
        ("{{ x if steps.a else\n steps.b }}", [(1, 4), (1, 9), (2, 2)]),
        ("{{ 'steps.b' ~ steps.a }}", [(1, 16)]),
        ("{{ x.steps + steps.a }}", [(1, 4), (1, 14)]),
        ("{% for x in steps.a.output %}{{ steps.b.output }}{% endfor %}", [(1, 13), (1, 33)]),
    ],
)
def test_references_have_their_place_s10(text: str, expected: list[tuple[int, int]]) -> None:
    assert [(one.line, one.column) for one in references(text)] == expected


def test_bare_expressions_have_references_too_s13() -> None:
    assert parse_expression("steps.a.output > 3").references == (
        Reference("steps", ("a", "output"), False, False, 1, 1),
    )
    assert parse_expression("  steps.a.output").references == (Reference("steps", ("a", "output"), False, False, 1, 3),)
    assert parse_expression("{{ steps.a.output }}").references == (
        Reference("steps", ("a", "output"), False, False, 1, 4),
    )
    assert parse_expression("{{ steps.a.output > 1 }}").references == (
        Reference("steps", ("a", "output"), False, False, 1, 4),
    )


def test_a_value_has_the_references_of_all_its_templates() -> None:
    value = parse_value({"a": "{{ x }}", "b": ["{{ y.z | default(1) }}", {"c": "t {{ x }}"}], "d": "plain", "e": 1})
    assert [(one.root, one.path, one.lenient) for one in value.references] == [
        ("x", (), False),
        ("y", ("z",), True),
        ("x", (), False),
    ]


def test_references_are_found_without_compiling_s15() -> None:
    from ergon.model.expressions.program import _compiled

    before = _compiled.cache_info()
    assert references("{{ never.compiled | default(17) + 1 }}")
    assert _compiled.cache_info() == before
