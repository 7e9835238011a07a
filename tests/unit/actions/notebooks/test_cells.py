"""Cells, in real kernels."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ergon.errors import CellFailed, Timeout
from ergon.testing.context import FakeContext

Run = Callable[..., Any]
Make = Callable[..., Path]
Executed = Callable[..., Any]

LATE = """
import threading, time
def late():
    time.sleep(0.3)
    print('late', flush=True)
thread = threading.Thread(target=late)
thread.start()
print('soon')
"""
SHOW = """
from IPython.display import display, clear_output, HTML
shown = display({'text/plain': 'first', 'application/x-own': {'a': 1}}, raw=True, display_id=True)
for n in range(5):
    clear_output(wait=True)
    print('count', n)
display(HTML('<b>bold</b>'))
"""
WIDGET = """
from comm import create_comm
state = {'_model_name': 'M', '_model_module': 'm', '_model_module_version': '1', 'value': 5, 'data': None}
comm = create_comm(target_name='jupyter.widget', data={'state': state, 'buffer_paths': [['data']]}, buffers=[b'hi'])
"""


def test_outputs_come_as_they_are_made(run: Run, make: Make, context: FakeContext, executed: Executed) -> None:
    make(
        LATE,
        SHOW,
        "shown.update({'text/plain': 'second', 'application/x-own': {'a': 2}}, raw=True)\nthread.join()",
        ("print('never')", "skip-execution"),
        "  \n",
        ("raise ValueError('expected')", "raises-exception"),
        WIDGET,
        "print(input('name? '))",
        "print('never')",
    )
    with pytest.raises(CellFailed) as caught:
        run("notebook.run", path="book.ipynb")
    assert "Cell 8, line 1 of book.ipynb failed: it asks for input, and nobody can answer" in str(caught.value)

    book = executed()
    cells = [cell for cell in book.cells if cell.cell_type == "code"]
    assert cells[0].outputs[0].text == "soon\n"
    assert cells[2].outputs[0].text == "late\n", "the kernel says that it is of the cell that runs meanwhile"
    assert [cell.metadata.papermill.status for cell in cells] == [
        *["completed"] * 7,
        "failed",
        "pending",
    ]
    count, bold = cells[1].outputs
    assert (count.text, bold.data["text/html"]) == ("count 4\n", "<b>bold</b>")
    assert cells[3].outputs == cells[4].outputs == cells[8].outputs == []
    assert cells[5].outputs[0].ename == "ValueError"
    widgets = book.metadata.widgets["application/vnd.jupyter.widget-state+json"]["state"].values()
    assert [(each["state"]["value"], each["buffers"][0]["data"]) for each in widgets] == [(5, "aGk=")]
    assert [cell.execution_count for cell in cells] == [1, 2, 3, None, None, 4, 5, 6, None]
    assert set(cells[0].metadata.execution) == {
        *("iopub.status.busy", "iopub.execute_input", "iopub.status.idle", "shell.execute_reply")
    }
    assert "An Exception was encountered" in book.cells[0].source
    assert "papermill-error-cell" in book.cells[8].source

    facts = [(kind, data["number"]) for kind, data in context.noted]
    assert facts[:2] == [("cell_started", 1), ("cell_finished", 1)]
    assert facts[-2:] == [("cell_started", 8), ("cell_failed", 8)]
    assert ("cell_failed", 6) in facts
    assert not [number for _, number in facts if number in (4, 5, 9)]
    first = context.noted[1][1]
    assert (first["index"], first["id"]) == (0, cells[0].id)
    assert isinstance(first["seconds"], float)
    signals = [(data["number"], data["output_type"]) for kind, data in context.emitted if kind == "cell_output"]
    assert signals == [(2, "display_data"), (2, "display_data"), (6, "error"), (8, "error")]


def test_errors_can_be_let_be(run: Run, make: Make, executed: Executed) -> None:
    make("1 / 0", ("x = 1", "remove-cell"), ("import os, sys\nsys.exit(f'{x} {os.environ[\"WHO\"]}')", "x"))
    given = {"allow_errors": True, "report_mode": True, "env": {"WHO": "me"}, "output": "out/{a}-{b[0]}.ipynb"}
    assert run("notebook.run", path="book.ipynb", parameters={"a": "é", "b": [7]}, **given) == {}
    book = executed("../../../../out/é-7.ipynb")
    assert len(book.cells) == 3, "the cells that report leaves out were run"
    assert [output.output_type for output in book.cells[1].outputs] == ["error"]
    assert book.cells[2].outputs[0].evalue == "1 me"
    assert book.cells[0].metadata.tags == ["injected-parameters"]
    assert all(cell.metadata.jupyter.source_hidden for cell in book.cells)


def test_an_interrupted_cell_may_clean_up(run: Run, make: Make, executed: Executed) -> None:
    make("import time\ntry:\n    print('on', flush=True)\n    time.sleep(100)\nfinally:\n    print('cleaned')")
    with pytest.raises(Timeout, match=r"The run of book\.ipynb took longer than its limit of 3 s"):
        run("notebook.run", path="book.ipynb", timeout=3)
    cell = executed().cells[0]
    assert cell.outputs[0].text == "on\ncleaned\n"
    assert cell.outputs[1].ename == "KeyboardInterrupt"
    assert cell.metadata.papermill.status == "failed"


def test_a_cell_that_does_not_heed_is_killed(start: Run, make: Make, context: FakeContext) -> None:
    """S36."""
    make("import signal, time\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\nprint('on', flush=True)\ntime.sleep(100)")

    async def scenario() -> None:
        task = start("notebook.run", path="book.ipynb")
        async with asyncio.timeout(60):
            while "on" not in context.written["stdout"]:  # noqa: ASYNC110  # the action has no event to wait for
                await asyncio.sleep(0.01)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task

    began = time.monotonic()
    asyncio.run(scenario())
    assert time.monotonic() - began < 60
    assert context.noted[-1][1]["error"] == "cancelled"


ITSELF = """
import asyncio, sys
from pathlib import Path
from ergon.actions.catalog import ActionCatalog
from ergon.testing.context import FakeContext
made = ActionCatalog().find("notebook.run")
await made.call(FakeContext(Path.cwd()), made.bind({"path": "book.ipynb", "output": "inner.ipynb"}))
"""


def test_a_notebook_cannot_run_itself(run: Run, make: Make) -> None:
    make(ITSELF)
    with pytest.raises(
        CellFailed, match=r"NotebookInvalid: book\.ipynb cannot run: it runs already, and this is one of"
    ):
        run("notebook.run", path="book.ipynb")


def test_variables_of_a_cell_tagged_outputs_are_outputs(run: Run, make: Make, context: FakeContext) -> None:
    """S46."""
    make(
        "import pandas\nkept = 1",
        (
            "%matplotlib inline\nframe = pandas.DataFrame({'a': [kept]})\nn: int = 2\n_own = 3\npair = x, y = 1, 2\n"
            "if False:\n    never = 1\nframe['b'] = 2",
            "outputs",
        ),
        "from ergon.notebook.output import output\noutput(n=5)",
    )
    found = run("notebook.run", path="book.ipynb")
    assert found["frame"].type == "dataframe"
    assert {name: value for name, value in found.items() if name != "frame"} == {"n": 5, "pair": (1, 2), "x": 1, "y": 2}


def test_a_variable_that_cannot_be_handed_out_fails_its_cell(run: Run, make: Make, executed: Executed) -> None:
    """S47."""
    make("1", ("model = object()", "outputs"))
    with pytest.raises(CellFailed, match=r"Cell 2 of book\.ipynb failed: NotStorable: The output at model"):
        run("notebook.run", path="book.ipynb")
    assert executed().cells[3].outputs[0].ename == "NotStorable"


LARGE = """
from IPython.display import display
for n in range(1000):
    display(n)
for n in range(100_000):
    print(f'{n:09d}', 'x' * 89)
print('y' * 5_000_000)
"""


def test_large_outputs_are_kept_whole(run: Run, make: Make, executed: Executed, context: FakeContext) -> None:
    make(LARGE)
    run("notebook.run", path="book.ipynb")
    *shown, text = executed().cells[0].outputs
    assert [each.data["text/plain"] for each in shown] == [str(n) for n in range(1000)]
    lines = text.text.splitlines()
    assert len(lines) == 100_001
    assert lines[99_999] == "000099999 " + "x" * 89
    assert len(lines[-1]) == 5_000_000
    assert context.written["stdout"] == text.text
