"""The fork server and its children: one test for each thing that goes wrong with forks."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from ergon.adapters.kernels.forked import ForkedKernels, command_of, platform_forbids
from ergon.adapters.kernels.forks.client import ForkServer
from ergon.adapters.kernels.spawned import SpawnedKernels
from ergon.ports import Kernel, KernelRequest
from ergon.testing.contracts.kernels import Talk, gone, nobody, talking, until

pytestmark = pytest.mark.skipif(bool(platform_forbids()), reason=platform_forbids())


@contextlib.contextmanager
def forked(server: ForkServer, folder: Path, **environment: str) -> Iterator[Talk]:
    with talking(acquired(server, folder, **environment)) as talk:
        assert talk.kernel.origin == "fork"
        yield talk


def acquired(server: ForkServer, folder: Path, **environment: str) -> Kernel:
    kernels = ForkedKernels(server, otherwise=SpawnedKernels(folder=folder / "k"), folder=folder / "k")
    return kernels.acquire(KernelRequest("python3", folder, {**os.environ, **environment}), nobody)


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Give the file of a module `chosen` that a server can load."""
    folder = tmp_path / "modules"
    folder.mkdir()
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(folder), os.environ.get("PYTHONPATH", "")]).strip(":"))
    yield folder / "chosen.py"
    for process in psutil.process_iter(["cmdline"]):
        if str(tmp_path) in " ".join(process.info["cmdline"] or ()):
            process.terminate()


def server_of(tmp_path: Path, *preload: str, idle: float = 20.0) -> ForkServer:
    return ForkServer(preload=preload, idle=idle, folder=tmp_path / "s")


# ---- before the fork -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        (
            "import threading, time\nthreading.Thread(target=time.sleep, args=(9,), name='t9', daemon=True).start()",
            "t9",
        ),
        ("import zmq\nkept = zmq.Context()", "a ZMQ context"),
        ("import asyncio\nkept = asyncio.new_event_loop()", "an event loop"),
        ("import sqlite3\nkept = sqlite3.connect(':memory:')", "a connection to SQLite"),
    ],
)
def test_what_a_fork_cannot_carry_over_is_refused_by_name(tmp_path: Path, module: Path, code: str, reason: str) -> None:
    module.write_text(code)
    server = server_of(tmp_path, "chosen", "colorsys")
    facts = server.facts(os.environ)
    assert facts["preloaded"] == ["colorsys"]
    assert list(facts["refused"]) == ["chosen"]
    assert reason in facts["refused"]["chosen"]
    with forked(server, tmp_path) as talk:
        assert talk.run("import sys; print('chosen' in sys.modules, 'colorsys' in sys.modules)") == "False True\n"


def test_what_cannot_be_imported_is_refused_by_name(tmp_path: Path, module: Path) -> None:
    module.write_text("raise ValueError('no licence')")
    facts = server_of(tmp_path, "chosen", "no_such_module").facts(os.environ)
    assert facts["refused"] == {
        "chosen": "it cannot be imported: ValueError: no licence",
        "no_such_module": "it cannot be imported: ModuleNotFoundError: No module named 'no_such_module'",
    }


def test_pandas_and_its_like_can_be_loaded_before_a_fork(tmp_path: Path, module: Path) -> None:
    server = server_of(tmp_path, "numpy", "pandas", "matplotlib.pyplot")
    facts = server.facts(os.environ)
    assert (facts["preloaded"], facts["refused"]) == (["numpy", "pandas", "matplotlib.pyplot"], {})
    assert len(psutil.Process(facts["pid"]).threads()) == 1, "libraries for linear algebra have one thread"
    draw = "import numpy; print(numpy.random.rand(), numpy.random.default_rng().random())"
    with forked(server, tmp_path, MARK="1", OPENBLAS_NUM_THREADS="2") as one, forked(server, tmp_path) as two:
        assert len({*one.run(draw).split(), *two.run(draw).split()}) == 4, "seeds differ"
        product = "a = numpy.random.rand(600, 600); b = a @ a; print(b.shape, len(os.listdir('/proc/self/task')))"
        before = int(one.run("import os; print(len(os.listdir('/proc/self/task')))"))
        assert one.run(product) == f"(600, 600) {before}\n"
        assert "OMP_NUM_THREADS" not in two.run("print(dict(os.environ))")
        request = one.client.execute("import matplotlib.pyplot as plt; plt.plot([1, 2]); plt.show()")
        shown = [one.client.get_iopub_msg(timeout=30) for _ in range(3)]
        while shown[-1]["content"].get("execution_state") != "idle":
            shown.append(one.client.get_iopub_msg(timeout=30))
        images = [message for message in shown if "image/png" in message["content"].get("data", {})]
        assert [image["parent_header"]["msg_id"] for image in images] == [request]


def test_an_edited_module_is_loaded_anew(tmp_path: Path, module: Path) -> None:
    module.write_text("value = 1")
    server = server_of(tmp_path, "chosen")
    first = server.facts(os.environ)
    module.write_text("value = 22")
    os.utime(module, ns=(1, 1))
    with forked(server, tmp_path) as talk:
        assert talk.run("import chosen; print(chosen.value)") == "22\n"
    until(lambda: gone(first["pid"]))


# ---- the child -------------------------------------------------------------------------------------------------


def test_a_fork_has_what_a_new_process_has(fork_server: ForkServer, tmp_path: Path) -> None:
    request = KernelRequest("python3", tmp_path, {**os.environ, "TZ": "Asia/Tokyo"})
    with talking(SpawnedKernels(folder=tmp_path / "k").acquire(request, nobody)) as spawned:
        expected = spawned.facts()
    with forked(fork_server, tmp_path, TZ="Asia/Tokyo") as talk:
        assert talk.facts() == expected
        assert talk.run("import time; print(time.tzname)") == "('JST', 'JST')\n"
        files = talk.run("import os; print(*(os.path.basename(os.readlink(f'/proc/self/fd/{n}')) for n in (0, 1, 2)))")
        assert files == "null kernel.log kernel.log\n"
        sockets = "import psutil; print([c.laddr for c in psutil.Process().net_connections('unix')])"
        assert ".sock" not in talk.run(sockets), "it holds no socket of the server's"


def test_a_forks_debugger_answers(fork_server: ForkServer, tmp_path: Path) -> None:
    with forked(fork_server, tmp_path) as talk:
        assert talk.run("import sys; print('debugpy' in sys.modules)") == "True\n"
        content = {"type": "request", "command": "initialize", "seq": 1, "arguments": {"adapterID": ""}}
        talk.client.control_channel.send(talk.client.session.msg("debug_request", content))
        reply = talk.client.get_control_msg(timeout=60)
        assert reply["content"]["success"] is True


def test_what_it_cannot_start_in_is_told(fork_server: ForkServer, tmp_path: Path) -> None:
    from ergon.adapters.kernels.forks.client import ForkError

    with (tmp_path / "log").open("wb") as log:
        output = (log.fileno(), log.fileno())
        fork = fork_server.fork([], folder=tmp_path / "gone", environment=os.environ, output=output)
    with pytest.raises(ForkError, match=r"did not start: FileNotFoundError"):
        fork.bound()
    assert gone(fork.pid)


# ---- lives and deaths ------------------------------------------------------------------------------------------

ASKER = """
import os, sys
from pathlib import Path
from ergon.adapters.kernels.forked import ForkedKernels
from ergon.adapters.kernels.forks.client import ForkServer
from ergon.adapters.kernels.spawned import SpawnedKernels
from ergon.ports import KernelRequest
from ergon.testing.contracts.kernels import Talk
folder = Path(sys.argv[1])
server = ForkServer(folder=folder / "s", idle=float(sys.argv[2]))
kernels = ForkedKernels(server, otherwise=SpawnedKernels(folder=folder / "k"), folder=folder / "k")
kernel = kernels.acquire(KernelRequest("python3", folder, dict(os.environ)), lambda pid: None)
talk = Talk(kernel)
talk.ready()
child = talk.run("import subprocess; print(subprocess.Popen(['sleep', '100']).pid)")
if os.fork() == 0:  # whoever inherits the connection does not keep the kernel
    os.closerange(0, 3)
    import time; time.sleep(20)
    os._exit(0)
print(kernel.origin, server.facts(os.environ)["pid"], kernel.pid, child, flush=True)
import time; time.sleep(100)
"""


@contextlib.contextmanager
def asker(tmp_path: Path, idle: float = 20.0) -> Iterator[tuple[subprocess.Popen[str], int, int, int]]:
    """Run a process that has a forked kernel; gives it, and the pids of server, kernel and the kernel's child."""
    command = [sys.executable, "-W", "ignore", "-c", ASKER, str(tmp_path), str(idle)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True) as process:
        try:
            assert process.stdout is not None
            origin, *pids = process.stdout.readline().split()
            assert origin == "fork"
            server, kernel, child = map(int, pids)
            yield process, server, kernel, child
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)


def test_s35_it_dies_with_whoever_asked_for_it(tmp_path: Path) -> None:
    with asker(tmp_path, idle=0.5) as (process, server, kernel, child):
        process.kill()
        until(lambda: gone(kernel) and gone(child))
        until(lambda: gone(server))  # it ends when it has been idle for long enough
        assert list((tmp_path / "s").glob("*.sock")) == []


def test_s35_it_dies_with_the_server(tmp_path: Path) -> None:
    with asker(tmp_path) as (process, server, kernel, _):
        os.kill(server, signal.SIGKILL)
        until(lambda: gone(kernel))
        assert process.poll() is None


def test_a_server_that_was_told_to_end_ends_its_kernels(tmp_path: Path) -> None:
    with asker(tmp_path) as (_, server, kernel, child):
        os.kill(server, signal.SIGTERM)
        until(lambda: gone(server) and gone(kernel) and gone(child))


def test_its_socket_is_nobody_elses(fork_server: ForkServer) -> None:
    fork_server.facts(os.environ)
    assert fork_server.folder is not None
    assert stat.S_IMODE(fork_server.folder.stat().st_mode) == 0o700
    modes = {stat.S_IMODE(file.stat().st_mode) for file in fork_server.folder.glob("*.sock")}
    assert modes == {0o600}


def test_many_who_ask_at_once_get_one_server(tmp_path: Path) -> None:
    server = server_of(tmp_path, idle=2.0)
    found: list[int] = []
    threads = [threading.Thread(target=lambda: found.append(server.facts(os.environ)["pid"])) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(found), len(set(found))) == (8, 1)


def test_a_server_that_fails_is_no_reason_to_have_no_kernel(tmp_path: Path) -> None:
    (tmp_path / "s").mkdir()
    server = ForkServer(folder=tmp_path / "s" / ("long" * 40))  # longer than a socket's path can be
    with talking(acquired(server, tmp_path)) as talk:
        assert talk.kernel.origin == "spawned"


# ---- what can be forked ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("argv", "paths", "reason"),
    [
        (["R", "--slave", "-e", "IRkernel::main()"], "", "no Python kernel of this environment"),
        (["/other/bin/python", "-m", "ipykernel_launcher", "-f", "x"], "", "no Python kernel of this environment"),
        (["python", "-m", "xeus_python", "-f", "x"], "", "not started by ipykernel_launcher"),
        (["python", "-m"], "", "not started by ipykernel_launcher"),
        (["python", "-m", "ipykernel_launcher"], "/a:src", "PYTHONPATH has parts"),
        ([], "", "no Python kernel"),
    ],
)
def test_what_cannot_be_forked_is_known(argv: list[str], paths: str, reason: str) -> None:
    found = command_of(argv, {"PYTHONPATH": paths})
    assert isinstance(found, str)
    assert reason in found


def test_a_command_line_is_read() -> None:
    argv = [sys.executable, "-Xfrozen_modules=off", "-m", "ipykernel_launcher", "-f", "{connection_file}", "--debug"]
    found = command_of(argv, {"PYTHONPATH": "/a:/b"})
    assert not isinstance(found, str)
    assert found.options == ("-Xfrozen_modules=off",)
    assert found.arguments == ("-f", "{connection_file}", "--debug")


def test_the_options_of_the_interpreter_hold(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spec = tmp_path / "jupyter/kernels/ergontest"
    spec.mkdir(parents=True)
    argv = ["python", "-Xfrozen_modules=off", "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    (spec / "kernel.json").write_text(json.dumps({"argv": argv, "display_name": "x", "language": "python"}))
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path / "jupyter"))
    server = server_of(tmp_path, idle=1.0)
    kernels = ForkedKernels(server, otherwise=SpawnedKernels(folder=tmp_path / "k"), folder=tmp_path / "k")
    with talking(kernels.acquire(KernelRequest("ergontest", tmp_path, dict(os.environ)), nobody)) as talk:
        assert talk.kernel.origin == "fork"
        assert talk.run("import sys; print(sys._xoptions)") == "{'frozen_modules': 'off'}\n"
