"""Outputs, from messages as a kernel sends them."""

from __future__ import annotations

import datetime
from typing import Any

import pytest

from ergon.actions.notebooks.outputs import Outputs
from ergon.actions.notebooks.widgets import MIME, Widgets
from ergon.errors import ActionFailed

_AT = datetime.datetime(2024, 1, 2, 3, 4, 5, 6, tzinfo=datetime.UTC)


def message(kind: str, request: str = "r", buffers: list[bytes] | None = None, **content: object) -> dict[str, Any]:
    header = {"msg_type": kind, "date": _AT}
    return {"header": header, "parent_header": {"msg_id": request}, "content": content, "buffers": buffers or []}


def stream(text: str, name: str = "stdout") -> dict[str, Any]:
    return message("stream", name=name, text=text)


def shown(text: str, display: str = "", kind: str = "display_data") -> dict[str, Any]:
    transient = {"display_id": display} if display else None
    return message(kind, data={"text/plain": text}, metadata={}, transient=transient)


class Cells:
    """Cells, and what takes their messages in."""

    def __init__(self, limit: int = 10_000) -> None:
        self.widgets = Widgets()
        self.outputs = Outputs(self.widgets, limit=limit)
        self.cells: list[dict[str, Any]] = [
            {"id": name, "metadata": {}, "outputs": [], "execution_count": None} for name in "abc"
        ]

    def take(self, *messages: dict[str, Any], cell: int = 0, size: int = 10) -> list[Any]:
        for each in messages:
            self.outputs.take(self.cells[cell], each, size)
        found: list[Any] = self.cells[cell]["outputs"]
        return found

    def texts(self, cell: int = 0) -> list[str]:
        found = self.cells[cell]["outputs"]
        return ["".join(each["text"]) if "text" in each else each["data"]["text/plain"] for each in found]


@pytest.fixture
def cells() -> Cells:
    return Cells()


def test_text_that_goes_on_is_one_output(cells: Cells) -> None:
    found = cells.take(stream("a"), stream("b\n"), stream("!", "stderr"), stream("c"), shown("d"), stream("e"))
    assert cells.texts() == ["ab\n", "!", "c", "d", "e"]
    assert found[0] == {"output_type": "stream", "name": "stdout", "text": ["ab\n"]}
    cells.take(*(stream("x" * 1000) for _ in range(10)), cell=1)
    assert [len(piece) for piece in cells.cells[1]["outputs"][0]["text"]] == [4000, 4000, 2000]


def test_each_kind_of_output_is_kept_as_it_came(cells: Cells) -> None:
    bundle = {"text/plain": "1", "image/png": "aGk=", "application/json": {"a": [1]}}
    error: dict[str, Any] = {"ename": "E", "evalue": "v", "traceback": ["t"]}
    result = message("execute_result", data=bundle, metadata={"image/png": {"width": 3}}, execution_count=7)
    found = cells.take(result, message("error", **error), message("something_new", data=1))
    assert found[0] == {
        "output_type": "execute_result",
        "data": bundle,
        "metadata": {"image/png": {"width": 3}},
        "execution_count": 7,
    }
    assert found[1:] == [{"output_type": "error", **error}]
    assert cells.cells[0]["execution_count"] == 7


def test_a_display_is_changed_wherever_it_stands(cells: Cells) -> None:
    cells.take(shown("1", "d"), shown("other", "o"))
    cells.take(shown("2", "d"), cell=1)
    assert cells.texts(0) == ["2", "other"], "a display of the same id changes those before it"
    cells.take(shown("3", "d", "update_display_data"), cell=2)
    assert [cells.texts(number) for number in range(3)] == [["3", "other"], ["3"], []]
    cells.take(shown("4", "unknown", "update_display_data"), cell=2)
    assert cells.texts(2) == []


def test_outputs_are_cleared_at_once_or_with_the_next(cells: Cells) -> None:
    cells.take(shown("1", "d"), message("clear_output", wait=True))
    assert cells.texts() == ["1"]
    cells.take(stream("2"))
    assert cells.texts() == ["2"]
    cells.take(shown("3", "d"), message("clear_output", wait=False), stream("4"))
    cells.take(shown("5", "d", "update_display_data"), cell=1)
    assert cells.texts() == ["4"], "what was cleared cannot be changed"


def test_the_times_of_a_cell_are_noted(cells: Cells) -> None:
    cells.take(message("status", execution_state="busy"), message("execute_input", execution_count=3, code="1"))
    cells.take(message("status", execution_state="idle"), message("status", execution_state="starting"))
    cells.outputs.replied(cells.cells[0], message("execute_reply"))
    at = "2024-01-02T03:04:05.000006Z"
    names = ("iopub.status.busy", "iopub.execute_input", "iopub.status.idle", "shell.execute_reply")
    assert cells.cells[0]["metadata"]["execution"] == dict.fromkeys(names, at)
    assert cells.cells[0]["execution_count"] == 3


def test_outputs_beyond_the_limit_are_told(cells: Cells) -> None:
    cells = Cells(limit=1000)
    cells.take(stream("a"), size=600)
    for _ in range(10):
        cells.take(message("clear_output", wait=True), shown("x", "d"), cell=1, size=300)
        cells.take(shown("y", "d", "update_display_data"), cell=1, size=300)
    with pytest.raises(ActionFailed, match=r"The outputs of the notebook are larger than 0\.001 MB"):
        cells.take(stream("a"), cell=2, size=200)


# ---- widgets -------------------------------------------------------------------------------------------------


def opened(number: str, **state: object) -> dict[str, Any]:
    named = {"_model_name": "M", "_model_module": "m", "_model_module_version": "1", **state}
    return message("comm_open", comm_id=number, target_name="jupyter.widget", data={"state": named})


def test_the_state_of_widgets_is_kept(cells: Cells) -> None:
    assert cells.widgets.metadata() == {}
    change = {"state": {"value": 2}, "buffer_paths": [["data"]]}
    cells.take(opened("w", value=1), message("comm_msg", comm_id="w", data=change, buffers=None) | {"buffers": [b"hi"]})
    cells.take(message("comm_msg", comm_id="other", data={"state": {"x": 1}}), message("comm_close", comm_id="w"))
    state = cells.widgets.metadata()[MIME]["state"]
    assert list(state) == ["w"]
    assert state["w"]["state"]["value"] == 2
    assert (state["w"]["model_name"], state["w"]["model_module"], state["w"]["model_module_version"]) == ("M", "m", "1")
    assert state["w"]["buffers"] == [{"data": "aGk=", "encoding": "base64", "path": ["data"]}]


class Wire:
    """The client's side of what Output widgets say to the kernel."""

    def __init__(self) -> None:
        self.sent: list[Any] = []
        self.session = self

    def msg(self, kind: str, content: object, parent: object, metadata: object) -> object:
        return content

    def send(self, content: object) -> None:
        self.sent.append(content)


def test_an_output_widget_takes_outputs_in_while_it_says_so(cells: Cells) -> None:
    wire: Any = Wire()
    cells.widgets.conversation = wire
    cells.take(opened("o", _model_module="@jupyter-widgets/output", _model_name="OutputModel", outputs=[], msg_id=""))
    cells.take(message("comm_msg", comm_id="o", data={"state": {"msg_id": "r"}}), stream("in"), stream(" it"))
    cells.take(message("comm_msg", comm_id="o", data={"state": {"msg_id": ""}}), stream("out"))
    assert cells.texts() == ["out"]
    assert cells.widgets.widget_state["o"]["outputs"][0]["text"] == "in it"
    assert wire.sent[-1]["data"]["state"]["outputs"][0]["text"] == "in it"
    cells.take(message("comm_msg", comm_id="o", data={"state": {"msg_id": "r"}}), message("clear_output", wait=False))
    assert cells.widgets.widget_state["o"]["outputs"] == []
