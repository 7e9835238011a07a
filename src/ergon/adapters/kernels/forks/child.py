"""Child: turns a fork into the kernel that was asked for, before IPython starts."""

from __future__ import annotations

import atexit
import contextlib
import ctypes
import gc
import importlib.util
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from ergon.adapters.kernels.forks import numeric
from ergon.adapters.kernels.forks.wire import send

_DIE_WITH_PARENT: Final = 1
_HANG_UP: Final = 2.0
_PORTS: Final = ("shell_port", "iopub_port", "stdin_port", "control_port", "hb_port")
_prctl: Final = ctypes.CDLL(None, use_errno=True).prctl


def run_kernel(
    request: Mapping[str, Any],
    *,
    connection: socket.socket,
    output: Sequence[int],
    go: int,
    server: int,
    setters: list[numeric.Setter],
) -> int:
    """Be a kernel until it ends; gives its exit code. Everything of the server but these files is closed already."""

    def bound(app: Any) -> None:
        _report(connection, go, {"bound": {name: getattr(app, name) for name in _PORTS}})

    try:
        _detach(server, output)
        _settle(request, setters)
        app = _start(request["arguments"], bound)
    except BaseException as error:
        _report(connection, go, {"failed": f"{type(error).__name__}: {error}"})
        raise
    try:
        app.start()
    except SystemExit as leaving:
        return _code(leaving)
    finally:
        _hang_up(app)
    return 0


def _hang_up(app: Any) -> None:
    """Let the control channel's thread end before what it prints to: it would wait 10 s for that in vain."""
    with contextlib.suppress(Exception):
        app.control_thread.stop()
        app.control_thread.join(_HANG_UP)


def leave(code: int) -> None:
    """End as a process does, but for the server's memory, which nobody needs to be taken apart."""
    with contextlib.suppress(BaseException):
        threading._shutdown()  # type: ignore[attr-defined]  # as the interpreter does: waits for threads of the user
    with contextlib.suppress(BaseException):
        atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(BaseException):
            stream.flush()
    os._exit(code)


def _detach(server: int, output: Sequence[int]) -> None:
    """Have a session of its own, die with the server, and read and write where the kernel was asked to."""
    os.setsid()
    _prctl(_DIE_WITH_PARENT, signal.SIGKILL)
    if os.getppid() != server:
        os._exit(1)
    for number in (signal.SIGTERM, signal.SIGCHLD, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    nothing = os.open(os.devnull, os.O_RDONLY)
    for target, file in enumerate((nothing, *output)):
        os.dup2(file, target)
    for file in {nothing, *output}:
        if file > 2:
            os.close(file)


def _settle(request: Mapping[str, Any], setters: list[numeric.Setter]) -> None:
    """Take on the folder and environment that were asked for, and be unlike other children."""
    os.chdir(request["folder"])
    os.environ.clear()
    os.environ.update(request["environment"])
    os.umask(request["umask"])
    time.tzset()
    numeric.spread(setters, request["environment"])
    numeric.reseed()
    gc.enable()
    launcher = importlib.util.find_spec("ipykernel_launcher")
    sys.argv = [str(launcher.origin) if launcher else "ipykernel_launcher", *request["arguments"]]


def _start(arguments: list[str], bound: Callable[[Any], None]) -> Any:
    """Start what `python -m ipykernel_launcher` would; `bound` is called as soon as its ports are."""
    from ipykernel.kernelapp import IPKernelApp

    app: Any = IPKernelApp.instance(parent_handle=os.getppid())
    write = app.write_connection_file

    def written(**more: object) -> None:
        write(**more)
        bound(app)

    app.write_connection_file = written  # what a kernel does when its ports are bound
    app.initialize(arguments)
    del app.write_connection_file
    return app


def _report(connection: socket.socket, go: int, message: Mapping[str, object]) -> None:
    """Tell whoever asked, once, when the server has told them the pid."""
    if connection.fileno() < 0:
        return
    os.read(go, 1)
    os.close(go)
    with contextlib.suppress(OSError):
        send(connection, message)
    connection.close()


def _code(leaving: SystemExit) -> int:
    if leaving.code is None or isinstance(leaving.code, int):
        return int(leaving.code or 0)
    sys.stderr.write(f"{leaving.code}\n")
    return 1
