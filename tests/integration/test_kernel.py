"""Runs inside a real Jupyter kernel: a cell never stalls a run, and a run outlives its cell (DESIGN: the engine)."""

from __future__ import annotations

import queue
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from jupyter_client.blocking.client import BlockingKernelClient
from jupyter_client.manager import KernelManager

from ergon.app import open_app

_WORKFLOW = """
ergon: 1
name: steady
steps:
  - id: ticks
    while: loop.index < 40
    max_iterations: 100
    steps:
      - {id: tick, uses: core.sleep, with: {seconds: 0.01}}
"""
_SLOW = """
ergon: 1
name: slow
steps:
  - {id: first, uses: core.noop, with: {value: 1}}
  - {id: nap, needs: [first], uses: python.run, with: {code: "import time; time.sleep(2)"}}
  - {id: last, needs: [nap], uses: core.noop, with: {value: 2}}
outputs: {last: "{{ steps.last.output }}"}
"""


class Kernel:
    """A kernel and a client of it."""

    def __init__(self, folder: Path) -> None:
        self.manager = KernelManager()
        self.manager.start_kernel(cwd=str(folder))
        self.client: BlockingKernelClient = self.manager.blocking_client()
        self.client.start_channels()
        self.client.wait_for_ready(timeout=60)

    def run(self, code: str, *, timeout: float = 60) -> str:
        """Run a cell; gives what it printed, raises AssertionError with the error that it raised."""
        reply = self.client.execute_interactive(code, timeout=timeout, output_hook=self._keep, store_history=False)
        content = reply["content"]
        text, self.printed = "".join(self.printed), []
        assert content["status"] == "ok", (content.get("ename"), content.get("evalue"))
        return text

    printed: list[str] = []  # noqa: RUF012  # one kernel at a time

    def _keep(self, message: dict[str, object]) -> None:
        content = message["content"]
        if message["msg_type"] == "stream" and isinstance(content, dict):
            self.printed.append(str(content["text"]))

    def close(self) -> None:
        """End the kernel."""
        self.client.stop_channels()
        self.manager.shutdown_kernel(now=True)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / ".ergon").mkdir()
    (tmp_path / "steady.ergon.yaml").write_text(_WORKFLOW)
    (tmp_path / "slow.ergon.yaml").write_text(_SLOW)
    return tmp_path


@pytest.fixture
def kernel(folder: Path) -> Iterator[Kernel]:
    kernel = Kernel(folder)
    yield kernel
    kernel.close()


@pytest.mark.timeout(180)
def test_a_run_goes_on_while_cells_sleep_compute_and_wait(kernel: Kernel) -> None:
    kernel.run("import ergon, time; steady = ergon.load('steady.ergon.yaml'); slow = ergon.load('slow.ergon.yaml')")
    # A cell that sleeps does not stall the run: it has ended when the cell has.
    slept = kernel.run("run = steady.start()\ntime.sleep(5)\nprint(run.status.value)")
    assert slept.strip() == "succeeded"
    # A cell that computes slows it, and does not stop it.
    computed = kernel.run(
        "run = steady.start()\nend = time.monotonic() + 6\n"
        "while time.monotonic() < end:\n    sum(range(1000))\n"
        "print(sum(1 for step in run if step.path.endswith('.tick') and step.status == 'succeeded'))"
    )
    assert int(computed) >= 10
    awaited = kernel.run("run = await slow.start()\nprint(run.outputs)")
    assert awaited.strip() == "{'last': 2}"


@pytest.mark.timeout(180)
def test_interrupting_a_cell_leaves_the_run_alone(kernel: Kernel) -> None:
    kernel.run("import ergon; run = ergon.load('slow.ergon.yaml').start()")
    kernel.client.execute("print('here', flush=True)\nrun.wait()")
    _wait_for_output(kernel)
    kernel.manager.interrupt_kernel()
    assert kernel.client.get_shell_msg(timeout=30)["content"]["ename"] == "KeyboardInterrupt"
    kernel.run("pass")
    assert kernel.run("print(run.wait().status.value, run['nap'].attempts)").strip() == "succeeded 1"


@pytest.mark.timeout(180)
def test_a_restarted_kernel_leaves_a_run_that_can_be_resumed(folder: Path) -> None:
    kernel = Kernel(folder)
    try:
        kernel.run("import ergon; run = ergon.load('slow.ergon.yaml').start()\nimport time; time.sleep(0.6)")
        kernel.manager.restart_kernel(now=True)
        kernel.client.wait_for_ready(timeout=60)
        text = kernel.run(
            "import ergon\nrun = ergon.runs()[0]\nprint(run.status.value)\n"
            "run.resume().wait()\nprint(run.status.value, run.outputs['last'], run['first'].attempts)"
        )
    finally:
        kernel.close()
    assert text.split() == ["interrupted", "succeeded", "2", "1"]
    app = open_app(folder)
    assert app.record("last").status == "succeeded"
    app.close()


def _wait_for_output(kernel: Kernel) -> None:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        try:
            message = kernel.client.get_iopub_msg(timeout=1)
        except queue.Empty:
            continue
        if message["msg_type"] == "stream":
            return
    raise AssertionError("the cell did not begin")
