"""Guard: it ends the groups of an owner that is gone, and only those."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator

import psutil
import pytest

from ergon.adapters.executors.guard import Guard


def wait_until(condition: Callable[[], bool]) -> None:
    limit = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < limit, "it did not happen in time"
        time.sleep(0.005)


@pytest.fixture
def groups() -> Iterator[list[subprocess.Popen[bytes]]]:
    """Three processes that would sleep for an hour, each in a group of its own."""
    processes = [subprocess.Popen(["sleep", "3600"], start_new_session=True) for _ in range(3)]
    yield processes
    for process in processes:
        process.kill()
        process.wait()


def shells() -> list[psutil.Process]:
    return [each for each in psutil.Process().children() if each.name() in {"sh", "dash", "bash"}]


def test_what_was_not_removed_ends_with_the_owners_pipe(groups: list[subprocess.Popen[bytes]]) -> None:
    """S35"""
    guard = Guard()
    for process in groups:
        guard.add(process.pid)
    guard.remove(groups[1].pid)
    guard.close()
    assert [groups[0].wait(10), groups[2].wait(10)] == [-9, -9]
    assert groups[1].poll() is None


def test_a_guard_with_nothing_to_do_starts_nothing() -> None:
    before = len(shells())
    guard = Guard()
    guard.remove(1)
    guard.close()
    assert len(shells()) == before


def test_a_guard_that_was_killed_is_replaced(groups: list[subprocess.Popen[bytes]]) -> None:
    before = {each.pid for each in shells()}
    guard = Guard()
    guard.add(groups[0].pid)
    (shell,) = [each for each in shells() if each.pid not in before]
    shell.kill()
    wait_until(lambda: shell.status() == psutil.STATUS_ZOMBIE)
    guard.add(groups[1].pid)
    guard.close()
    assert [groups[0].wait(10), groups[1].wait(10)] == [-9, -9]


OWNER = """
import sys, time
from ergon.adapters.executors.guard import Guard
guard = Guard()
guard.add(int(sys.argv[1]))
print("ready", flush=True)
time.sleep(3600)
"""


def test_an_owner_that_is_killed_takes_its_groups_along(groups: list[subprocess.Popen[bytes]]) -> None:
    """S35"""
    command = [sys.executable, "-c", OWNER, str(groups[0].pid)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as owner:
        assert owner.stdout is not None
        assert owner.stdout.readline() == "ready\n"
        assert groups[0].poll() is None
        owner.kill()
    assert groups[0].wait(10) == -9
    assert groups[1].poll() is None
