from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from ergon.actions.action import RESERVED
from ergon.actions.catalog import ActionCatalog
from ergon.errors import ActionUnknown, CallableUnknown

pytestmark = pytest.mark.usefixtures("imports")

ROOT = Path(__file__).parents[3]
BUILT_IN = {
    "core.noop", "core.set", "core.sleep", "core.fail", "core.assert", "core.log", "core.break", "wait.for",
    "file.read", "file.write", "file.append", "file.copy", "file.move", "file.delete", "file.list", "file.exists",
    "file.convert", "shell.run", "python.run", "http.request", "data.query", "data.filter", "data.sort", "data.group",
    "data.aggregate", "data.join", "workflow.run", "notebook.run",
}  # fmt: skip


def package(folder: Path, name: str, points: str, module: str) -> None:
    """Install a package into a folder, as far as Python can tell."""
    (folder / f"{name}.py").write_text(module)
    info = folder / f"{name}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[ergon.actions]\n{points}\n")


PLUGIN = """
from ergon.actions.action import action

@action("ergontext.shout", version="7")
def shout(text: str) -> str:
    return text.upper()

ACTIONS = [shout]
"""


def test_all_built_in_actions_come_through_the_door_of_plugins() -> None:
    names = set(ActionCatalog().names())
    assert names >= BUILT_IN
    assert {name for name in names if name.partition(".")[0] in RESERVED} == BUILT_IN


def test_the_reserved_namespaces_are_those_of_our_entry_points() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert set(project["entry-points"]["ergon.actions"]) == RESERVED


def test_a_plugins_action_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package(tmp_path, "ergontest_plugin", "ergontext = ergontest_plugin:ACTIONS", PLUGIN)
    monkeypatch.syspath_prepend(tmp_path)
    made = ActionCatalog().find("ergontext.shout")
    assert made.bind({"text": "a"}) == {"text": "a"}
    assert made.code() == "ergontext.shout 7"
    assert "ergontext.shout" in ActionCatalog().names()


def test_a_broken_plugin_harms_nobody_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package(tmp_path, "ergontest_broken", "ergonbroken = ergontest_broken:ACTIONS", "1 / 0")
    package(tmp_path, "ergontest_odd", "ergonodd = ergontest_odd:ACTIONS", "ACTIONS = [3]")
    monkeypatch.syspath_prepend(tmp_path)
    catalog = ActionCatalog()
    with pytest.raises(CallableUnknown, match="ZeroDivisionError"):
        catalog.find("ergonbroken.it")
    with pytest.raises(CallableUnknown, match="no action"):
        catalog.find("ergonodd.it")
    assert set(catalog.names()) >= BUILT_IN
    assert len(catalog.problems()) == 2
    with pytest.raises(ActionUnknown):
        catalog.find("core.nothing_like_it")


def test_a_plugin_cannot_take_a_built_in_action_away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    module = (
        "from ergon.actions.action import Action\n"
        "ACTIONS = [Action(lambda: 1, name='core.noop'), Action(lambda: 2, name='core.more')]\n"
    )
    package(tmp_path, "ergontest_core", "core = ergontest_core:ACTIONS", module)
    monkeypatch.syspath_prepend(tmp_path)
    catalog = ActionCatalog()
    assert catalog.find("core.noop").function.__module__ == "ergon.actions.core"
    assert catalog.find("core.more").function() == 2
    assert {each.name: each for each in catalog.actions()}["core.noop"] is catalog.find("core.noop")


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("core.nop", "core.noop"),
        ("file.raed", "file.read"),
        ("files.read", "file.read"),
        ("csv.convert", "file.convert"),
    ],
)
def test_an_unknown_action_is_told_with_a_suggestion(name: str, meant: str) -> None:
    with pytest.raises(ActionUnknown) as caught:
        ActionCatalog().find(name)
    assert str(caught.value) == f"There is no action '{name}'. Did you mean '{meant}'?"


def test_a_name_like_no_other_gets_no_suggestion() -> None:
    with pytest.raises(ActionUnknown, match="ergon actions"):
        ActionCatalog().find("qqq.zzz")


def test_finding_an_action_imports_only_its_namespace() -> None:
    program = (
        "import sys\n"
        "from ergon.actions.catalog import ActionCatalog\n"
        "for name in sys.argv[1:]: ActionCatalog().find(name)\n"
        "heavy = 'httpx duckdb pandas pyarrow numpy papermill nbformat nbclient jupyter_client zmq IPython jinja2'\n"
        "print([m for m in heavy.split() if m in sys.modules])\n"
        "print(sorted(m for m in sys.modules if m in ('ergon.actions.core', 'ergon.actions.file')))\n"
    )
    done = subprocess.run([sys.executable, "-c", program, "core.noop"], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n['ergon.actions.core']\n"


def test_no_built_in_action_imports_anything_heavy_before_it_runs() -> None:
    program = (
        "import sys\n"
        "from ergon.actions.catalog import ActionCatalog\n"
        "for action in ActionCatalog().actions(): action.schema\n"
        "heavy = 'httpx duckdb pandas pyarrow numpy papermill nbformat nbclient jupyter_client zmq IPython'\n"
        "print([m for m in heavy.split() if m in sys.modules])\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
