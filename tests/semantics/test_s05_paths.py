"""S5, S10: paths name the instances of steps; the order in the file names nothing."""

from __future__ import annotations

from tests.semantics.deeds import give_step

from ergon.testing.runs import Bench


def test_s5_paths_name_instances(bench: Bench) -> None:
    run = bench.run(
        [
            {"id": "fan", "for_each": ["a", "b", "c"], "steps": [give_step("clean", "{{ item }}")]},
            {"id": "poll", "until": True, "max_iterations": 1, "steps": [give_step("probe")]},
            {"id": "route", "choose": [{"otherwise": True, "steps": [give_step("hot")]}]},
            {"id": "both", "parallel": [give_step("left")]},
            {"id": "plain", "for_each": [1], "uses": "trial.give"},
            {"id": "deep", "for_each": [1], "steps": [{"id": "in", "for_each": [1, 2], "steps": [give_step("x")]}]},
        ]
    )
    assert set(run.statuses) == {
        *("fan", "fan[0].clean", "fan[1].clean", "fan[2].clean"),
        *("poll", "poll[0].probe"),
        *("route", "route.hot"),
        *("both", "both.left"),
        *("plain", "plain[0]"),
        *("deep", "deep[0].in", "deep[0].in[0].x", "deep[0].in[1].x"),
    }
    assert run.output("fan[2].clean") == "c"


def test_s8_the_layout_means_nothing_to_a_run(bench: Bench) -> None:
    layout = {"nodes": {"a": [1, 2], "gone": [3]}, "notes": ["x"], "groups": {"g": ["a"]}, "later": {"any": "{{ x }}"}}
    run = bench.run({"steps": [give_step("a", 1)], "layout": layout})
    assert (run.status, run.statuses) == ("succeeded", {"a": "succeeded"})


def test_s10_textual_order_means_nothing(bench: Bench) -> None:
    steps = [
        give_step("third", "{{ steps.second.output + 1 }}"),
        give_step("second", "{{ steps.first.output + 1 }}"),
        give_step("first", 1),
    ]
    run = bench.run(steps)
    assert [event.step for event in run.events("step_started")] == ["first", "second", "third"]
    assert run.output("third") == 3
