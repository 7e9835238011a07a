"""The engine: what becomes of runs when it closes, when one cannot begin, and when a dead owner left processes."""

from __future__ import annotations

import subprocess
import sys
import threading
from concurrent.futures import Future
from pathlib import Path

import pytest

from ergon import Context
from ergon.actions.action import action
from ergon.adapters.stores.sqlite import SqliteStore
from ergon.engine.handle import Handle
from ergon.engine.processes import end_survivors, process_start_time
from ergon.errors import ErgonError, NotPossible
from ergon.testing.gates import gates_of
from ergon.testing.journals import wait_until
from ergon.testing.runs import Bench
from ergon.testing.stores import TrialStore

STEPS = [{"id": "a", "uses": "core.noop", "with": {"value": 1}}]
GATE = [{"id": "a", "uses": "bench.gate", "with": {"name": "a"}}]
SLEEPER = [sys.executable, "-c", "import time; time.sleep(600)"]


# ---- closing -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("time", range(8))
def test_who_starts_a_run_while_the_engine_closes_gets_an_answer(tmp_path: Path, time: int) -> None:
    bench = Bench(tmp_path, runs=3)
    bench.run(STEPS)
    ready, answers = threading.Barrier(5), list[Handle | ErgonError]()

    def start() -> None:
        ready.wait()
        for _ in range(20):
            try:
                answers.append(bench.start(STEPS).handle)
            except ErgonError as error:
                answers.append(error)

    threads = [threading.Thread(target=start) for _ in range(4)]
    for thread in threads:
        thread.start()
    ready.wait()
    bench.engine.close(timeout=30)
    for thread in threads:
        thread.join(60)
        assert not thread.is_alive()
    for answer in answers:
        if isinstance(answer, ErgonError):
            assert isinstance(answer, NotPossible)
        else:
            assert answer.wait(30)
    bench.close()


def test_a_run_that_does_not_stop_comes_to_rest_with_the_engine(tmp_path: Path) -> None:
    """Its last event cannot be written, because the disk hangs."""
    store = TrialStore()
    bench = Bench(tmp_path, store=store)
    run = bench.start(GATE)
    bench.until(lambda: bench.gates.waiting == 1)
    store.hold()
    bench.engine.close(timeout=0.05)
    assert run.handle.wait(30)
    assert isinstance(run.handle.error, NotPossible)
    store.let_go()
    bench.close()


def test_a_closed_engine_says_so(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.run(STEPS)
    bench.engine.close()
    bench.engine.close()
    bench.engine.interrupt(at_once=True, reason="late")
    with pytest.raises(NotPossible, match="the engine is closed"):
        bench.start(STEPS)
    assert [record.status for record in bench.store.runs()] == ["succeeded"]
    bench.close()


# ---- beginning -----------------------------------------------------------------------------------------------


def test_a_run_that_cannot_be_made_gives_its_lease_back_and_tells_who_waits(tmp_path: Path) -> None:
    """A vault of somebody else's gives what is no text."""
    steps = [{"id": "a", "uses": "core.noop", "with": {"value": "{{ secrets.TOKEN }}"}}]
    url = f"sqlite:///{tmp_path}/home/runs.db"
    with Bench(tmp_path, store=SqliteStore(url), secrets={"TOKEN": 5}, runs=1) as bench:  # type: ignore[dict-item]
        run = bench.start(steps)
        assert run.handle.wait(30)
        assert run.handle.error is not None
        assert not isinstance(run.handle.error, ErgonError)
        assert bench.store.owner(run.id) is None
        assert not bench.engine.live(run.id)
        assert bench.run(STEPS).status == "succeeded", "it takes no place in the queue"
    with Bench(tmp_path, store=SqliteStore(url), secrets={"TOKEN": "long enough"}) as mended:
        assert mended.resume(run.id).wait().status == "succeeded"


# ---- survivors -----------------------------------------------------------------------------------------------


def test_s35_survivors_are_ended_together_and_no_others() -> None:
    processes = [subprocess.Popen(SLEEPER, start_new_session=number % 2 == 0) for number in range(3)]
    other = subprocess.Popen(SLEEPER)
    try:
        journaled = [(process.pid, process_start_time(process.pid) or 0.0) for process in processes]
        assert end_survivors([*journaled, (other.pid, 1.0)]) == 3
        assert [process_start_time(pid) for pid, _ in journaled] == [None] * 3
        assert other.poll() is None
        assert end_survivors(journaled) == 0
    finally:
        for process in (*processes, other):
            process.kill()
            process.wait()


PIDS: list[int] = []


@action("trial.leaves_a_process")
def leaves_a_process(*, ctx: Context) -> int:
    """Starts a process and waits with it; the second attempt only says which number it is."""
    if ctx.attempt == 1:
        process = subprocess.Popen(SLEEPER, start_new_session=True)
        PIDS.append(process.pid)
        ctx.process_started(process.pid)
        gates_of(ctx)["leave"].stand_in_thread(ctx, stubborn=True)
        process.wait(30)
    return ctx.attempt


def test_s35_what_a_dead_owner_left_is_ended_before_its_run_goes_on_and_nobody_waits_for_it(tmp_path: Path) -> None:
    with Bench(tmp_path) as bench:
        run = bench.start([{"id": "a", "uses": "trial.leaves_a_process"}])
        bench.until(lambda: bench.gates.waiting == 1)
        (pid,) = PIDS
        bench.engine.call(lambda: bench.engine._live[run.id].fail(SystemError("killed")))
        bench.until(lambda: bench.store.owner(run.id) is None)
        hold = threading.Event()
        busy: list[Future[bool]] = [bench.engine._pool.submit(hold.wait) for _ in range(4)]
        resumed = bench.resume(run.id)
        assert bench.engine.call(lambda: run.id in bench.engine._queued), "it waits until the survivor is gone"
        assert process_start_time(pid) is not None
        assert resumed.events("run_started") == run.events("run_started")
        hold.set()
        bench.gates["leave"].open()
        resumed.wait()
        assert all(each.result(30) for each in busy)
        wait_until(lambda: process_start_time(pid) is None, "the survivor is gone")
        assert resumed.output("a") == 2
        PIDS.clear()
