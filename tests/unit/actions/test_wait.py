from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest

from ergon.actions.catalog import ActionCatalog
from ergon.errors import InputInvalid
from ergon.model.directives import Wait

Run = Callable[..., Any]


def test_a_wait_for_time_to_pass(run: Run) -> None:
    """S34."""
    assert run("wait.for", duration="10m") == Wait(seconds=600)


def test_a_wait_for_a_moment(run: Run) -> None:
    """S34."""
    assert run("wait.for", until="2030-01-31T08:00:00+02:00") == Wait(until=1896069600.0)
    local = datetime(2030, 1, 31, 8).astimezone().timestamp()
    assert run("wait.for", until="2030-01-31T08:00:00") == Wait(until=local)
    assert run("wait.for", until=datetime(2030, 1, 31, 8)) == Wait(until=local)


def test_a_wait_for_a_signal_may_have_a_limit(run: Run) -> None:
    """S34."""
    assert run("wait.for", signal="approved") == Wait(signal="approved")
    assert run("wait.for", signal="approved", timeout="2d") == Wait(seconds=172800, signal="approved")


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"duration": 1, "signal": "a"},
        {"duration": 1, "timeout": 1},
        {"signal": ""},
        {"until": "soon"},
        {"duration": -1},
    ],
)
def test_anything_else_is_refused_before_the_run_and_in_it(run: Run, given: dict[str, object]) -> None:
    with pytest.raises(InputInvalid):
        run("wait.for", **given)
    assert ActionCatalog().find("wait.for").check(given, templated=frozenset())


def test_a_template_counts_as_given() -> None:
    made = ActionCatalog().find("wait.for")
    assert made.check({"duration": "{{ parameters.pause }}"}, templated=frozenset({"duration"})) == []
