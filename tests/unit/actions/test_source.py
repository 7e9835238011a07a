from __future__ import annotations

import sys
import types
from collections.abc import Callable
from typing import Any

import pytest

from ergon.actions.action import Action
from ergon.actions.catalog import ActionCatalog
from ergon.actions.source import code_of


def in_main(text: str, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """Define functions as a cell of a notebook does, and give the one named f."""
    main = types.ModuleType("__main__")
    monkeypatch.setitem(sys.modules, "__main__", main)
    exec(compile(text, "<cell>", "exec"), main.__dict__)
    function: Callable[..., Any] = main.__dict__["f"]
    return function


CELL = """
FACTOR = 2
other = 1
def helper(x):
    return deeper(x) * FACTOR
def deeper(x):
    return x + 1
class Kept:
    def value(self):
        return 7
def f(x):
    return helper(x) + Kept().value()
"""


def test_code_in_a_notebook_is_its_own_and_that_of_what_it_names(monkeypatch: pytest.MonkeyPatch) -> None:
    """S51."""
    base = code_of(in_main(CELL, monkeypatch))
    assert code_of(in_main(CELL, monkeypatch)) == base
    assert code_of(in_main(CELL + "\ndef unrelated(): return 3", monkeypatch)) == base
    assert code_of(in_main(CELL.replace("other = 1", "other = 2"), monkeypatch)) == base
    for old, new in [
        ("x + 1", "x + 2"),
        ("FACTOR = 2", "FACTOR = 3"),
        ("return 7", "return 8"),
        ("helper(x) +", "helper(x) -"),
    ]:
        assert code_of(in_main(CELL.replace(old, new), monkeypatch)) != base, old


def test_functions_that_name_each_other_have_a_code(monkeypatch: pytest.MonkeyPatch) -> None:
    assert code_of(in_main("def f(x): return g(x)\ndef g(x): return f(x)\n", monkeypatch))


def test_what_a_function_closes_over_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    text = "def make(n):\n    def f(x):\n        return x + n\n    return f\nf = make({})\n"
    one, two = (code_of(in_main(text.format(n), monkeypatch)) for n in (1, 2))
    assert one != two


def test_code_in_a_module_is_the_modules_source() -> None:
    """S51."""
    from ergon.actions import delimited, rows

    assert code_of(rows.as_rows) == code_of(rows.columns_of)
    assert code_of(rows.as_rows) != code_of(delimited.print_delimited)


def test_code_of_an_installed_action_is_its_version() -> None:
    """S51."""
    made = ActionCatalog().find("core.noop")
    assert made.code() == "core.noop 1"
    assert Action(made.function, name="core.noop").code() != made.code()
