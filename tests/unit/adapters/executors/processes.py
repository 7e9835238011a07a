"""Actions for the tests of processes, in a module that a child process can import."""

# ruff: noqa: T201  # what is printed is what is tested

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from types import ModuleType

from ergon.ports import Context

BIG = 10 << 20


def identify() -> dict[str, object]:
    return {
        "pid": os.getpid(),
        "session": os.getsid(0),
        "command": sys.orig_argv[1:4],
        "arguments": sys.argv[1:],
        "thread": threading.current_thread() is threading.main_thread(),
    }


def pid() -> int:
    return os.getpid()


def nap(ctx: Context, seconds: float) -> int:
    ctx.emit("started", {})
    time.sleep(seconds)
    return os.getpid()


# ---- what it leaves behind


def leave_folder() -> int:
    os.chdir("/")
    return os.getpid()


def leave_variable() -> int:
    os.environ["LEFT_BEHIND"] = "yes"
    return os.getpid()


def leave_thread() -> int:
    threading.Thread(target=time.sleep, args=(3600,), daemon=True).start()
    return os.getpid()


def leave_child() -> tuple[int, int]:
    return os.getpid(), subprocess.Popen(["sleep", "3600"]).pid


def leave_by_exit(ctx: Context) -> int:
    ctx.log(str(os.getpid()))
    sys.exit("enough")


# ---- how it ends


def spawn_and_hang(ctx: Context) -> None:
    child = subprocess.Popen(["sleep", "3600"])
    ctx.emit("pids", {"worker": os.getpid(), "child": child.pid})
    time.sleep(3600)


def spawn_and_keep_the_interpreter(ctx: Context) -> None:
    """Run C code that lets no thread of Python run meanwhile."""
    child = subprocess.Popen(["sleep", "3600"])
    ctx.emit("pids", {"worker": os.getpid(), "child": child.pid})
    ctypes.PyDLL(None).sleep(3600)


def spawn_and_crash(ctx: Context) -> None:
    child = subprocess.Popen(["sleep", "3600"])
    ctx.emit("pids", {"worker": os.getpid(), "child": child.pid})
    os._exit(3)


def clean_up_when_told(ctx: Context, file: Path) -> None:
    ctx.on_cancel(lambda: Path(f"{file}.told").touch())
    ctx.emit("started", {})
    try:
        time.sleep(3600)
    finally:
        file.write_text(f"cancelled: {ctx.cancelled}", encoding="utf-8")


async def clean_up_async(ctx: Context, file: Path) -> None:
    ctx.emit("started", {})
    try:
        await asyncio.sleep(3600)
    finally:
        await asyncio.to_thread(file.write_text, f"cancelled: {ctx.cancelled}", encoding="utf-8")


def ignore_sigterm(ctx: Context) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    ctx.emit("pids", {"worker": os.getpid()})
    while True:
        print("still here", flush=True)
        time.sleep(0.01)


def stop_oneself(ctx: Context) -> None:
    ctx.emit("pids", {"worker": os.getpid()})
    os.kill(os.getpid(), signal.SIGSTOP)


def exit_with(code: int) -> None:
    print("last words", end="", flush=True)
    os._exit(code)


def kill_oneself(number: int) -> None:
    os.kill(os.getpid(), number)
    time.sleep(3600)


def crash_in_c() -> None:
    ctypes.string_at(0)


def close_everything() -> None:
    """Close the descriptors of others, as some programs do before they start another."""
    os.closerange(3, 256)


def fork_and_ask(ctx: Context) -> int:
    child = os.fork()
    if child == 0:
        code = 1
        with contextlib.suppress(RuntimeError):
            ctx.log("from the fork")
            code = 2
        os._exit(7 if code == 1 else code)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def fork_and_crash(ctx: Context) -> None:
    """Leave a process behind, out of the group, that holds whatever this one had open."""
    child = os.fork()
    if child == 0:
        os.setsid()
        time.sleep(3600)
    ctx.emit("pids", {"child": child})
    os._exit(4)


# ---- what it gives


def give_lambda() -> dict[str, object]:
    return {"rows": [1, lambda: 2], "good": 1}


def give_stranger() -> object:
    module = sys.modules["only_in_the_child"] = ModuleType("only_in_the_child")
    exec("class Stranger: pass", module.__dict__)
    stranger: object = module.Stranger()
    return stranger


class Unpicklable(Exception):  # noqa: N818  # named for what it is
    def __reduce__(self) -> str:
        raise TypeError("not this one")


class NeedsTwo(Exception):  # noqa: N818  # named for what it is
    """Its arguments are not those of its constructor, so that unpickling it fails."""

    def __init__(self, one: int, two: int) -> None:
        super().__init__(f"{one} and {two}")


def raise_unpicklable() -> None:
    raise Unpicklable("words")


def raise_needs_two() -> None:
    raise NeedsTwo(1, 2)


def reverse(data: bytes) -> bytes:
    return data[::-1]


# ---- what it prints


def print_everywhere() -> None:
    print("python")
    os.write(1, b"descriptor\n")
    ctypes.CDLL(None).puts(b"c library")
    ctypes.CDLL(None).fflush(None)
    subprocess.run(["echo", "child"], check=True)
    for part in "é".encode():
        os.write(1, bytes([part]))
        time.sleep(0.05)
    os.write(2, b"error \xff\n")
    ctypes.CDLL(None).printf(b"unflushed")


def print_much() -> int:
    for number in range(40_000):
        print(f"line {number:>20}")
    return 40_000


def log_badly(ctx: Context) -> str:
    ctx.emit("mine", None)  # type: ignore[arg-type]
    return "went on"


def tell_badly(ctx: Context) -> str:
    ctx.progress("far", "away", "too many")  # type: ignore[call-arg, arg-type]
    return "went on"


def once_in_threads(ctx: Context) -> list[object]:
    """Ask for two values at once, each of whose functions waits for the other to be asked for."""
    both = threading.Barrier(2, timeout=30)
    values: list[object] = []

    def make(value: str) -> str:
        both.wait()
        return value

    def ask(key: str) -> None:
        values.append(ctx.once(key, lambda: make(key)))

    threads = [threading.Thread(target=ask, args=(key,)) for key in ("a", "b")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sorted(values, key=str)


def once_and_die(ctx: Context) -> object:
    return ctx.once("key", lambda: os._exit(5))
