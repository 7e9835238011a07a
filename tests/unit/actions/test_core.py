from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from ergon.actions.catalog import ActionCatalog
from ergon.errors import ActionFailed, InputInvalid
from ergon.model.directives import Assign, Break, Wait
from ergon.testing.context import FakeContext

Run = Callable[..., Any]


def test_noop_gives_its_value_back(run: Run) -> None:
    marker = [{"a": 1}]
    assert run("core.noop", value=marker) is marker
    assert run("core.noop") is None


def test_set_assigns_one_name_or_several(run: Run) -> None:
    """S18."""
    assert run("core.set", count=3) == (Assign("count", 3),)
    assert run("core.set", name="a", value=None, self=1) == (
        Assign("name", "a"),
        Assign("value", None),
        Assign("self", 1),
    )


def test_set_of_nothing_is_a_fault(run: Run) -> None:
    with pytest.raises(ActionFailed, match="sets nothing"):
        run("core.set")
    assert ActionCatalog().find("core.set").check({}, templated=frozenset())


@pytest.mark.parametrize(("given", "seconds"), [(1.5, 1.5), ("2m", 120), ("500ms", 0.5), (0, 0)])
def test_sleep_is_a_durable_wait(run: Run, given: object, seconds: float) -> None:
    """S34."""
    assert run("core.sleep", seconds=given) == Wait(seconds=seconds)


@pytest.mark.parametrize("given", [-1, "soon", True, None, float("inf")])
def test_sleep_refuses_what_is_no_duration(run: Run, given: object) -> None:
    with pytest.raises(InputInvalid, match="duration"):
        run("core.sleep", seconds=given)


def test_fail_fails_with_its_message(run: Run) -> None:
    with pytest.raises(ActionFailed, match=r"^No such city\.$"):
        run("core.fail", message="No such city.")


def test_assert_fails_unless_its_condition_holds(run: Run) -> None:
    """S13."""
    assert run("core.assert", that=True) is True
    with pytest.raises(ActionFailed, match="Too hot"):
        run("core.assert", that=False, message="Too hot.")
    with pytest.raises(ActionFailed, match="does not hold"):
        run("core.assert", that=False)


def test_assert_does_not_take_text_for_truth(run: Run) -> None:
    with pytest.raises(InputInvalid):
        run("core.assert", that="false")
    assert ActionCatalog().find("core.assert").check({"that": "1 == 1"}, templated=frozenset()) == []


def test_log_writes_a_line(run: Run, context: FakeContext) -> None:
    run("core.log", message="Hot: 41")
    run("core.log", message={"a": [1]}, level="warning")
    assert context.logged == [("info", "Hot: 41"), ("warning", "{'a': [1]}")]


def test_log_cuts_what_is_endless(run: Run, context: FakeContext) -> None:
    run("core.log", message="x" * 1_000_000)
    assert len(context.logged[0][1]) < 70_000


def test_log_knows_its_levels(run: Run) -> None:
    with pytest.raises(InputInvalid, match="'warning'"):
        run("core.log", message="a", level="loud")


def test_break_ends_the_loop(run: Run) -> None:
    """S27."""
    assert run("core.break") == Break()
    assert run("core.break", value=3) == Break(3)
