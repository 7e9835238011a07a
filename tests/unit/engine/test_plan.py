"""What a run would do, told without doing it (S53)."""

from __future__ import annotations

from tests.journals import noop

from ergon.engine.plan import plan_of
from ergon.model.graph import Graph, compile_graph
from ergon.model.workflow import Workflow


def graph() -> Graph:
    steps = [noop("a"), noop("b", needs=["a"]), noop("c", needs=["a"]), noop("d", needs=["b", "c"])]
    parameters = [
        {"name": "n", "type": "number"},
        {"name": "key", "type": "secret"},
        {"name": "none", "type": "secret"},
    ]
    return compile_graph(Workflow.model_validate({"ergon": 1, "name": "w", "parameters": parameters, "steps": steps}))


def test_the_plan_names_parameters_and_waves() -> None:
    plan = plan_of(graph(), {}, '{"n": {"$float": "inf"}, "key": "swordfish", "none": null}')
    assert plan.as_json() == {
        "ok": True,
        "workflow": "w",
        "parameters": {"n": None, "key": "***", "none": None},
        "waves": [["a"], ["b", "c"], ["d"]],
        "replayed": {},
        "left_out": [],
    }


def test_s53_what_is_replayed_or_left_out_is_in_no_wave() -> None:
    plan = plan_of(graph(), {"replayed_from": {"a": "r7"}, "leave_out": ["d"]}, "{}")
    assert plan.waves == [["b", "c"]]
    assert (plan.replayed, plan.left_out) == ({"a": "r7"}, ["d"])
