"""What everything that gives kernels must do (S35)."""

from __future__ import annotations

import abc
import contextlib
import json
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from queue import Empty
from typing import Any

import psutil
import pytest
from jupyter_client.blocking.client import BlockingKernelClient  # noqa: TID253  # a suite for the tests of adapters

from ergon.errors import ActionFailed
from ergon.ports import KERNEL_OUTPUTS, Kernel, KernelRequest, Kernels

FACTS = """
import json as _json, os as _os, sys as _sys
_ip = get_ipython()
print(_json.dumps({
    "cwd": _os.getcwd(), "environ": dict(_os.environ), "path": _sys.path, "argv": _sys.argv[1:2] + _sys.argv[3:],
    "argv0": _sys.argv[0], "main": __name__, "In": In, "Out": list(Out), "count": _ip.execution_count,
    "names": sorted(name for name in _ip.user_ns if name not in ("_json", "_os", "_sys", "_ip")),
    "history": str(_ip.history_manager.hist_file), "executable": _sys.executable, "flags": list(_sys.flags),
    "group": _os.getpgid(0) == _os.getpid(), "session": _os.getsid(0) == _os.getpid(),
    "umask": (lambda mask: (_os.umask(mask), mask)[1])(_os.umask(0)), "stdin": _sys.__stdin__.read(1),
    "encoding": _sys.stdout.encoding,
}))
"""
"""A cell that prints all by which a kernel could be told from another."""


class Talk:
    """A conversation with a kernel."""

    def __init__(self, kernel: Kernel) -> None:
        self.kernel = kernel
        self.client: Any = BlockingKernelClient()
        connection: Any = dict(kernel.connection)
        self.client.load_connection_info(connection)
        self.client.start_channels()

    def ready(self, seconds: float = 60.0) -> None:
        """Wait until it answers."""
        limit = time.monotonic() + seconds
        while True:
            self.client.kernel_info()
            with contextlib.suppress(Empty):
                self.client.get_shell_msg(timeout=1)
                self.client.get_iopub_msg(timeout=1)  # before that, what it prints may pass us by
                self.output(self.client.execute("", silent=True))  # and it has answered all that was asked of it
                return
            assert self.kernel.alive(), self.kernel.last_words()
            assert time.monotonic() < limit, "the kernel does not answer"

    def run(self, code: str, seconds: float = 60.0) -> str:
        """Run code and give what it printed, errors included."""
        request = self.client.execute(code, allow_stdin=False)
        return self.output(request, seconds)

    def output(self, request: str, seconds: float = 60.0) -> str:
        """Give what a request has printed, when it has ended."""
        printed = ""
        while True:
            message = self.client.get_iopub_msg(timeout=seconds)
            if message["parent_header"].get("msg_id") != request:
                continue
            content = message["content"]
            if message["msg_type"] == "stream":
                printed += content["text"]
            elif message["msg_type"] == "error":
                printed += f"{content['ename']}: {content['evalue']}"
            elif content.get("execution_state") == "idle":
                return printed

    def facts(self) -> dict[str, Any]:
        """Give all by which the kernel could be told from another, as printed by its first cell."""
        found: dict[str, Any] = json.loads(self.run(FACTS))
        for name in ("_", "PWD"):  # the shell's that held it back
            found["environ"].pop(name, None)
        outputs = found["environ"].pop(KERNEL_OUTPUTS)
        assert outputs == str(self.kernel.outputs)
        return found

    def goodbye(self) -> None:
        """Ask it to end."""
        self.client.shutdown()


@contextlib.contextmanager
def talking(kernel: Kernel) -> Iterator[Talk]:
    """Talk to a kernel that answers; it is ended afterwards."""
    talk = Talk(kernel)
    try:
        talk.ready()
        yield talk
    finally:
        talk.client.stop_channels()
        talk.client.context.destroy(linger=0)
        kernel.end()


def gone(pid: int) -> bool:
    """Say whether a process has ended."""
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def until(condition: Callable[[], object], seconds: float = 30.0) -> None:
    """Wait until something is so."""
    limit = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < limit, "it did not happen in time"
        time.sleep(0.01)


def nobody(pid: int) -> None:
    """Take note of a pid, and do nothing."""


class KernelsContract(abc.ABC):
    """Subclass as `TestMine` and give the fixture `kernels`, which may give kernels of `python3`."""

    @pytest.fixture
    @abc.abstractmethod
    def kernels(self, tmp_path: Path) -> Iterator[Kernels]:
        """Give an adapter, and close it."""

    @pytest.fixture
    def request_(self, tmp_path: Path) -> KernelRequest:
        """Give a request for a kernel in a folder of its own, with a variable of its own."""
        (tmp_path / "work").mkdir()
        environment = {**os.environ, "ERGON_CONTRACT": "é=1", "PYTHONPATH": str(tmp_path)}
        return KernelRequest("python3", tmp_path / "work", environment)

    def test_it_runs_where_and_with_what_was_asked_for(self, kernels: Kernels, request_: KernelRequest) -> None:
        told: list[int] = []
        kernel = kernels.acquire(request_, told.append)
        with talking(kernel) as talk:
            assert told == [kernel.pid]
            facts = talk.facts()
            assert facts["cwd"] == str(request_.folder)
            assert facts["environ"]["ERGON_CONTRACT"] == "é=1"
            assert {"", request_.environment["PYTHONPATH"]} <= set(facts["path"])
            assert facts["group"]
            assert facts["session"], "S35: it leads a session of its own"
            assert (facts["In"][:1], len(facts["In"]), facts["Out"], facts["count"]) == ([""], 2, [], 2)
            assert facts["history"] == ":memory:"
            assert facts["names"] == sorted(set(facts["names"]) & _NAMES)

    def test_it_hands_over_what_its_notebook_left(
        self, kernels: Kernels, request_: KernelRequest, tmp_path: Path
    ) -> None:
        kernel = kernels.acquire(request_, nobody)
        with talking(kernel) as talk:
            talk.run(f"import os; open(os.environ['{KERNEL_OUTPUTS}'] + '/a.json', 'w').write('1')")
            talk.run("import atexit; atexit.register(lambda: open('bye', 'w').close())")
            talk.goodbye()
            (tmp_path / "handover").mkdir()
            kernel.end(grace=30, handover=tmp_path / "handover")
        assert (tmp_path / "handover/a.json").read_text() == "1"
        assert (request_.folder / "bye").exists(), "it could do what it does at its exit"
        assert not kernel.outputs.parent.exists()
        assert not kernel.alive()
        assert kernel.last_words() == "its process ended with code 0"

    def test_s35_it_is_ended_with_all_that_it_started(self, kernels: Kernels, request_: KernelRequest) -> None:
        kernel = kernels.acquire(request_, nobody)
        with talking(kernel) as talk:
            child = int(talk.run("import subprocess; print(subprocess.Popen(['sleep', '100']).pid)"))
            assert kernel.alive()
        until(lambda: gone(child) and kernel.pid is not None and gone(kernel.pid))
        kernel.end()
        kernel.kill()
        kernel.interrupt()
        assert not kernel.alive()

    def test_it_is_interrupted_with_what_it_started(self, kernels: Kernels, request_: KernelRequest) -> None:
        with talking(kernels.acquire(request_, nobody)) as talk:
            code = (
                "import subprocess\nchild = subprocess.Popen(['sleep', '100'])\nprint('on', flush=True)\nchild.wait()"
            )
            request = talk.client.execute(code)
            while talk.client.get_iopub_msg(timeout=60)["msg_type"] != "stream":
                pass
            talk.kernel.interrupt()
            assert "KeyboardInterrupt" in talk.output(request)
            assert talk.run("print(1)") == "1\n", "it lives on"
            until(lambda: all(gone(child.pid) for child in psutil.Process(talk.kernel.pid).children()))

    def test_it_says_how_it_ended(self, kernels: Kernels, request_: KernelRequest) -> None:
        kernel = kernels.acquire(request_, nobody)
        with talking(kernel) as talk:
            talk.client.execute("import os; os.write(2, b'no licence'); os._exit(3)")
            until(lambda: not kernel.alive())
            assert kernel.last_words().startswith("its process ended with code 3")
        kernel = kernels.acquire(request_, nobody)
        with talking(kernel):
            kernel.kill()
            until(lambda: not kernel.alive())
            assert kernel.last_words() == "its process was ended by SIGKILL, as happens when memory runs out"

    def test_each_is_fresh(self, kernels: Kernels, request_: KernelRequest) -> None:
        draw = "import random, os, uuid; print(random.random(), uuid.uuid4(), os.urandom(4).hex())"
        with talking(kernels.acquire(request_, nobody)) as first, talking(kernels.acquire(request_, nobody)) as second:
            assert first.kernel.pid != second.kernel.pid
            first.run("x = 1")
            assert second.run("print(x)").startswith("NameError")
            assert len({*first.run(draw).split(), *second.run(draw).split()}) == 6

    def test_what_its_pid_cannot_be_told_to_ends_it(self, kernels: Kernels, request_: KernelRequest) -> None:
        told: list[int] = []

        def refuse(pid: int) -> None:
            told.append(pid)
            raise ActionFailed("The journal is full.")

        with pytest.raises(ActionFailed, match="journal"):
            kernels.acquire(request_, refuse)
        until(lambda: gone(told[0]))

    def test_a_kernel_that_is_not_installed_is_told(self, kernels: Kernels, request_: KernelRequest) -> None:
        with pytest.raises(ActionFailed, match=r"There is no kernel 'klingon'\. Installed are: .*python3"):
            kernels.acquire(KernelRequest("klingon", request_.folder, request_.environment), nobody)


_NAMES = {
    *("In", "Out", "__", "___", "__builtin__", "__builtins__", "__doc__", "__loader__", "__name__", "__package__"),
    *("__spec__", "__session__", "_", "_dh", "_i", "_i1", "_ih", "_ii", "_iii", "_oh", "exit", "get_ipython", "open"),
    "quit",
}
"""What a kernel's namespace holds while it runs its first cell."""
