"""Cells: runs the cells of a notebook in a kernel, as papermill does, and says how far it is."""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from nbclient.exceptions import CellExecutionError, DeadKernelError  # noqa: TID253  # imported when a notebook runs
from papermill.clientwrap import PapermillNotebookClient  # noqa: TID253  # as above
from papermill.engines import NotebookExecutionManager  # noqa: TID253  # as above
from papermill.exceptions import PapermillExecutionError  # noqa: TID253  # as above
from papermill.execute import raise_for_execution_errors  # noqa: TID253  # as above

from ergon.actions.kernel import Kernel
from ergon.errors import CellFailed, KernelDied, Timeout
from ergon.ports import Context

logging.getLogger("papermill").addHandler(logging.NullHandler())  # what matters is said in the step's log

_PLACE: Final = re.compile(r"Cell In\s?\[(\d+)\], line (\d+)")
_COLOUR: Final = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")


class _Client(PapermillNotebookClient):  # type: ignore[misc]  # papermill is untyped
    """Papermill's client, with what cells print passed on."""

    context: Context

    def process_message(self, msg: Any, cell: Any, cell_index: int) -> Any:
        """Take a message of the kernel."""
        content = msg["content"]
        if msg["msg_type"] == "stream":
            self.context.write(content["text"], "stderr" if content["name"] == "stderr" else "stdout")
        elif msg["msg_type"] == "error":
            self.context.write(_COLOUR.sub("", "\n".join(content["traceback"])) + "\n", "stderr")
        return super().process_message(msg, cell, cell_index)


@dataclass(frozen=True, slots=True)
class CellRun:
    """One execution of a notebook that is ready for it."""

    notebook: Any
    name: str
    """What errors call the notebook."""
    numbers: Mapping[int, int]
    """The number in the source (from 1) of each cell, by the `id()` of the cell."""
    context: Context
    cell_timeout: float | None
    start_timeout: float

    async def execute(self, kernel: Kernel) -> None:
        """Run the cells; raises `CellFailed`, `KernelDied` or `Timeout`. The notebook has what came of them."""
        keeper = NotebookExecutionManager(self.notebook, progress_bar=False, autosave_cell_every=0)
        keeper.notebook_start()
        try:
            async with kernel.running(self.context.process_started) as manager:
                client = _Client(keeper, km=manager, kernel_name=kernel.name)
                client.context = self.context
                await self._connect(client, kernel)
                try:
                    await self._cells(client, keeper, kernel)
                    await self._finish(client)
                finally:
                    client.kc.stop_channels()
        finally:
            keeper.notebook_complete()
        self._raise_for_errors()

    async def _connect(self, client: Any, kernel: Kernel) -> None:
        client.kc = client.km.client()
        client.kc.start_channels()
        client.kc.allow_stdin = False
        try:
            await client.kc.wait_for_ready(timeout=self.start_timeout)
        except RuntimeError:
            client.kc.stop_channels()
            if await client.km.is_alive():
                raise Timeout(seconds=self.start_timeout, what=f"start of the kernel of {self.name}") from None
            raise KernelDied(notebook=self.name, cell=0, reason=kernel.last_words()) from None

    async def _cells(self, client: Any, keeper: Any, kernel: Kernel) -> None:
        """Run cell after cell, up to the first that raises."""
        total = len(self.notebook.cells)
        for index, cell in enumerate(self.notebook.cells):
            self.context.progress(index / total, f"cell {self._number(index)}/{len(self.numbers)}")
            keeper.cell_start(cell, index)
            try:
                await self._cell(client, cell, index, kernel)
            except CellExecutionError as error:
                keeper.cell_exception(self.notebook.cells[index], cell_index=index, exception=error)
                break
            finally:
                keeper.cell_complete(self.notebook.cells[index], cell_index=index)
        else:
            self.context.progress(1.0, f"{len(self.numbers)} cells")

    async def _cell(self, client: Any, cell: Any, index: int, kernel: Kernel) -> None:
        limit = asyncio.timeout(self.cell_timeout)
        number = self._number(index)
        try:
            async with limit:
                await client.async_execute_cell(cell, index)
        except (DeadKernelError, TimeoutError):
            # nbclient takes every cancellation for the kernel's death
            if limit.expired():
                assert self.cell_timeout is not None
                what = f"run of cell {number} of {self.name}"
                raise Timeout(seconds=self.cell_timeout, what=what) from None
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                raise asyncio.CancelledError from None
            raise KernelDied(notebook=self.name, cell=number, reason=kernel.last_words()) from None

    async def _finish(self, client: Any) -> None:
        """Note the language's facts and the state of widgets in the notebook."""
        reply = await client.async_wait_for_reply(client.kc.kernel_info())
        if reply is not None:
            self.notebook.metadata["language_info"] = reply["content"]["language_info"]
        client.set_widgets_metadata()

    def _number(self, index: int) -> int:
        """Give a cell's number in the source; the injected cell has that of the cell before it."""
        cells: Sequence[Any] = self.notebook.cells
        return self.numbers.get(id(cells[index])) or max(1, index)

    def _raise_for_errors(self) -> None:
        numbers = [self._number(index) for index in range(len(self.notebook.cells))]
        try:
            raise_for_execution_errors(self.notebook, None)  # it marks the cell in the notebook, as papermill does
        except PapermillExecutionError as error:
            said = " ".join(f"{error.ename}: {error.evalue}".split())[:500].rstrip(". ")
            line = _line(error.traceback, error.exec_count)
            number = numbers[error.cell_index]
            raise CellFailed(notebook=self.name, cell=number, line=line, error=said) from None


def _line(traceback: Sequence[str], count: object) -> int:
    """Give the line of the cell where the error was raised; 0 if the traceback does not say."""
    places = _PLACE.findall(_COLOUR.sub("", "\n".join(traceback)))
    own = [int(line) for cell, line in places if cell == str(count)]
    return own[-1] if own else 0
