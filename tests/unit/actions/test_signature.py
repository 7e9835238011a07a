from __future__ import annotations

import collections.abc
import datetime
import functools
import typing
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, Union

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ergon.actions.action import Action
from ergon.errors import InputInvalid
from ergon.ports import Context
from ergon.testing.context import FakeContext

if TYPE_CHECKING:
    from decimal import Decimal


def action(function: Callable[..., object]) -> Action:
    return Action(function, name="test.it")


def refused(function: Callable[..., object], **inputs: object) -> InputInvalid:
    with pytest.raises(InputInvalid) as caught:
        action(function).bind(inputs)
    return caught.value


# ---- what is taken -------------------------------------------------------------------------------------------


def test_defaults_are_filled_in() -> None:
    def f(a: int, b: str = "x", *, c: float = 1.5) -> None: ...

    assert action(f).bind({"a": 1}) == {"a": 1, "b": "x", "c": 1.5}


def test_a_missing_input_is_named() -> None:
    def f(a: int) -> None: ...

    assert str(refused(f)) == "Input 'a' of test.it: a value is required."


def test_an_unknown_input_is_named_with_a_suggestion() -> None:
    def f(path: str) -> None: ...

    error = refused(f, pth="x", path="y")
    assert error.field == "pth"
    assert str(error) == "Input 'pth' of test.it: there is no such input. Did you mean 'path'?"


def test_a_misspelt_input_is_told_before_the_one_that_is_missing() -> None:
    def f(path: str) -> None: ...

    assert refused(f, pth="x").field == "pth"


def test_open_inputs_take_any_name() -> None:
    def f(code: str, **inputs: object) -> None: ...

    made = action(f)
    assert made.bind({"code": "1", "x": [1], "y": None}) == {"code": "1", "x": [1], "y": None}
    assert made.schema["additionalProperties"] is True


@pytest.mark.parametrize("name", ["json", "copy", "schema", "validate", "model_dump", "_private", "dict"])
def test_names_that_pydantic_keeps_for_itself_are_names_like_others(name: str) -> None:
    space: dict[str, Any] = {}
    exec(f"def f({name}: int): return {name} + 1", space)
    made = action(space["f"])
    assert made.call(None, made.bind({name: 1})) == 2  # type: ignore[arg-type]
    assert list(made.schema["properties"]) == [name]  # type: ignore[call-overload]
    assert refused(space["f"], **{name: "x"}).field == name


def test_inputs_are_not_copied() -> None:
    def f(rows: list[Any], other: object) -> None: ...

    rows, other = [{"a": 1}], object()
    bound = action(f).bind({"rows": rows, "other": other})
    assert bound["other"] is other
    assert bound["rows"][0] is rows[0]  # type: ignore[index]


def test_a_default_that_is_no_json_is_the_very_object() -> None:
    marker = object()

    def f(a: object = marker) -> None: ...

    made = action(f)
    assert made.bind({})["a"] is marker
    assert made.schema["properties"] == {"a": {}}


def test_a_default_list_is_not_shared() -> None:
    def f(a: list[int] = []) -> None: ...  # noqa: B006  # that is the point

    made = action(f)
    first = made.bind({})["a"]
    assert first == []
    assert first is not made.bind({})["a"]


# ---- the context ---------------------------------------------------------------------------------------------


def test_a_parameter_named_ctx_or_annotated_context_gets_the_context(context: FakeContext) -> None:
    def by_name(a: int, *, ctx: object) -> object:
        return ctx

    def by_type(where: Context, a: int = 1) -> object:
        return where

    for function in (by_name, by_type):
        made = action(function)
        assert made.call(context, made.bind({"a": 1})) is context
        assert list(made.schema["properties"]) == ["a"]  # type: ignore[call-overload]


def test_nobody_else_may_give_the_context(context: FakeContext) -> None:
    def f(*, ctx: Context, **inputs: object) -> None: ...

    assert refused(f, ctx=1).reason == "this name is taken"


# ---- kinds of parameters -------------------------------------------------------------------------------------


def test_positional_parameters_are_given_by_position(context: FakeContext) -> None:
    def f(a: int, /, b: int, *rest: int, ctx: Context, c: int = 0) -> object:
        return a, b, rest, c, ctx.step

    made = action(f)
    assert made.call(context, made.bind({"a": 1, "b": "2", "rest": [3, "4"], "c": 5})) == (1, 2, (3, 4), 5, "step")
    assert made.call(context, made.bind({"a": 1, "b": 2})) == (1, 2, (), 0, "step")


def test_a_builtin_without_a_signature_takes_anything_by_name() -> None:
    made = action(datetime.date)
    assert made.call(None, made.bind({"year": 2024, "month": 1, "day": 31})) == datetime.date(2024, 1, 31)  # type: ignore[arg-type]


def test_a_partial_is_an_action_of_what_is_left() -> None:
    def f(a: int, b: int) -> int:
        """Adds."""
        return a * 10 + b

    made = action(functools.partial(f, b=1))
    assert made.call(None, made.bind({"a": "3"})) == 31  # type: ignore[arg-type]
    assert made.summary == "Adds."


# ---- conversions ---------------------------------------------------------------------------------------------


def test_numbers_may_be_text_as_templates_give_them() -> None:
    def f(a: int, b: float) -> None: ...

    assert action(f).bind({"a": "42", "b": "1.5"}) == {"a": 42, "b": 1.5}
    assert action(f).bind({"a": 3.0, "b": 2}) == {"a": 3, "b": 2.0}


@pytest.mark.parametrize(
    ("hint", "value", "said"),
    [
        (int, True, "must be a whole number, not true"),
        (float, False, "must be a number, not false"),
        (bool, 1, "must be true or false, not the number 1"),
        (bool, "true", "must be true or false, not the text 'true'"),
        (int, 1.5, "must be a whole number, not the number 1.5"),
        (int, "x", "must be a whole number, not the text 'x'"),
        (int, None, "must be a whole number, not null"),
        (str, 5, "must be text, not the number 5"),
        (str, ["a"], "must be text, not a list"),
        (list[int], "abc", "must be a list, not the text 'abc'"),
        (dict[str, int], [1], "must be a mapping, not a list"),
        (Literal["a", "b"], "c", "must be 'a' or 'b', not the text 'c'"),
        (int | None, "x", "must be a whole number, not the text 'x'"),
        (int | str, [1], "must be a whole number or text, not a list"),
        (datetime.date, "soon", "must be a date such as 2024-01-31, not the text 'soon'"),
        (Path, 3, "must be a path, not the number 3"),
        (Union[int, float], True, "must be a whole number or a number, not true"),  # noqa: UP007  # both spellings
    ],
)
def test_a_wrong_type_is_said_in_plain_words(hint: Any, value: object, said: str) -> None:
    def f(a: Any) -> None: ...

    f.__annotations__["a"] = hint
    assert refused(f, a=value).reason == said


def test_a_number_for_text_gets_a_hint_for_templates() -> None:
    def f(a: str) -> None: ...

    assert "string" in refused(f, a=5).hint


def test_the_place_of_a_fault_is_given_at_any_depth() -> None:
    def f(rows: list[dict[str, int | None]]) -> None: ...

    error = refused(f, rows=[{"a": 1}, {"b": "x"}])
    assert error.field == "rows[1].b"
    assert error.reason == "must be a whole number, not the text 'x'"


def test_truth_inside_lists_is_no_number() -> None:
    def f(a: list[int], b: Mapping[str, float], c: tuple[int, ...] = ()) -> None: ...

    assert refused(f, a=[True], b={}).field == "a[0]"
    assert refused(f, a=[], b={"x": True}).field == "b.x"
    assert refused(f, a=[], b={}, c=[1, False]).field == "c[1]"


def test_an_iterable_can_be_read_twice() -> None:
    def f(a: Iterable[int], b: Iterable[int] | None = None, c: collections.abc.Iterable = ()) -> object:  # type: ignore[type-arg]
        return list(a), list(a)

    made = action(f)
    assert made.call(None, made.bind({"a": ["1", 2]})) == ([1, 2], [1, 2])  # type: ignore[arg-type]


def test_text_is_no_sequence_of_letters() -> None:
    def f(a: Sequence[str]) -> None: ...

    assert refused(f, a="abc").field == "a"


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.floats() | st.text(), st.lists, max_leaves=5))
def test_any_value_is_bound_or_refused_in_a_sentence(value: object) -> None:
    def f(a: int | list[float] | None, b: str = "") -> None: ...

    made = action(f)
    try:
        assert made.bind({"a": value})["a"] is None or value is not None
    except InputInvalid as error:
        said = error.sentence()
    else:
        return
    assert said.startswith("Input 'a")
    assert said.endswith(".")


# ---- annotations that cannot be read ---------------------------------------------------------------------------


def test_an_annotation_that_is_known_to_type_checkers_only_accepts_anything() -> None:
    def f(a: Decimal, b: int) -> None: ...

    made = action(f)
    assert made.bind({"a": "1.5", "b": "2"}) == {"a": "1.5", "b": 2}


def test_an_annotation_that_pydantic_cannot_check_accepts_anything() -> None:
    class Plain(typing.TypedDict):
        x: int

    def f(a: Any, b: int, c: Any = None) -> None: ...

    f.__annotations__["a"] = list[Plain]  # refused by pydantic before Python 3.12
    f.__annotations__["c"] = Annotated[int, "anything"]
    assert action(f).bind({"a": [{"x": 1}], "b": "2"})["b"] == 2


def test_a_class_of_ones_own_is_checked_by_instance() -> None:
    class Table:
        pass

    def f(a: Any) -> None: ...

    f.__annotations__["a"] = Table
    table = Table()
    assert action(f).bind({"a": table})["a"] is table
    assert "must be of type" in refused(f, a=1).reason
    assert action(f).schema["properties"] == {"a": {}}


# ---- what forms and caches read ------------------------------------------------------------------------------


def test_the_schema_has_types_defaults_and_words() -> None:
    def f(path: Path, count: Annotated[int, "n"] = 3) -> None:
        """Does it.

        Args:
            path: The file.
        """

    schema = action(f).schema
    assert schema["required"] == ["path"]
    assert schema["properties"] == {
        "path": {"description": "The file.", "format": "path", "type": "string"},
        "count": {"default": 3, "type": "integer"},
    }


def test_inputs_whose_type_is_a_path_are_known() -> None:
    """S52: their content counts for a cache key."""

    def f(a: Path, b: list[Path], c: dict[str, Path | Any], d: str, e: Path | None = None) -> None: ...

    assert action(f).path_inputs == {"a", "b", "c", "e"}
