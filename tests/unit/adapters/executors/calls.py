"""Calls of functions, for the tests of executors."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from ergon.ports import Call, Context
from ergon.testing.contracts.executor import action

in_one_loop = pytest.mark.asyncio(loop_scope="module")


def call_of(function: Callable[..., object], context: Context, limit: float | None = None, **inputs: object) -> Call:
    """Give the call of a function, with its inputs and its limit in seconds."""
    return Call(action(function), inputs, context, limit)
