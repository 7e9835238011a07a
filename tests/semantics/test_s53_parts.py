"""S53: running a part of a workflow on what earlier runs gave."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from tests.semantics.deeds import MENDED, fail_step, flaky_step, give_step, ran

from ergon.adapters.stores.memory import MemoryStore
from ergon.adapters.stores.sqlite import SqliteStore
from ergon.app import Options, Selection
from ergon.errors import NotPossible, StepUnknown
from ergon.testing.runs import Bench, BenchRun

Step = dict[str, Any]


def part(bench: Bench, steps: list[Step], *only: str, start: str = "", end: str = "", **more: object) -> BenchRun:
    """Run a part of a workflow."""
    selection = Selection(only=only, start=start, end=end)
    return bench.run({"steps": steps, **more}, options=Options(selection=selection))


def write_child(folder: Path) -> None:
    """Write a child workflow whose outputs name a list."""
    steps = [{"id": "in", "uses": "core.noop", "with": {"value": [1, 2]}}]
    workflow = {"ergon": 1, "name": "child", "steps": steps, "outputs": {"all": "{{ steps.in.output }}"}}
    (folder / "child.ergon.json").write_text(json.dumps(workflow))


ITEM = give_step("x", "{{ item }}")
BLOCKS: dict[str, tuple[list[Step], object]] = {
    "for_each": ([{"id": "b", "for_each": [1, 2], "steps": [ITEM]}], [1, 2]),
    "for_each with uses": (
        [{"id": "b", "for_each": [1, 2], "uses": "core.noop", "with": {"value": "{{ item }}"}}],
        [1, 2],
    ),
    "for_each with output": (
        [{"id": "b", "for_each": [1, 2], "steps": [ITEM], "output": {"y": "{{ item }}"}}],
        [{"y": 1}, {"y": 2}],
    ),
    "for_each of nothing": ([{"id": "b", "for_each": [], "steps": [ITEM]}], []),
    "while": (
        [{"id": "b", "while": "loop.index < 3", "max_iterations": 5, "steps": [give_step("x", "{{ loop.index }}")]}],
        2,
    ),
    "choose": (
        [
            {
                "id": "b",
                "choose": [
                    {"when": "false", "steps": [give_step("x")]},
                    {"otherwise": True, "steps": [give_step("y", 7)]},
                ],
            }
        ],
        7,
    ),
    "parallel": ([{"id": "b", "parallel": [give_step("x", 1), give_step("y", 2)]}], {"x": 1, "y": 2}),
    "race": ([{"id": "b", "wait_for": "any", "parallel": [give_step("x", 1), fail_step("y")]}], 1),
    "continued": ([fail_step("b", on_error={"continue": 9})], 9),
    "stand-in": ([fail_step("b", on_error={"step": "c"}), give_step("c", 8)], 8),
    "deep": (
        [
            {
                "id": "b",
                "for_each": [1, 2],
                "steps": [
                    {
                        "id": "p",
                        "parallel": [
                            {"id": "f", "for_each": ["a"], "as": "each", "steps": [give_step("x", "{{ each ~ item }}")]}
                        ],
                    }
                ],
            }
        ],
        [{"f": ["a1"]}, {"f": ["a2"]}],
    ),
    "child": ([{"id": "b", "uses": "workflow.run", "with": {"path": "child.ergon.json"}}], {"all": [1, 2]}),
}


@pytest.mark.parametrize("store", ["sqlite", "memory"])
@pytest.mark.parametrize("kind", BLOCKS)
def test_s53_a_part_reads_what_any_block_of_an_earlier_run_gave(tmp_path: Path, kind: str, store: str) -> None:
    write_child(tmp_path)
    before, output = BLOCKS[kind]
    kept = SqliteStore(f"sqlite:///{tmp_path / 'runs.db'}") if store == "sqlite" else MemoryStore()
    with Bench(tmp_path, store=kept) as bench:
        steps = [*before, give_step("after", "{{ steps.b.output }}")]
        whole = bench.run(steps)
        assert whole.output("after") == output
        run = part(bench, steps, "after")
        assert (run.status, run.output("after"), run.output("b")) == ("succeeded", output, output)
        assert run.events("step_succeeded", "b")[0].data["run"] == whole.id
        again = part(bench, steps, "after")  # of a run of a part, which has it in one piece
        assert again.output("after") == output


def test_s53_a_block_whose_items_failed_in_part_counts_and_so_does_one_that_an_edit_took_up(bench: Bench) -> None:
    item = flaky_step("x", "{{ item }}", name="some")
    fan: Step = {"id": "b", "for_each": [1, 2], "on_item_error": "continue", "steps": [item]}
    steps = [fan, give_step("after", ["{{ steps.b.output }}", "{{ steps.b.failed }}"])]
    run = bench.run(steps)
    assert run.output("after") == [[None, None], [0, 1]]
    assert part(bench, steps, "after").output("after") == [[None, None], [0, 1]]
    MENDED.add("some")
    run.retry()
    edited = [{**fan, "for_each": [2, 3]}, steps[1]]
    run.retry(document={"steps": edited})
    part_of_it = part(bench, edited, "after")  # the newest run with an output is still that of the part
    assert part_of_it.output("after") == [[None, None], [0, 1]]
    whole = bench.run(edited)
    assert whole.output("b") == [2, 3]
    assert part(bench, edited, "after").output("after") == [[2, 3], []]


def test_s53_cached_and_edited_outputs_count(bench: Bench) -> None:
    steps = [give_step("b", 1, cache=True), flaky_step("bad", needs=["b"]), give_step("after", "{{ steps.b.output }}")]
    bench.run(steps)
    cached = bench.run(steps)
    assert cached.step("b").cached
    run = part(bench, steps, "after")
    assert (run.output("after"), run.state.start["replayed_from"]) == (1, {"b": cached.id})
    edited = [give_step("b", 2), *steps[1:]]
    whole = bench.run(steps)
    whole.resume(document={"steps": edited})
    run = part(bench, edited, "after")
    assert (run.output("after"), run.state.start["replayed_from"]) == (2, {"b": whole.id})


def test_s53_an_output_whose_artifact_is_gone_does_not_count(bench: Bench) -> None:
    steps = [{"id": "b", "for_each": [1, 2], "steps": [give_step("x", "{{ parameters.text ~ item }}")]}]
    steps.append(give_step("after", "{{ steps.b.output[0][-3:] }}"))
    document = {"parameters": [{"name": "text", "type": "string"}], "steps": steps}
    kept = bench.run(document, {"text": "a" * 70_000})
    lost = bench.run(document, {"text": "b" * 70_000})
    artifacts = bench.app.artifacts
    only = Options(selection=Selection(only=["after"]))
    assert bench.run(document, {"text": ""}, options=only).output("after") == "bb1"
    inside = lost.state.steps["b[1].x"].output or ""
    (gone,) = bench.app.values.artifacts_in(inside)
    artifacts.remove(gone)
    run = bench.run(document, {"text": ""}, options=only)
    assert run.output("after") == "aa1"
    assert run.state.start["replayed_from"] == {"b": kept.id}
    for each in bench.app.values.artifacts_in(kept.state.steps["b[0].x"].output or ""):
        artifacts.remove(each)
    with pytest.raises(NotPossible, match="'b', which no earlier run has"):
        bench.run(document, {"text": ""}, options=only)


def test_s53_a_large_block_is_kept_once_as_an_artifact(bench: Bench) -> None:
    steps = [{"id": "b", "for_each": [1, 2], "steps": [give_step("x", "{{ item ~ 'x' * 50_000 }}")]}]
    steps.append(give_step("after", "{{ steps.b.output | length }}"))
    bench.run(steps)
    run = part(bench, steps, "after")
    assert run.output("after") == 2
    assert "$artifact" in (run.events("step_succeeded", "b")[0].value or "")


# ---- which steps ---------------------------------------------------------------------------------------------------

DIAMOND = [
    give_step("a", 1),
    give_step("left", "{{ steps.a.output + 1 }}"),
    give_step("right", "{{ steps.a.output + 2 }}"),
    give_step("end", "{{ steps.left.output + steps.right.output }}"),
    give_step("apart"),
]


@pytest.mark.parametrize(
    ("selection", "runs"),
    [
        (Selection(end="left"), {"a", "left"}),
        (Selection(start="left"), {"left", "end"}),
        (Selection(start="a", end="left"), {"a", "left"}),
        (Selection(only=["left", "apart"]), {"left", "apart"}),
        (Selection(only=["left", "right", "a"], start="a", end="right"), {"a", "right"}),
    ],
)
def test_s53_to_from_and_only(bench: Bench, selection: Selection, runs: set[str]) -> None:
    bench.run(DIAMOND)
    run = bench.run(DIAMOND, options=Options(selection=selection))
    assert run.status == "succeeded"
    assert {step for step in run.state.steps if ran(run.id, step)} == runs


def test_s53_what_is_no_part_is_refused_with_the_next_move(bench: Bench) -> None:
    steps = [*DIAMOND, {"id": "fan", "for_each": [1], "steps": [give_step("inner")]}]
    for name, reason, hint in (
        ("lefft", "no step 'lefft'", "Did you mean 'left'?"),
        ("inner", "'inner' lies inside 'fan', which runs as a whole", "Name 'fan'."),
        ("fan[0].inner", "lies inside 'fan'", "Name 'fan'."),
        ("left", "the output of step 'a', which no earlier run has", "--only a"),
    ):
        with pytest.raises((StepUnknown, NotPossible), match=re.escape(reason)) as caught:
            part(bench, steps, name)
        assert hint in caught.value.hint
    with pytest.raises(NotPossible, match="no step lies in it"):
        part(bench, steps, "apart", start="a")


def test_s53_what_steps_inside_a_block_read_is_needed_too(bench: Bench) -> None:
    fan: Step = {"id": "fan", "for_each": [1, 2], "steps": [give_step("x", "{{ item + steps.a.output }}")]}
    steps = [give_step("a", 10), fan]
    with pytest.raises(NotPossible, match="the output of step 'a', which no earlier run has"):
        part(bench, steps, "fan")
    bench.run(steps)
    assert part(bench, steps, "fan").output("fan") == [11, 12]
    lenient = [give_step("z", 10), give_step("y", "{{ steps.z.output | default(5) }}")]
    assert part(bench, lenient, "y").output("y") == 5


def test_s53_s31_what_stands_in_for_a_step_comes_along(bench: Bench) -> None:
    steps = [
        give_step("a", 1),
        fail_step("risky", on_error={"step": "spare"}),
        give_step("spare", "{{ steps.a.output }}", enabled=True),
    ]
    bench.run(steps)
    for run in (part(bench, steps, "risky"), part(bench, steps, end="risky"), part(bench, steps, start="risky")):
        assert (run.status, run.output("risky")) == ("succeeded", 1)
    with pytest.raises(NotPossible, match="'spare' stands in for 'risky'"):
        part(bench, steps, "spare")


# ---- what is read of steps outside ---------------------------------------------------------------------------------


def test_s53_s20_how_a_step_outside_went_comes_from_the_newest_run_of_it(bench: Bench) -> None:
    read = ["{{ steps.b.status }}", "{{ steps.b.error.message }}", "{{ steps.b.attempts }}"]
    steps = [fail_step("b", inputs={"message": "hm"}, retry=2), give_step("after", read)]
    bench.run(steps, options=Options(selection=Selection(only=["b"])))
    run = part(bench, steps, "after")
    assert (run.status, run.output("after")) == ("succeeded", ["failed", "hm", 2])
    assert run.status_of("b") == "skipped"
    assert part(bench, steps, "after").output("after") == ["failed", "hm", 2]


@pytest.mark.parametrize("on", ["success", "failure", "always"])
def test_s53_s19_an_edge_from_outside_the_part_holds_nothing_back(bench: Bench, on: str) -> None:
    run = part(bench, [give_step("a"), give_step("b", 2, needs=[{"step": "a", "on": on}])], "b")
    assert (run.status, run.statuses) == ("succeeded", {"a": "skipped", "b": "succeeded"})


def test_s53_s18_state_is_what_an_earlier_run_wrote(bench: Bench) -> None:
    steps: list[Step] = [
        {"id": "put", "uses": "core.set", "with": {"seen": [1, 2]}},
        give_step("after", "{{ state.seen }}", needs=["put"]),
    ]
    bench.run(steps)
    assert part(bench, steps, "after").output("after") == [1, 2]
    assert part(bench, steps, "after").output("after") == [1, 2]


def test_s53_s50_a_resume_keeps_to_the_part(bench: Bench) -> None:
    steps = [
        give_step("a", 1),
        flaky_step("b", "{{ steps.a.output }}", name="b"),
        give_step("c", "{{ steps.b.output }}"),
    ]
    bench.run(steps)
    run = part(bench, steps, "b")
    assert run.statuses == {"a": "succeeded", "b": "failed", "c": "skipped"}
    MENDED.add("b")
    again = run.resume()
    assert (again.status, again.output("b")) == ("succeeded", 1)
    assert (ran(run.id, "a"), ran(run.id, "c")) == (0, 0)


def test_s53_s51_a_resume_on_an_edited_file_keeps_to_the_part(bench: Bench) -> None:
    steps = [give_step("a", 1), flaky_step("b", "{{ steps.a.output }}", name="b"), give_step("c", 3, needs=["b"])]
    bench.run(steps)
    run = part(bench, steps, "b")
    MENDED.add("b")
    edited = [give_step("a", 2), steps[1], give_step("c", 4, needs=["b"])]
    again = run.resume(document={"steps": edited})
    assert (again.status, again.output("b")) == ("succeeded", 1)
    assert (ran(run.id, "a"), ran(run.id, "c")) == (0, 0)


# ---- its outputs ---------------------------------------------------------------------------------------------------


def test_s53_outputs_that_read_what_was_left_out_are_not_told(bench: Bench) -> None:
    outputs = {
        "kept": "{{ steps.left.output }}",
        "replayed": "{{ steps.a.output }}",
        "gone": "{{ steps.end.output }}",
        "guessed": "{{ steps.end.output | default(0) }}",
        "fixed": 1,
    }
    whole = bench.run({"steps": DIAMOND, "outputs": outputs})
    assert whole.outputs == {"kept": 2, "replayed": 1, "gone": 5, "guessed": 5, "fixed": 1}
    run = part(bench, DIAMOND, "left", outputs=outputs)
    assert run.outputs == {"kept": 2, "replayed": 1, "fixed": 1}
