"""LangGraph: a node for each step; durable with its SQLite checkpointer, written before the next steps start."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from functools import partial
from typing import TypedDict

from langgraph.checkpoint.sqlite import SqliteSaver
from langgraph.graph import START, StateGraph

from benchmarks.peers.driver import Task, answer


class State(TypedDict):
    """What the nodes share."""

    value: int


def prepare(task: Task) -> Callable[[], object]:
    """Compile the graph, and give what runs it."""
    graph = StateGraph(State)

    def step(number: int, state: State) -> None:
        task.done.append(number)

    for number in range(task.size):
        graph.add_node(f"s{number}", partial(step, number))
    for number, before in enumerate(task.needs):
        sources = [f"s{source}" for source in before]
        graph.add_edge(sources if len(sources) > 1 else sources[0] if sources else START, f"s{number}")
    config = {"recursion_limit": task.size + 2}
    if not task.durable:
        return partial(graph.compile().invoke, {"value": 0}, config)
    saver = _saver(str(task.folder / "checkpoints.db"))
    named = {**config, "configurable": {"thread_id": str(task.size)}}
    return partial(graph.compile(checkpointer=saver).invoke, {"value": 0}, named, durability="sync")


def _saver(path: str) -> SqliteSaver:
    saver = SqliteSaver(sqlite3.connect(path, check_same_thread=False))
    saver.setup()
    return saver


if __name__ == "__main__":
    answer(prepare)
