"""Plain paths: read and evaluated without Jinja, and with just the same result as through it."""

from __future__ import annotations

import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator, Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ergon.errors import TemplateFailed
from ergon.model.expressions import Deferred, parse_expression, parse_template
from ergon.model.expressions.program import run

NAMES = {
    "steps": {"load": {"output": {"rows": [{"a": 1}, {"a": 2}], "items": [7], "odd-key": 5}, "status": "succeeded"}},
    "parameters": {"city": "Oslo", "none": None},
    "item": 3,
}


class View(Mapping[str, object]):
    """A mapping that makes its values when they are read, as the engine's are."""

    def __init__(self, **values: object) -> None:
        self.values_ = values
        self.read: list[str] = []

    def __getitem__(self, key: str) -> object:
        self.read.append(key)
        return self.values_[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self.values_)

    def __len__(self) -> int:
        return len(self.values_)


class Later(Deferred):
    """A value that counts how often it is loaded."""

    def __init__(self, value: object) -> None:
        self.value = value
        self.loads = 0

    def load(self) -> object:
        self.loads += 1
        return self.value


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{{ item }}", 3),
        ("{{item}}", 3),
        ("{{- item -}}", 3),
        ("{{\n  item\n}}", 3),
        ("{{ steps.load.output.rows[0] }}", {"a": 1}),
        ("{{ steps.load.output.rows[-1].a }}", 2),
        ("{{ steps['load'].output[\"odd-key\"] }}", 5),
        ("{{ steps . load [ 'status' ] }}", "succeeded"),
        ("{{ (steps.load).status }}", "succeeded"),
        ("{{ steps.load.output.rows.1.a }}", 2),
        ("{{ parameters.none }}", None),
    ],
)
def test_a_path_gives_what_it_leads_to(text: str, expected: object) -> None:
    template = parse_template(text)
    assert template is not None
    assert (template.kind, template.is_path) == ("value", True)
    assert template.evaluate(NAMES) == expected


def test_a_key_comes_before_any_attribute_s14() -> None:
    for text in (
        "{{ steps.load.output.items }}",
        "{{ steps.load.output['items'] }}",
        "{{ (steps.load.output | d).items }}",
    ):
        template = parse_template(text)
        assert template is not None
        assert template.evaluate(NAMES) == [7]
    data = {"keys": 1, "update": 2, "get": 3, "values": 4, "pop": 5}
    for key, value in data.items():
        assert parse_expression(f"data.{key}").evaluate({"data": data}) == value
        assert parse_expression(f"data.{key} + 0").evaluate({"data": data}) == value


def test_words_that_mean_something_are_no_paths() -> None:
    for text, expected in (("{{ true }}", True), ("{{ none }}", None), ("{{ False }}", False)):
        template = parse_template(text)
        assert template is not None
        assert not template.is_path
        assert template.evaluate({"true": "no", "none": "no", "False": "no"}) == expected


def test_names_in_other_alphabets_are_paths_too() -> None:
    template = parse_template("{{ größe.naïve }}")
    assert template is not None
    assert template.is_path
    assert template.evaluate({"größe": {"naïve": 1}}) == 1


@pytest.mark.parametrize(
    ("text", "reason", "hint"),
    [
        ("{{ stpes.load }}", "'stpes' is not defined", "Did you mean 'steps'?"),
        ("{{ steps.laod.output }}", "'steps' has no 'laod'", "Did you mean 'load'?"),
        ("{{ steps.load.output.rows[0].b }}", "'steps.load.output.rows[0]' has no 'b'", "It has: a."),
        ("{{ steps.load.output.rows[9] }}", "'steps.load.output.rows' has 2 items and no item 9", ""),
        ("{{ steps['load'].output.odd }}", "'steps.load.output' has no 'odd'", "Did you mean 'odd-key'?"),
        ("{{ parameters.none.x }}", "'parameters.none' is null and has no 'x'", ""),
        ("{{ item.x }}", "'item' is a number and has no 'x'", ""),
        ("{{ parameters.__class__ }}", "'__class__' of 'parameters' is private", ""),
        (
            "{{ steps.load.output.rows.append }}",
            "'append' of 'steps.load.output.rows' may not be used in a template",
            "",
        ),
        ("{{ parameters.city.upper }}", "'upper' is a method, which is called as upper()", ""),
    ],
)
def test_a_path_that_leads_nowhere_is_named_s14(text: str, reason: str, hint: str) -> None:
    template = parse_template(text)
    assert template is not None
    with pytest.raises(TemplateFailed) as caught:
        template.evaluate(NAMES)
    assert (caught.value.source, caught.value.reason, caught.value.hint) == (text, reason, hint)


def test_views_are_read_key_by_key() -> None:
    load = View(output=1, error=2)
    steps = View(load=load, other=View())
    template = parse_template("{{ steps.load.output }}")
    assert template is not None
    assert template.evaluate(View(steps=steps, parameters=View())) == 1
    assert (steps.read, load.read) == (["load"], ["output"])


def test_a_view_as_the_result_is_a_plain_mapping() -> None:
    template = parse_template("{{ parameters }}")
    assert template is not None
    found = template.evaluate({"parameters": View(a=View(b=1))})
    assert found == {"a": {"b": 1}}
    assert type(found) is dict


def test_reading_changes_nothing_s15() -> None:
    counts: defaultdict[str, list[int]] = defaultdict(list)
    with pytest.raises(TemplateFailed):
        parse_expression("counts.x").evaluate({"counts": counts})
    with pytest.raises(TemplateFailed):
        parse_expression("counts.x | length").evaluate({"counts": counts})
    assert not counts


def test_a_deferred_end_of_a_path_stays_unloaded() -> None:
    later = Later({"a": [1, 2]})
    names = {"steps": {"load": {"output": later}}}
    template = parse_template("{{ steps.load.output }}")
    assert template is not None
    assert template.evaluate(names) is later
    assert later.loads == 0


def test_a_deferred_value_loads_when_it_is_read() -> None:
    later = Later({"a": [1, 2]})
    names = {"x": later, "rows": [Later(1), Later(2)]}
    for text, expected in (
        ("{{ x.a }}", [1, 2]),
        ("{{ x.a[1] }}", 2),
        ("{{ x | length }}", 1),
        ("{{ x['a'] | sum }}", 3),
        ("{{ x if true }}", {"a": [1, 2]}),
        ("have {{ x }}", "have {'a': [1, 2]}"),
        ("{{ x }} {{ 'and' | upper }}", "{'a': [1, 2]} AND"),
        ("{{ rows | sum }}", 3),
        ("{{ rows | first }}", 1),
        ("{{ rows | sort | last }}", 2),
        ("{{ rows | map('string') | join('-') }}", "1-2"),
        ("{% for r in rows %}{% if r == 1 %}one{% endif %}{{ r }};{% endfor %}", "one1;2;"),
        ("{{ rows }} in all", "[1, 2] in all"),
    ):
        template = parse_template(text)
        assert template is not None
        assert template.evaluate(names) == expected, text
    assert parse_expression("x").evaluate({"x": Later(0)}) == 0


def test_a_deferred_value_that_does_not_load_fails_the_template() -> None:
    class Gone(Deferred):
        def load(self) -> object:
            raise KeyError("it is gone")

    for text in ("{{ x.a }}", "{{ x | length }}", "have {{ x }}"):
        template = parse_template(text)
        assert template is not None
        with pytest.raises(TemplateFailed, match="it is gone"):
            template.evaluate({"x": Gone()})


def test_paths_and_texts_of_paths_need_no_jinja() -> None:
    program = """
import sys
from ergon.model.expressions import parse_expression, parse_template, parse_value
assert parse_template("{{ steps.load.output.rows[0] }}").evaluate({"steps": {"load": {"output": {"rows": [1]}}}}) == 1
assert parse_template("build/{{ parameters.city }}").evaluate({"parameters": {"city": "Oslo"}}) == "build/Oslo"
assert parse_expression("item.ok").evaluate({"item": {"ok": True}}) is True
assert parse_value({"a": ["{{ item }}", 1], "b": "x"}).evaluate({"item": 2}) == {"a": [2, 1], "b": "x"}
assert "jinja2" not in sys.modules
assert parse_template("{{ item + 1 }}").evaluate({"item": 1}) == 2
assert "jinja2" in sys.modules
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


# ---- the same as through Jinja -------------------------------------------------------------------------------

WORDS = st.sampled_from(["a", "b", "items", "keys", "get", "upper", "append", "x1", "naïve", "__class__", "_p", "0"])
SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(-3, 3), st.floats(allow_nan=False), st.sampled_from(["", "ab", "ü"])
)
DATA = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(WORDS, inner, max_size=4),
        st.dictionaries(WORDS, inner, max_size=3).map(lambda d: View(**d)),
        inner.map(Later),
        st.tuples(inner, inner),
    ),
    max_leaves=12,
)
STEPS = st.one_of(
    st.sampled_from([".a", ".b", ".items", ".keys", ".get", ".upper", ".append", ".x1", ".naïve", ".__class__", ".if"]),
    st.integers(-2, 3).map(lambda i: f"[{i}]"),
    WORDS.map(lambda w: f"['{w}']"),
    st.sampled_from(['["a"]', ".0", " . b"]),
)
PATHS = st.builds(
    lambda root, steps: root + "".join(steps), st.sampled_from(["a", "b", "x1", "naïve"]), st.lists(STEPS, max_size=4)
)


def outcome(evaluate: object, *arguments: object) -> object:
    """What comes of an evaluation: its value, or why it failed."""
    try:
        value = evaluate(*arguments)  # type: ignore[operator]
    except TemplateFailed as error:
        return error.reason, error.hint
    return ["value", type(value), value.value if isinstance(value, Later) else value]


@given(path=PATHS, names=st.dictionaries(st.sampled_from(["a", "b", "x1", "naïve"]), DATA, max_size=4))
def test_a_path_is_the_same_as_through_jinja_s12(path: str, names: dict[str, object]) -> None:
    text = f"{{{{ {path} }}}}"
    template = parse_template(text)
    assert template is not None
    assert template.is_path
    found = outcome(template.evaluate, names)
    through_jinja = outcome(run, text, False, names, template.references)
    if isinstance(found, list) and issubclass(found[1], Later):  # as a path it stays unloaded
        inner = found[2]
        while isinstance(inner, Later):
            inner = inner.value
        found = ["value", type(inner), inner] if isinstance(through_jinja, list) else found
    assert plain(found) == plain(through_jinja)


@given(path=PATHS, names=st.dictionaries(st.sampled_from(["a", "b", "x1", "naïve"]), DATA, max_size=4))
def test_a_text_of_paths_is_the_same_as_through_jinja_s12(path: str, names: dict[str, object]) -> None:
    text = f"<{{{{ {path} }}}}>"
    template = parse_template(text)
    assert template is not None
    assert template.kind == "text"
    assert outcome(template.evaluate, names) == outcome(run, text, False, names, template.references)


def plain(value: object) -> object:
    """A value with views and deferred parts made plain, so that two of them compare."""
    if isinstance(value, Later):
        return plain(value.value)
    if isinstance(value, Mapping):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    return dict if value is View else value
