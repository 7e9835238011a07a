"""Words for numbers and values."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ergon.cli.words import ago, brief, clean, plural, seconds, shown_path, size


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, "–"),
        (0.004, "0.00 s"),
        (0.314, "0.31 s"),
        (9.994, "9.99 s"),
        (9.996, "10.0 s"),
        (59.94, "59.9 s"),
        (59.96, "1 min 00 s"),
        (185, "3 min 05 s"),
        (3600, "1 h 00 min"),
        (7800, "2 h 10 min"),
        (90_000, "1 d 01 h"),
    ],
)
def test_durations(value: float | None, expected: str) -> None:
    assert seconds(value) == expected


@pytest.mark.parametrize(
    ("passed", "expected"),
    [(-5, "just now"), (1, "just now"), (42, "42 s ago"), (61, "1 min ago"), (7300, "2 h ago"), (200_000, "2 d ago")],
)
def test_ages(passed: float, expected: str) -> None:
    assert ago(1000.0, now=1000.0 + passed) == expected


@pytest.mark.parametrize(
    ("count", "expected"),
    [(0, "0 B"), (999, "999 B"), (1500, "1.5 kB"), (147_000, "147 kB"), (82_100_000_000, "82.1 GB")],
)
def test_sizes(count: int, expected: str) -> None:
    assert size(count) == expected


def test_nouns() -> None:
    assert [plural(n, "step") for n in (0, 1, 2)] == ["0 steps", "1 step", "2 steps"]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("two\nlines", "two lines"),
        ({"a": [1, "ü"]}, '{"a": [1, "ü"]}'),
        ({"$artifact": "0" * 64, "type": "dataframe", "size": 1500}, "<dataframe, 1.5 kB>"),
        ({"$artifact": "0" * 64, "type": "bytes", "size": 1, "name": "a.png"}, "<a.png, bytes, 1 B>"),
        ("x" * 101, "x" * 99 + "…"),
        (None, "null"),
    ],
)
def test_values_on_one_line(value: object, expected: str) -> None:
    assert brief(value) == expected


@given(st.text())
def test_nothing_in_a_text_steers_the_terminal(text: str) -> None:
    assert all(character.isprintable() or character == "\t" for character in clean(text))


def test_escape_sequences_go_whole() -> None:
    assert clean("\x1b[31mred\x1b[0m \x1b]0;title\x07 \x1b[2Jgone") == "red  gone"


def test_paths_are_as_short_as_can_be_typed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert shown_path(tmp_path / "build" / "a.txt") == "build/a.txt"
    assert shown_path(Path("/etc/hosts")) == "/etc/hosts"
