"""S51: resuming on an edited file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tests.semantics import deeds
from tests.semantics.deeds import bad_step, counts, fail_step, failed, flaky_step, gate_step, give_step

from ergon.errors import ParameterInvalid, WorkflowInvalid
from ergon.testing.runs import Bench

Step = dict[str, Any]


def chain(**edits: object) -> list[Step]:
    """Write a → b → c → bad; an edit replaces a step's value."""
    return [
        give_step("a", edits.get("a", 1)),
        give_step("b", edits.get("b", "{{ steps.a.output + 1 }}")),
        give_step("c", edits.get("c", "{{ steps.b.output + 1 }}")),
        flaky_step("bad", "{{ steps.c.output }}"),
    ]


# ---- what keeps its result -----------------------------------------------------------------------------------


def test_s51_what_an_edit_did_not_touch_keeps_its_result(bench: Bench) -> None:
    run = failed(bench, chain())
    again = run.resume(document=chain(b="{{ steps.a.output + 10 }}"))
    assert (again.id, again.status, again.output("bad")) == (run.id, "succeeded", 12)
    assert counts(run, "a", "b", "c") == [1, 2, 2]


@pytest.mark.parametrize(
    "keys",
    [
        {"retry": 3},
        {"timeout": 5},
        {"description": "new"},
        {"tags": ["x"]},
        {"optional": True},
        {"validate": [{"that": "True"}]},
        {"cache": True},
        {"on_error": {"continue": 5}},
    ],
    ids=lambda keys: str(next(iter(keys))),
)
def test_s51_other_keys_than_action_and_with_do_not_count(bench: Bench, keys: Step) -> None:
    run = failed(bench, chain())
    edited = chain()
    edited[0] |= keys
    assert run.resume(document=edited).status == "succeeded"
    assert counts(run, "a", "b", "c") == [1, 1, 1]


def test_s51_with_is_compared_as_data_and_not_as_text(bench: Bench) -> None:
    bad = bad_step("steps.a.status")
    run = failed(bench, [give_step("a", {"x": 1, "y": 2}), bad])
    again = run.resume(document=[give_step("a", {"y": 2, "x": 1}, name="A"), bad])
    assert again.status == "succeeded"
    assert counts(run, "a") == [1]


def test_s51_the_order_in_the_file_does_not_count(bench: Bench) -> None:
    run = failed(bench, chain())
    assert run.resume(document=chain()[::-1]).status == "succeeded"
    assert counts(run, "a", "b", "c") == [1, 1, 1]


def test_s51_another_action_counts(bench: Bench) -> None:
    bad = bad_step("steps.a.output")
    run = failed(bench, [give_step("a", 1), bad])
    again = run.resume(document=[{**give_step("a", 1), "uses": "trial.give_in_thread"}, bad])
    assert again.status == "succeeded"
    assert counts(run, "a") == [2]


def test_s51_a_renamed_step_is_new_and_the_old_one_is_superseded(bench: Bench) -> None:
    run = failed(bench, [give_step("a", 1), bad_step("steps.a.output")])
    again = run.resume(document=[give_step("z", 1), bad_step("steps.z.output")])
    assert again.statuses == {"z": "succeeded", "bad": "succeeded"}
    assert again.state.superseded["a"].output == "1"
    records = {record.path: record.superseded for record in bench.store.steps(run.id)}
    assert records == {"a": True, "bad": False, "z": False}
    assert len(again.events("step_succeeded", "a")) == 1


def test_s51_a_removed_block_is_superseded_with_its_steps(bench: Bench) -> None:
    fan = {"id": "fan", "for_each": [1, 2], "steps": [give_step("x")]}
    run = failed(bench, [fan, bad_step(needs=["fan"])])
    again = run.resume(document=[bad_step()])
    assert again.statuses == {"bad": "succeeded"}
    assert sorted(again.state.superseded) == ["fan", "fan[0].x", "fan[1].x"]


def test_s51_a_new_step_is_run(bench: Bench) -> None:
    run = failed(bench, chain())
    again = run.resume(document=[*chain(), give_step("new", "{{ steps.a.output }}")])
    assert again.output("new") == 1
    assert counts(run, "a", "b") == [1, 1]


def test_s51_a_new_step_in_front_runs_what_follows_from_it(bench: Bench) -> None:
    run = failed(bench, chain())
    edited = chain()
    edited[1]["needs"] = ["new"]
    again = run.resume(document=[give_step("new"), *edited])
    assert again.status == "succeeded"
    assert counts(run, "a", "b", "c") == [1, 2, 2]


def test_s51_a_step_that_became_a_block_and_back(bench: Bench) -> None:
    block = {"id": "a", "parallel": [give_step("x", 5)]}
    run = failed(bench, [give_step("a", 1), bad_step("steps.a.output")])
    again = run.resume(document=[block, bad_step("steps.a.output.x")])
    assert again.output("bad") == 5
    deeds.MENDED.clear()
    run = failed(bench, [block, bad_step("steps.a.output.x")])
    again = run.resume(document=[give_step("a", 7), bad_step("steps.a.output")])
    assert again.output("bad") == 7
    assert "a.x" not in again.statuses


# ---- conditions ----------------------------------------------------------------------------------------------


def test_s51_a_changed_when_is_decided_again_and_the_result_kept(bench: Bench) -> None:
    rest = [give_step("b", "{{ steps.a.output }}"), bad_step("steps.b.output")]
    run = failed(bench, [give_step("a", 1, when="1 == 1"), *rest])
    again = run.resume(document=[give_step("a", 1, when="2 == 2"), *rest])
    assert again.status == "succeeded"
    assert (again.output("a"), again.output("b")) == (1, 1)
    assert counts(run, "a", "b") == [1, 1]
    kept = [event.step for event in again.events("step_succeeded") if event.data.get("origin") == "kept"]
    assert kept == ["a", "b"]


def test_s51_a_when_that_no_longer_holds_skips_it_and_what_reads_it(bench: Bench) -> None:
    steps = [give_step("a", 1), give_step("b", "{{ steps.a.output }}"), bad_step("steps.b.status")]
    run = failed(bench, steps)
    again = run.resume(document=[give_step("a", 1, when="1 == 2"), *steps[1:]])
    assert again.statuses == {"a": "skipped", "b": "skipped", "bad": "succeeded"}


def test_s51_a_when_that_now_holds_runs_it(bench: Bench) -> None:
    bad = bad_step("steps.a.status")
    run = failed(bench, [give_step("a", 1, when="1 == 2"), bad])
    again = run.resume(document=[give_step("a", 1, when="1 == 1"), bad])
    assert again.statuses == {"a": "succeeded", "bad": "succeeded"}


@pytest.mark.parametrize("keys", [{"needs": ["z"]}, {"enabled": True}], ids=["needs", "enabled"])
def test_s51_changed_edges_of_order_are_decided_again(bench: Bench, keys: Step) -> None:
    bad = bad_step("steps.a.output")
    run = failed(bench, [give_step("z"), give_step("a", 1), bad])
    assert run.resume(document=[give_step("z"), give_step("a", 1, **keys), bad]).status == "succeeded"
    assert counts(run, "a") == [1]


def fan(*, when: str = "True", inner: str = "{{ item }}", first: tuple[Step, ...] = (), **keys: object) -> Step:
    """Write a `for_each` over 1, 2, 3."""
    steps = [*first, give_step("x", inner), flaky_step("y", "{{ steps.x.output }}", name="y{{ item }}")]
    return {"id": "fan", "for_each": [1, 2, 3], "when": when, "steps": steps, **keys}


def test_s51_a_block_whose_when_changed_keeps_its_items_and_its_failures(bench: Bench) -> None:
    deeds.MENDED.update(("y1", "y3"))
    rest = [bad_step("steps.fan.output"), give_step("seen", "{{ [steps.fan.failed, steps.fan.output] }}")]
    run = failed(bench, [fan(on_item_error="continue"), *rest])
    again = run.resume(document=[fan(on_item_error="continue", when="1 == 1"), *rest])
    assert again.status == "partial"
    assert again.output("seen") == [[1], [1, None, 3]]
    assert again.status_of("fan[1].y") == "failed"
    assert counts(run, "fan[0].x", "fan[0].y", "fan[1].y") == [1, 1, 1]


def test_s51_a_block_whose_when_no_longer_holds_is_gone_with_its_items(bench: Bench) -> None:
    deeds.MENDED.update(("y1", "y2", "y3"))
    bad = bad_step("steps.fan.status")
    run = failed(bench, [fan(), bad])
    again = run.resume(document=[fan(when="1 == 2"), bad])
    assert again.statuses == {"fan": "skipped", "bad": "succeeded"}
    assert {record.path for record in bench.store.steps(run.id)} == {"fan", "bad"}


# ---- blocks --------------------------------------------------------------------------------------------------


def test_s51_an_edit_inside_a_block_runs_that_and_what_follows_in_each_item(bench: Bench) -> None:
    deeds.MENDED.update(("y1", "y2", "y3"))
    first, bad = (give_step("w", "{{ item }}"),), bad_step("steps.fan.output")
    run = failed(bench, [fan(first=first), bad])
    again = run.resume(document=[fan(first=first, inner="{{ item * 10 }}"), bad])
    assert again.output("bad") == [10, 20, 30]
    assert counts(run, "fan[1].w", "fan[1].x", "fan[1].y") == [1, 2, 2]


def test_s51_a_new_step_in_a_block(bench: Bench) -> None:
    bad = bad_step("steps.block.output")
    run = failed(bench, [{"id": "block", "parallel": [give_step("x", 1)]}, bad])
    again = run.resume(document=[{"id": "block", "parallel": [give_step("x", 1), give_step("y", 2)]}, bad])
    assert again.output("bad") == {"x": 1, "y": 2}
    assert counts(run, "block.x") == [1]


def route(when: str, *extra: Step) -> Step:
    """Write a choice between `a`, if a condition holds, and `b`."""
    branches = [
        {"when": when, "steps": [*extra, give_step("a", 1)]},
        {"otherwise": True, "steps": [give_step("b", 2)]},
    ]
    return {"id": "route", "choose": branches}


def test_s51_a_new_step_in_a_branch_that_was_not_taken(bench: Bench) -> None:
    bad = bad_step("steps.route.output")
    run = failed(bench, [route("1 == 2"), bad])
    again = run.resume(document=[route("1 == 2", give_step("new")), bad])
    assert (again.status, again.output("bad")) == ("succeeded", 2)
    assert again.statuses["route.new"] == "skipped"
    assert counts(run, "route.b") == [1]


def test_s51_a_changed_branch_is_chosen_again(bench: Bench) -> None:
    bad = bad_step("steps.route.output")
    run = failed(bench, [route("1 == 1"), bad])
    assert run.resume(document=[route("1 == 2"), bad]).output("bad") == 2


def test_s51_a_race_with_another_runner_is_run_again(bench: Bench) -> None:
    def race(*steps: Step) -> Step:
        return {"id": "race", "wait_for": "any", "parallel": list(steps)}

    bad = bad_step("steps.race.output")
    run = failed(bench, [race(give_step("a", 1)), bad])
    again = run.resume(document=[race(give_step("a", 1), gate_step("b")), bad])
    assert (again.status, again.output("bad")) == ("succeeded", 1)


def test_s51_a_loop_goes_on_from_the_iteration_that_an_edit_touched(bench: Bench) -> None:
    def loop(text: str) -> Step:
        body = [give_step("x", "{{ loop.index }}"), give_step("y", text)]
        return {"id": "loop", "while": "loop.index < 3", "max_iterations": 5, "steps": body}

    bad = bad_step("steps.loop.output")
    run = failed(bench, [loop("{{ loop.index }}"), bad])
    again = run.resume(document=[loop("{{ loop.index + 5 }}"), bad])
    assert again.output("bad") == 7
    assert counts(run, "loop[0].x", "loop[0].y", "loop[2].x") == [1, 2, 2]


@pytest.mark.parametrize("kind", ["for_each", "parallel", "choose"])
def test_s51_a_new_output_of_a_block_runs_nothing_in_it_again(bench: Bench, kind: str) -> None:
    inner = [give_step("x", 2)]
    bodies: dict[str, Step] = {
        "for_each": {"for_each": [1, 2], "steps": inner},
        "parallel": {"parallel": inner},
        "choose": {"choose": [{"otherwise": True, "steps": inner}]},
    }

    def document(output: str) -> list[Step]:
        return [{"id": "block", **bodies[kind], "output": output}, bad_step("steps.block.output")]

    run = failed(bench, document("{{ steps.x.output }}"))
    again = run.resume(document=document("{{ steps.x.output * 100 }}"))
    assert again.output("bad") == ([200, 200] if kind == "for_each" else 200)
    paths = [path for path in again.statuses if path.endswith(".x")]
    assert counts(run, *paths) == [1] * len(paths)


# ---- code ----------------------------------------------------------------------------------------------------


def test_s51_code_of_a_function_is_its_modules_source(bench: Bench, tmp_path: Path) -> None:
    module = tmp_path / "s51_made.py"
    module.write_text("FACTOR = 2\ndef twice(x):\n    return x * FACTOR\n")
    call = {"id": "a", "uses": "s51_made:twice", "with": {"x": 5}}
    steps = [call, give_step("b", 1), bad_step("steps.a.output", needs=["b"])]
    run = failed(bench, steps)
    module.write_text("FACTOR = 30\ndef twice(x):\n    return x * FACTOR\n")
    again = run.resume(document=steps)
    assert again.output("bad") == 150
    assert counts(run, "b") == [1]


def test_s51_code_that_is_the_same_again_keeps_its_result(bench: Bench, tmp_path: Path) -> None:
    module = tmp_path / "s51_same.py"
    module.write_text("def twice(x):\n    return x * 2\n")
    steps = [{"id": "a", "uses": "s51_same:twice", "with": {"x": 5}}, bad_step("steps.a.output")]
    run = failed(bench, steps)
    module.write_text("def twice(x):\n    return x * 2\n")
    again = run.resume(document=steps)
    assert len(again.events("step_started", "a")) == 1


def test_s51_code_of_a_notebook_is_its_code_cells(bench: Bench, tmp_path: Path) -> None:
    def write(code: str, note: str) -> None:
        cells = [
            {"cell_type": "markdown", "id": "m", "metadata": {}, "source": note},
            {"cell_type": "code", "id": "c", "metadata": {}, "source": code, "outputs": [], "execution_count": None},
        ]
        book = {"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
        (tmp_path / "book.ipynb").write_text(json.dumps(book))

    write("x = 1", "before")
    look = {"id": "a", "uses": "trial.size", "with": {"path": "book.ipynb"}}
    run = failed(bench, [look, bad_step("steps.a.output"), flaky_step("bad2", needs=["bad"])])
    write("x = 1", "after")
    assert len(run.resume().events("step_started", "a")) == 1
    write("x = 2", "after")
    deeds.MENDED.add("bad2")
    again = run.resume()
    assert again.status == "succeeded"
    assert len(again.events("step_started", "a")) == 2


def child_call() -> list[Step]:
    call = {"id": "call", "uses": "workflow.run", "with": {"path": "child.ergon.yaml"}}
    return [call, bad_step("steps.call.output")]


def write_child(folder: Path, *steps: Step) -> None:
    document = {"ergon": 1, "name": "child", "steps": list(steps), "outputs": {"out": "{{ steps.x.output }}"}}
    (folder / "child.ergon.yaml").write_text(json.dumps(document))


def test_s51_code_of_a_child_workflow_is_its_text(bench: Bench, tmp_path: Path) -> None:
    write_child(tmp_path, give_step("x", 1))
    run = failed(bench, child_call())
    write_child(tmp_path, give_step("x", 2))
    again = run.resume(document=child_call())
    assert again.output("bad") == {"out": 2}
    assert counts(run, "call.x") == [2]


def test_s51_a_child_that_is_the_same_goes_on_inside(bench: Bench, tmp_path: Path) -> None:
    write_child(tmp_path, give_step("w"), flaky_step("x", 1, needs=["w"]))
    run = bench.run(child_call())
    assert run.status_of("call.x") == "failed"
    deeds.MENDED.update(("x", "bad"))
    again = run.resume(document=[*child_call(), give_step("new")])
    assert (again.status, again.output("bad")) == ("succeeded", {"out": 1})
    assert counts(run, "call.w", "call.x") == [1, 2]


def test_s51_a_child_with_faults_is_refused_before_anything_runs(bench: Bench, tmp_path: Path) -> None:
    write_child(tmp_path, give_step("x", 1))
    run = failed(bench, child_call())
    (tmp_path / "child.ergon.yaml").write_text("ergon: 1\nname: child\nsteps: [{id: x, uses: no.such}]\n")
    with pytest.raises(WorkflowInvalid):
        run.resume(document=child_call())
    assert bench.store.owner(run.id) is None


# ---- names ---------------------------------------------------------------------------------------------------


def test_s51_a_changed_variable_runs_what_reads_it_again(bench: Bench) -> None:
    def document(low: str) -> dict[str, object]:
        variables = {"low": low, "path": "to/{{ variables.low }}", "other": 1}
        reads = [give_step("a", "{{ variables.path }}"), give_step("b", "{{ variables.other }}")]
        return {"variables": variables, "steps": [*reads, bad_step("steps.a.output", needs=["b"])]}

    run = failed(bench, document("x"))
    again = run.resume(document=document("y"))
    assert again.output("bad") == "to/y"
    assert counts(run, "a", "b") == [2, 1]


def test_s51_a_new_variable_a_new_parameter_and_a_new_name_of_env(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    p, q = {"name": "p", "default": 1, "type": "integer"}, {"name": "q", "default": "d"}
    a = give_step("a", "{{ parameters.p }}")
    run = bench.run({"parameters": [p], "steps": [a, bad_step("steps.a.output")]}, {"p": 5})
    deeds.MENDED.add("bad")
    monkeypatch.setenv("STAGE", "new")
    edited = {
        "parameters": [p, q],
        "variables": {"v": "{{ parameters.q }}{{ env.STAGE }}"},
        "settings": {"env": ["STAGE"]},
        "steps": [a, bad_step("variables.v")],
    }
    again = run.resume(document=edited)
    assert (again.output("bad"), again.output("a")) == ("dnew", 5)
    assert counts(run, "a") == [1]


def test_s51_a_new_parameter_that_is_required_is_refused(bench: Bench) -> None:
    run = failed(bench, [bad_step()])
    edited = {"parameters": [{"name": "q", "required": True}], "steps": [give_step("x", "{{ parameters.q }}")]}
    with pytest.raises(ParameterInvalid, match="'q'"):
        run.resume(document=edited)


def test_s51_an_edit_of_a_run_that_was_cut_off(bench: Bench) -> None:
    def steps(value: int) -> list[Step]:
        held = gate_step("held", value, needs=["a"])
        return [give_step("a", 1), held, give_step("c", "{{ steps.held.output }}")]

    run = bench.start(steps(2))
    run.until_step("held", "running")
    bench.engine.call(lambda: bench.engine._live[run.id].fail(SystemError("killed")))
    bench.until(lambda: bench.store.owner(run.id) is None)
    bench.gates["held"].open()
    again = run.resume(document=steps(5))
    assert again.output("c") == 5
    assert counts(run, "a") == [1]
    assert again.step("held").attempt == 2


def stood_in(inner: object) -> list[Step]:
    """Write a block that fails, with a stand-in that waits at a gate."""
    block = {"id": "block", "parallel": [fail_step("x", inputs={"message": inner})], "on_error": {"step": "instead"}}
    return [block, gate_step("instead", 3)]


@pytest.mark.parametrize(("message", "times"), [("no", 1), ("never", 2)])
def test_s51_a_block_that_waits_for_its_stand_in_is_not_run_again_unless_it_was_edited(
    bench: Bench, message: str, times: int
) -> None:
    """S31: it has failed for good, as an action has that waits for its stand-in."""
    run = bench.start(stood_in("no"))
    run.until_step("instead", "running")
    run.interrupt(at_once=True)
    bench.gates["instead"].open()
    again = run.resume(document={"description": "Edited.", "steps": stood_in(message)})
    assert again.statuses == {"block": "succeeded", "instead": "succeeded", "block.x": "failed"}
    assert (again.output("block"), counts(again, "block.x")) == (3, [times])
