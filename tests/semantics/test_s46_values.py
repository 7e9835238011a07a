"""S46 to S48 through the engine: stored values, what readers get, secrets."""

from __future__ import annotations

import math
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from tests.semantics.deeds import fail_step, gate_step, give_step

from ergon import Context
from ergon.actions.action import action
from ergon.adapters.vaults.memory import MemoryVault
from ergon.testing.runs import Bench, BenchRun

Step = dict[str, Any]
KEY = "sk-live-0123456789"
PIN = "4711"


def python(id: str, code: str, **inputs: object) -> Step:
    keys: dict[str, object] = {key: inputs.pop(key) for key in ("needs", "retry", "optional") if key in inputs}
    return {"id": id, "uses": "python.run", "with": {"code": code, **inputs}, **keys}


# ---- S46 -----------------------------------------------------------------------------------------------------


def test_s46_small_values_are_inline_and_large_ones_are_artifacts(bench: Bench) -> None:
    run = bench.run([give_step("small", "x" * 1000), python("large", "'x' * 100_000"), python("bytes", "b'abc'")])
    small, large, data = (run.step(each).output or "" for each in ("small", "large", "bytes"))
    assert small.startswith('"xxx')
    assert large.startswith('{"$artifact":')
    assert '"type":"json"' in large
    assert '"type":"bytes"' in data
    assert run.output("large") == "x" * 100_000
    assert run.output("bytes") == b"abc"


def test_s46_a_reference_loads_when_it_is_read_in_the_readers_thread(bench: Bench) -> None:
    run = bench.run(
        [
            python("big", "{'rows': list(range(30_000)), 'name': 'all'}"),
            give_step("name", "{{ steps.big.output.name }}"),
            python("sum", "sum(rows)", rows="{{ steps.big.output.rows }}"),
            give_step("hot", "yes", when="steps.big.output.rows | length > 5"),
        ]
    )
    assert run.output("name") == "all"
    assert run.output("sum") == sum(range(30_000))
    assert run.status_of("hot") == "succeeded"


def test_s46_an_artifact_whose_bytes_are_gone_fails_who_reads_it(bench: Bench) -> None:
    run = bench.start(
        [
            python("big", "'x' * 100_000"),
            gate_step("held"),
            give_step("size", "{{ steps.big.output | length }}", needs=["held"]),
        ]
    )
    run.until_step("big", "succeeded")
    for sha256 in bench.app.artifacts.hashes():
        bench.app.artifacts.remove(sha256)
    bench.gates["held"].open()
    run.wait()
    assert run.error is not None
    assert run.state.failed_step == "size"


# ---- S47 -----------------------------------------------------------------------------------------------------

VALUES = {
    "tuple": ("(1, (2, 'x'))", (1, (2, "x"))),
    "dates": (
        "import datetime as d\n[d.date(2026, 1, 2), d.datetime(2026, 1, 2, 3, 4), d.timedelta(days=1)]",
        [date(2026, 1, 2), datetime(2026, 1, 2, 3, 4), timedelta(days=1)],
    ),
    "keys": ("{1: 'a', (2, 3): 'b', None: 'c'}", {1: "a", (2, 3): "b", None: "c"}),
    "infinity": ("[float('inf'), 10**4000]", [math.inf, 10**4000]),
    "sets": ("{1, 2}, frozenset({'a'})", ({1, 2}, frozenset({"a"}))),
    "decimal": ("import decimal\ndecimal.Decimal('1.10')", Decimal("1.10")),
    "path": ("import pathlib\npathlib.Path('a/b')", Path("a/b")),
    "bytes": ("[b'a', {'x': b'b'}]", [b"a", {"x": b"b"}]),
}


@pytest.mark.parametrize("kind", VALUES)
def test_s47_a_reader_gets_the_same_live_as_after_a_resume(bench: Bench, kind: str) -> None:
    code, value = VALUES[kind]
    read = python("read", "(repr(v), v)", v="{{ steps.made.output }}")
    live = bench.run([python("made", code), read])
    assert live.output("read") == (repr(value), value)
    run = bench.start([python("made", code), gate_step("held"), {**read, "needs": ["held"]}])
    run.until_step("made", "succeeded")
    run.interrupt(at_once=True)
    bench.gates["held"].open()
    assert run.resume().output("read") == live.output("read")


def test_s47_nan(bench: Bench) -> None:
    run = bench.run([python("made", "float('nan')"), python("read", "v != v", v="{{ steps.made.output }}")])
    assert run.output("read") is True


def test_s47_everybody_gets_a_copy_of_its_own(bench: Bench) -> None:
    change = python("change", "rows.append(9)\nrows", rows="{{ steps.made.output }}")
    later = python("later", "rows", rows="{{ steps.made.output }}", needs=["change"])
    run = bench.run([python("made", "[1, 2]"), change, later])
    assert run.output("change") == [1, 2, 9]
    assert run.output("later") == [1, 2]
    assert run.output("made") == [1, 2]


def test_s47_a_value_without_a_codec_says_where_and_what_to_do(bench: Bench) -> None:
    run = bench.run([python("bad", "{'rows': [1, {'x': open}]}")])
    assert run.error is not None
    assert run.error.type == "NotStorable"
    assert ".rows[1].x" in run.error.message
    assert "Return" in run.error.hint


def test_s47_a_large_list_of_a_for_each_is_stored_by_reference(bench: Bench) -> None:
    fan = {"id": "fan", "for_each": "{{ steps.made.output }}", "steps": [give_step("n", "{{ item | length }}")]}
    run = bench.run([python("made", "['x' * 20_000 for _ in range(6)]"), fan])
    assert run.output("fan") == [20_000] * 6
    assert len(run.step("fan").items or "") < 1000


# ---- S48 -----------------------------------------------------------------------------------------------------


@action("trial.use_secret")
def use_secret(text: object = "", show: bool = True, *, ctx: Context) -> dict[str, object]:
    """Prints, logs, shows, keeps and returns what it was given."""
    words = str(text)
    if show:
        print(f"printed {words}")  # noqa: T201  # what a step prints is what the test is about
        ctx.log(f"logged {words}")
        ctx.progress(0.5, f"at {words}")
        ctx.emit("mine", {"deep": [{"text": words}], words: 1})
    return {"length": len(words), "text": words, "kept": ctx.artifact(f"kept {words}".encode(), type="text")}


@pytest.fixture
def safe(tmp_path: Path) -> Iterator[Bench]:
    """Give a bench with secrets."""
    with Bench(tmp_path, secrets={"KEY": KEY, "PIN": PIN, "OTHER": "not-named-anywhere"}) as bench:
        yield bench


def everything(run: BenchRun) -> str:
    """Give all that a run left: journal, signals, artifacts."""
    artifacts = run.bench.app.artifacts
    kept = [artifacts.get(sha256).decode("utf-8", "replace") for sha256 in sorted(artifacts.hashes())]
    return "\n".join([*map(repr, run.events()), *map(repr, run.signals()), *kept])


def secret_step(text: str = "Bearer {{ secrets.KEY }}", **keys: object) -> Step:
    return {"id": "use", "uses": "trial.use_secret", "with": {"text": text}, **keys}


@pytest.mark.parametrize("text", ["{{ secrets.KEY }}", "Bearer {{ secrets.KEY }}", "{{ secrets.KEY | upper }}"])
def test_s48_a_secret_reaches_the_action_and_nobody_else(safe: Bench, text: str) -> None:
    run = safe.run([secret_step(text), give_step("reads", "{{ steps.use.output.text }}")])
    if "upper" in text:
        assert run.status == "failed", "a filter takes a secret's mark apart, so it is refused"
        return
    expected = text.replace("{{ secrets.KEY }}", KEY)
    assert run.output("use")["length"] == len(expected)
    assert run.output("reads") == expected.replace(KEY, "***")
    assert KEY not in everything(run)
    assert "***" in str(run.step("use").inputs)
    shown = " ".join(str(signal.data) for signal in run.signals())
    assert shown.count("***") >= 4
    assert run.output("use")["kept"].decode() == expected.replace(KEY, "***").join(("kept ", ""))


def test_s48_an_error_is_redacted_with_its_traceback(safe: Bench) -> None:
    step = python("bad", "raise ValueError('with ' + key)", key="{{ secrets.KEY }}")
    run = safe.run([step])
    assert run.error is not None
    assert run.error.message == "with ***"
    assert KEY not in everything(run)


def test_s48_a_secret_that_a_step_gets_from_elsewhere_is_hidden_from_the_start(safe: Bench) -> None:
    """The step that prints it runs before anything has opened it."""
    leak = python("leak", "print('sk-live-' + '0123456789')\n'sk-live-' + '0123456789'")
    run = safe.run([leak, secret_step(needs=["leak"])])
    assert run.output("leak") == "***"
    assert KEY not in everything(run)


def test_s48_only_names_that_the_workflow_uses_are_read(safe: Bench) -> None:
    run = safe.run([python("leak", "'not-named-' + 'anywhere'"), secret_step()])
    assert run.output("leak") == "not-named-anywhere"


def test_s48_it_is_resolved_again_from_the_vault_at_a_resume(safe: Bench) -> None:
    run = safe.start([gate_step("held"), secret_step(needs=["held"])])
    run.until_step("held", "running")
    run.interrupt(at_once=True)
    safe.app.vault = MemoryVault({"KEY": "another-key-of-24-letters"})
    safe.app._engines.clear()
    safe.engine.bus.subscribe(safe._see)
    safe.gates["held"].open()
    again = run.resume()
    assert again.output("use")["length"] == len("Bearer another-key-of-24-letters")
    assert "another-key" not in everything(again)


def test_s48_a_missing_secret_fails_the_step_that_uses_it_and_no_other(safe: Bench) -> None:
    run = safe.run(
        {"settings": {"on_failure": "finish"}, "steps": [secret_step("{{ secrets.NONE }}"), give_step("fine", 1)]}
    )
    assert run.statuses == {"use": "failed", "fine": "succeeded"}
    assert run.error is not None
    assert run.error.type == "SecretMissing"


def test_s48_a_short_secret_is_hidden_where_a_template_put_it_with_a_warning(safe: Bench) -> None:
    run = safe.start([secret_step("{{ secrets.PIN }}"), gate_step("held"), give_step("n", "4711")])
    run.until_step("use", "succeeded")
    run.interrupt(at_once=True)
    safe.gates["held"].open()
    again = run.resume()
    assert again.step("use").inputs == '{"text":"***"}'
    assert again.output("n") == "4711"
    warned = [str(event.data["message"]) for event in again.events("step_warned")]
    assert len(warned) == 1, "once a run"
    assert "'PIN' has fewer than 8 characters" in warned[0]


def test_s48_a_secret_parameter_names_a_secret_of_the_vault(safe: Bench) -> None:
    document = {
        "parameters": [{"name": "token", "type": "secret"}],
        "steps": [secret_step("Bearer {{ parameters.token }}")],
    }
    run = safe.run(document, {"token": "KEY"})
    assert run.output("use")["length"] == len(f"Bearer {KEY}")
    assert KEY not in everything(run)


def test_s48_a_secret_is_given_to_a_child_by_its_name(safe: Bench, tmp_path: Path) -> None:
    child = "ergon: 1\nname: child\nparameters: [{name: token, type: secret}]\nsteps:\n"
    child += "  - {id: use, uses: trial.use_secret, with: {text: '{{ parameters.token }}'}}\n"
    (tmp_path / "child.ergon.yaml").write_text(child)
    call = {
        "id": "call",
        "uses": "workflow.run",
        "with": {"path": "child.ergon.yaml", "parameters": {"token": "{{ secrets.KEY }}"}},
    }
    run = safe.run([call])
    assert run.status == "succeeded", run.error
    assert run.output("call.use")["length"] == len(KEY)
    assert KEY not in everything(run)


def test_s48_a_secret_is_refused_where_a_child_would_journal_it(safe: Bench, tmp_path: Path) -> None:
    child = "ergon: 1\nname: child\nparameters: [{name: text}]\n"
    child += "steps: [{id: a, uses: core.noop, with: {value: '{{ parameters.text }}'}}]\n"
    (tmp_path / "child.ergon.yaml").write_text(child)
    for text in ("{{ secrets.KEY }}", "Bearer {{ secrets.KEY }}"):
        call = {
            "id": "call",
            "uses": "workflow.run",
            "with": {"path": "child.ergon.yaml", "parameters": {"text": text}},
        }
        run = safe.run([call])
        assert run.status == "failed"
        assert run.error is not None
        assert "type `secret`" in run.error.message
        assert KEY not in everything(run)


@pytest.mark.parametrize(
    "document",
    [
        {"steps": [give_step("a")], "outputs": {"x": "Bearer {{ secrets.KEY }}", "y": "{{ secrets.KEY }}"}},
        {
            "steps": [{"id": "b", "parallel": [give_step("a")], "output": "Bearer {{ secrets.KEY }}"}],
            "outputs": {"x": "{{ steps.b.output }}", "y": "***"},
        },
    ],
    ids=["outputs", "block"],
)
def test_s48_outputs_are_masked(safe: Bench, document: dict[str, object]) -> None:
    run = safe.run(document)
    assert run.outputs == {"x": "Bearer ***", "y": "***"}
    assert KEY not in everything(run)


@pytest.mark.parametrize("items", [["{{ secrets.KEY }}"], "{{ ['Bearer ' ~ secrets.KEY] }}"], ids=["list", "template"])
def test_s48_a_for_each_cannot_run_over_secrets(safe: Bench, items: object) -> None:
    run = safe.run([{"id": "fan", "for_each": items, "steps": [give_step("a", "{{ item }}")]}])
    assert run.status == "failed"
    assert KEY not in everything(run)


def test_s48_state_and_waits_are_redacted(safe: Bench) -> None:
    run = safe.run(
        [
            {"id": "set", "uses": "core.set", "with": {"x": "Bearer {{ secrets.KEY }}"}},
            give_step("reads", "{{ state.x }}", needs=["set"]),
        ]
    )
    assert run.output("reads") == "Bearer ***"
    assert KEY not in everything(run)


def test_s48_what_a_failed_step_left_is_redacted_too(safe: Bench) -> None:
    run = safe.run([fail_step("bad", inputs={"message": "token {{ secrets.KEY }} is wrong"})])
    assert run.error is not None
    assert run.error.message == "token *** is wrong"
    assert run.step("bad").inputs == '{"message":"token *** is wrong"}'
