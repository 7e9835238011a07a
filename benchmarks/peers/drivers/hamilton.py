"""Hamilton: a function for each step, named in the parameters of those that follow; it keeps no journal."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial
from types import FunctionType

from hamilton import ad_hoc_utils, driver

from benchmarks.peers.driver import Task, answer


def prepare(task: Task) -> Callable[[], object]:
    """Build the driver of a module made of the steps, and give what runs it."""
    # Hamilton walks a graph by recursion, about four frames a step: a long chain needs room.
    sys.setrecursionlimit(max(sys.getrecursionlimit(), 10 * task.size))
    module = ad_hoc_utils.create_temporary_module(*[_function(task, number) for number in range(task.size)])
    runner = driver.Builder().with_modules(module).build()
    return partial(runner.execute, [f"s{number}" for number in range(task.size)])


def _function(task: Task, number: int) -> FunctionType:
    """Make the function of a step: Hamilton reads the graph from names of functions and of their parameters."""
    parameters = ", ".join(f"s{source}: int" for source in task.needs[number])
    space: dict[str, FunctionType] = {}
    source = f"def s{number}({parameters}) -> int:\n    done({number})\n    return {number}\n"
    exec(source, {"done": task.done.append, "int": int}, space)
    return space[f"s{number}"]


if __name__ == "__main__":
    answer(prepare)
