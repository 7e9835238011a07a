"""Cells: runs the cells of a notebook in a kernel, one after the other, and tells of each as it goes."""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import Awaitable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal

from ergon.actions.notebooks.book import Cell, Notebook, tags_of
from ergon.actions.notebooks.conversation import Conversation, InputAsked, KernelGone, Message, Running
from ergon.actions.notebooks.handover import OUTPUTS_TAG, assigned, expressions_for, refusal
from ergon.actions.notebooks.outputs import Output, Outputs
from ergon.actions.notebooks.record import Record
from ergon.actions.notebooks.widgets import Widgets
from ergon.actions.notebooks.written import Written
from ergon.errors import CellFailed, Timeout
from ergon.model import events as e
from ergon.ports import Context

SKIPPED: Final = "skip-execution"
EXPECTED: Final = "raises-exception"
_PLACE: Final = re.compile(r"Cell In\s?\[(\d+)\], line (\d+)")
_COLOUR: Final = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
_GRACE: Final = 2.0
"""Seconds that an interrupted cell has to end in before its kernel is killed."""
_NO_STDIN: Final = "StdinNotImplementedError"
_INPUT: Final = "it asks for input, and nobody can answer a notebook that runs as a step"
_SHOWN: Final = 500
_PIECE: Final = 65_536
"""Characters of text that are passed on at once."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Seconds that things may take; None is without end."""

    start: float
    cell: float | None = None
    notebook: float | None = None


@dataclass(slots=True)
class Failure:
    """The error of a cell."""

    cell: Cell
    name: str
    message: str
    traceback: Sequence[str] = ()

    @property
    def is_exit(self) -> bool:
        """Whether it is a `SystemExit` that says that all is well, which ends a notebook as its last cell does."""
        return self.name == "SystemExit" and self.message in ("", "0")


@dataclass(slots=True)
class CellRun:
    """One execution of a notebook that is ready for it."""

    book: Notebook
    name: str
    """What errors call the notebook."""
    numbers: Mapping[str, int]
    """The number in the source (from 1) of each cell, by the cell's id; an injected one has none."""
    context: Context
    written: Written
    limits: Limits
    is_python: bool = True
    allow_errors: bool = False
    outputs: Outputs = field(init=False)
    record: Record = field(init=False)
    at: Cell | None = field(init=False, default=None)
    """The cell that runs."""
    _widgets: Widgets = field(init=False, default_factory=Widgets)
    _requests: dict[str, Cell] = field(init=False, default_factory=dict)
    _failures: list[Failure] = field(init=False, default_factory=list)

    def __post_init__(self) -> None:
        self.outputs = Outputs(self._widgets)
        self.record = Record(self.book)

    # ---- the notebook ----------------------------------------------------------------------------------------

    async def execute(self, kernel: Running) -> None:
        """Run the cells; the notebook has what came of them, whatever happens.

        Raises `CellFailed`, `Timeout`, and `KernelGone` when the kernel has ended.
        """
        limit = asyncio.timeout(self.limits.notebook)
        try:
            async with limit, Conversation(kernel, self._hear) as conversation:
                self._widgets.conversation = conversation
                await self._begin(conversation)
                await self._cells(conversation)
                self._judge()
                conversation.goodbye()
        except TimeoutError:
            if not limit.expired() or self.limits.notebook is None:
                raise
            raise Timeout(seconds=self.limits.notebook, what=f"run of {self.name}") from None
        finally:
            if widgets := self._widgets.metadata():
                self.book["metadata"]["widgets"] = widgets

    async def _begin(self, conversation: Conversation) -> None:
        limit = asyncio.timeout(self.limits.start)
        try:
            async with limit:
                about = await conversation.ready()
        except TimeoutError:
            if not limit.expired():
                raise
            raise Timeout(seconds=self.limits.start, what=f"start of the kernel of {self.name}") from None
        if "language_info" in about:
            self.book["metadata"]["language_info"] = about["language_info"]

    async def _cells(self, conversation: Conversation) -> None:
        """Run cell after cell, up to the first that raises what nobody expected."""
        cells: list[Cell] = self.book["cells"]
        for index, cell in enumerate(cells):
            self.context.progress(index / len(cells), f"cell {self.number(cell)}/{len(self.numbers)}")
            self.record.cell_began(cell)
            if not _runs(cell):
                self.record.cell_ended(cell)
            elif not await self._cell(conversation, cell, index):
                return
        self.context.progress(1.0, f"{len(self.numbers)} cells")

    def number(self, cell: Cell) -> int:
        """Give a cell's number in the source; an injected cell has that of the cell before it."""
        known = self.numbers.get(cell["id"])
        if known is not None:
            return known
        index = next(index for index, each in enumerate(self.book["cells"]) if each is cell)
        return self.number(self.book["cells"][index - 1]) if index else 1

    # ---- one cell --------------------------------------------------------------------------------------------

    async def _cell(self, conversation: Conversation, cell: Cell, index: int) -> bool:
        """Run one cell; gives whether the next may follow."""
        facts = {"index": index, "number": self.number(cell), "id": cell["id"]}
        self.at = cell
        self.context.note(e.CELL_STARTED, facts)
        failure: Failure | None = None
        try:
            failure = await self._run(conversation, cell)
        except BaseException as error:
            self._failed(cell, facts, _brief(error))
            raise
        if failure is None:
            self.context.note(e.CELL_FINISHED, {**facts, "seconds": self.record.cell_ended(cell)})
        else:
            self._failures.append(failure)
            self._failed(cell, facts, _told(failure), expected=self._goes_on(cell))
        self.written.write_if_due()
        return failure is None or self._goes_on(cell)

    def _failed(self, cell: Cell, facts: Mapping[str, object], error: str, *, expected: bool = False) -> None:
        if not expected:  # papermill notes only what ended the notebook
            self.record.cell_failed(cell)
        seconds = self.record.cell_ended(cell)
        self.context.note(e.CELL_FAILED, {**facts, "seconds": seconds, "error": error})

    def _goes_on(self, cell: Cell) -> bool:
        return self.allow_errors or EXPECTED in tags_of(cell)

    async def _run(self, conversation: Conversation, cell: Cell) -> Failure | None:
        cell["metadata"]["execution"] = {}
        names = assigned(cell["source"]) if OUTPUTS_TAG in tags_of(cell) else []
        if names and not self.is_python:
            self.context.log("Cells tagged `outputs` hand out variables of Python only.", "warning")
            names = []
        work = conversation.execute(
            cell["source"],
            go_on=self._goes_on(cell),
            expressions=expressions_for(names),
            began=lambda number: self._requests.__setitem__(number, cell),
        )
        try:
            reply = await self._within_limit(conversation, work, cell)
        except InputAsked:
            await self._interrupted(conversation)
            self.record.mark(cell)
            raise CellFailed(notebook=self.name, cell=self.number(cell), line=0, error=_INPUT) from None
        self.outputs.replied(cell, reply)
        return self._failure_of(cell, reply)

    async def _within_limit(self, conversation: Conversation, work: Awaitable[Message], cell: Cell) -> Message:
        """Wait for a cell to end; what takes too long, or is cancelled, is interrupted, that it may clean up."""
        task = asyncio.ensure_future(work)
        limit = asyncio.timeout(self.limits.cell)
        try:
            async with limit:
                return await asyncio.shield(task)
        except (TimeoutError, asyncio.CancelledError):
            await self._interrupted(conversation, task)
            if limit.expired() and self.limits.cell is not None:
                what = f"run of cell {self.number(cell)} of {self.name}"
                raise Timeout(seconds=self.limits.cell, what=what) from None
            raise

    async def _interrupted(self, conversation: Conversation, task: asyncio.Future[Message] | None = None) -> None:
        try:
            async with asyncio.timeout(_GRACE):
                await conversation.interrupt()
                if task is not None:
                    await asyncio.wait({task})
        except TimeoutError:
            pass
        finally:
            if task is not None:
                task.cancel()
                with contextlib.suppress(BaseException):  # how it ended does not matter any more
                    await task

    def _failure_of(self, cell: Cell, reply: Message) -> Failure | None:
        content = reply["content"]
        if content["status"] == "ok":
            refused = refusal(reply)
            if refused is None:
                return None
            name, message, traceback = refused
            cell["outputs"].append({"output_type": "error", "ename": name, "evalue": message, "traceback": traceback})
            return Failure(cell, name, message, traceback)
        ename, evalue = str(content.get("ename", content["status"])), str(content.get("evalue", ""))
        return Failure(cell, ename, evalue, list(content.get("traceback", ())))

    # ---- what is heard ---------------------------------------------------------------------------------------

    def _hear(self, request: str, message: Message, size: int) -> None:
        cell = self._requests.get(request)
        if cell is None:  # an echo of what an Output widget told the kernel, or an answer to another client
            return
        output = self.outputs.take(cell, message, size)
        if output is not None:
            self._show(cell, message, output)
            self.written.write_if_due()

    def _show(self, cell: Cell, message: Message, output: Output) -> None:
        """Pass an output on to whoever watches."""
        kind, content = output["output_type"], message["content"]
        if kind == "stream":
            self._print(content["text"], "stderr" if content["name"] == "stderr" else "stdout")
            return
        if kind == "error":
            self._print(_COLOUR.sub("", "\n".join(content["traceback"])) + "\n", "stderr")
        shown: dict[str, object] = {"number": self.number(cell), "id": cell["id"], "output_type": kind}
        if kind != "error":
            shown["types"] = sorted(output["data"])
            shown["text"] = str(output["data"].get("text/plain", ""))[:_SHOWN]
        self.context.emit("cell_output", shown)

    def _print(self, text: str, stream: Literal["stdout", "stderr"]) -> None:
        """Pass text on in pieces, so that whoever watches holds little of it at once."""
        for start in range(0, len(text), _PIECE):
            self.context.write(text[start : start + _PIECE], stream)

    # ---- how it ended ----------------------------------------------------------------------------------------

    def _judge(self) -> None:
        """Raise the error of the last cell that failed, and mark it, as papermill does."""
        errors = [failure for failure in self._failures if not failure.is_exit]
        if not errors or self.allow_errors:
            return
        failure = errors[-1]
        number, count = self.number(failure.cell), failure.cell.get("execution_count")
        self.record.mark(failure.cell)
        line = _line(failure.traceback, count)
        raise CellFailed(notebook=self.name, cell=number, line=line, error=_told(failure))


def _runs(cell: Cell) -> bool:
    """Say whether a cell has something to run."""
    return cell["cell_type"] == "code" and bool(cell["source"].strip()) and SKIPPED not in tags_of(cell)


def _told(failure: Failure) -> str:
    if failure.name == _NO_STDIN:
        return _INPUT
    return " ".join(f"{failure.name}: {failure.message}".split())[:_SHOWN].rstrip(":. ")


def _brief(error: BaseException) -> str:
    if isinstance(error, asyncio.CancelledError):
        return "cancelled"
    if isinstance(error, KernelGone):
        return "the kernel died"
    return str(error)


def _line(traceback: Sequence[str], count: object) -> int:
    """Give the line of the cell where the error was raised; 0 if the traceback does not say."""
    places = _PLACE.findall(_COLOUR.sub("", "\n".join(traceback)))
    own = [int(line) for cell, line in places if cell == str(count)]
    return own[-1] if own else 0
