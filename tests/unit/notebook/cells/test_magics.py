"""`%%step` and `%ergon`, in a shell that only has names."""

from __future__ import annotations

import importlib
import statistics
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from IPython.core.error import UsageError

from ergon.app import open_app
from ergon.notebook import session
from ergon.notebook.cells.magics import Magics, register
from ergon.notebook.run import Run


class Shell:
    """What the magics use of IPython's shell."""

    def __init__(self) -> None:
        self.user_ns: dict[str, Any] = {"__name__": "__main__"}
        self.magics: dict[str, Callable[..., object]] = {}

    def register_magic_function(self, function: Callable[..., object], kind: str, name: str) -> None:
        self.magics[name] = function


@pytest.fixture
def shell() -> Shell:
    return Shell()


@pytest.fixture
def magics(shell: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Magics]:
    (tmp_path / ".ergon").mkdir()
    monkeypatch.chdir(tmp_path)
    yield register(shell)
    session.close_all()


def run(magics: Magics, line: str = "run") -> Run:
    found = magics.ergon(line)
    assert isinstance(found, Run)
    return found


def test_load_ext_registers_them(shell: Shell) -> None:
    importlib.import_module("ergon").load_ipython_extension(shell)
    assert set(shell.magics) == {"step", "ergon"}


def test_steps_are_wired_by_the_names_in_their_code(magics: Magics, shell: Shell) -> None:
    shell.user_ns.update(city="Oslo", statistics=statistics)
    magics.step("load --retry 2", "rows = [1, 2, 6]\nhandle = open('/dev/null')\nhandle.close()")
    magics.step("middle", "statistics.mean(rows)")
    magics.step("text", "f'{city}: {middle}'")
    assert magics.workflow().order() == [["load"], ["middle"], ["text"]]
    run(magics)
    assert (shell.user_ns["rows"], shell.user_ns["text"]) == ([1, 2, 6], "Oslo: 3")
    assert "handle" not in shell.user_ns


def test_a_run_does_only_what_changed_and_what_follows(magics: Magics, shell: Shell) -> None:
    magics.step("a", "x = 1")
    magics.step("b", "y = 2")
    magics.step("c", "x + y")
    assert [step.cached for step in run(magics)] == [False, False, False]
    magics.step("b", "y = 3")
    assert {step.path: step.cached for step in run(magics)} == {"a": True, "b": False, "c": False}
    assert shell.user_ns["c"] == 4
    assert not any(step.cached for step in run(magics, "run --again"))


def test_plain_values_are_parameters(magics: Magics, shell: Shell) -> None:
    shell.user_ns["n"] = 2
    magics.step("twice", "n * 2")
    run(magics, "run n=21")
    assert shell.user_ns["twice"] == 42
    with pytest.raises(UsageError, match="'n'"):
        magics.ergon("run n=many")


def test_an_async_cell_is_awaited(magics: Magics, shell: Shell) -> None:
    magics.step("later", "import asyncio\nawait asyncio.sleep(0, 5)")
    run(magics)
    assert shell.user_ns["later"] == 5


def test_a_failure_shows_the_cells_own_frames(magics: Magics, capsys: pytest.CaptureFixture[str]) -> None:
    magics.step("bad", "x = 0\n1 / x")
    with pytest.raises(UsageError, match="ZeroDivisionError"):
        magics.ergon("run")
    shown = capsys.readouterr().out
    assert 'File "<step bad>", line 3' in shown
    assert "attempts.py" not in shown


@pytest.mark.parametrize(
    ("line", "cell", "reason"),
    [
        ("", "1", "required"),
        ("X", "1", "small letters"),
        ("a --retry x", "1", "invalid int"),
        ("a --needs 'b", "1", "no closing quotation"),
        ("a", "x = (", "never closed"),
    ],
)
def test_a_wrong_step_is_one_sentence(magics: Magics, line: str, cell: str, reason: str) -> None:
    with pytest.raises(UsageError, match=reason):
        magics.step(line, cell)


def test_names_that_cannot_be_had_are_named(magics: Magics, shell: Shell) -> None:
    magics.step("a", "missing + 1")
    with pytest.raises(UsageError, match="'missing'"):
        magics.ergon("check")
    shell.user_ns["missing"] = object()
    with pytest.raises(UsageError, match="cannot be a parameter"):
        magics.ergon("check")
    magics.ergon("forget a")
    magics.step("one", "x = 1")
    magics.step("two", "x = 2")
    magics.step("reader", "x")
    with pytest.raises(UsageError, match="one and two make"):
        magics.ergon("check")
    magics.step("reader --needs two", "x")
    run(magics)
    assert shell.user_ns["reader"] == 2


def test_an_export_runs_by_itself(magics: Magics, shell: Shell, tmp_path: Path) -> None:
    shell.user_ns.update(city="Oslo", statistics=statistics)
    magics.step("load", 'rows = [1, 3]\ntext = """two\nlines"""')
    magics.step("report", "f'{city}: {statistics.mean(rows)} {text!r}'  # said")
    magics.ergon("export weather.ergon.yaml")
    app = open_app(tmp_path)
    try:
        handle = app.start(app.load(tmp_path / "weather.ergon.yaml"), {"city": "Rome"})
        assert handle.wait(30)
        assert app.values.decode(handle.state.outputs or "") == {"report": {"report": "Rome: 2 'two\\nlines'"}}
    finally:
        app.close()


def test_what_it_cannot_do_is_said(magics: Magics) -> None:
    for line in ("", "dance", "export", "export notes.txt", "forget nobody", "run"):
        with pytest.raises(UsageError):
            magics.ergon(line)
