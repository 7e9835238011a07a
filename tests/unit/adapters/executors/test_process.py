"""ProcessExecutor: attempts in processes that can be killed (S35)."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
from tests.unit.adapters.executors import processes
from tests.unit.adapters.executors.calls import call_of, in_one_loop

from ergon.adapters.executors.process import ProcessExecutor
from ergon.errors import NotPossible, ProcessDied, Timeout
from ergon.ports import Call
from ergon.testing.context import FakeContext
from ergon.testing.contracts import probes
from ergon.testing.contracts.executor import action, started, until


def is_gone(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE  # nobody may be there to bury it
    except psutil.NoSuchProcess:
        return True


async def pids_of(context: FakeContext) -> dict[str, int]:
    """Wait for the pids that an action tells."""
    await until(lambda: any(type == "pids" for type, _ in context.emitted))
    return next({name: int(str(pid)) for name, pid in data.items()} for _, data in context.emitted)


# ---- the process ---------------------------------------------------------------------------------------------


@in_one_loop
async def test_it_is_a_new_interpreter_in_a_session_of_its_own(executor: ProcessExecutor, context: FakeContext) -> None:
    """S35: never a fork of this process, and out of reach of what interrupts this one's group."""
    found = await executor.execute(call_of(processes.identify, context))
    assert isinstance(found, dict)
    assert found["pid"] == found["session"] != os.getpid()
    assert found["command"] == ["-P", "-m", "ergon.adapters.executors.worker"]
    assert found["arguments"] == []
    assert found["thread"] is True


@in_one_loop
async def test_its_pid_is_journaled_before_the_work_begins(executor: ProcessExecutor, tmp_path: Path) -> None:
    """S35"""

    class Ordered(FakeContext):
        def process_started(self, pid: int) -> None:
            super().process_started(pid)
            self.emit("journaled", {})

    context = Ordered(tmp_path)
    for _ in range(2):
        pid = await executor.execute(call_of(processes.nap, context, seconds=0))
        assert context.processes.pop() == pid
    assert [type for type, _ in context.emitted] == ["journaled", "started"] * 2


@in_one_loop
async def test_starting_it_takes_nothing_from_the_limit(executor: ProcessExecutor, context: FakeContext) -> None:
    """S54: a time limit starts when the work does; this one is far below the start of an interpreter."""
    assert await executor.execute(call_of(probes.echo, context, 0.5, value=1)) == 1
    assert await executor.execute(call_of(processes.nap, context, 0.2, seconds=0))
    with pytest.raises(Timeout):
        await executor.execute(call_of(processes.nap, context, 0.05, seconds=60))


@in_one_loop
async def test_a_clean_process_serves_its_run_again(executor: ProcessExecutor, tmp_path: Path) -> None:
    first, again = FakeContext(tmp_path), FakeContext(tmp_path, step="again")
    other, resumed = FakeContext(tmp_path), FakeContext(tmp_path)
    other.run, resumed.epoch = "run-2", 2
    pids = [await executor.execute(call_of(processes.pid, each)) for each in (first, again, other, resumed)]
    assert pids[0] == pids[1]
    assert len(set(pids)) == 3


@pytest.mark.parametrize("function", [processes.leave_folder, processes.leave_variable, processes.leave_thread])
@in_one_loop
async def test_a_process_that_was_changed_is_not_used_again(
    executor: ProcessExecutor, context: FakeContext, function: Callable[..., object]
) -> None:
    used = await executor.execute(call_of(function, context))
    assert isinstance(used, int)
    assert await executor.execute(call_of(processes.pid, context)) != used
    await until(lambda: is_gone(used))


@in_one_loop
async def test_a_process_that_left_a_child_is_not_used_again_and_the_child_ends(
    executor: ProcessExecutor, context: FakeContext
) -> None:
    pids = await executor.execute(call_of(processes.leave_child, context))
    assert isinstance(pids, tuple)
    assert await executor.execute(call_of(processes.pid, context)) != pids[0]
    await until(lambda: all(is_gone(pid) for pid in pids))


@in_one_loop
async def test_a_process_whose_action_exits_is_not_used_again(executor: ProcessExecutor, context: FakeContext) -> None:
    with pytest.raises(Exception, match=r"SystemExit\('enough'\)"):
        await executor.execute(call_of(processes.leave_by_exit, context))
    assert await executor.execute(call_of(processes.pid, context)) != int(context.logged[0][1])


@in_one_loop
async def test_a_process_that_died_while_it_rested_is_replaced(executor: ProcessExecutor, context: FakeContext) -> None:
    pid = await executor.execute(call_of(processes.pid, context))
    assert isinstance(pid, int)
    os.kill(pid, signal.SIGKILL)
    # A zombie may still have threads that end.
    await until(lambda: os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT | os.WNOHANG))
    assert await executor.execute(call_of(processes.pid, context)) != pid


@in_one_loop
async def test_a_process_rests_for_a_while_only(context: FakeContext) -> None:
    executor = ProcessExecutor(1, rest=0.05)
    pid = await executor.execute(call_of(processes.pid, context))
    assert isinstance(pid, int)
    await until(lambda: is_gone(pid))
    await executor.close()


@in_one_loop
async def test_there_are_no_more_than_the_limit(tmp_path: Path) -> None:
    """S54"""
    executor = ProcessExecutor(2)
    contexts = [FakeContext(tmp_path, step=f"step-{n}") for n in range(7)]
    calls = [executor.execute(call_of(processes.nap, each, seconds=0.05)) for each in contexts]
    pids = await asyncio.gather(*calls)
    assert len(set(pids)) == 2
    other = FakeContext(tmp_path)
    other.run = "run-2"  # a resting process of another run makes room
    assert await executor.execute(call_of(processes.pid, other)) not in pids
    await until(lambda: sum(not is_gone(int(str(pid))) for pid in set(pids)) == 1)
    await executor.close()


@in_one_loop
async def test_what_waits_for_a_process_can_be_cancelled(context: FakeContext) -> None:
    executor = ProcessExecutor(1)
    first = asyncio.ensure_future(executor.execute(call_of(processes.nap, context, seconds=0.2)))
    second = asyncio.ensure_future(executor.execute(call_of(probes.report, context)))
    await asyncio.sleep(0)
    second.cancel()
    with pytest.raises(asyncio.CancelledError):
        await second
    third = await executor.execute(call_of(processes.pid, context))
    assert await first == third
    assert context.logged == []
    await executor.close()


# ---- limits, cancels, deaths -----------------------------------------------------------------------------------


@in_one_loop
async def test_a_limit_ends_the_process_and_all_that_it_started(
    executor: ProcessExecutor, context: FakeContext
) -> None:
    """S35, S36"""
    with pytest.raises(Timeout):
        await executor.execute(call_of(processes.spawn_and_hang, context, 0.3))
    assert await executor.idle(context.run, context.step)
    pids = await pids_of(context)
    await until(lambda: all(is_gone(pid) for pid in pids.values()))
    assert await executor.execute(call_of(processes.pid, context)) != pids["worker"]


@pytest.mark.parametrize("function", [processes.clean_up_when_told, processes.clean_up_async])
@in_one_loop
async def test_an_action_may_clean_up_behind_itself(
    executor: ProcessExecutor, context: FakeContext, tmp_path: Path, function: Callable[..., object]
) -> None:
    file = tmp_path / "cleaned"
    task = asyncio.ensure_future(executor.execute(call_of(function, context, file=file)))
    await started(context)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await executor.idle(context.run, context.step)
    assert file.read_text(encoding="utf-8") == "cancelled: True"
    made = await asyncio.to_thread(os.listdir, tmp_path)
    assert ("cleaned.told" in made) is (function is processes.clean_up_when_told)


@pytest.mark.parametrize("function", [processes.ignore_sigterm, processes.stop_oneself])
@in_one_loop
async def test_who_does_not_end_is_killed(
    executor: ProcessExecutor, context: FakeContext, function: Callable[..., object]
) -> None:
    """S35: SIGKILL after two seconds, while the attempt itself ends at once."""
    before = time.monotonic()
    with pytest.raises(Timeout):
        await executor.execute(call_of(function, context, 0.1))
    assert await executor.idle(context.run, context.step)
    assert 1.5 < time.monotonic() - before < 9
    assert is_gone((await pids_of(context))["worker"])


@pytest.mark.parametrize(
    ("function", "inputs", "ending"),
    [
        (processes.exit_with, {"code": 3}, "exit code 3"),
        (processes.exit_with, {"code": 0}, "exit code 0"),
        (processes.kill_oneself, {"number": signal.SIGSEGV}, "signal SIGSEGV"),
        (processes.kill_oneself, {"number": signal.SIGKILL}, "signal SIGKILL"),
        (processes.crash_in_c, {}, "signal SIGSEGV"),
        (processes.close_everything, {}, "exit code 1"),
        (processes.once_and_die, {}, "exit code 5"),
    ],
)
@in_one_loop
async def test_a_crash_is_a_failure_that_says_how(
    executor: ProcessExecutor,
    context: FakeContext,
    function: Callable[..., object],
    inputs: dict[str, int],
    ending: str,
) -> None:
    with pytest.raises(ProcessDied) as caught:
        await executor.execute(Call(action(function), inputs, context))
    assert f"{context.processes[0]} ({ending}) died" in str(caught.value)
    assert ("memory" in caught.value.hint) is (ending == "signal SIGKILL")
    assert await executor.execute(call_of(probes.echo, context, value=1)) == 1


@in_one_loop
async def test_the_children_of_a_crashed_process_end(executor: ProcessExecutor, context: FakeContext) -> None:
    with pytest.raises(ProcessDied):
        await executor.execute(call_of(processes.spawn_and_crash, context))
    pids = await pids_of(context)
    await until(lambda: is_gone(pids["child"]))


@in_one_loop
async def test_a_crash_is_noticed_though_a_fork_holds_the_socket(
    executor: ProcessExecutor, context: FakeContext
) -> None:
    with pytest.raises(ProcessDied, match="exit code 4"):
        await executor.execute(call_of(processes.fork_and_crash, context))
    child = (await pids_of(context))["child"]
    assert not is_gone(child)  # it left the group, as a daemon does
    os.kill(child, signal.SIGKILL)


@in_one_loop
async def test_last_words_are_heard(executor: ProcessExecutor, context: FakeContext) -> None:
    with pytest.raises(ProcessDied):
        await executor.execute(call_of(processes.exit_with, context, code=1))
    assert context.written["stdout"] == "last words"
    with pytest.raises(ProcessDied):
        await executor.execute(call_of(processes.crash_in_c, context))
    assert "Fatal Python error: Segmentation fault" in context.written["stderr"]
    assert "in crash_in_c" in context.written["stderr"]


@in_one_loop
async def test_closing_ends_everything_and_more_is_refused(context: FakeContext) -> None:
    executor = ProcessExecutor(3)
    resting = await executor.execute(call_of(processes.pid, context))
    hanging = asyncio.ensure_future(executor.execute(call_of(processes.spawn_and_hang, context)))
    pids = await pids_of(context)
    starting = asyncio.ensure_future(executor.execute(call_of(probes.report, context)))
    await asyncio.sleep(0)
    await executor.close()
    assert isinstance(resting, int)
    assert all(is_gone(pid) for pid in (resting, *pids.values()))
    for task in (hanging, starting):
        with pytest.raises(asyncio.CancelledError):
            await task
    assert context.logged == []
    with pytest.raises(NotPossible, match="closed"):
        await executor.execute(call_of(probes.echo, context, value=1))


@in_one_loop
async def test_a_process_that_cannot_be_started_is_a_failure(
    context: FakeContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    executor = ProcessExecutor(1)
    with monkeypatch.context() as patched:
        patched.setattr(sys, "executable", "/nowhere/python")
        with pytest.raises(FileNotFoundError):
            await executor.execute(call_of(probes.echo, context, value=1))
        patched.setattr(sys, "executable", "/bin/false")
        with pytest.raises(ProcessDied, match="exit code 1"):
            await executor.execute(call_of(probes.echo, context, value=1))
    assert await executor.execute(call_of(probes.echo, context, value=1)) == 1
    await executor.close()


@in_one_loop
async def test_a_system_that_gives_no_thread_fails_the_attempt(
    context: FakeContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    executor = ProcessExecutor(1)
    first = asyncio.ensure_future(executor.execute(call_of(processes.nap, context, seconds=60)))
    second = asyncio.ensure_future(executor.execute(call_of(probes.echo, context, value=1)))
    await started(context)

    def refuse(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", refuse)
        first.cancel()
        for task, error in ((first, asyncio.CancelledError), (second, RuntimeError)):
            with pytest.raises(error):
                await task
        with pytest.raises(RuntimeError, match="new thread"):
            await executor.execute(call_of(probes.echo, context, value=1))
    assert await executor.execute(call_of(probes.echo, context, value=1)) == 1
    await executor.close()


# ---- what it prints and asks ---------------------------------------------------------------------------------


@in_one_loop
async def test_whatever_it_prints_is_its_own(
    executor: ProcessExecutor, context: FakeContext, capfd: pytest.CaptureFixture[str]
) -> None:
    await executor.execute(call_of(processes.print_everywhere, context))
    assert context.written["stdout"] == "python\ndescriptor\nc library\nchild\néunflushed"
    assert context.written["stderr"] == "error \\xff\n"
    assert capfd.readouterr() == ("", "")


@in_one_loop
async def test_much_is_printed_whole_and_before_the_output(executor: ProcessExecutor, context: FakeContext) -> None:
    count = await executor.execute(call_of(processes.print_much, context))
    assert isinstance(count, int)
    assert context.written["stdout"] == "".join(f"line {number:>20}\n" for number in range(count))


@in_one_loop
async def test_a_wrong_call_of_the_context_fails_the_action(executor: ProcessExecutor, context: FakeContext) -> None:
    for function in (processes.log_badly, processes.tell_badly):
        with pytest.raises(TypeError):
            await executor.execute(call_of(function, context))


@in_one_loop
async def test_a_context_that_fails_here_is_a_line_in_the_log(executor: ProcessExecutor, tmp_path: Path) -> None:
    class Broken(FakeContext):
        def progress(self, fraction: float | None, text: str = "") -> None:
            raise OSError("the view is gone")

    context = Broken(tmp_path)
    await executor.execute(call_of(probes.report, context))
    assert ("warning", "progress failed: OSError('the view is gone')") in context.logged


@in_one_loop
async def test_a_context_that_cannot_take_output_fails_the_attempt(executor: ProcessExecutor, tmp_path: Path) -> None:
    class Broken(FakeContext):
        def write(self, text: str, stream: str = "stdout") -> None:
            raise OSError("the log is gone")

    context = Broken(tmp_path)
    with pytest.raises(OSError, match="the log is gone"):
        await executor.execute(call_of(probes.say, context, text="x"))
    assert await executor.execute(call_of(probes.echo, context, value=1)) == 1


@in_one_loop
async def test_a_forked_process_cannot_use_the_context(executor: ProcessExecutor, context: FakeContext) -> None:
    assert await executor.execute(call_of(processes.fork_and_ask, context)) == 7
    assert context.logged == []


@in_one_loop
async def test_threads_of_an_action_ask_at_once(executor: ProcessExecutor, context: FakeContext) -> None:
    """S56"""
    assert await executor.execute(call_of(processes.once_in_threads, context)) == ["a", "b"]
    assert context.journal == {"a": "a", "b": "b"}


# ---- the owner's death -----------------------------------------------------------------------------------------

OWNER = """
import asyncio, json, os, sys
from pathlib import Path
sys.path.insert(0, os.getcwd())
from ergon.actions.action import Action
from ergon.adapters.executors.process import ProcessExecutor
from ergon.ports import Call
from ergon.testing.context import FakeContext
from tests.unit.adapters.executors import processes
from tests.unit.adapters.executors.calls import call_of, in_one_loop

told = asyncio.Event()

class Telling(FakeContext):
    def emit(self, type, data):
        print(json.dumps(dict(data)), flush=True)
        loop.call_soon_threadsafe(told.set)

async def main(function, then):
    global loop
    loop = asyncio.get_running_loop()
    executor = ProcessExecutor(1)
    call = Call(Action(getattr(processes, function), name=f"{processes.__name__}:{function}"), {}, Telling(Path(".")))
    task = asyncio.ensure_future(executor.execute(call))
    await told.wait()
    if then == "stay":
        await task

asyncio.run(main(*sys.argv[1:]))
"""


@pytest.mark.parametrize("function", ["spawn_and_hang", "spawn_and_keep_the_interpreter"])
def test_nothing_outlives_an_owner_that_is_killed(function: str) -> None:
    """S35: also not what the action started, also not while C code keeps the interpreter from running."""
    command = [sys.executable, "-c", OWNER, function, "stay"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as owner:
        assert owner.stdout is not None
        pids = json.loads(owner.stdout.readline())
        guards = [each.pid for each in psutil.Process(owner.pid).children() if each.pid != pids["worker"]]
        owner.kill()
    limit = time.monotonic() + 10
    while not all(is_gone(pid) for pid in (*pids.values(), *guards)):
        assert time.monotonic() < limit, "something lives on"
        time.sleep(0.01)
    assert len(guards) == 1


def test_an_owner_that_just_ends_leaves_nothing_behind_and_is_not_held_up() -> None:
    """S35"""
    command = [sys.executable, "-c", OWNER, "spawn_and_hang", "leave"]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, timeout=60)
    assert done.returncode == 0
    pids = json.loads(done.stdout)
    limit = time.monotonic() + 10
    while not all(is_gone(pid) for pid in pids.values()):
        assert time.monotonic() < limit, "something lives on"
        time.sleep(0.01)
