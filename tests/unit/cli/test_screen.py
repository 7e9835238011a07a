"""The screen writes over its lines in place, and only what changed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.emulator import Emulator

from ergon.cli.screen import Screen

frames = st.lists(st.lists(st.text("abc ", max_size=12).map(str.rstrip), max_size=8), min_size=1, max_size=8)


@given(frames, st.lists(st.lists(st.text("xyz", min_size=1, max_size=5), max_size=2), max_size=8))
def test_the_last_frame_stands_below_all_that_was_written_above(drawn: list[list[str]], above: list[list[str]]) -> None:
    terminal = Emulator(rows=9)
    screen = Screen(terminal.write, columns=lambda: terminal.columns)
    told: list[str] = []
    for number, frame in enumerate(drawn):
        lines = above[number] if number < len(above) else []
        told += lines
        screen.draw(frame, above=lines)
    screen.close()
    last = drawn[-1]
    assert terminal.all[len(terminal.all) - len(last) :] == last
    assert [line for line in terminal.all if set(line) & set("xyz")] == told
    assert terminal.cursor_shown


def test_what_did_not_change_is_not_written_again() -> None:
    terminal = Emulator()
    screen = Screen(terminal.write, columns=lambda: 40)
    screen.draw(["one " * 8, "two"])
    before = terminal.written
    screen.draw(["one " * 8, "TWO"])
    assert terminal.all == [("one " * 8).rstrip(), "TWO"]
    assert terminal.written - before < 40


def test_a_narrower_terminal_is_drawn_anew() -> None:
    width = 40
    written: list[str] = []
    screen = Screen(written.append, columns=lambda: width)
    screen.draw(["x" * 35, "y"])
    width = 20
    screen.draw(["x" * 15, "y"])
    assert "\x1b[3A\r\x1b[J" in written[-1]


def test_the_frame_can_be_taken_away() -> None:
    terminal = Emulator()
    screen = Screen(terminal.write, columns=lambda: 40)
    terminal.write("before\r\n")
    screen.draw(["a", "b"])
    screen.close(keep=False)
    assert terminal.all == ["before"]


@pytest.mark.parametrize("styled", ["\x1b[31mred\x1b[0m"])
def test_styles_take_no_room(styled: str) -> None:
    width = 40
    written: list[str] = []
    screen = Screen(written.append, columns=lambda: width)
    screen.draw([styled * 6])
    width = 18
    screen.draw(["z"])
    assert "\x1b[1A\r\x1b[J" in written[-1]
