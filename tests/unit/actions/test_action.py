from __future__ import annotations

import asyncio
import inspect
import pickle
from collections.abc import Mapping
from timeit import timeit
from typing import Any

import pytest

from ergon.actions.action import Action, action, action_of, recorder, registry
from ergon.actions.catalog import ActionCatalog
from ergon.errors import CallableUnknown, NotPossible
from ergon.ports import Context, Problem
from ergon.testing.context import FakeContext

pytestmark = pytest.mark.usefixtures("imports")


def double(n: int) -> int:
    """Doubles a number."""
    return 2 * n


async def later(n: int) -> int:
    return n


@action("mail.send", version="3", example="uses: mail.send")
class Send:
    """Sends a mail.

    To somebody.
    """

    def __call__(self, to: str, *, ctx: Context) -> str:
        return f"{ctx.step} to {to}"

    def undo(self, output: str, ctx: Context) -> str:
        return f"{ctx.step} took back {output}"

    def check(self, config: Mapping[str, object]) -> list[str]:
        return [] if "@" in str(config["to"]) else ["An address holds an @."]


# ---- the decorator (S56) ---------------------------------------------------------------------------------------


def test_the_function_stays_callable_as_before() -> None:
    @action("text.shout", example="uses: text.shout")
    def shout(text: str, times: int = 1) -> str:
        """Shouts a text.

        Loudly.
        """
        return text.upper() * times

    assert shout("a", times=2) == "AA"
    assert shout.__doc__ is not None
    assert shout.__name__ == "shout"
    made = registry["text.shout"]
    assert action_of(shout) is made
    assert (made.summary, made.help, made.example) == ("Shouts a text.", "Loudly.", "uses: text.shout")
    assert made.runs_in == "thread"
    assert ActionCatalog().find("text.shout") is made


def test_an_async_function_runs_in_the_loop(context: FakeContext) -> None:
    @action("text.later")
    async def later(text: str) -> str:
        return text

    made = registry["text.later"]
    assert made.runs_in == "loop"
    assert asyncio.run(later("a")) == "a"
    result = made.call(context, made.bind({"text": "b"}))
    assert inspect.isawaitable(result)
    assert asyncio.run(_wait(result)) == "b"


async def _wait(awaitable: Any) -> object:
    return await awaitable


def test_where_a_function_runs_can_be_said() -> None:
    assert Action(double, name="test.it", run_on="process").runs_in == "process"
    with pytest.raises(ValueError, match="async"):
        Action(later, name="test.it", run_on="process")


@pytest.mark.parametrize("name", ["shout", "Text.shout", "text.", "text shout", "text.shout!", "a:b"])
def test_a_name_is_a_namespace_and_a_verb(name: str) -> None:
    with pytest.raises(ValueError, match=r"namespace\.verb"):
        action(name)


def test_the_namespaces_of_the_built_in_actions_are_taken() -> None:
    with pytest.raises(ValueError, match="taken"):
        action("core.noop")(double)


def test_a_class_is_an_action_with_its_own_undo_and_check(context: FakeContext) -> None:
    made = registry["mail.send"]
    assert made.call(context, made.bind({"to": "a@b"})) == "step to a@b"
    assert (made.summary, made.help, made.version) == ("Sends a mail.", "To somebody.", "3")
    assert made.can_undo
    assert made.undo(context, "it") == "step took back it"
    assert made.check({"to": "a"}, templated=frozenset()) == [Problem((), "An address holds an @.")]


def test_a_class_that_cannot_be_called_is_no_action() -> None:
    class Nothing:
        pass

    with pytest.raises(TypeError, match="__call__"):
        action("text.nothing")(Nothing)


def test_a_call_while_a_workflow_is_traced_is_recorded_instead() -> None:
    @action("text.recorded")
    def recorded(text: str) -> str:
        raise AssertionError("it ran")

    seen: list[object] = []

    def record(made: Action, arguments: tuple[object, ...], named: dict[str, object]) -> object:
        seen.append((made.name, arguments, named))
        return "placeholder"

    token = recorder.set(record)
    try:
        assert recorded("a") == "placeholder"
    finally:
        recorder.reset(token)
    assert seen == [("text.recorded", ("a",), {})]


# ---- undo and check ------------------------------------------------------------------------------------------


def test_what_has_no_undo_says_so(context: FakeContext) -> None:
    made = Action(double, name="test.it")
    assert not made.can_undo
    with pytest.raises(NotPossible):
        made.undo(context, 4)


def test_undo_gets_the_context_only_if_it_asks(context: FakeContext) -> None:
    assert Action(double, name="test.it", undo=lambda output: output).undo(context, 4) == 4


def test_all_faults_of_a_configuration_are_found_at_once() -> None:
    """S10."""

    def f(a: int, b: str, c: list[int] | None = None) -> None: ...

    problems = Action(f, name="test.it").check({"a": "x", "c": [1, "y"], "d": 1}, templated=frozenset())
    assert [problem.path for problem in problems] == [("a",), (), ("c", 1), ("d",)]
    assert problems[0].message == "Input 'a' of test.it: must be a whole number, not the text 'x'."
    assert problems[1].message == "Input 'b' of test.it: a value is required."


def test_inputs_that_are_templates_are_not_judged_yet() -> None:
    def f(a: int, b: list[int]) -> None: ...

    made = Action(f, name="test.it", check=lambda config: pytest.fail("called") if "x" in config else [])
    given = {"a": "{{ parameters.a }}", "b": ["{{ parameters.b }}"]}
    assert made.check(given, templated=frozenset({"a", "b"})) == []
    assert [p.path for p in made.check(given, templated=frozenset({"a"}))] == [("b", 0)]


def test_a_check_of_ones_own_may_raise_without_harm() -> None:
    def check(config: Mapping[str, object]) -> list[str]:
        raise ZeroDivisionError("no")

    (problem,) = Action(double, name="test.it", check=check).check({"n": 1}, templated=frozenset())
    assert "ZeroDivisionError" in problem.message


def test_a_check_is_told_what_is_not_known_yet() -> None:
    def check(config: Mapping[str, object], templated: frozenset[str]) -> list[str]:
        return sorted(templated)

    made = Action(double, name="test.it", check=check)
    assert [p.message for p in made.check({"n": "{{ x }}"}, templated=frozenset({"n"}))] == ["n"]


# ---- other processes, speed ----------------------------------------------------------------------------------


def test_an_action_pickles_by_its_name() -> None:
    built_in = ActionCatalog().find("core.noop")
    assert pickle.loads(pickle.dumps(built_in)) is built_in
    by_name = ActionCatalog().find("math:hypot")
    assert pickle.loads(pickle.dumps(by_name)).name == "math:hypot"
    assert pickle.loads(pickle.dumps(ActionCatalog().find("mail.send"))) is registry["mail.send"]


def test_a_function_inside_a_function_cannot_go_to_another_process() -> None:
    def inner() -> None: ...

    with pytest.raises(pickle.PicklingError, match="inside a function"):
        pickle.dumps(Action(inner, name="test.it"))


def test_a_function_that_is_not_there_any_more_says_so() -> None:
    made = Action(double, name=f"{__name__}:double")
    data = pickle.dumps(made).replace(b"double", b"triple")
    with pytest.raises(CallableUnknown, match="triple"):
        pickle.loads(data)


def test_binding_is_quick() -> None:
    """Binding stays within microseconds: it is part of what a step costs."""
    made = ActionCatalog().find("core.noop")
    inputs = {"value": 1}
    made.bind(inputs)
    assert min(timeit(lambda: made.bind(inputs), number=2000) / 2000 for _ in range(5)) < 20e-6
