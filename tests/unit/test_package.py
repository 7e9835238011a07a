"""The package as a whole: its metadata, its doors, what importing it costs, and the shape of its code."""

from __future__ import annotations

import ast
import importlib
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import entry_points, metadata, version
from pathlib import Path
from typing import Any

import pytest

import ergon

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src" / "ergon"
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))  # Any: TOML
MODULES = sorted(SOURCE.rglob("*.py"))

# What must load only when it is used: frameworks, and packages that take long to import.
HEAVY = (
    "IPython",
    "duckdb",
    "httpx",
    "ipykernel",
    "jupyter_client",
    "matplotlib",
    "nbclient",
    "nbformat",
    "networkx",
    "numpy",
    "pandas",
    "papermill",
    "pyarrow",
    "rich",
    "typer",
)


def doors() -> list[tuple[str, str, str]]:
    groups: dict[str, dict[str, str]] = PROJECT["project"]["entry-points"]
    return [(group, name, value) for group, names in groups.items() for name, value in names.items()]


def functions(tree: ast.AST) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    return (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


def named(path: Path) -> str:
    return str(path.relative_to(ROOT))


# ---- metadata --------------------------------------------------------------------------------------


def test_the_version_is_one_everywhere() -> None:
    assert version("jupyter-ergon") == ergon.__version__ == PROJECT["project"]["version"]
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert re.findall(r"^## (\S+)", changelog, re.MULTILINE)[0] == ergon.__version__


def test_what_is_installed_is_what_pyproject_says() -> None:
    installed = metadata("jupyter-ergon")
    assert installed["Requires-Python"] == "<3.15,>=3.11"
    assert installed["License-Expression"] == "BSD-3-Clause"
    assert set(installed.get_all("Provides-Extra") or ()) == {"all", "data", "lab"}
    assert (SOURCE / "py.typed").is_file(), "the classifier says Typing :: Typed"


def test_every_pin_of_the_lock_is_exact_hashed_and_names_no_host() -> None:
    for lock in sorted(ROOT.glob("requirements*.lock")):
        text = lock.read_text(encoding="utf-8")
        assert "://" not in text
        pins = re.split(r"\n(?=\S)", re.sub(r"^#.*\n", "", text, flags=re.MULTILINE).strip())
        assert [pin for pin in pins if not re.match(r"[a-z0-9._-]+==\S+.*--hash=sha256:", pin, re.DOTALL)] == []


@pytest.mark.parametrize("extras", [(), ("data",)], ids=["core", "data"])
def test_the_lock_pins_whatever_the_package_needs(extras: tuple[str, ...]) -> None:
    project = PROJECT["project"]
    needs = [
        *project["dependencies"],
        *(need for extra in extras for need in project["optional-dependencies"][extra]),
    ]
    pinned = re.findall(r"^([a-z0-9._-]+)==", (ROOT / "requirements.lock").read_text(), re.MULTILINE)
    names = {re.split(r"[^a-z0-9-]", need.lower(), maxsplit=1)[0] for need in needs}
    assert names - set(pinned) == set()


# ---- doors -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("group", "name", "value"), doors(), ids=str)
def test_every_entry_point_is_installed_and_loads(group: str, name: str, value: str) -> None:
    (door,) = entry_points(group=group, name=name)
    assert door.value == value
    assert door.load() is not None


def test_every_built_in_namespace_has_its_door() -> None:
    here = {path.stem for path in (SOURCE / "actions").glob("*.py") if "\nACTIONS" in path.read_text(encoding="utf-8")}
    assert here == set(PROJECT["project"]["entry-points"]["ergon.actions"])


def test_the_command_is_installed() -> None:
    (script,) = entry_points(group="console_scripts", name="ergon")
    assert callable(script.load())


# ---- imports ---------------------------------------------------------------------------------------


def loaded_after(statement: str) -> set[str]:
    program = f"import sys\n{statement}\nprint(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return {name.partition(".")[0] for name in done.stdout.split()}


def test_importing_ergon_pulls_in_nothing_heavy() -> None:
    assert loaded_after("import ergon").intersection(HEAVY) == set()


def test_the_core_pulls_in_nothing_heavy() -> None:
    core = [
        ".".join(path.relative_to(ROOT / "src").with_suffix("").parts)
        for path in MODULES
        if path.relative_to(SOURCE).parts[0] in {"errors.py", "model", "ports.py", "engine", "loading"}
    ]
    assert loaded_after(f"import {', '.join(core)}").intersection(HEAVY) == set()


def test_every_module_imports() -> None:
    for path in MODULES:
        if path.name != "__main__.py":
            parts = path.relative_to(ROOT / "src").with_suffix("").parts
            importlib.import_module(".".join(part for part in parts if part != "__init__"))


def test_the_import_contracts_hold() -> None:
    done = subprocess.run(
        [Path(sys.executable).with_name("lint-imports"), "--no-cache"],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout


def test_only_the_doors_import_the_package_itself() -> None:
    """`import ergon` inside a room would go round the layers: it names every room."""
    doors = {"__init__.py", "__main__.py", "cli", "server", "notebook", "testing"}
    rooms = [path for path in MODULES if path.relative_to(SOURCE).parts[0] not in doors]
    found = [
        f"{named(path)}:{node.lineno}"
        for path in rooms
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.stmt) and imports_the_package(node)
    ]
    assert found == []


def imports_the_package(node: ast.stmt) -> bool:
    """Whether a statement imports `ergon` or a public name of it; its modules are no names of it."""
    if isinstance(node, ast.Import):
        return any(alias.name == "ergon" for alias in node.names)
    return (
        isinstance(node, ast.ImportFrom)
        and node.module == "ergon"
        and any(not (SOURCE / name.name).is_dir() and not (SOURCE / f"{name.name}.py").is_file() for name in node.names)
    )


# ---- shape -----------------------------------------------------------------------------------------


def test_files_have_500_lines_at_most() -> None:
    lengths = {named(path): len(path.read_text(encoding="utf-8").splitlines()) for path in MODULES}
    assert {name: length for name, length in lengths.items() if length > 500} == {}


def test_functions_have_60_lines_at_most() -> None:
    found = {
        f"{named(path)}:{function.lineno} {function.name}": function.end_lineno - function.lineno + 1
        for path in MODULES
        for function in functions(ast.parse(path.read_text(encoding="utf-8")))
        if function.end_lineno is not None
    }
    assert {name: length for name, length in found.items() if length > 60} == {}


def test_no_module_is_a_drawer() -> None:
    vague = {"utils", "util", "helpers", "helper", "common", "misc", "manager"}
    assert [named(path) for path in MODULES if {path.stem, path.parent.name} & vague] == []
