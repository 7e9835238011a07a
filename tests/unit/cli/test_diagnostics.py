"""Diagnostics as a compiler shows them."""

from __future__ import annotations

import io

import pytest

from ergon.cli.diagnostics import count, show_diagnostics
from ergon.model.diagnostics import Diagnostic, Severity


def fault(message: str = "It is wrong.", severity: Severity = "error", line: int = 1, column: int = 1) -> Diagnostic:
    return Diagnostic("E199", severity, message, "w.yaml", line, column, "Put it right.")


def shown(*found: Diagnostic, text: str = "") -> list[str]:
    stream = io.StringIO()
    show_diagnostics(found, stream=stream, sources=lambda file: text.splitlines())
    return stream.getvalue().splitlines()


def test_a_fault_is_shown_with_its_place_its_line_and_its_hint() -> None:
    assert shown(fault(line=2, column=9), text="a: 1\n  uses: file.raed # x\n") == [
        "w.yaml:2:9: error E199: It is wrong.",
        "    2 |   uses: file.raed # x",
        "      |         ^~~~~~~~~",
        "      hint: Put it right.",
        "",
        "1 error",
    ]


def test_the_caret_stands_under_the_place_also_after_wide_letters_and_tabs() -> None:
    lines = shown(fault(column=6), text="日本\t: x")
    assert lines[1].index("x") - lines[2].index("^") == -2  # two wide letters take two columns more
    assert lines[1][8:] == "日本 : x"


def test_a_long_line_is_cut_around_the_place() -> None:
    lines = shown(fault(column=500), text="a" * 499 + "HERE" + "b" * 500)
    assert "HERE" in lines[1]
    assert len(lines[1]) < 200
    assert lines[1][lines[2].index("^") :].startswith("HERE")


@pytest.mark.parametrize("text", ["", "\n\n", "a"])
def test_a_place_without_a_line_is_told_all_the_same(text: str) -> None:
    assert shown(fault(line=3), text=text)[0] == "w.yaml:3:1: error E199: It is wrong."


def test_they_are_counted_by_severity() -> None:
    assert count([fault(), fault(severity="note"), fault(), fault(severity="warning")]) == "2 errors, 1 warning, 1 note"
