"""notebook.run, in real kernels."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import nbformat as untyped_nbformat
import psutil
import pytest

from ergon.errors import ActionFailed, CellFailed, InputInvalid, KernelDied, NotebookInvalid, PathRefused, Timeout
from ergon.testing.context import FakeContext

Run = Callable[..., Any]
nbformat: Any = untyped_nbformat
OUTPUT = "from ergon.notebook.output import output\n"


def until(condition: Callable[[], object], seconds: float = 30.0) -> None:
    limit = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < limit, "it did not happen in time"
        time.sleep(0.01)


def alive(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


# ---- running -------------------------------------------------------------------------------------------------


def test_a_notebook_runs_with_papermills_parameters(
    run: Run,
    make: Callable[..., Path],
    context: FakeContext,
    executed: Callable[..., Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    source = make(
        "# Title",
        ("city = 'x'\nrows = []\nratio = 1.0", "parameters"),
        "import sys\nprint('in', city)\nprint('bad', file=sys.stderr)",
        OUTPUT + "import os\noutput(city=city, n=len(rows), ratio=ratio, folder=os.getcwd())\n"
        "output(n=len(rows) + 1, pid=os.getpid())",
        name="sub/book.ipynb",
    )
    before = source.read_bytes()
    left = context.output_folder() / ".notebook-of-a-killed-attempt"
    left.mkdir()
    (left / "x").write_text("x")
    started: list[object] = []

    def process_started(self: FakeContext, pid: int) -> None:
        started.append((pid, os.getsid(pid), psutil.Process(pid).cmdline()[0]))

    monkeypatch.setattr(FakeContext, "process_started", process_started)
    rows = [{"a": None, "b": [True, "é'\"\\\n"]}]
    given = {"city": "Oslo", "rows": rows, "ratio": float("inf")}
    found = run("notebook.run", path="sub/book.ipynb", parameters=given)

    pid = found.pop("pid")
    assert found == {"city": "Oslo", "n": 2, "ratio": float("inf"), "folder": str(source.parent)}
    assert started == [(pid, pid, "/bin/sh")], "S35: it leads a session and is journaled before it begins"
    assert source.read_bytes() == before, "the source is never altered"
    assert context.written == {"stdout": "in Oslo\n", "stderr": "bad\n"}
    assert context.progressed[0] == (0.0, "cell 1/4")
    assert context.progressed[-1] == (1.0, "4 cells")
    assert [text for _, text in context.progressed].count("cell 3/4") == 1
    assert [file.name for file in context.output_folder().iterdir()] == ["book.ipynb"]

    book = executed()
    assert [cell.metadata.get("tags") for cell in book.cells] == [[], ["parameters"], ["injected-parameters"], [], []]
    assert 'city = "Oslo"' in book.cells[2].source
    assert book.metadata.papermill["parameters"]["city"] == "Oslo"
    assert book.metadata.papermill["input_path"] == str(source)
    assert book.metadata.papermill["exception"] is None
    assert all(cell.metadata.papermill["status"] == "completed" for cell in book.cells)
    assert book.cells[3].outputs[0].text == "in Oslo\n"
    assert book.metadata.language_info["name"] == "python"
    assert "city = 'Oslo'" in str(book.cells[4].outputs)


def test_what_json_cannot_carry_goes_in_as_text_and_out_as_artifacts(
    run: Run, make: Callable[..., Path], context: FakeContext, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """S46."""
    make(
        "import os\nprint(day, folder, extra, os.getcwd())",
        OUTPUT
        + "import datetime, pandas\n"
        + "frame = pandas.DataFrame({'a': [1, 2]})\n"
        + "output(frame=frame, nested=[{'raw': b'xyz'}], day=datetime.date(2024, 1, 31), pair=(1, 2))",
    )
    (tmp_path / "work").mkdir()
    given = {"day": date(2024, 1, 31), "folder": Path("a/b"), "extra": (1,)}
    found = run("notebook.run", path="book.ipynb", parameters=given, output="out/done.ipynb", cwd="work")

    assert context.written["stdout"] == f"2024-01-31 a/b [1] {tmp_path / 'work'}\n"
    assert (found["day"], found["pair"]) == (date(2024, 1, 31), (1, 2))
    assert (found["frame"].type, found["nested"][0]["raw"].type) == ("dataframe", "bytes")
    assert context.artifacts[found["nested"][0]["raw"].sha256] == b"xyz"
    assert found["frame"].sha256 in context.artifacts
    book = nbformat.read(tmp_path / "out/done.ipynb", as_version=4)
    assert "<table" in str(book.cells[2].outputs), "what is handed out is shown below the cell too"
    assert [text for level, text in context.logged if level == "warning"] == [
        "The notebook has no cell tagged `parameters`, so its parameters are put at the top."
    ]
    assert capfd.readouterr() == ("", ""), "nothing of it goes past the step's log"


def test_leaving_by_exit_is_as_in_papermill(run: Run, tmp_path: Path) -> None:
    def cell(source: str, **more: str) -> dict[str, object]:
        code: dict[str, object] = {"cell_type": "code", "source": source, "metadata": {}, "outputs": []}
        return code | {"execution_count": None} | more

    cells = [cell(OUTPUT + "output(a=1)"), cell("import sys\nsys.exit(0)", id="a"), cell("raise ValueError", id="a")]
    book = {"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": cells}
    (tmp_path / "without-ids.ipynb").write_text(json.dumps(book))
    assert run("notebook.run", path="without-ids.ipynb", kernel="python3") == {"a": 1}

    code = {"cell_type": "code", "input": ["raise SystemExit(3)"], "language": "python", "outputs": []}
    old = {"nbformat": 3, "nbformat_minor": 0, "metadata": {"name": "x"}, "worksheets": [{"cells": [code]}]}
    (tmp_path / "old.ipynb").write_text(json.dumps(old))
    with pytest.raises(CellFailed, match=r"Cell 1 of old\.ipynb failed: SystemExit: 3\."):
        run("notebook.run", path="old.ipynb", kernel="python3")


# ---- errors --------------------------------------------------------------------------------------------------


def test_an_error_names_the_cell_of_the_source_and_its_line(
    run: Run, make: Callable[..., Path], context: FakeContext, tmp_path: Path
) -> None:
    make(
        "# Title",
        ("n = 0", "parameters"),
        "def f(x):\n    y = x\n    raise ValueError('no\\nsuch city')",
        OUTPUT + "\nif n == 1:\n    f(n)\noutput(n=n)",
    )
    with pytest.raises(CellFailed) as caught:
        run("notebook.run", path="book.ipynb", parameters={"n": 1}, output="failed.ipynb")
    error = caught.value
    assert (error.cell, error.line, error.error) == (4, 4, "ValueError: no such city")
    assert str(error) == (
        "Cell 4, line 4 of book.ipynb failed: ValueError: no such city. "
        f"The executed notebook is {tmp_path / 'failed.ipynb'}."
    )
    assert "ValueError" in context.written["stderr"]
    assert "\x1b" not in context.written["stderr"]
    book = nbformat.read(tmp_path / "failed.ipynb", as_version=4)
    assert "An Exception was encountered" in book.cells[0].source
    assert book.metadata.papermill["exception"] is True

    # An executed notebook runs again: its marks go, and its injected parameters are replaced.
    assert run("notebook.run", path="failed.ipynb", parameters={"n": 2}, output="again.ipynb") == {"n": 2}
    assert len(nbformat.read(tmp_path / "again.ipynb", as_version=4).cells) == 5


@pytest.mark.parametrize(
    ("traceback", "line"),
    [
        (["\x1b[36mCell \x1b[39m\x1b[32mIn[3]\x1b[39m\x1b[32m, line 2\x1b[39m", "Cell In[2], line 9"], 2),
        (["Cell In[3], line 5, in f()", "Cell In[3], line 7"], 7),
        (["  Cell In[3], line 2\n    y = = 2\n"], 2),
        (["Cell In [3], line 4"], 4),
        (["Error in library(x)"], 0),
        ([], 0),
    ],
)
def test_the_line_is_the_last_one_in_the_cell_itself(traceback: list[str], line: int) -> None:
    from ergon.actions.notebooks.cells import _line

    assert _line(traceback, 3) == line


def test_what_cannot_be_handed_out_fails_its_cell(run: Run, make: Callable[..., Path]) -> None:
    """S47."""
    make("1", OUTPUT + "output(models=[object()])")
    with pytest.raises(CellFailed, match=r"Cell 2, line 2 .*NotStorable: The output at models\[0\]"):
        run("notebook.run", path="book.ipynb")


def test_a_kernel_that_dies_is_told(
    run: Run, make: Callable[..., Path], context: FakeContext, executed: Callable[..., Any]
) -> None:
    make("1", "import os\nos.kill(os.getpid(), 9)")
    with pytest.raises(KernelDied) as caught:
        run("notebook.run", path="book.ipynb")
    assert str(caught.value) == (
        "The kernel of book.ipynb died at cell 2: its process was ended by SIGKILL, as happens when memory runs out."
    )
    assert executed().cells[0].execution_count == 1


def test_a_kernel_that_does_not_start_is_told(
    run: Run, make: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = tmp_path / "jupyter/kernels/ergontest"
    spec.mkdir(parents=True)
    argv = ["/bin/sh", "-c", "echo 'no licence' >&2; exit 1", "{connection_file}"]
    (spec / "kernel.json").write_text(json.dumps({"argv": argv, "display_name": "x", "language": "python"}))
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path / "jupyter"))
    make("1")
    with pytest.raises(KernelDied, match=r"did not start: its process ended with code 1 \(no licence\)"):
        run("notebook.run", path="book.ipynb", kernel="ergontest")
    argv = ["/bin/sh", "-c", "sleep 100", "{connection_file}"]
    (spec / "kernel.json").write_text(json.dumps({"argv": argv, "display_name": "x", "language": "python"}))
    with pytest.raises(Timeout, match="start of the kernel"):
        run("notebook.run", path="book.ipynb", kernel="ergontest", start_timeout=0.3)


def test_a_cell_that_takes_too_long_ends_the_kernel(
    run: Run, make: Callable[..., Path], context: FakeContext, executed: Callable[..., Any]
) -> None:
    make("import time\ntime.sleep(100)")
    with pytest.raises(Timeout, match=r"The run of cell 1 of book\.ipynb took longer than its limit of 0\.2 s"):
        run("notebook.run", path="book.ipynb", cell_timeout=0.2)
    until(lambda: not any(map(alive, context.processes)))
    assert executed().cells[0].metadata.papermill["start_time"]


# ---- bad input: no kernel is started -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("hello", "book.ipynb cannot run: it is not JSON (line 1)."),
        (" \n", "book.ipynb cannot run: it is empty."),
        ("[" * 100_000, "it is not JSON"),
        ("[]", "it does not say its `nbformat`"),
        ('{"nbformat": 9}', "has the notebook format 9, which is newer than 4"),
        ('{"nbformat": 4, "cells": 3, "metadata": {}}', "it has no list of cells"),
        ('{"nbformat": 4, "cells": [], "metadata": []}', "its metadata is not a mapping"),
        ('{"nbformat": 4, "cells": [], "metadata": {"kernelspec": "x"}}', "its metadata `kernelspec` is not"),
        ('{"nbformat": 4, "cells": [], "metadata": {"papermill": 1}}', "its metadata `papermill` is not a mapping"),
        ('{"nbformat": 4, "cells": [], "metadata": {"ergon": {"parameters": 1}}}', "its metadata `ergon` has no"),
        (
            '{"nbformat": 4, "cells": [], "metadata": {"ergon": {"parameters": {"n": {"type": "x"}}}, "kernelspec": '
            '{"name": "python3"}}}',
            "its metadata `ergon` declares parameter 'n' wrongly: type",
        ),
        ('{"nbformat": 4, "cells": [{"source": "1"}], "metadata": {}}', "its cell 1 is neither code, markdown nor raw"),
        ('{"nbformat": 4, "cells": [{"cell_type": "code", "source": 1}]}', "its cell 1 has a source that is not text"),
        (
            '{"nbformat": 4, "cells": [{"cell_type": "raw", "source": "", "metadata": {"tags": "x"}}]}',
            "its cell 1 has tags that are not a list of names",
        ),
        ('{"nbformat": 3, "metadata": {}}', "it has the notebook format 3 and no list of worksheets"),
        ('{"nbformat": 3, "worksheets": [1]}', "it has the notebook format 3 and cannot be read as 4"),
        ('{"nbformat": 4, "cells": []}', "it does not name a kernel"),
        (b"\xff\xfe", "it is not JSON"),
    ],
)
def test_what_is_no_notebook_is_told(
    run: Run, tmp_path: Path, context: FakeContext, content: str | bytes, said: str
) -> None:
    (tmp_path / "book.ipynb").write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(NotebookInvalid) as caught:
        run("notebook.run", path="book.ipynb")
    assert said in str(caught.value)
    assert not context.processes


@pytest.mark.parametrize(
    ("inputs", "error", "said"),
    [
        ({"path": "gone.ipynb"}, ActionFailed, "There is no file gone.ipynb"),
        ({"path": "."}, ActionFailed, "is a folder"),
        ({"path": "/etc/passwd"}, PathRefused, "outside"),
        ({"output": "../out.ipynb"}, PathRefused, "outside"),
        ({"output": "book.ipynb"}, InputInvalid, "never changed"),
        ({"output": "./link.ipynb"}, InputInvalid, "never changed"),
        ({"output": "hard.ipynb"}, InputInvalid, "never changed"),
        ({"cwd": "gone"}, ActionFailed, "no folder gone"),
        ({"kernel": "klingon"}, ActionFailed, "There is no kernel 'klingon'. Installed are: "),
        ({"parameters": {"my-name": 1}}, InputInvalid, "parameters.my-name"),
        ({"parameters": {"a": [{"b": object()}]}}, InputInvalid, "'parameters.a[0].b'"),
        ({"parameters": {"a": {1: 2}}}, InputInvalid, "'parameters.a'"),
        ({"parameters": [1]}, InputInvalid, "a mapping"),
    ],
)
def test_what_cannot_be_is_told(
    run: Run, make: Callable[..., Path], tmp_path: Path, context: FakeContext, inputs: Any, error: Any, said: str
) -> None:
    source = make("1")
    (tmp_path / "link.ipynb").symlink_to(source)
    os.link(source, tmp_path / "hard.ipynb")
    with pytest.raises(error) as caught:
        run("notebook.run", **{"path": "book.ipynb", **inputs})
    assert said in str(caught.value)
    assert not context.processes


# ---- processes (S35, S36) --------------------------------------------------------------------------------------

SLEEPER = """
import subprocess, time
child = subprocess.Popen(['sleep', '100'])
print(f'child {child.pid}', flush=True)
time.sleep(100)
"""
PID = re.compile(r"child (\d+)\n")


def test_cancelling_ends_the_kernel_and_all_that_it_started(
    start: Run, make: Callable[..., Path], context: FakeContext, executed: Callable[..., Any]
) -> None:
    """S36."""
    make("for n in range(200): print('x' * 100)", SLEEPER)
    gaps: list[float] = []

    async def scenario() -> None:
        task = start("notebook.run", path="book.ipynb")
        last = time.monotonic()
        async with asyncio.timeout(60):
            while not PID.search(context.written["stdout"]):
                await asyncio.sleep(0.005)
                gaps.append(time.monotonic() - last)
                last = time.monotonic()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(scenario())
    found = PID.search(context.written["stdout"])
    assert found is not None
    kernel, child = context.processes[0], int(found[1])
    until(lambda: not alive(kernel) and not alive(child))
    assert str(child) in str(executed().cells[1].outputs), "what was done is kept"
    assert sorted(gaps)[len(gaps) // 2] < 0.05, "the engine's loop stays free while a notebook runs"


OWNER = """
import asyncio, sys
from pathlib import Path
from ergon.actions.catalog import ActionCatalog
from ergon.testing.context import FakeContext

made = ActionCatalog().find("notebook.run")
class Telling(FakeContext):
    def process_started(self, pid):
        print(pid, flush=True)
    def write(self, text, stream="stdout"):
        print(text, flush=True)
asyncio.run(made.call(Telling(Path(sys.argv[1])), made.bind({"path": "book.ipynb"})))
"""


def test_a_kernel_dies_with_its_owner(make: Callable[..., Path], tmp_path: Path) -> None:
    """S35."""
    make(SLEEPER)
    command = [sys.executable, "-c", OWNER, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as owner:
        assert owner.stdout is not None
        kernel, child = int(owner.stdout.readline()), int(owner.stdout.readline().split()[1])
        assert alive(kernel)
        assert alive(child)
        owner.send_signal(signal.SIGKILL)
        owner.wait()
    until(lambda: not alive(kernel) and not alive(child))
