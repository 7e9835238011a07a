"""The demo and the examples do what they promise, run as a person runs them: by the command line."""

from __future__ import annotations

import base64
import json
import math
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

WORKFLOWS = Path(__file__).parents[2] / "workflows"
EXAMPLES = sorted(path.name for path in WORKFLOWS.glob("*.ergon.yaml"))
ERGON = Path(sys.executable).with_name("ergon")
YEARS = [2012, 2013, 2014, 2015]

pytestmark = [
    pytest.mark.xdist_group("demo"),  # the demo runs once for all of these
    pytest.mark.timeout(300),  # it starts four kernels that draw, maybe on a busy machine
]


@dataclass(frozen=True)
class Result:
    """What a command answered."""

    exit_code: int
    document: dict[str, Any]  # Any: JSON
    stderr: str

    def status(self, path: str) -> str:
        return str(self.document["steps"][path]["status"])

    def output(self, path: str) -> Any:  # Any: JSON
        return self.document["steps"][path]["output"]


def ergon(folder: Path, *arguments: str) -> Result:
    command = [str(ERGON), *arguments, "--json"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=280)
    assert done.stdout, done.stderr
    return Result(done.returncode, json.loads(done.stdout), done.stderr)


def copy(folder: Path) -> Path:
    """Copy the workflows, as a clone would have them, into a workspace of their own."""
    ignored = shutil.ignore_patterns("build", ".ergon", "__pycache__", ".ipynb_checkpoints")
    shutil.copytree(WORKFLOWS, folder / "workflows", ignore=ignored)
    (folder / "workflows" / ".ergon").mkdir()
    return folder / "workflows"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return copy(tmp_path_factory.mktemp("demo"))


@pytest.fixture(scope="module")
def demo(folder: Path) -> Result:
    return ergon(folder, "run", "city-weather.ergon.yaml")


# ---- the demo --------------------------------------------------------------------------------------


def test_the_demo_succeeds(demo: Result) -> None:
    assert demo.exit_code == 0, demo.document["error"]
    assert demo.document["status"] == "succeeded"
    assert demo.document["workflow"] == "city-weather"
    assert demo.document["error"] is None
    assert demo.document["duration_s"] > 0


def test_the_demo_gives_its_outputs(demo: Result) -> None:
    outputs = demo.document["outputs"]
    assert outputs["years"] == YEARS
    assert outputs["hottest"] == 35.6
    assert outputs["headline"] == "It got as hot as 35.6 °C; days above 35 °C: 1."


def test_every_step_of_the_demo_is_told(demo: Result) -> None:
    steps = demo.document["steps"]
    bodies = {f"analyses[{index}].{step}" for index in range(4) for step in ("days", "analyse")}
    assert set(steps) >= bodies | {"load", "clean", "years", "enough", "months", "analyses", "page", "report"}
    assert {path for path, step in steps.items() if step["status"] != "succeeded"} == {"verdict.mild"}
    assert demo.status("verdict.mild") == "skipped"


def test_each_year_is_analysed_by_the_notebook(demo: Result, folder: Path) -> None:
    analyses = [demo.output(f"analyses[{index}].analyse") for index in range(4)]
    assert [analysis["year"] for analysis in analyses] == YEARS
    assert [analysis["max_temp"] for analysis in analyses] == [34.4, 33.9, 35.6, 35.0]
    assert [analysis["rain_days"] for analysis in analyses] == [148, 119, 123, 116]
    assert all(analysis["chart"]["type"] == "bytes" and analysis["chart"]["size"] > 10_000 for analysis in analyses)
    assert (folder / "analyse-year.ipynb").read_bytes() == (WORKFLOWS / "analyse-year.ipynb").read_bytes()


@pytest.mark.parametrize("year", YEARS)
def test_the_executed_notebook_is_kept_with_its_chart(demo: Result, folder: Path, year: int) -> None:
    kept = folder / "build" / "seattle" / f"{year}.ipynb"
    cells = json.loads(kept.read_text(encoding="utf-8"))["cells"]
    (injected,) = [cell for cell in cells if "injected-parameters" in cell["metadata"].get("tags", [])]
    assert f"year = {year}\n" in injected["source"]
    outputs = [output for cell in cells for output in cell.get("outputs", [])]
    kinds = {kind for output in outputs for kind in output.get("data", {})}
    assert "image/png" in kinds


def test_the_report_shows_every_year(demo: Result, folder: Path) -> None:
    page = (folder / "build" / "seattle" / "report.html").read_text(encoding="utf-8")
    assert str(demo.document["outputs"]["report"]).endswith("build/seattle/report.html")
    assert "<title>The weather in Seattle, 2012–2015</title>" in page
    assert demo.document["outputs"]["headline"] in page
    charts = [base64.b64decode(data).decode() for data in re.findall(r"data:image/svg\+xml;base64,([^\"]+)", page)]
    assert [re.findall(r"Seattle (\d{4})", chart) for chart in charts] == [[str(year)] for year in YEARS]


def test_a_second_run_takes_what_it_knows_from_the_cache(demo: Result, folder: Path) -> None:
    again = ergon(folder, "run", "city-weather.ergon.yaml")
    assert again.exit_code == 0
    assert again.document["outputs"] == demo.document["outputs"]
    cached = {path for path, step in again.document["steps"].items() if step["cached"]}
    assert cached == {"clean", *(f"analyses[{index}].analyse" for index in range(4))}


def test_without_a_hot_day_the_other_branch_is_taken(demo: Result, folder: Path) -> None:
    mild = ergon(folder, "run", "city-weather.ergon.yaml", "-p", "hot=38.5", "-p", "years=1", "-p", "city=A & B")
    assert mild.exit_code == 0
    assert mild.status("verdict.mild") == "succeeded"
    assert mild.status("verdict.hot") == mild.status("verdict.hottest") == "skipped"
    assert mild.document["outputs"]["years"] == [2015]
    page = (folder / "build" / "a-&-b" / "report.html").read_text(encoding="utf-8")
    assert "The weather in A &amp; B, 2015" in page
    assert "No day was hotter than 38.5 °C." in page


def test_too_few_years_fail_before_a_notebook_is_run(folder: Path) -> None:
    short = ergon(folder, "run", "city-weather.ergon.yaml", "-p", "years=9")
    assert short.exit_code == 1
    assert short.document["error"]["step"] == "enough"
    assert (
        "9 years were asked for, but the readings cover only 2012, 2013, 2014, 2015."
        in (short.document["error"]["message"])
    )
    assert not [path for path in short.document["steps"] if path.startswith("analyses[")]


def test_a_parameter_out_of_range_is_refused_before_anything_runs(folder: Path) -> None:
    refused = subprocess.run(
        [str(ERGON), "run", "city-weather.ergon.yaml", "-p", "years=99"],
        cwd=folder,
        capture_output=True,
        text=True,
    )
    assert refused.returncode == 2
    assert "years" in refused.stderr
    assert "Traceback" not in refused.stderr


# ---- the examples ----------------------------------------------------------------------------------


@pytest.mark.parametrize("example", EXAMPLES)
def test_every_example_is_without_a_fault(folder: Path, example: str) -> None:
    checked = ergon(folder, "check", example)
    assert checked.exit_code == 0
    assert checked.document == {"ok": True, "diagnostics": []}


def test_hello_says_hello(tmp_path: Path) -> None:
    hello = ergon(copy(tmp_path), "run", "hello.ergon.yaml", "-p", "who=Ada")
    assert hello.exit_code == 0
    assert hello.document["outputs"] == {"greeting": "Hello, Ada!", "letters": 8}


def test_research_uses_every_block_and_deals_with_failures(tmp_path: Path) -> None:
    research = ergon(copy(tmp_path), "run", "research.ergon.yaml")
    steps = research.document["steps"]
    assert research.exit_code == 0, research.document["error"]
    assert steps["reserve"]["attempts"] == 2
    assert research.output("prepare.notes") == "no notes yet"
    assert steps["prepare.notes"]["error"] is not None, "a value stands in, and the error is kept"
    assert research.output("reference") == pytest.approx(math.pi)
    assert [throw["darts"] for throw in research.document["outputs"]["by_darts"]] == [100, 1000, 10000, 50000]
    assert research.document["outputs"]["estimate"] == pytest.approx(math.pi, abs=0.01)
    assert {research.status("judge.lucky"), research.status("judge.patient")} == {"succeeded", "skipped"}
