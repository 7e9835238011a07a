"""The Python API as a person uses it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import ergon
from ergon.errors import ParameterInvalid, RunFailed
from ergon.notebook.session import close_all

_FILE = """
ergon: 1
name: greet
parameters:
  - {name: who, type: string, required: true}
  - {name: times, type: integer, default: 1, minimum: 1, maximum: 3}
steps:
  - {id: a, uses: core.noop, with: {value: "{{ parameters.who * parameters.times }}"}}
  - {id: b, uses: core.assert, with: {that: "steps.a.output != 'bad'", message: "It is bad."}}
  - {id: c, needs: [b], uses: wait.for, when: parameters.who == 'wait', with: {signal: go}}
outputs: {said: "{{ steps.a.output }}"}
"""


@pytest.fixture
def workflow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ergon.Workflow]:
    monkeypatch.delenv("ERGON_HOME", raising=False)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "greet.ergon.yaml").write_text(_FILE)
    yield ergon.load("greet.ergon.yaml")
    close_all()


def test_load_run_and_look(workflow: ergon.Workflow) -> None:
    run = workflow.run(who="ada", times=2)
    assert run.outputs == {"said": "adaada"}
    assert (run["a"].status, run["a"].output, run["c"].status) == ("succeeded", "adaada", "skipped")
    assert [event.type for event in run.events()][:2] == ["run_created", "run_started"]
    assert [r.id for r in ergon.runs()] == [run.id]
    assert "<svg" in workflow._repr_svg_()


def test_a_failed_run_raises_with_its_step(workflow: ergon.Workflow) -> None:
    with pytest.raises(RunFailed, match=r"step 'b'.*It is bad") as caught:
        workflow.run(who="bad")
    again = ergon.resume(caught.value.run)
    with pytest.raises(RunFailed):
        again.wait()
    assert again["b"].attempts == 2


def test_wrong_parameters_start_nothing(workflow: ergon.Workflow) -> None:
    with pytest.raises(ParameterInvalid, match="times"):
        workflow.start(who="ada", times=9)
    with pytest.raises(ParameterInvalid, match="who"):
        workflow.start()
    assert ergon.runs() == []


def test_signals_reach_a_waiting_run(workflow: ergon.Workflow) -> None:
    run = workflow.start(who="wait")
    run.signal("go", {"by": "me"})
    run.wait(20)
    assert run["c"].output == {"by": "me"}


def test_a_run_in_a_process_of_its_own(workflow: ergon.Workflow) -> None:
    run = workflow.start(who="ada", where="process").wait(60)
    assert run.outputs == {"said": "ada"}


async def test_await_gives_the_run(workflow: ergon.Workflow) -> None:
    run = await workflow.start(who="eve")
    assert run.outputs == {"said": "eve"}
