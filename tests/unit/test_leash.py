"""The guard behind the leash; what it is for is shown in test_shell.py."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable

import psutil
import pytest

from ergon import leash
from ergon.leash import Leash, _Guard, await_end, end_group


def spawn(held: Leash, *argv: str) -> subprocess.Popen[bytes]:
    process = subprocess.Popen(held.command(argv), stdin=held.stdin, stdout=subprocess.PIPE, start_new_session=True)
    held.spawned()
    return process


def until(condition: Callable[[], object]) -> None:
    limit = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < limit
        time.sleep(0.005)


def test_a_child_that_is_never_let_go_ends_without_having_begun() -> None:
    held = Leash()
    with spawn(held, "echo", "begun") as process:
        held.release()
        assert process.communicate()[0] == b""
    assert process.returncode == 125


def test_the_end_of_a_child_is_seen_before_it_is_reaped() -> None:
    for command, code in (("exit 7", 7), ("kill -9 $$", -9)):
        held = Leash()
        with spawn(held, "sh", "-c", command) as process:
            held.go(process.pid)
            assert await_end(process.pid) == code
            os.kill(process.pid, 0)  # its number is still its own
            held.release()
            assert process.wait() == code
    assert await_end(process.pid) is None


def test_releasing_twice_does_nothing_more() -> None:
    held = Leash()
    with spawn(held, "true") as process:
        held.go(process.pid)
        held.release()
        held.release()


def test_ending_a_group_that_is_gone_does_nothing() -> None:
    with subprocess.Popen(["true"], start_new_session=True) as process:
        process.wait()
    end_group(process.pid)
    end_group(process.pid, force=True)


def test_a_guard_kills_what_was_not_released_and_only_that() -> None:
    guard = _Guard()
    with (
        subprocess.Popen(["sleep", "100"], start_new_session=True) as kept,
        subprocess.Popen(["sleep", "100"], start_new_session=True) as freed,
        subprocess.Popen(["sleep", "100"], start_new_session=True) as also,
    ):
        for each in (kept, freed, also):
            guard.hold(each.pid)
        guard.release(freed.pid)
        guard.release(freed.pid)
        guard.close()
        assert (kept.wait(20), also.wait(20)) == (-9, -9)
        assert freed.poll() is None
        freed.kill()


def test_a_guard_that_was_killed_is_replaced_and_knows_what_is_held() -> None:
    guard = _Guard()
    with subprocess.Popen(["sleep", "100"], start_new_session=True) as first:
        guard.hold(first.pid)
        assert guard._process is not None
        guard._process.kill()
        guard._process.wait()
        with subprocess.Popen(["sleep", "100"], start_new_session=True) as second:
            guard.hold(second.pid)
            guard.close()
            assert (first.wait(20), second.wait(20)) == (-9, -9)


def test_the_guard_lives_through_signals_to_its_session() -> None:
    guard = _Guard()
    guard.hold(2**22 + 1)
    assert guard._process is not None
    for sign in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        guard._process.send_signal(sign)
    guard.hold(2**22 + 2)
    assert guard._process.poll() is None
    guard.release(2**22 + 1)
    guard.release(2**22 + 2)
    guard.close()


def test_a_fork_lets_go_of_the_guard() -> None:
    program = """
import os, subprocess, sys
from ergon.leash import Leash, _guard
child = subprocess.Popen(["sleep", "100"], start_new_session=True)
_guard.hold(child.pid)
pid = os.fork()
if pid == 0:
    assert _guard._process is None
    os._exit(0)
os.waitpid(pid, 0)
print(child.pid, flush=True)
os.kill(os.getpid(), 9)
"""
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", program], capture_output=True, text=True)
    assert done.returncode == -9, done.stderr
    pid = int(done.stdout)
    until(lambda: not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE)


def test_where_there_is_no_shell_the_command_runs_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leash, "_CAN_GUARD", False)
    held = Leash()
    assert held.command(["echo", "hi"]) == ["echo", "hi"]
    with spawn(held, "echo", "hi") as process:
        held.go(process.pid)
        assert process.communicate()[0] == b"hi\n"
        held.release()
