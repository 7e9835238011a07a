"""Prefect on its own local server and SQLite file: one flow, a task run for each step."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from prefect import flow, task
from prefect.futures import PrefectFuture
from prefect.task_runners import ThreadPoolTaskRunner

from benchmarks.peers.driver import Task, answer


def prepare(work: Task) -> Callable[[], object]:
    """Give what runs the flow; the first call starts the server, which ends with this process."""

    def step(number: int) -> None:
        work.done.append(number)

    made = task(step)

    def chain() -> None:
        for number in range(work.size):
            made(number)

    def submitted() -> None:
        futures: list[PrefectFuture[None]] = []
        for number, before in enumerate(work.needs):
            futures.append(made.submit(number, wait_for=[futures[source] for source in before]))
        for future in futures:
            future.result()

    chained = len(work.waves()) == work.size
    return partial(flow(chain if chained else submitted, name="peers", task_runner=ThreadPoolTaskRunner()))


if __name__ == "__main__":
    answer(prepare)
