"""Values: trees with templates in them, compiled once, fresh at each evaluation."""

from __future__ import annotations

from types import MappingProxyType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ergon.errors import TemplateFailed, TemplateInvalid
from ergon.model.expressions import Deferred, parse_value, template_keys, templates


class Later(Deferred):
    def load(self) -> object:
        return "loaded"


def test_templates_stand_anywhere_in_a_tree_s16() -> None:
    tree = {"a": "{{ x }}", "b": [1, "n={{ x }}", {"c": ["{{ x + 1 }}"]}], "d": None, 5: ("{{ x }}", 1.5)}
    value = parse_value(tree)
    assert not value.is_static
    assert value.evaluate({"x": 3}) == {"a": 3, "b": [1, "n=3", {"c": [4]}], "d": None, 5: (3, 1.5)}
    assert list(value.evaluate({"x": 3})) == list(tree)  # type: ignore[call-overload]


@pytest.mark.parametrize("tree", [None, 1, "a", [], {}, [1, "b"], {"a": {"b": [1, {}]}}, {"a": "}}"}, (1, 2), b"x"])
def test_a_tree_without_templates_is_static(tree: object) -> None:
    value = parse_value(tree)
    assert (value.is_static, value.references) == (True, ())
    assert value.evaluate({}) == tree
    assert type(value.evaluate({})) is type(tree)


def test_a_single_template_is_a_value_too() -> None:
    assert parse_value("{{ x }}").evaluate({"x": [1]}) == [1]
    assert parse_value("a{{ x }}").evaluate({"x": [1]}) == "a[1]"


def mutable_parts(value: object) -> list[object]:
    if isinstance(value, dict):
        return [value, *(part for item in value.values() for part in mutable_parts(item))]
    if isinstance(value, (list, tuple)):
        own = [value] if isinstance(value, list) else []
        return [*own, *(part for item in value for part in mutable_parts(item))]
    return []


@pytest.mark.parametrize(
    "tree",
    [
        {"a": 1, "b": {"c": [1, {"d": 2}]}},
        [1, [2, [3]]],
        {"a": 1},
        [],
        {"a": "{{ x }}", "b": {"c": [1]}, "d": [[], {}]},
        {"a": "{{ x }}", "b": "{{ x }}"},
        ["{{ x.rows }}", "{{ x.rows | list }}", "{{ [x.rows] }}"],
        "{{ x }}",
        "{{ x.rows[0] }}",
        "{{ x if true }}",
        ({"a": "{{ x }}"}, {"b": 1}),
    ],
)
def test_no_mutable_part_is_shared_s15(tree: object) -> None:
    """Neither with the definition, nor with the names, nor with another evaluation, nor within one."""
    names = {"x": {"rows": [{"t": 1}, {"t": [2]}]}}
    value = parse_value(tree)
    parts = [*mutable_parts(tree), *mutable_parts(names)]
    for _ in range(2):
        parts += mutable_parts(value.evaluate(names))
    assert len({id(part) for part in parts}) == len(parts)


def test_a_tree_changed_after_it_was_read_does_not_matter() -> None:
    tree = {"a": {"b": [1]}, "c": ["{{ x }}", {"d": 1}]}
    value = parse_value(tree)
    tree["a"]["b"].append(2)  # type: ignore[index]
    tree["c"].clear()  # type: ignore[attr-defined]
    assert value.evaluate({"x": 1}) == {"a": {"b": [1]}, "c": [1, {"d": 1}]}


def test_deferred_values_stay_unloaded_where_a_path_gives_them() -> None:
    later = Later()
    found = parse_value({"a": "{{ x }}", "b": "{{ y }}", "c": "t {{ x }}"}).evaluate({"x": later, "y": {"z": [later]}})
    assert found == {"a": later, "b": {"z": [later]}, "c": "t loaded"}


def test_other_mappings_become_plain_ones() -> None:
    tree = MappingProxyType({"a": MappingProxyType({"b": "{{ x }}", "c": MappingProxyType({"d": 1})})})
    assert parse_value(tree).evaluate({"x": 1}) == {"a": {"b": 1, "c": {"d": 1}}}
    static = parse_value(MappingProxyType({"a": MappingProxyType({})})).evaluate({})
    assert type(static) is dict
    assert static == {"a": {}}


def test_objects_that_are_no_data_pass_through_a_static_tree() -> None:
    thing = object()
    assert parse_value({"a": thing, "b": len}).evaluate({}) == {"a": thing, "b": len}


@pytest.mark.parametrize(
    ("tree", "place"),
    [
        ({"a{{ x }}": 1}, "a{{ x }}"),
        ({"headers": {"x": [{"{{ name }}": 1}]}}, "headers.x.0.{{ name }}"),
        ([{"a": 1}, {"{{": 1}], "1.{{"),
    ],
)
def test_keys_are_literal_s16(tree: object, place: str) -> None:
    with pytest.raises(TemplateInvalid) as caught:
        parse_value(tree)
    assert f"({place})" in caught.value.reason
    assert [".".join(map(str, where)) for where in template_keys(tree)] == [place]


def test_a_fault_in_a_tree_is_raised_with_its_text() -> None:
    with pytest.raises(TemplateInvalid) as caught:
        parse_value({"a": ["{{ x }}", "{{ x | uper }}"]})
    assert caught.value.source == "{{ x | uper }}"
    with pytest.raises(TemplateFailed) as failed:
        parse_value({"a": ["{{ x }}", "{{ x | upper }}"]}).evaluate({})
    assert failed.value.source == "{{ x }}"


def test_a_tree_is_at_most_100_levels_deep() -> None:
    def nested(levels: int) -> object:
        tree: object = "{{ x }}"
        for _ in range(levels):
            tree = [tree]
        return tree

    assert parse_value(nested(100)).evaluate({"x": 1}) is not None
    with pytest.raises(TemplateInvalid, match="more than 100 levels"):
        parse_value(nested(101))
    endless: list[object] = []
    endless.append(endless)
    with pytest.raises(TemplateInvalid, match="more than 100 levels"):
        parse_value(endless)
    assert list(templates(endless)) == []


def test_templates_are_given_with_their_places() -> None:
    tree = {
        "a": "{{ x }}",
        "b": [1, "plain", "{% if x %}{% endif %}", {"c": "{# c #}"}],
        "d": "{ x }",
        "{{k}}": "{{ y }}",
    }
    assert list(templates(tree)) == [
        (("a",), "{{ x }}"),
        (("b", 2), "{% if x %}{% endif %}"),
        (("b", 3, "c"), "{# c #}"),
        (("{{k}}",), "{{ y }}"),
    ]
    assert list(templates("{{ x }}")) == [((), "{{ x }}")]
    assert list(templates(5)) == []


JSON = st.recursive(
    st.one_of(
        st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), st.text(alphabet="ab{}% ", max_size=4)
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4), st.dictionaries(st.text(alphabet="ab", max_size=3), inner, max_size=4)
    ),
    max_leaves=20,
)


@given(tree=JSON)
def test_a_static_tree_gives_itself_s16(tree: object) -> None:
    if not any(True for _ in templates(tree)):
        value = parse_value(tree)
        assert value.is_static
        assert value.evaluate({}) == tree


@given(tree=JSON, data=JSON)
def test_a_path_in_a_tree_gives_a_copy_of_what_it_leads_to_s16(tree: object, data: object) -> None:
    if not any(True for _ in templates(tree)):
        found = parse_value({"kept": tree, "read": "{{ x }}"}).evaluate({"x": data})
        assert found == {"kept": tree, "read": data}
        shared = {id(part) for part in mutable_parts([tree, data])} & {id(part) for part in mutable_parts(found)}
        assert not shared
