"""S51: the items of a `for_each` whose list is made anew on an edited file."""

from __future__ import annotations

from typing import Any

from tests.semantics import deeds
from tests.semantics.deeds import bad_step, counts, failed, flaky_step, gate_step, give_step

from ergon.testing.runs import Bench, BenchRun

Step = dict[str, Any]


def begun_items(run: BenchRun) -> list[str]:
    """Give the paths of the items' steps that were started, in order."""
    return [event.step for event in run.events("step_started") if event.step.startswith("fan[")]


def listed(items: list[object], *inner: Step, **keys: object) -> list[Step]:
    """Write a list, a `for_each` over it, and a step that fails."""
    steps = list(inner) or [give_step("x", "{{ item }}!")]
    each = {"id": "fan", "for_each": "{{ steps.list.output }}", "steps": steps, **keys}
    return [give_step("list", items), each, bad_step("steps.fan.output")]


def test_s51_an_item_is_known_by_its_value(bench: Bench) -> None:
    run = failed(bench, listed(["a", "b", "c"]))
    again = run.resume(document=listed(["c", "new", "a"]))
    assert again.output("bad") == ["c!", "new!", "a!"]
    # The path of an item is where it is now; what it did was done under the path that it had.
    assert begun_items(again) == ["fan[0].x", "fan[1].x", "fan[2].x", "fan[1].x"]
    assert [again.output(f"fan[{n}].x") for n in range(3)] == ["c!", "new!", "a!"]


def test_s51_equal_items_are_known_by_their_order(bench: Bench) -> None:
    run = failed(bench, listed(["a", "a", "b"]))
    again = run.resume(document=listed(["a", "b", "a", "a"]))
    assert again.output("bad") == ["a!", "b!", "a!", "a!"]
    assert begun_items(again)[3:] == ["fan[3].x"]


def test_s51_the_keys_of_an_item_have_no_order(bench: Bench) -> None:
    run = failed(bench, listed([{"a": 1, "b": [2]}], give_step("x", "{{ item.a }}")))
    again = run.resume(document=listed([{"b": [2], "a": 1}, {"a": 2}], give_step("x", "{{ item.a }}")))
    assert again.output("bad") == [1, 2]
    assert begun_items(again) == ["fan[0].x", "fan[1].x"]


def test_s51_the_expression_of_the_list_may_change(bench: Bench) -> None:
    run = failed(bench, listed([1, 2, 3]))
    edited = listed([1, 2, 3])
    edited[1]["for_each"] = "{{ steps.list.output | reverse | list + [4] }}"
    again = run.resume(document=edited)
    assert again.output("bad") == ["3!", "2!", "1!", "4!"]
    assert len(begun_items(again)) == 4


def test_s51_a_shorter_list_forgets_the_rest(bench: Bench) -> None:
    run = failed(bench, listed(["a", "b", "c"]))
    again = run.resume(document=listed(["b"]))
    assert again.output("bad") == ["b!"]
    assert [path for path in again.statuses if "[" in path] == ["fan[0].x"]
    assert {record.path for record in bench.store.steps(run.id)} == {"list", "fan", "fan[0].x", "bad"}


def test_s51_an_empty_list_after_items(bench: Bench) -> None:
    run = failed(bench, listed(["a"]))
    assert run.resume(document=listed([])).output("bad") == []


def test_s51_where_the_steps_read_loop_an_item_keeps_its_place(bench: Bench) -> None:
    inner = give_step("x", "{{ item }}{{ loop.index }}")
    run = failed(bench, listed(["a", "b", "c"], inner))
    again = run.resume(document=listed(["a", "c", "b"], inner))
    assert again.output("bad") == ["a0", "c1", "b2"]
    assert len(begun_items(again)) == 5


def test_s51_items_run_again_if_something_else_that_they_follow_from_did(bench: Bench) -> None:
    inner = give_step("x", "{{ item }}{{ steps.other.output }}")
    run = failed(bench, [give_step("other", 1), *listed(["a", "b"], inner)])
    again = run.resume(document=[give_step("other", 2), *listed(["a", "b"], inner)])
    assert again.output("bad") == ["a2", "b2"]


def test_s51_items_run_again_if_the_block_follows_by_order(bench: Bench) -> None:
    run = failed(bench, [give_step("first", 1), *listed(["a", "b"], needs=["first"])])
    run.resume(document=[give_step("first", 2), *listed(["a", "b"], needs=["first"])])
    assert counts(run, "fan[0].x", "fan[1].x") == [2, 2]


def test_s51_only_the_edited_step_of_an_item_runs_again(bench: Bench) -> None:
    x = give_step("x", "{{ item }}")
    run = failed(bench, listed(["a", "b"], x, give_step("y", "{{ steps.x.output }}1")))
    again = run.resume(document=listed(["b", "a"], x, give_step("y", "{{ steps.x.output }}2")))
    assert again.output("bad") == ["b2", "a2"]
    assert [again.step(f"fan[{n}].{s}").attempt for n in range(2) for s in "xy"] == [1, 2, 1, 2]


def test_s51_items_that_failed_and_items_that_never_began(bench: Bench) -> None:
    one = flaky_step("x", "{{ item }}", name="n{{ item }}")
    deeds.MENDED.update(("n0", "n1"))
    run = bench.run(listed([1, 2, 3], one, concurrency=1))
    assert (run.status_of("fan[0].x"), run.status_of("fan[1].x")) == ("succeeded", "failed")
    deeds.MENDED.update(("n2", "n3", "bad"))
    again = run.resume(document=listed([0, 3, 2, 1], one, concurrency=1))
    assert again.output("fan") == [0, 3, 2, 1]
    assert [again.step(f"fan[{n}].x").attempt for n in range(4)] == [1, 1, 2, 1]


def test_s51_plain_items(bench: Bench) -> None:
    def steps(items: list[object]) -> list[Step]:
        plain = {"uses": "trial.give", "with": {"value": "{{ item }}?"}}
        each = {"id": "fan", "for_each": "{{ steps.list.output }}", **plain}
        return [give_step("list", items), each, bad_step("steps.fan.output")]

    run = failed(bench, steps([1, 2]))
    again = run.resume(document=steps([3, 2, 1]))
    assert again.output("bad") == ["3?", "2?", "1?"]
    assert begun_items(again) == ["fan[0]", "fan[1]", "fan[0]"]


def test_s51_blocks_inside_items_move_with_them(bench: Bench) -> None:
    inner = (
        {"id": "deep", "for_each": [1, 2], "as": "one", "steps": [give_step("z", "{{ one }}")]},
        {"id": "pick", "choose": [{"otherwise": True, "steps": [give_step("p", "{{ item }}")]}]},
    )
    run = failed(bench, listed(["a", "b"], *inner))
    again = run.resume(document=listed(["b", "a"], *inner))
    assert again.output("bad") == ["b", "a"]
    assert (again.output("fan[0].pick.p"), again.output("fan[0].deep")) == ("b", [1, 2])
    assert counts(run, "fan[0].pick.p", "fan[1].deep[0].z") == [1, 1]


def test_s51_an_interruption_before_the_new_list_loses_nothing(bench: Bench) -> None:
    def steps(items: list[object]) -> list[Step]:
        return [gate_step("list", items, gate=f"g{len(items)}"), *listed(items)[1:]]

    bench.gates["g2"].open()
    run = failed(bench, steps(["a", "b"]))
    resumed = bench.resume(run.id, document=steps(["b", "c", "a"]))
    resumed.until_step("list", "running")
    resumed.interrupt(at_once=True)
    bench.gates["g3"].open()
    again = resumed.resume(document=steps(["b", "c", "a"]))
    assert again.output("bad") == ["b!", "c!", "a!"]
    assert begun_items(again) == ["fan[0].x", "fan[1].x", "fan[1].x"]


def test_s51_a_large_list_is_compared_too(bench: Bench) -> None:
    items: list[object] = [f"{n}" * 20_000 for n in range(5)]
    inner = give_step("x", "{{ item | length }}")
    run = failed(bench, listed(items, inner))
    again = run.resume(document=listed(items[::-1], inner))
    assert again.status == "succeeded"
    assert len(begun_items(again)) == 5


def test_s51_waiting_items_go_on_waiting(bench: Bench) -> None:
    inner = {"id": "w", "uses": "wait.for", "with": {"signal": "{{ item }}"}}
    deeds.MENDED.add("bad")
    run = bench.start(listed(["s1", "s2"], inner))
    run.until(lambda: len(bench.store.waits(run.id)) == 2)
    run.interrupt()
    resumed = bench.resume(run.id, document=listed(["s2", "s3", "s1"], inner))
    resumed.until(lambda: len(bench.store.waits(run.id)) == 3)
    waits = {(wait.path, wait.signal) for wait in bench.store.waits(run.id)}
    assert waits == {("fan[0].w", "s2"), ("fan[1].w", "s3"), ("fan[2].w", "s1")}
    for name in ("s1", "s2", "s3"):
        resumed.send("signal", name=name, value=name)
    assert resumed.wait().output("bad") == ["s2", "s3", "s1"]
    assert len(resumed.events("step_started", "fan[0].w")) == 1


def test_s51_items_that_a_crash_cut_off_run_again(bench: Bench) -> None:
    inner = gate_step("x", "{{ item }}", gate="x")
    deeds.MENDED.add("bad")
    run = bench.start(listed([1, 2], inner))
    bench.until(lambda: bench.gates["x"].waiting == 2)
    bench.engine.call(lambda: bench.engine._live[run.id].fail(SystemError("killed")))
    bench.until(lambda: bench.store.owner(run.id) is None)
    bench.gates["x"].open()
    again = run.resume(document=listed([2, 1], inner))
    assert again.output("bad") == [2, 1]
    assert [again.step(f"fan[{n}].x").attempt for n in range(2)] == [2, 2]
