"""The group of all commands: each has help with examples, and is imported only when it is used."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

from ergon.cli.group import COMMANDS
from ergon.cli.main import command

LISTED = (
    "run check runs show logs resume retry pause cancel signal answer stats prune actions schema settings graph new "
    "doctor kernels"
)


def test_the_commands_are_those_that_were_promised() -> None:
    assert set(COMMANDS) == set(LISTED.split())


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_every_command_has_help_with_examples(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert command([name, "--help"]) == 0
    told = capsys.readouterr().out
    assert "Examples:" in told
    assert re.search(rf"^\s+ergon {name}\b", told, re.MULTILINE) or name == "schema"


def test_the_help_lists_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert command([]) == 0
    told = capsys.readouterr().out
    for name in COMMANDS:
        assert re.search(rf"│ {name} ", told)


@pytest.mark.parametrize(
    "arguments",
    [
        ["nosuch"],
        ["run"],
        ["run", "a.yaml", "--nosuch"],
        ["run", "a.yaml", "b.yaml"],
        ["graph", "a.yaml", "--format", "png"],
        ["runs", "--limit", "none"],
        ["runs", "--status", "happy"],
        ["prune"],
        ["prune", "--older", "soon"],
        ["signal", "last", "go", "--data", "{"],
    ],
)
def test_wrong_usage_exits_with_2_and_says_why(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert command(arguments) == 2
    told = capsys.readouterr()
    assert told.out == ""
    assert "Usage: ergon" in told.err
    assert "Traceback" not in told.err


def test_a_wrong_command_is_met_with_a_suggestion(capsys: pytest.CaptureFixture[str]) -> None:
    assert command(["chekc"]) == 2
    assert "Did you mean 'check'?" in capsys.readouterr().err


def test_what_is_not_needed_is_not_imported() -> None:
    program = (
        "import sys; from ergon.cli.main import command; code = command(['--version']);"
        "heavy = {'ergon.app', 'ergon.engine', 'ergon.loading', 'rich', 'jinja2', 'yaml'} & set(sys.modules);"
        "print(code, sorted(heavy))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "0 []"
