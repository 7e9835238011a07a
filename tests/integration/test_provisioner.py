"""Jupyter's own clients, unmodified, with kernels from the fork server."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import nbformat as untyped_nbformat
import psutil
import pytest
from jupyter_client.manager import KernelManager

from ergon.adapters.kernels import specs
from ergon.adapters.kernels.forked import platform_forbids
from ergon.cli.main import command
from ergon.testing.contracts.kernels import gone, until

pytestmark = pytest.mark.skipif(bool(platform_forbids()), reason=platform_forbids())
nbformat: Any = untyped_nbformat
v4: Any = untyped_nbformat.v4
SERVER = "import psutil; print('forks.server' in ' '.join(psutil.Process().parent().cmdline()))"


@pytest.fixture(autouse=True)
def jupyter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Give Jupyter folders of its own, and the provisioner as an installed distribution has it."""
    made = tmp_path / "site/ergon_provisioner-1.dist-info"
    made.mkdir(parents=True)
    (made / "METADATA").write_text("Metadata-Version: 2.1\nName: ergon-provisioner\nVersion: 1\n")
    entry = "[jupyter_client.kernel_provisioners]\nergon = ergon.notebook.provisioner:ErgonProvisioner\n"
    (made / "entry_points.txt").write_text(entry)
    monkeypatch.syspath_prepend(made.parent)
    paths = [str(made.parent), *filter(None, [os.environ.get("PYTHONPATH")])]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(paths))
    monkeypatch.setenv("JUPYTER_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(tmp_path / "r"))
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def start() -> Iterator[Callable[..., tuple[Any, Any]]]:
    """Give what starts a kernel by Jupyter's own manager: (manager, client)."""
    started: list[tuple[Any, Any]] = []

    def begin(name: str = "python3", **options: Any) -> tuple[Any, Any]:
        manager = KernelManager(kernel_name=name)
        manager.start_kernel(**options)
        client = manager.client()
        started.append((manager, client))
        client.start_channels()
        client.wait_for_ready(timeout=60)
        return manager, client

    yield begin
    for manager, client in started:
        client.stop_channels()
        manager.shutdown_kernel(now=True)
        client.context.destroy(linger=0)


def outside(**more: str) -> dict[str, str]:
    """Give the environment without pytest's, where ipykernel catches less of what is printed."""
    return {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")} | more


def said(client: Any, code: str) -> str:
    told: list[str] = []

    def hear(message: Any) -> None:
        content = message["content"]
        told.append(content.get("text", "") + content.get("ename", ""))

    client.execute_interactive(code, timeout=60, output_hook=hear, store_history=False)
    return "".join(told).strip()


def write_book(file: Path) -> None:
    spec = {"name": "python3", "display_name": "Python", "language": "python"}
    book = v4.new_notebook(metadata={"kernelspec": spec})
    book.cells.append(v4.new_code_cell("n = 1", metadata={"tags": ["parameters"]}))
    book.cells.append(v4.new_code_cell("data = [1, 2]"))
    book.cells.append(v4.new_code_cell(SERVER))
    book.cells.append(v4.new_code_cell("import os; print(sum(data) + n, os.getpid()); os.system('echo aloud')"))
    nbformat.write(book, file)


@pytest.mark.parametrize("by", ["variable", "kernelspec"])
def test_papermill_runs_in_a_fork(by: str, tmp_path: Path) -> None:
    write_book(tmp_path / "book.ipynb")
    environment = outside()
    options = ["-p", "n", "5"]
    if by == "variable":
        environment["JUPYTER_DEFAULT_PROVISIONER_NAME"] = "ergon"
    else:
        assert command(["kernels", "install"]) == 0
        options += ["-k", "ergon-python3"]
    done = subprocess.run(
        [sys.executable, "-m", "papermill", "book.ipynb", "done.ipynb", *options],
        env=environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    book = nbformat.read(tmp_path / "done.ipynb", as_version=4)
    assert book.cells[3].outputs[0].text == "True\n"
    printed = "".join(output.get("text", "") for output in book.cells[4].outputs).split()
    assert printed[0] == "8"
    assert "aloud" in printed, "what its processes print is caught too"
    until(lambda: gone(int(printed[1])))


def test_nbclient_runs_in_a_fork(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_book(tmp_path / "book.ipynb")
    program = """
import nbformat
from nbclient import NotebookClient
book = nbformat.read("book.ipynb", as_version=4)
NotebookClient(book).execute()
print(book.cells[2].outputs[0].text)
"""
    environment = outside(JUPYTER_DEFAULT_PROVISIONER_NAME="ergon")
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True)
    assert done.stdout.split()[-1:] == ["True"], done.stderr


def test_jupyters_manager_has_what_it_has_of_any_kernel(start: Callable[..., tuple[Any, Any]], tmp_path: Path) -> None:
    specs.install(prefix=None)
    (tmp_path / "work").mkdir()
    manager, client = start("ergon-python3", cwd=str(tmp_path / "work"))
    assert said(client, SERVER) == "True"
    assert said(client, "import os; print(os.getcwd(), os.environ['JPY_PARENT_PID'])") == (
        f"{tmp_path / 'work'} {os.getpid()}"
    )
    kept = json.loads(Path(manager.connection_file).read_text())
    assert kept["shell_port"] == manager.shell_port > 0
    assert manager.is_alive()

    client.execute("import time; print('on', flush=True); time.sleep(100)")
    while client.get_iopub_msg(timeout=60)["msg_type"] != "stream":
        pass
    manager.interrupt_kernel()
    assert client.get_shell_msg(timeout=60)["content"]["ename"] == "KeyboardInterrupt"

    first = manager.provisioner.pid
    manager.restart_kernel(now=True)
    client.wait_for_ready(timeout=60)
    assert manager.provisioner.pid != first
    assert gone(first)
    assert said(client, SERVER) == "True", "clients that were connected are so still: it has the same ports"

    last = manager.provisioner.pid
    manager.shutdown_kernel()
    assert gone(last)
    assert not Path(manager.connection_file).exists()


def test_it_lives_as_long_as_the_process_that_asked(tmp_path: Path) -> None:
    specs.install(prefix=None)
    program = """
import time
from jupyter_client.manager import KernelManager
def begin():
    manager = KernelManager(kernel_name="ergon-python3")
    manager.start_kernel()
    print(manager.provisioner.pid, flush=True)
begin()  # nobody has the manager any more
time.sleep(100)
"""
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as owner:
        assert owner.stdout is not None
        kernel = int(owner.stdout.readline())
        assert not gone(kernel)
        owner.kill()
    until(lambda: gone(kernel))


@pytest.mark.parametrize("what", ["pipe", "independent", "setting", "path", "broken"])
def test_what_cannot_be_forked_is_started(
    what: str, start: Callable[..., tuple[Any, Any]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    specs.install(prefix=None)
    options: dict[str, Any] = {}
    if what == "pipe":
        options["stderr"] = subprocess.PIPE
    elif what == "independent":
        options["independent"] = True
    elif what == "setting":
        (tmp_path / "ergon.yaml").write_text("kernel: {start: spawn}\n")
    elif what == "path":
        options["env"] = {**os.environ, "PYTHONPATH": os.environ["PYTHONPATH"] + ":src"}
    else:
        monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / ("long" * 40)))
    manager, client = start("ergon-python3", **options)
    assert said(client, SERVER) == "False"
    assert psutil.Process(manager.provisioner.pid).ppid() == os.getpid()
    if what == "pipe":
        manager.provisioner.process.stderr.close()


def test_the_kernelspec_is_listed_and_goes(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    other = tmp_path / "data/kernels/klingon"
    other.mkdir(parents=True)
    (other / "kernel.json").write_text(json.dumps({"argv": ["kl"], "display_name": "K", "language": "klingon"}))
    assert command(["kernels", "install"]) == 0
    assert f"ergon-python3 in {tmp_path / 'data/kernels/ergon-python3'}." in capfd.readouterr().out
    assert command(["kernels", "--json"]) == 0
    listed = {each["name"]: each for each in json.loads(capfd.readouterr().out)}
    assert listed["ergon-python3"] == {"name": "ergon-python3", "language": "python", "start": "forked"}
    assert listed["klingon"]["start"] == "started: it is no Python kernel of this environment"
    assert command(["kernels"]) == 0
    assert "klingon" in capfd.readouterr().out
    for expected in ("Removed ", "There is no kernel ergon-python3."):
        assert command(["kernels", "remove"]) == 0
        assert expected in capfd.readouterr().out
