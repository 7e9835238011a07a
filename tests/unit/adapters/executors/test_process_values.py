"""ProcessExecutor: what goes into a process, and what comes out of it (S35, S47)."""

from __future__ import annotations

import os
import sys
import threading

import pytest
from tests.unit.adapters.executors import processes
from tests.unit.adapters.executors.calls import call_of, in_one_loop

from ergon.actions.action import Action
from ergon.adapters.executors.process import ProcessExecutor
from ergon.errors import CallableUnknown, InputInvalid, NotStorable
from ergon.ports import Call
from ergon.testing.context import FakeContext
from ergon.testing.contracts import probes


@in_one_loop
async def test_large_values_go_both_ways(executor: ProcessExecutor, context: FakeContext) -> None:
    data = os.urandom(1 << 20) * 10
    assert await executor.execute(call_of(processes.reverse, context, 60.0, data=data)) == data[::-1]


@in_one_loop
async def test_a_result_that_cannot_be_sent_says_where(executor: ProcessExecutor, context: FakeContext) -> None:
    with pytest.raises(NotStorable) as caught:
        await executor.execute(call_of(processes.give_lambda, context))
    assert (caught.value.where, caught.value.kind) == (".rows[1]", "function")
    assert await executor.execute(call_of(probes.echo, context, value=1)) == 1


@in_one_loop
async def test_a_result_that_cannot_be_loaded_here(executor: ProcessExecutor, context: FakeContext) -> None:
    with pytest.raises(NotStorable) as caught:
        await executor.execute(call_of(processes.give_stranger, context))
    assert caught.value.kind == "Stranger"
    assert "imported" in caught.value.hint


@in_one_loop
async def test_an_input_that_cannot_be_sent_says_which(executor: ProcessExecutor, context: FakeContext) -> None:
    with pytest.raises(InputInvalid) as caught:
        await executor.execute(call_of(probes.echo, context, value=threading.Lock()))
    assert (caught.value.field, caught.value.reason) == ("value", "a lock cannot be sent to another process")
    assert "run_on: thread" in caught.value.hint
    assert context.processes == []


class Here:
    """A class that is found under this name in this process only."""


@in_one_loop
async def test_an_input_that_cannot_be_loaded_there(
    executor: ProcessExecutor, context: FakeContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Here, "__module__", "__main__")
    monkeypatch.setattr(sys.modules["__main__"], "Here", Here, raising=False)
    with pytest.raises(InputInvalid, match="another process cannot load it") as caught:
        await executor.execute(call_of(probes.echo, context, value=Here()))
    assert caught.value.field == "value"


def in_the_notebook() -> int:
    return 1


@in_one_loop
async def test_a_function_of_a_notebook_is_refused_with_a_way_out(
    executor: ProcessExecutor, context: FakeContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    """S35: what is defined in `__main__` is in this process only."""
    monkeypatch.setattr(in_the_notebook, "__module__", "__main__")
    monkeypatch.setattr(sys.modules["__main__"], "in_the_notebook", in_the_notebook, raising=False)
    with pytest.raises(CallableUnknown, match="in_the_notebook") as caught:
        await executor.execute(Call(Action(in_the_notebook, name="my.action"), {}, context))
    assert "Move it into a Python file" in caught.value.hint


@in_one_loop
async def test_a_function_inside_a_function_is_refused_with_a_way_out(
    executor: ProcessExecutor, context: FakeContext
) -> None:
    def inner() -> int:
        return 1

    with pytest.raises(CallableUnknown, match="inside a function") as caught:
        await executor.execute(Call(Action(inner, name="my.action"), {}, context))
    assert "Move it into a Python file" in caught.value.hint


@in_one_loop
async def test_an_error_keeps_its_name_where_it_cannot_keep_more(
    executor: ProcessExecutor, context: FakeContext
) -> None:
    """S33: `retry: {on: […]}` goes by names."""
    for function, name, message in (
        (processes.raise_unpicklable, "Unpicklable", "words"),
        (processes.raise_needs_two, "NeedsTwo", "1 and 2"),
    ):
        with pytest.raises(Exception, match=message) as caught:
            await executor.execute(call_of(function, context))
        assert type(caught.value).__name__ == name
        assert f"in {function.__name__}" in str(caught.value.__cause__)
