"""Preload: imports the chosen modules, and refuses by name what a fork could not carry over."""

from __future__ import annotations

import contextlib
import gc
import importlib
import os
import sys
import sysconfig
import threading
from collections.abc import Mapping, Sequence
from typing import Final

KERNEL: Final = (
    "ipykernel.kernelapp",
    "ipykernel.ipkernel",
    "ipykernel.zmqshell",
    "ipykernel.debugger",
    "ipykernel.subshell_manager",
    "IPython.core.completer",
    "IPython.core.completerlib",
    "IPython.core.debugger",
    "IPython.core.debugger_backport",
    "IPython.core.oinspect",
    "IPython.extensions.storemagic",
    "tornado.platform.asyncio",
    "tornado.queues",
    "psutil",
    "faulthandler",
    "pdb",
    "resource",
    "sqlite3",
)
"""What an IPython kernel imports while it starts; debugpy comes with the debugger, where it is installed."""


class UncarriedError(Exception):
    """A module left something that a fork cannot carry over."""

    def __init__(self, module: str, reason: str) -> None:
        super().__init__(module, reason)
        self.module, self.reason = module, reason


def load_kernel() -> None:
    """Import what every kernel needs, and find out now what they would all find out."""
    for name in KERNEL:
        with contextlib.suppress(ImportError):
            importlib.import_module(name)
    from jupyter_client.localinterfaces import localhost

    localhost()


def load(names: Sequence[str], refused: Mapping[str, str]) -> tuple[list[str], dict[str, str]]:
    """Import modules but those that were refused; gives what is loaded, and what is not with the reason.

    Raises `UncarriedError` for a module that cannot be loaded before a fork: this process has to begin anew without it.
    """
    loaded, failed = [], dict(refused)
    for name in names:
        if name in failed:
            continue
        before = _uncarried()
        try:
            importlib.import_module(name)
        except Exception as error:  # whatever a module raises is a fault of that module
            failed[name] = f"it cannot be imported: {type(error).__name__}: {error}"
        else:
            loaded.append(name)
        if new := [what for what in _uncarried() if what not in before]:
            raise UncarriedError(name, f"it leaves {new[0]}, which a fork cannot carry over")
    return loaded, failed


def _uncarried() -> list[str]:
    """Name what is there that a fork could not carry over."""
    found = [f"the thread '{thread.name}'" for thread in threading.enumerate()[1:]]
    for task in os.listdir("/proc/self/task"):
        if task != str(os.getpid()):
            with contextlib.suppress(OSError), open(f"/proc/self/task/{task}/comm") as comm:
                found.append(f"the thread '{comm.read().strip()}'")
    for module, kind, words in (
        ("zmq", "Context", "a ZMQ context"),
        ("asyncio", "BaseEventLoop", "an event loop"),
        ("sqlite3", "Connection", "a connection to SQLite"),
    ):
        if module in sys.modules and (wanted := getattr(sys.modules[module], kind, None)) is not None:
            found += [words for each in gc.get_objects() if issubclass(type(each), wanted)][:1]
    return found


def stamps() -> dict[str, int]:
    """Give the times at which the files of the loaded modules were changed, and their folders' of packages."""
    standard = sysconfig.get_path("stdlib")
    files = {getattr(module, "__file__", None) for module in list(sys.modules.values())}
    own = {file for file in files if file and (not file.startswith(standard) or "-packages" in file)}
    return {place: _changed(place) for place in own | set(sys.path)}


def changed(known: Mapping[str, int]) -> str:
    """Name a file or folder that was changed since; empty if none was."""
    return next((place for place, time in known.items() if _changed(place) != time), "")


def _changed(place: str) -> int:
    try:
        return os.stat(place).st_mtime_ns
    except OSError:
        return 0
