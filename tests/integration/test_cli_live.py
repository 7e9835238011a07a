"""The live view, in a real terminal: what is drawn, what is left at the end, and what does not get in the way."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from pathlib import Path

import pytest
from tests.emulator import Emulator

ERGON = Path(sys.executable).with_name("ergon")
ROWS, COLUMNS = 40, 100

WORKFLOW = """
ergon: 1
name: live
title: A live one
steps:
  - {id: first, uses: core.noop, with: {value: 41}}
  - id: busy
    uses: python.run
    with:
      code: |
        import os, time
        os.write(1, b"stray words\\n")
        deadline = time.monotonic() + 30
        step = 0
        while not ctx.path("go").exists() and time.monotonic() < deadline:
            ctx.progress(0.5, "halfway there")
            print("round and round")
            time.sleep(0.05)
        "done"
  - id: fan
    for_each: [a, b, c]
    uses: core.noop
    with: {value: "{{ item }}"}
  - {id: last, uses: core.noop, needs: [busy]}
outputs: {answer: "{{ steps.first.output + 1 }}"}
"""


class Typed:
    """`ergon` in a terminal of its own."""

    def __init__(self, folder: Path, *arguments: str) -> None:
        self._ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
        environment = {**os.environ, "TERM": "xterm-256color", "COLUMNS": "", "LINES": ""}
        self._process = subprocess.Popen(
            [str(ERGON), *arguments], cwd=folder, stdin=theirs, stdout=theirs, stderr=theirs, env=environment
        )
        os.close(theirs)
        self.terminal = Emulator(ROWS, COLUMNS)
        self.raw = ""

    def read(self, seconds: float) -> bool:
        """Take in what comes; gives whether there may be more."""
        ready, _, _ = select.select([self._ours], [], [], seconds)
        if not ready:
            return True
        try:
            data = os.read(self._ours, 65_536)
        except OSError:  # the other end was closed
            return False
        text = data.decode("utf-8", "replace")
        self.raw += text
        self.terminal.write(text)
        return bool(data)

    def until(self, *words: str) -> None:
        """Wait until all of these words are on the screen."""
        deadline = time.monotonic() + 40
        while not all(any(word in line for line in self.screen) for word in words):
            assert time.monotonic() < deadline, "\n".join(self.screen)
            assert self.read(0.1), "\n".join(self.screen)

    def interrupt(self) -> None:
        """Press Ctrl-C."""
        self._process.send_signal(signal.SIGINT)

    def end(self) -> int:
        """Wait for the end; gives the exit code."""
        deadline = time.monotonic() + 40
        while self.read(0.1):
            assert time.monotonic() < deadline, "\n".join(self.screen)
            if self._process.poll() is not None and not select.select([self._ours], [], [], 0)[0]:
                break
        os.close(self._ours)
        return self._process.wait(timeout=10)

    @property
    def screen(self) -> list[str]:
        """The lines of the terminal, those that have scrolled away included."""
        return [*self.terminal.history, *(line.rstrip() for line in self.terminal.lines)]

    def kill(self) -> None:
        """End it, whatever it does."""
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / ".ergon").mkdir()
    (tmp_path / "live.ergon.yaml").write_text(WORKFLOW)
    return tmp_path


def test_a_run_is_watched_live_and_ends_with_a_panel(folder: Path) -> None:
    typed = Typed(folder, "run", "live.ergon.yaml")
    try:
        typed.until(
            "A live one", "✓ first", "busy", "running", "50%", "halfway there · round and round", "Ctrl-C stops"
        )
        (folder / "go").touch()
        assert typed.end() == 0
    finally:
        typed.kill()
    screen = typed.screen
    assert sum("A live one  run" in line for line in screen) == 1, "the frame was written over, not repeated"
    assert any(line.startswith("✓ busy") and "succeeded" in line and "done" in line for line in screen)
    assert any("✓ fan" in line and "3 items" in line for line in screen)
    assert any("A live one: succeeded in" in line for line in screen)
    assert any("answer  42" in line for line in screen)
    assert any("ergon show" in line for line in screen)
    assert typed.terminal.cursor_shown
    assert "\x1b[32m" in typed.raw


def test_what_others_write_meanwhile_stands_above_the_frame(folder: Path) -> None:
    (folder / "go").touch()
    typed = Typed(folder, "run", "live.ergon.yaml")
    try:
        assert typed.end() == 0
    finally:
        typed.kill()
    screen = typed.screen
    (stray,) = [number for number, line in enumerate(screen) if line == "stray words"]
    (frame,) = [number for number, line in enumerate(screen) if "A live one  run" in line]
    assert stray < frame
    assert not any(line == "round and round" for line in screen)


NOTEBOOK_WORKFLOW = """
ergon: 1
name: book
steps:
  - {id: read, uses: notebook.run, with: {path: book.ipynb}}
"""
WAITING = "import pathlib, time\nwhile not pathlib.Path('go').exists():\n    time.sleep(0.02)"


def test_a_notebooks_cells_are_counted(folder: Path) -> None:
    cells = [{"cell_type": "code", "source": text, "metadata": {}} for text in ("1", WAITING, "3")]
    book = {"nbformat": 4, "metadata": {"kernelspec": {"name": "python3"}}, "cells": cells}
    (folder / "book.ipynb").write_text(json.dumps(book))
    (folder / "book.ergon.yaml").write_text(NOTEBOOK_WORKFLOW)
    typed = Typed(folder, "run", "book.ergon.yaml")
    try:
        typed.until("cell 2/3", "33%")
        (folder / "go").touch()
        assert typed.end() == 0
    finally:
        typed.kill()
    assert any(line.startswith("✓ read") for line in typed.screen)


def test_ctrl_c_says_what_it_does_and_how_to_go_on(folder: Path) -> None:
    typed = Typed(folder, "run", "live.ergon.yaml")
    try:
        typed.until("halfway there")
        typed.interrupt()
        typed.until("Stopping when what runs now has ended. Ctrl-C again stops at once.")
        (folder / "go").touch()
        assert typed.end() == 130
    finally:
        typed.kill()
    assert any("A live one: interrupted in" in line for line in typed.screen)
    assert any("ergon resume" in line for line in typed.screen)
    assert typed.terminal.cursor_shown


def test_a_terminal_without_colours_gets_none(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    (folder / "go").touch()
    typed = Typed(folder, "run", "live.ergon.yaml")
    try:
        assert typed.end() == 0
    finally:
        typed.kill()
    assert "\x1b[3" not in typed.raw
    assert any("A live one: succeeded in" in line for line in typed.screen)
