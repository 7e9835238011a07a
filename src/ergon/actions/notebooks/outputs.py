"""Outputs: what the cells of a notebook put out, made from a kernel's messages as they come."""

from __future__ import annotations

import datetime
from typing import Any, Final

from ergon.actions.notebooks.book import Cell
from ergon.actions.notebooks.conversation import Message
from ergon.actions.notebooks.widgets import Widgets
from ergon.errors import ActionFailed

Output = dict[str, Any]  # Any: JSON

OUTPUT_LIMIT: Final = 500_000_000
"""Bytes that the outputs of one notebook may have."""
_PIECE: Final = 4096
"""Characters up to which pieces of text are put together at once."""
_DATA: Final = frozenset({"display_data", "execute_result", "update_display_data"})
_TIMES: Final = {"busy": "iopub.status.busy", "idle": "iopub.status.idle"}


class Outputs:
    """The outputs of the cells of one notebook.

    Text of a stream is a list of pieces: consecutive pieces of one stream are one output, as a notebook shows them.
    """

    def __init__(self, widgets: Widgets, *, limit: int = OUTPUT_LIMIT) -> None:
        self._widgets = widgets
        self._limit = limit
        self._shown: dict[str, list[Output]] = {}
        """Outputs by the display id under which they can be changed, in whatever cell they are."""
        self._clearing: set[str] = set()
        """Ids of the cells whose outputs go when the next one comes."""
        self._sizes: dict[str, int] = {}
        """Bytes of outputs by the cell's id."""
        self._total = 0

    def take(self, cell: Cell, message: Message, size: int) -> Output | None:
        """Take in a message that belongs to a cell; gives the output that it added or added to, if any."""
        kind, content = message["header"]["msg_type"], message["content"]
        if "execution_count" in content:
            cell["execution_count"] = content["execution_count"]
        if kind == "status":
            self._time(cell, _TIMES.get(content.get("execution_state", ""), ""), message)
        elif kind == "execute_input":
            self._time(cell, "iopub.execute_input", message)
        elif kind.startswith("comm_"):
            self._widgets.take(message)
        elif self._widgets.captures(message):
            return None
        elif kind == "clear_output":
            self._clear(cell, wait=bool(content.get("wait")))
        else:
            return self._put(cell, kind, content, size)
        return None

    def replied(self, cell: Cell, message: Message) -> None:
        """Note when a cell's reply came."""
        self._time(cell, "shell.execute_reply", message)

    def _time(self, cell: Cell, name: str, message: Message) -> None:
        if name:
            cell["metadata"].setdefault("execution", {})[name] = _date(message)

    def _clear(self, cell: Cell, *, wait: bool) -> None:
        if wait:
            self._clearing.add(cell["id"])
            return
        self._clearing.discard(cell["id"])
        gone = {id(output) for output in cell["outputs"]}
        for name, outputs in list(self._shown.items()):
            self._shown[name] = [output for output in outputs if id(output) not in gone]
        cell["outputs"].clear()
        self._total -= self._sizes.pop(cell["id"], 0)

    def _put(self, cell: Cell, kind: str, content: Message, size: int) -> Output | None:
        display = (content.get("transient") or {}).get("display_id") if kind in _DATA else None
        if display:
            for shown in self._shown.get(display, ()):
                shown["data"], shown["metadata"] = content["data"], content.get("metadata", {})
        if kind == "update_display_data":
            return None
        output = _output(kind, content)
        if output is None:
            return None
        if cell["id"] in self._clearing:
            self._clear(cell, wait=False)
        self._count(cell, size)
        if display:
            self._shown.setdefault(display, []).append(output)
        return _added(cell["outputs"], output)

    def _count(self, cell: Cell, size: int) -> None:
        self._sizes[cell["id"]] = self._sizes.get(cell["id"], 0) + size
        self._total += size
        if self._total > self._limit:
            raise ActionFailed(
                f"The outputs of the notebook are larger than {self._limit / 1e6:g} MB.",
                hint="Write what is large to a file, or hand it out with `ergon.output`.",
            )


def _output(kind: str, content: Message) -> Output | None:
    """Give the output that a message is, if it is one."""
    if kind == "stream":
        return {"output_type": kind, "name": content["name"], "text": [content["text"]]}
    if kind == "error":
        return {"output_type": kind, **{key: content[key] for key in ("ename", "evalue", "traceback")}}
    if kind not in _DATA:
        return None
    output = {"output_type": kind, "data": content["data"], "metadata": content.get("metadata", {})}
    return output | ({"execution_count": content["execution_count"]} if kind == "execute_result" else {})


def _added(outputs: list[Output], output: Output) -> Output:
    """Add an output to a cell's; text that goes on an output before it is added to that."""
    last = outputs[-1] if outputs else None
    if last is None or output["output_type"] != "stream" or last.get("name") != output["name"]:
        outputs.append(output)
        return output
    pieces, (piece,) = last["text"], output["text"]
    if len(pieces[-1]) + len(piece) <= _PIECE:
        pieces[-1] += piece
    else:
        pieces.append(piece)
    return last


def _date(message: Message) -> str:
    date = message["header"].get("date")
    if not isinstance(date, datetime.datetime):
        date = datetime.datetime.now(datetime.UTC)
    return date.astimezone(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
