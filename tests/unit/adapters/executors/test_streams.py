"""Streams: what a running action prints goes to its own log."""

from __future__ import annotations

import io
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest
from jupyter_client.manager import start_new_kernel

from ergon.adapters.executors import streams
from ergon.adapters.executors.streams import ContextStream, current_context
from ergon.testing.context import FakeContext


@pytest.fixture
def context(tmp_path: Path) -> FakeContext:
    return FakeContext(tmp_path)


@pytest.fixture
def inside(context: FakeContext) -> Iterator[FakeContext]:
    token = current_context.set(context)
    yield context
    current_context.reset(token)


def stream() -> tuple[ContextStream, io.BytesIO]:
    raw = io.BytesIO()
    return ContextStream(io.TextIOWrapper(raw, encoding="utf-8", write_through=True), "stdout"), raw


def test_outside_of_actions_nothing_changes() -> None:
    wrapped, raw = stream()
    assert wrapped.write("text") == 4
    wrapped.writelines(["a", "b"])
    wrapped.buffer.write(b"bytes")
    wrapped.flush()
    assert raw.getvalue() == b"textabbytes"
    assert (wrapped.encoding, wrapped.isatty(), wrapped.errors) == ("utf-8", False, "strict")  # type: ignore[operator]
    with pytest.raises(io.UnsupportedOperation):
        wrapped.fileno()  # type: ignore[operator]
    with pytest.raises(AttributeError):
        wrapped.no_such_thing  # noqa: B018  # looking it up is the test


def test_inside_an_action_it_is_the_contexts(inside: FakeContext) -> None:
    wrapped, raw = stream()
    assert wrapped.write("text") == 4
    wrapped.writelines(["a", "b"])
    assert wrapped.buffer.write("ü".encode()) == 2
    wrapped.buffer.flush()
    wrapped.flush()
    assert inside.written == {"stdout": "textabü", "stderr": ""}
    assert raw.getvalue() == b""
    assert wrapped.encoding == "utf-8"


def test_bytes_are_refused_as_everywhere(inside: FakeContext) -> None:
    wrapped, _ = stream()
    with pytest.raises(TypeError, match="must be str, not bytes"):
        wrapped.write(b"bytes")  # type: ignore[arg-type]


def test_what_a_context_prints_itself_does_not_come_back_to_it(tmp_path: Path) -> None:
    wrapped, raw = stream()

    class Loud(FakeContext):
        def write(self, text: str, stream: str = "stdout") -> None:
            wrapped.write(f"[{text}]")

    token = current_context.set(Loud(tmp_path))
    wrapped.write("text")
    current_context.reset(token)
    assert raw.getvalue() == b"[text]"


def test_installing_twice_is_installing_once(monkeypatch: pytest.MonkeyPatch) -> None:
    out, err = io.StringIO(), io.StringIO()
    monkeypatch.setattr(sys, "stdout", out)
    monkeypatch.setattr(sys, "stderr", err)
    streams.install()
    streams.install()
    assert cast("ContextStream", sys.stdout).original is out
    streams.uninstall()
    assert (sys.stdout, sys.stderr) == (out, err)
    streams.uninstall()
    assert (sys.stdout, sys.stderr) == (out, err)


def test_a_stream_that_somebody_put_there_since_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", io.StringIO())
    streams.install()
    later = io.StringIO()
    monkeypatch.setattr(sys, "stdout", later)
    streams.uninstall()
    assert sys.stdout is later


def test_a_program_without_streams_stays_without(monkeypatch: pytest.MonkeyPatch) -> None:
    names = ("stdout", "stderr")
    for name in names:
        monkeypatch.setattr(sys, name, None)
    streams.install()
    assert [vars(sys)[name] for name in names] == [None, None]
    streams.uninstall()


KERNEL = """
import asyncio, sys, threading
from pathlib import Path
from ergon.actions.action import Action
from ergon.adapters.executors import streams
from ergon.adapters.executors.thread import ThreadExecutor
from ergon.ports import Call
from ergon.testing.context import FakeContext
from ergon.testing.contracts import probes

streams.install()
context = FakeContext(Path("."))
loop = asyncio.new_event_loop()
threading.Thread(target=loop.run_forever, daemon=True).start()
executor = ThreadExecutor(2)
call = Call(Action(probes.say, name="x:say"), {"text": "from the action"}, context)
asyncio.run_coroutine_threadsafe(executor.execute(call), loop).result(60)
print("from the cell", context.written, sys.stdout.isatty(), flush=True)
sys.stderr.write("error of the cell\\n")
"""


def test_in_a_kernel_cells_and_actions_print_apart() -> None:
    manager, client = start_new_kernel(kernel_name="python3")
    try:
        heard: dict[str, str] = {"stdout": "", "stderr": ""}

        def hear(message: dict[str, Any]) -> None:  # Any: JSON
            if message["msg_type"] == "stream":
                heard[message["content"]["name"]] += message["content"]["text"]

        reply = client.execute_interactive(KERNEL, timeout=60, output_hook=hear)
        assert reply["content"]["status"] == "ok", reply["content"]
        again = client.execute_interactive("print('the next cell')", timeout=60, output_hook=hear)
        assert again["content"]["status"] == "ok"
        written = {"stdout": "from the action\n", "stderr": "from the action!\n"}
        assert heard["stdout"] == f"from the cell {written} False\nthe next cell\n"
        assert heard["stderr"] == "error of the cell\n"
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)
