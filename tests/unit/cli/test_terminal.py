"""With `--json`, descriptor 1 is kept for the document, and nothing else reaches it."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys

import pytest

from ergon.cli import codes
from ergon.cli.terminal import has_colours, paint
from ergon.model.states import RunStatus

PROGRAM = """
import os, subprocess, sys
from ergon.cli.terminal import terminal
terminal.keep_stdout()
print("a print")
os.write(1, b"a C library\\n")
subprocess.run([sys.executable, "-c", "print('a child')"], check=True)
terminal.document({"x": float("nan"), "text": "\\ud800ü"})
print("after it")
"""


def test_stdout_holds_one_strict_document_and_nothing_else() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, check=True)
    assert json.loads(done.stdout, parse_constant=pytest.fail) == {"x": None, "text": "\ud800ü"}
    assert set(done.stderr.decode().splitlines()) == {"a C library", "a child", "a print", "after it"}


def test_no_child_can_write_to_the_document() -> None:
    program = (
        "import os, subprocess, sys; from ergon.cli.terminal import terminal; terminal.keep_stdout();"
        "listing = 'import os; print(sorted(os.listdir(\"/proc/self/fd\")))';"
        "subprocess.run([sys.executable, '-c', listing], check=True); terminal.document(1)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "1\n"
    assert len(json.loads(done.stderr.replace("'", '"'))) <= 4  # 0, 1, 2, and that of the listing itself


def test_colours_only_where_they_are_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.StringIO()
    for name in ("NO_COLOR", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)
    assert paint("x", "red", stream) == "x"
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert paint("x", "red", stream) == "\x1b[31mx\x1b[0m"
    monkeypatch.setenv("NO_COLOR", "1")
    assert not has_colours(stream)


def test_every_status_has_an_exit_code() -> None:
    found = {status.value: codes.exit_code(status) for status in RunStatus}
    assert found == {
        "succeeded": 0,
        "failed": 1,
        "partial": 3,
        "paused": 4,
        "waiting": 4,
        "interrupted": 130,
        "cancelled": 130,
        "queued": 130,
        "running": 130,
    }
    assert os.EX_OK == codes.OK
