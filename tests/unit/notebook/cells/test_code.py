"""What the code of a cell reads, and what it makes."""

from __future__ import annotations

import pytest

from ergon.errors import CellRefused
from ergon.notebook.cells.code import read_code


@pytest.mark.parametrize(
    ("source", "reads", "makes"),
    [
        ("x = rows", ["rows"], ["x"]),
        ("x = 1\ny = x + z", ["z"], ["x", "y"]),
        ("total = total + 1", ["total"], ["total"]),
        ("total += 1", ["total"], ["total"]),
        ("for row in rows:\n    last = row", ["rows"], ["row", "last"]),
        ("x = [each * n for each in rows if each]", ["rows", "n"], ["x"]),
        ("x = {k: v for k, v in pairs.items()}", ["pairs"], ["x"]),
        ("def f(a, b=n):\n    c = a + m\n    return c", ["n", "m"], []),
        ("def f():\n    return later\nlater = 1", [], ["later"]),
        ("import os.path\nfrom json import dumps as d\nx = d(os.sep)", [], ["x"]),
        ("class C(Base):\n    y = z", ["Base", "z"], []),
        ("with open(path) as file:\n    text = file.read()", ["path"], ["file", "text"]),
        ("try:\n    x = 1\nexcept ValueError as error:\n    x = error", [], ["x"]),
        ("match thing:\n    case {'a': a, **rest}:\n        pass", ["thing"], ["a", "rest"]),
        ("match thing:\n    case [b, *c]:\n        pass", ["thing"], ["b", "c"]),
        ("if (n := len(rows)) > 2:\n    print(n)", ["rows"], ["n"]),
        ("_hidden = 1\ndel gone", [], []),
        ("x: int\ny: int = x0", ["x0"], ["y"]),
        ("f = lambda a: a + b", ["b"], ["f"]),
    ],
)  # fmt: skip
def test_what_it_reads_and_makes(source: str, reads: list[str], makes: list[str]) -> None:
    code = read_code(source, "s")
    assert (list(code.reads), list(code.makes)) == (reads, makes)


def test_a_cell_that_waits_is_async() -> None:
    assert read_code("x = await fetch()", "s").is_async
    assert not read_code("async def f():\n    await g()", "s").is_async


@pytest.mark.parametrize(
    ("source", "line", "reason"),
    [
        ("x = (", 2, "was never closed"),
        ("\nfrom os import *", 3, "import *"),
        ("global x\nx = 1", 2, "global names"),
        ("# nothing", 0, "holds no code"),
        ("return 1", 2, "outside function"),
        ("%time x = 1", 2, "invalid syntax"),
    ],
)
def test_what_cannot_be_a_step_is_refused_with_its_line(source: str, line: int, reason: str) -> None:
    with pytest.raises(CellRefused, match="Step 's'") as caught:
        read_code(source, "s")
    assert caught.value.line == line
    assert reason in caught.value.reason
