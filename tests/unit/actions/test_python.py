from __future__ import annotations

import traceback
from collections.abc import Callable
from typing import Any

import pytest

from ergon.actions.catalog import ActionCatalog
from ergon.errors import ActionFailed, InputInvalid
from ergon.testing.context import FakeContext

Run = Callable[..., Any]


def check(**config: object) -> list[str]:
    return [p.message for p in ActionCatalog().find("python.run").check(config, templated=frozenset())]


@pytest.mark.parametrize(
    ("code", "output"),
    [
        ("1 + 1", 2),
        ("x = 3\nx * 2\n", 6),
        ("x = 3", None),
        ("", None),
        ("# nothing", None),
        ("for i in range(3):\n    i\n", None),
        ("'a';", "a"),
        ("def f(n):\n    return n and f(n - 1) + n\nf(4)", 10),
        ("y = 2\n[y * n for n in range(3)]", [0, 2, 4]),
        ("from dataclasses import dataclass, asdict\n@dataclass\nclass P:\n    x: 'int'\nasdict(P(1))", {"x": 1}),
        ("from __future__ import annotations\ndef f(a: nothing): ...\nf.__annotations__", {"a": "nothing"}),
    ],
)
def test_the_last_expression_is_the_output(run: Run, code: str, output: object) -> None:
    assert run("python.run", code=code) == output


def test_inputs_are_variables_of_one_namespace(run: Run) -> None:
    code = "def total():\n    return sum(row['a'] for row in rows) + offset\ntotal()"
    assert run("python.run", code=code, rows=[{"a": 1}, {"a": 2}], offset=10) == 13


def test_the_context_is_at_hand(run: Run, context: FakeContext) -> None:
    assert run("python.run", code="ctx.log('hi')\nctx.step") == "step"
    assert context.logged == [("info", "hi")]
    with pytest.raises(InputInvalid, match="taken"):
        run("python.run", code="1", ctx=1)


def test_runs_do_not_see_each_other(run: Run) -> None:
    run("python.run", code="leak = 1")
    with pytest.raises(NameError):
        run("python.run", code="leak")


def test_an_error_is_raised_as_itself_and_shows_its_line(run: Run) -> None:
    """S33: the type is the exception's class."""
    with pytest.raises(ZeroDivisionError) as caught:
        run("python.run", code="a = 1\ndef f():\n    return a / 0  # here\nf()\n")
    shown = "".join(traceback.format_exception(caught.value))
    assert 'File "<python.run ' in shown
    assert "line 3, in f\n    return a / 0  # here" in shown


def test_calling_exit_ends_the_step_not_the_process(run: Run) -> None:
    assert run("python.run", code="import sys\nsys.exit()\n1") is None
    assert run("python.run", code="exit(0)") is None
    with pytest.raises(ActionFailed, match=r"exit\('bad'\)"):
        run("python.run", code="raise SystemExit('bad')")


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("x = = 1", "line 1: invalid syntax"),
        ("x = 1\n  y = 2", "line 2: unexpected indent"),
        ("a\0b", "null bytes"),
        ("(" * 5000, "line 1: too many nested"),
        ("return 1", "line 1: 'return' outside function"),
        ("-" * 100_000 + "1", "nested too deep"),
        ("def f():\n    await x", "line 2: 'await' outside async function"),
    ],
)
def test_code_that_does_not_compile_is_told_before_the_run_and_in_it(run: Run, code: str, said: str) -> None:
    """S10."""
    (problem,) = check(code=code)
    assert problem.startswith("The code of python.run has an error: ")
    assert said in problem
    with pytest.raises(ActionFailed, match="The code has an error"):
        run("python.run", code=code)


def test_what_python_warns_of_is_a_warning() -> None:
    (problem,) = ActionCatalog().find("python.run").check({"code": "x = 1\ny = x is 3"}, templated=frozenset())
    assert problem.severity == "warning"
    assert "line 2" in problem.message


@pytest.mark.parametrize("name", ["my-input", "2x", "class", "", "a.b"])
def test_an_input_must_be_a_name_that_code_can_use(run: Run, name: str) -> None:
    assert check(code="1", **{name: 1}) == [f"Input '{name}' of python.run: it is not a name that Python code can use."]
    with pytest.raises(InputInvalid, match="not a name"):
        run("python.run", code="1", **{name: 1})


def test_lines_of_many_codes_do_not_pile_up(run: Run) -> None:
    import linecache

    for n in range(300):
        run("python.run", code=f"x = {n}")
    assert len([name for name in linecache.cache if name.startswith("<python.run ")]) <= 256
