"""Commands that need no run: `new`, `check`, `graph`, `schema`, `actions`, `settings`, `doctor`."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

from ergon.cli.main import command

GOOD = "ergon: 1\nname: w\nsteps:\n  - {id: a, uses: core.noop}\n"
BAD = "ergon: 1\nname: w\nsteps:\n  - {id: a, uses: core.nop}\n  - {id: a, uses: core.noop}\n"


@pytest.fixture(autouse=True)
def here(workspace: Path) -> None:
    """Work in a fresh workspace with two files."""
    (workspace / "good.ergon.yaml").write_text(GOOD)
    (workspace / "bad.ergon.yaml").write_text(BAD)


# ---- new -------------------------------------------------------------------------------------------


def test_new_writes_a_workflow_without_a_fault(capsys: pytest.CaptureFixture[str], workspace: Path) -> None:
    assert command(["new", "my-first"]) == 0
    assert "ergon run my-first.ergon.yaml" in capsys.readouterr().out
    assert "#" in (workspace / "my-first.ergon.yaml").read_text()
    assert command(["check", "my-first.ergon.yaml"]) == 0
    assert "without a fault" in capsys.readouterr().out


def test_new_leaves_what_is_there_alone(capsys: pytest.CaptureFixture[str], workspace: Path) -> None:
    assert command(["new", "good"]) == 2
    assert "it exists already" in capsys.readouterr().err
    assert (workspace / "good.ergon.yaml").read_text() == GOOD


@pytest.mark.parametrize("name", ["", "-x", "a/b*c", ".hidden", "a" * 101])
def test_new_refuses_names_that_are_none(name: str, capsys: pytest.CaptureFixture[str], workspace: Path) -> None:
    before = set(workspace.rglob("*"))
    assert command(["new", "--", name]) == 2
    assert set(workspace.rglob("*")) == before
    assert "Traceback" not in capsys.readouterr().err


def test_new_can_write_into_a_folder(workspace: Path) -> None:
    assert command(["new", "reports/weekly"]) == 0
    assert "name: weekly" in (workspace / "reports" / "weekly.ergon.yaml").read_text()


# ---- check -----------------------------------------------------------------------------------------


def test_check_shows_all_faults_of_all_files(capsys: pytest.CaptureFixture[str]) -> None:
    assert command(["check", "good.ergon.yaml", "bad.ergon.yaml", "none.yaml"]) == 2
    out, err = capsys.readouterr()
    assert err == ""
    assert "good.ergon.yaml is without a fault" in out
    assert "bad.ergon.yaml:4:19: error" in out
    assert "Did you mean 'core.noop'?" in out
    assert "none.yaml:1:1: error E101" in out
    assert "    4 |   - {id: a, uses: core.nop}" in out


# ---- graph, schema ---------------------------------------------------------------------------------


@pytest.mark.parametrize(("format", "begin"), [("mermaid", "flowchart TD"), ("dot", "digraph"), ("svg", "<svg")])
def test_graph_draws(format: str, begin: str, capsys: pytest.CaptureFixture[str], workspace: Path) -> None:
    assert command(["graph", "good.ergon.yaml", "--format", format]) == 0
    drawn = capsys.readouterr().out
    assert drawn.startswith(begin)
    assert command(["graph", "good.ergon.yaml", "--format", format, "-o", "picture"]) == 0
    assert (workspace / "picture").read_text() == drawn


def test_graph_refuses_a_broken_file(capsys: pytest.CaptureFixture[str]) -> None:
    assert command(["graph", "bad.ergon.yaml"]) == 2
    assert "bad.ergon.yaml:4:19" in capsys.readouterr().err


def test_graph_says_where_it_cannot_write(capsys: pytest.CaptureFixture[str]) -> None:
    assert command(["graph", "good.ergon.yaml", "-o", "no/such/place.svg"]) == 2
    assert "Cannot write no/such/place.svg" in capsys.readouterr().err


def test_the_svg_is_well_formed(capsys: pytest.CaptureFixture[str]) -> None:
    assert command(["graph", "good.ergon.yaml", "--format", "svg"]) == 0
    ElementTree.fromstring(capsys.readouterr().out)


def test_schema_is_a_json_schema(capsys: pytest.CaptureFixture[str]) -> None:
    assert command(["schema"]) == 0
    schema = json.loads(capsys.readouterr().out)
    assert schema["$schema"].startswith("https://json-schema.org/")
    assert {"ergon", "name"} <= set(schema["required"])


# ---- actions ---------------------------------------------------------------------------------------


def test_actions_lists_them(capsys: pytest.CaptureFixture[str]) -> None:
    assert command(["actions"]) == 0
    out = capsys.readouterr().out
    for name in ("core.noop", "file.read", "notebook.run", "workflow.run"):
        assert name in out


def test_an_action_is_told_with_its_inputs_and_an_example(capsys: pytest.CaptureFixture[str]) -> None:
    assert command(["actions", "shell.run"]) == 0
    out = capsys.readouterr().out
    for part in ("shell.run", "command *", "* must be given", "Example:", "uses: shell.run"):
        assert part in out


def test_a_notebooks_parameters_are_told(capfd: pytest.CaptureFixture[str], workspace: Path) -> None:
    cell = {"cell_type": "code", "source": "city = 'Oslo'  # the city", "metadata": {"tags": ["parameters"]}}
    book = {"nbformat": 4, "metadata": {}, "cells": [cell]}
    (workspace / "book.ipynb").write_text(json.dumps(book))
    assert command(["actions", "notebook.run", "--path", "book.ipynb"]) == 0
    assert "city       string  Oslo     the city" in capfd.readouterr().out
    assert command(["actions", "notebook.run", "--path", "book.ipynb", "--json"]) == 0
    out = capfd.readouterr().out
    told = json.loads(out)["schema"]["properties"]["parameters"]["properties"]
    assert told == {"city": {"type": "string", "default": "Oslo", "description": "the city"}}
    for arguments in (["core.noop", "--path", "book.ipynb"], ["--path", "book.ipynb"]):
        assert command(["actions", *arguments]) != 0
        assert "Cannot show" in capfd.readouterr().err


def test_a_function_is_an_action_too(capsys: pytest.CaptureFixture[str], workspace: Path) -> None:
    (workspace / "mine_for_actions.py").write_text(
        'def double(n: int = 2) -> int:\n    """Doubles."""\n    return 2 * n\n'
    )
    assert command(["actions", "mine_for_actions:double"]) == 0
    assert "Doubles." in capsys.readouterr().out


def test_an_unknown_action_is_refused_with_a_suggestion(capsys: pytest.CaptureFixture[str]) -> None:
    assert command(["actions", "file.raed"]) == 2
    assert "Did you mean 'file.read'?" in capsys.readouterr().err


# ---- settings --------------------------------------------------------------------------------------


def test_s57_settings_shows_each_value_and_where_it_came_from(
    capsys: pytest.CaptureFixture[str], workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (workspace / "ergon.yaml").write_text("concurrency: 3\nprofiles: {ci: {runs: 2}}\n")
    monkeypatch.setenv("ERGON_PROCESSES", "5")
    monkeypatch.setenv("ERGON_PROCESES", "5")
    assert command(["settings", "--profile", "ci", "--set", "durability=process"]) == 0
    out, err = capsys.readouterr()
    lines = {line.split()[0]: line for line in out.splitlines() if line}
    assert f"workspace ({workspace / 'ergon.yaml'})" in lines["concurrency"]
    assert "profile ci" in lines["runs"]
    assert "environment (ERGON_PROCESSES)" in lines["processes"]
    assert "command line (--set durability)" in lines["durability"]
    assert "default" in lines["vault"]
    assert "ERGON_PROCESES looks like a setting" in err


def test_options_before_the_command_count_too(capsys: pytest.CaptureFixture[str]) -> None:
    assert command(["--set", "runs=7", "settings"]) == 0
    assert "--set runs" in capsys.readouterr().out


def test_a_bad_setting_keeps_every_command_from_running(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ERGON_RUNS", "many")
    assert command(["runs"]) == 2
    assert "Setting 'runs' in ERGON_RUNS" in capsys.readouterr().err


# ---- doctor ----------------------------------------------------------------------------------------


def test_doctor_finds_nothing_that_fails_here(capsys: pytest.CaptureFixture[str]) -> None:
    assert command(["doctor"]) == 0
    out = capsys.readouterr().out
    for name in ("python", "home", "sqlite", "journal", "disk", "clock", "processes", "kernels", "actions"):
        assert f" {name} " in out


def test_doctor_says_what_is_wrong_and_what_to_do(
    capsys: pytest.CaptureFixture[str], workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ERGON_HOME", str(workspace / "good.ergon.yaml"))
    assert command(["doctor"]) == 1
    out = capsys.readouterr().out
    assert "✗ home" in out
    assert "set ERGON_HOME to another folder" in out
