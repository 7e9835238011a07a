"""Importing and reloading what a workflow names (S11, S51, S52)."""

from __future__ import annotations

import os
import py_compile
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from ergon.actions.action import registry
from ergon.actions.catalog import ActionCatalog
from ergon.errors import ActionUnknown, CallableUnknown

pytestmark = pytest.mark.usefixtures("imports")


def write(folder: Path, name: str, text: str) -> None:
    file = folder / name
    file.parent.mkdir(parents=True, exist_ok=True)
    stamp = file.stat() if file.exists() else None
    file.write_text(text)
    if stamp is not None:  # the same second, and often the same length
        os.utime(file, ns=(stamp.st_atime_ns, stamp.st_mtime_ns + 1))


def call(catalog: ActionCatalog, name: str, **inputs: object) -> object:
    made = catalog.find(name)
    return made.call(None, made.bind(inputs))  # type: ignore[arg-type]


def reason(catalog: ActionCatalog, name: str) -> str:
    with pytest.raises(CallableUnknown) as caught:
        catalog.find(name)
    assert "\n" not in str(caught.value)
    return caught.value.reason


# ---- the import path -----------------------------------------------------------------------------------------


def test_the_workflows_folder_is_on_the_import_path_last(tmp_path: Path) -> None:
    """S11."""
    write(tmp_path, "colorsys.py", "def rgb_to_hsv(): return 'mine'")
    write(tmp_path, "ergontest_one.py", "import colorsys\ndef f(): return colorsys.__file__")
    found = call(ActionCatalog(tmp_path), "ergontest_one:f")
    assert sys.path[-1] == str(tmp_path)
    assert not str(found).startswith(str(tmp_path))


def test_packages_and_nested_names_are_found(tmp_path: Path) -> None:
    write(tmp_path, "ergontest_pkg/__init__.py", "")
    write(
        tmp_path,
        "ergontest_pkg/part.py",
        "from . import other\nclass C:\n    @staticmethod\n    def f(): return other.x",
    )
    write(tmp_path, "ergontest_pkg/other.py", "x = 5")
    assert call(ActionCatalog(tmp_path), "ergontest_pkg.part:C.f") == 5


def test_two_workflows_may_have_modules_of_one_name(tmp_path: Path) -> None:
    for name in ("a", "b"):
        write(tmp_path, f"{name}/ergontest_same.py", "import ergontest_helper\ndef f(): return ergontest_helper.x")
        write(tmp_path, f"{name}/ergontest_helper.py", f"x = '{name}'")
    first, second = ActionCatalog(tmp_path / "a"), ActionCatalog(tmp_path / "b")
    kept = first.find("ergontest_same:f")
    assert call(second, "ergontest_same:f") == "b"
    assert call(first, "ergontest_same:f") == "a"
    assert call(second, "ergontest_same:f") == "b"
    assert kept.call(None, {}) == "a"  # type: ignore[arg-type]


def test_no_bytecode_is_left_beside_a_workflow(tmp_path: Path) -> None:
    write(tmp_path, "ergontest_clean.py", "def f(): return 1")
    write(tmp_path, "ergontest_deep/__init__.py", "def f(): return 1")
    call(ActionCatalog(tmp_path), "ergontest_clean:f")
    call(ActionCatalog(tmp_path), "ergontest_deep:f")
    assert not list(tmp_path.rglob("__pycache__"))


def test_stale_bytecode_of_the_same_second_and_length_is_not_run(tmp_path: Path) -> None:
    """S52: the code hashed is the code loaded."""
    file = tmp_path / "ergontest_stale.py"
    file.write_text("def f(): return 1\n")
    py_compile.compile(str(file))
    assert list(tmp_path.rglob("*.pyc"))
    stamp = file.stat()
    file.write_text("def f(): return 2\n")
    os.utime(file, ns=(stamp.st_atime_ns, stamp.st_mtime_ns))
    assert call(ActionCatalog(tmp_path), "ergontest_stale:f") == 2


# ---- what cannot be imported ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("def f(:\n", "ergontest_bad.py line 1: "),
        ("x = 1\nx / 0\n", "importing it fails: ergontest_bad.py line 2: ZeroDivisionError: division by zero"),
        (
            "\nimport ergontest_nowhere\n",
            "importing it fails: ergontest_bad.py line 2: No module named 'ergontest_nowhere'",
        ),
        ("from os import nothing_like_it\n", "importing it fails: ergontest_bad.py line 1: cannot import name"),
        (
            "import sys\nsys.exit(3)\n",
            "importing it fails: ergontest_bad.py line 2: it ends the program when it is imported",
        ),
        ("f = 3\n", "it is a int, which cannot be called"),
        ("def g(): ...\ndef ff(): ...\n", "ergontest_bad has no 'f', but it has 'ff'"),
        ("raise ValueError('a\\nb')\n", "ValueError: a b"),
    ],
)
def test_a_module_that_cannot_be_used_is_told_with_its_line(tmp_path: Path, text: str, said: str) -> None:
    write(tmp_path, "ergontest_bad.py", text)
    assert said in reason(ActionCatalog(tmp_path), "ergontest_bad:f")


@pytest.mark.parametrize("name", ["a:", ":b", "a b:c", "a:b:c", "a..b:c", "../a:b"])
def test_a_name_that_is_no_module_and_function_is_refused(name: str) -> None:
    assert reason(ActionCatalog(), name) == "write it as module:function"


def test_a_module_that_is_not_there_is_told(tmp_path: Path) -> None:
    assert reason(ActionCatalog(tmp_path), "ergontest_absent:f") == "there is no module 'ergontest_absent'"
    assert reason(ActionCatalog(tmp_path), "os.nothing:f") == "there is no module 'os.nothing'"


def test_a_broken_module_that_was_mended_is_found(tmp_path: Path) -> None:
    catalog = ActionCatalog(tmp_path)
    write(tmp_path, "ergontest_mended.py", "def f(:")
    reason(catalog, "ergontest_mended:f")
    write(tmp_path, "ergontest_mended.py", "def f(): return 1")
    assert call(catalog, "ergontest_mended:f") == 1


# ---- loading anew --------------------------------------------------------------------------------------------


def test_a_module_whose_file_changed_is_loaded_anew_before_a_run(tmp_path: Path) -> None:
    """S52."""
    catalog = ActionCatalog(tmp_path)
    write(tmp_path, "ergontest_edit.py", "def f(): return 1")
    running = catalog.find("ergontest_edit:f")
    before = running.code()
    write(tmp_path, "ergontest_edit.py", "def f(): return 2")
    assert catalog.find("ergontest_edit:f").code() == before, "the code hashed is the code loaded"
    assert catalog.refresh() == ["ergontest_edit"]
    assert call(catalog, "ergontest_edit:f") == 2
    assert catalog.find("ergontest_edit:f").code() != before
    assert running.call(None, {}) == 1, "what already runs is left alone"  # type: ignore[arg-type]


def test_what_imports_a_changed_module_is_loaded_anew_too(tmp_path: Path) -> None:
    """S52."""
    write(tmp_path, "ergontest_base.py", "VALUE = 1")
    write(tmp_path, "ergontest_top.py", "from ergontest_middle import value\ndef f(): return value()")
    write(tmp_path, "ergontest_middle.py", "from ergontest_base import VALUE\ndef value(): return VALUE")
    write(tmp_path, "ergontest_apart.py", "STATE = []\ndef f(): return id(STATE)")
    catalog = ActionCatalog(tmp_path)
    assert call(catalog, "ergontest_top:f") == 1
    apart = call(catalog, "ergontest_apart:f")
    write(tmp_path, "ergontest_base.py", "VALUE = 2")
    assert catalog.refresh() == ["ergontest_base", "ergontest_middle", "ergontest_top"]
    assert call(catalog, "ergontest_top:f") == 2
    assert call(catalog, "ergontest_apart:f") == apart


def test_a_file_that_was_only_touched_is_not_loaded_anew(tmp_path: Path) -> None:
    write(tmp_path, "ergontest_touched.py", "def f(): return 1")
    catalog = ActionCatalog(tmp_path)
    catalog.find("ergontest_touched:f")
    write(tmp_path, "ergontest_touched.py", "def f(): return 1")
    assert catalog.refresh() == []


def test_relative_imports_are_followed(tmp_path: Path) -> None:
    write(tmp_path, "ergontest_rel/__init__.py", "")
    write(tmp_path, "ergontest_rel/a.py", "from .sub.c import x\ndef f(): return x")
    write(tmp_path, "ergontest_rel/sub/__init__.py", "")
    write(tmp_path, "ergontest_rel/sub/c.py", "from ..d import x")
    write(tmp_path, "ergontest_rel/d.py", "x = 1")
    catalog = ActionCatalog(tmp_path)
    assert call(catalog, "ergontest_rel.a:f") == 1
    write(tmp_path, "ergontest_rel/d.py", "x = 2")
    assert set(catalog.refresh()) == {"ergontest_rel.a", "ergontest_rel.d", "ergontest_rel.sub.c"}
    assert call(catalog, "ergontest_rel.a:f") == 2


def test_actions_of_a_changed_module_are_made_anew(tmp_path: Path) -> None:
    text = "from ergon.actions.action import action\n@action('ergontest.say')\ndef say(): return {}\n"
    write(tmp_path, "ergontest_deco.py", text.format(1))
    catalog = ActionCatalog(tmp_path)
    catalog.find("ergontest_deco:say")
    assert call(catalog, "ergontest.say") == 1
    write(tmp_path, "ergontest_deco.py", text.format(2))
    catalog.refresh()
    assert call(catalog, "ergontest.say") == 2
    write(tmp_path, "ergontest_deco.py", "def broken(:")
    catalog.refresh()
    assert "line 1" in reason(catalog, "ergontest.say")
    assert "ergontest.say" not in registry
    write(tmp_path, "ergontest_deco.py", "x = 1")


def test_an_action_that_its_module_no_longer_makes_is_gone(tmp_path: Path) -> None:
    write(
        tmp_path,
        "ergontest_gone.py",
        "from ergon.actions.action import action\n@action('ergontest.gone')\ndef f(): ...\n",
    )
    catalog = ActionCatalog(tmp_path)
    catalog.find("ergontest_gone:f")
    write(tmp_path, "ergontest_gone.py", "def f(): ...\n")
    catalog.refresh()
    with pytest.raises(ActionUnknown):
        catalog.find("ergontest.gone")


def test_a_function_redefined_in_a_notebook_is_the_new_one(monkeypatch: pytest.MonkeyPatch) -> None:
    def one() -> int:
        return 1

    def two() -> int:
        return 2

    catalog = ActionCatalog()
    main = sys.modules["__main__"]
    monkeypatch.setattr(main, "ergontest_cell", one, raising=False)
    assert call(catalog, "__main__:ergontest_cell") == 1
    monkeypatch.setattr(main, "ergontest_cell", two)
    assert call(catalog, "__main__:ergontest_cell") == 2


# ---- other processes -----------------------------------------------------------------------------------------


def test_another_process_finds_a_function_of_the_workflows_folder(
    tmp_path: Path, context: Callable[..., object]
) -> None:
    import pickle

    write(tmp_path, "ergontest_far.py", "def f(n: int): return n + 1")
    made = ActionCatalog(tmp_path).find("ergontest_far:f")
    (tmp_path / "action.pickle").write_bytes(pickle.dumps(made))
    program = (
        "import pickle, sys; made = pickle.load(open(sys.argv[1], 'rb')); print(made.call(None, made.bind({'n': '2'})))"
    )
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", program, str(tmp_path / "action.pickle")],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "3\n"
