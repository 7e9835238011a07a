"""Widgets: the state of a notebook's widgets, kept for those who open it, and Output widgets, which take outputs in."""

from __future__ import annotations

import base64
from typing import Any, Final

from ergon.actions.notebooks.conversation import Conversation, Message

MIME: Final = "application/vnd.jupyter.widget-state+json"
_TARGET: Final = "jupyter.widget"
_OUTPUT: Final = ("@jupyter-widgets/output", "OutputModel")


class Widgets:
    """The widgets of one notebook, as a front end would hold them."""

    def __init__(self) -> None:
        self.conversation: Conversation | None = None
        """The conversation with the kernel, by which Output widgets tell it what they took in."""
        self.widget_state: dict[str, dict[str, Any]] = {}
        self._buffers: dict[str, dict[tuple[object, ...], dict[str, Any]]] = {}
        self._outputs: dict[str, Any] = {}
        self._hooks: dict[str, list[Any]] = {}

    def take(self, message: Message) -> None:
        """Take in a message of a comm."""
        content = message["content"]
        number, data = str(content.get("comm_id", "")), content.get("data")
        if not isinstance(data, dict):
            return
        state = data.get("state")
        if isinstance(state, dict):
            self.widget_state.setdefault(number, {}).update(state)
            if data.get("buffer_paths"):
                self._keep(number, data["buffer_paths"], message.get("buffers", []))
        if message["header"]["msg_type"] == "comm_open":
            self._open(number, content.get("target_name"), state)
        elif message["header"]["msg_type"] == "comm_msg" and number in self._outputs:
            self._outputs[number].handle_msg(message)

    def _keep(self, number: str, paths: list[list[object]], buffers: list[bytes]) -> None:
        known = self._buffers.setdefault(number, {})
        for path, buffer in zip(paths, buffers, strict=False):
            data = base64.b64encode(buffer).decode("ascii")
            known[tuple(path)] = {"data": data, "encoding": "base64", "path": path}

    def _open(self, number: str, target: object, state: object) -> None:
        if target != _TARGET or not isinstance(state, dict):
            return
        if (state.get("_model_module"), state.get("_model_name")) == _OUTPUT:
            from nbclient.output_widget import OutputWidget

            client: Any = _Wire(self.conversation)
            self._outputs[number] = OutputWidget(number, {"outputs": [], **state}, client, self)

    # ---- Output widgets --------------------------------------------------------------------------------------

    def captures(self, message: Message) -> bool:
        """Give an output to the Output widget that takes in the outputs of its request; says whether there is one."""
        hooks = self._hooks.get(message["parent_header"].get("msg_id", ""))
        if not hooks:
            return False
        if message["header"]["msg_type"] == "clear_output":
            hooks[-1].clear_output([], message, 0)
        elif message["header"]["msg_type"] in ("stream", "display_data", "execute_result", "error"):
            hooks[-1].output([], message, None, 0)
        return True

    def register_output_hook(self, request: str, hook: object) -> None:
        """Have an Output widget take in the outputs of a request; called by the widget."""
        self._hooks.setdefault(request, []).append(hook)

    def remove_output_hook(self, request: str, hook: object) -> None:
        """Let the outputs of a request go where they went before; called by the widget."""
        hooks = self._hooks.get(request, [])
        if hook in hooks:
            hooks.remove(hook)

    # ---- what is kept ----------------------------------------------------------------------------------------

    def metadata(self) -> dict[str, Any]:
        """Give the notebook's metadata `widgets`; empty if there are none."""
        models = {number: state for number, state in self.widget_state.items() if "_model_name" in state}
        if not self.widget_state:
            return {}
        return {
            MIME: {"state": {n: self._model(n, s) for n, s in models.items()}, "version_major": 2, "version_minor": 0}
        }

    def _model(self, number: str, state: dict[str, Any]) -> dict[str, Any]:
        model: dict[str, Any] = {
            "model_name": state.get("_model_name"),
            "model_module": state.get("_model_module"),
            "model_module_version": state.get("_model_module_version"),
            "state": state,
        }
        if number in self._buffers:
            model["buffers"] = list(self._buffers[number].values())
        return model


class _Wire:
    """What an Output widget knows of the client of a kernel: how to make a message, and where to send it."""

    def __init__(self, conversation: Conversation | None) -> None:
        assert conversation is not None
        self.session = conversation.session
        self.shell_channel = conversation
