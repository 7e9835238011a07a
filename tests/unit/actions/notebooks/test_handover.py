"""Handing values out of a notebook."""

from __future__ import annotations

import pytest

from ergon.actions.notebooks.handover import assigned, expressions_for, refusal


@pytest.mark.parametrize(
    ("source", "names"),
    [
        ("a = 1\nb: int = 2\nc += 1\nd: int", ["a", "b", "c"]),
        ("(a, [b, *c]) = x = y", ["a", "b", "c", "x"]),
        ("a.b = 1\na['c'] = 2\n_d = 3", []),
        ("import os\ndef f():\n    a = 1\nclass C:\n    b = 2\nprint(1)", []),
        ("if x:\n    a = 1\nelse:\n    b = 2\nfor i in x:\n    c = 1\nwith x as y:\n    d = 1", ["a", "b", "c", "d"]),
        ("try:\n    a = 1\nexcept E:\n    b = 1\nfinally:\n    c = 1", ["a", "c", "b"]),
        ("%time 1\n!ls\na = 1", ["a"]),
        ("a = = 1", []),
        ("a = 1\x00", []),
    ],
)
def test_names_that_a_cell_assigns(source: str, names: list[str]) -> None:
    assert assigned(source) == names


def test_nothing_is_asked_for_without_names() -> None:
    assert expressions_for([]) == {}
    assert "['a']" in expressions_for(["a"])["outputs"]
    assert refusal({"content": {"user_expressions": {"outputs": {"status": "ok"}}}}) is None
    assert refusal({"content": {}}) is None
