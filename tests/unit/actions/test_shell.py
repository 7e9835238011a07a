from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

from ergon.actions.catalog import ActionCatalog
from ergon.errors import ActionFailed, InputInvalid, PathRefused
from ergon.testing.context import FakeContext

Run = Callable[..., Any]
PYTHON = sys.executable


def failure(run: Run, **inputs: object) -> str:
    with pytest.raises(ActionFailed) as caught:
        run("shell.run", **inputs)
    text = str(caught.value)
    assert "\n" not in text
    return text


def until(condition: Callable[[], object], seconds: float = 20.0) -> None:
    """Wait for something that happens in another process."""
    limit = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < limit, "it did not happen in time"
        time.sleep(0.005)


def alive(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


# ---- commands ------------------------------------------------------------------------------------------------


def test_a_command_is_a_list_and_needs_no_quoting(run: Run) -> None:
    output = run("shell.run", command=["printf", "%s|", "a b", "$HOME", "; rm", "*", ""])
    assert output == {"code": 0, "stdout": "a b|$HOME|; rm|*||", "stderr": "", "truncated": False}


def test_numbers_are_words_too(run: Run) -> None:
    assert run("shell.run", command=["echo", 1, 2.5], output="text") == "1 2.5"


def test_a_shell_runs_a_text_when_that_is_said(run: Run) -> None:
    assert run("shell.run", command="echo a | tr a b", shell=True, output="text") == "b"


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"command": "echo hi"}, 'Write it as a list, ["echo", "hi"], or say `shell: true`'),
        ({"command": "echo $HOME"}, "Write it as a list, or say `shell: true`"),
        ({"command": ["echo"], "shell": True}, "a shell runs a text"),
        ({"command": []}, "it is empty"),
        ({"command": "", "shell": True}, "it is empty"),
    ],
)
def test_a_text_without_a_shell_is_refused_before_the_run_and_in_it(run: Run, given: dict[str, Any], said: str) -> None:
    """DESIGN 11: shell.run takes a list and no shell unless asked."""
    with pytest.raises(InputInvalid) as caught:
        run("shell.run", **given)
    assert said in str(caught.value)
    (problem,) = ActionCatalog().find("shell.run").check(given, templated=frozenset())
    assert said in f"{problem.message} {problem.hint}"


def test_truth_is_no_word(run: Run) -> None:
    with pytest.raises(InputInvalid, match=r"command\[1\]"):
        run("shell.run", command=["echo", True])


def test_it_runs_in_the_workflows_folder_or_where_it_is_told(run: Run, tmp_path: Path) -> None:
    """S11."""
    (tmp_path / "sub").mkdir()
    assert run("shell.run", command=["pwd", "-P"], output="text") == str(tmp_path.resolve())
    assert run("shell.run", command=["pwd", "-P"], cwd="sub", output="text") == str((tmp_path / "sub").resolve())
    assert "There is no folder gone" in failure(run, command=["pwd"], cwd="gone")
    with pytest.raises(PathRefused):
        run("shell.run", command=["pwd"], cwd="..")


def test_the_environment_is_added_to(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ERGONTEST_OUTER", "outer")
    command = ["sh", "-c", 'echo "$ERGONTEST_OUTER $INNER $NUMBER"']
    assert run("shell.run", command=command, env={"INNER": "a b", "NUMBER": 3}, output="text") == "outer a b 3"


def test_standard_input_is_empty_or_what_is_given(run: Run) -> None:
    assert run("shell.run", command=["cat"], output="text") == ""
    assert run("shell.run", command=["cat"], stdin="blå\n" * 50_000, output="text").count("blå") == 50_000


def test_a_command_that_reads_no_input_does_not_mind(run: Run) -> None:
    assert run("shell.run", command=["true"], stdin="x" * 1_000_000)["code"] == 0


# ---- what cannot be run --------------------------------------------------------------------------------------


def test_a_command_that_is_not_there_is_told(run: Run, tmp_path: Path) -> None:
    assert failure(run, command=["ergontest-nothing", "x"]) == "The command 'ergontest-nothing' was not found."
    assert "was not found" in failure(run, command=["./nothing"])
    assert "was not found" in failure(run, command=["ls"], env={"PATH": str(tmp_path)})


def test_a_command_that_may_not_be_executed_is_told(run: Run, tmp_path: Path) -> None:
    (tmp_path / "script").write_text("#!/bin/sh\necho hi\n")
    (tmp_path / "folder").mkdir()
    assert "chmod +x" in failure(run, command=["./script"])
    assert "may not be executed" in failure(run, command=["./folder"])
    (tmp_path / "script").chmod(0o755)
    assert run("shell.run", command=["./script"], output="text") == "hi"
    (tmp_path / "script").write_text("#!/no/such/interpreter\n")
    assert "ended with code 12" in failure(run, command=["./script"])


@pytest.mark.parametrize("given", [{"command": ["echo", "a\0b"]}, {"command": ["echo"], "env": {"A=B": "c"}}])
def test_words_that_no_program_can_be_given_are_refused(run: Run, given: dict[str, Any]) -> None:
    assert "no program can be given" in failure(run, **given)


def test_too_long_a_command_is_told(run: Run) -> None:
    assert "cannot be started: Argument list too long" in failure(run, command=["echo", "x" * 3_000_000])


def test_an_unknown_encoding_is_refused(run: Run) -> None:
    with pytest.raises(InputInvalid, match="klingon"):
        run("shell.run", command=["echo"], encoding="klingon")


# ---- how it ends ---------------------------------------------------------------------------------------------


def test_a_code_other_than_0_fails_the_step_with_the_last_words(run: Run) -> None:
    command = "echo out; echo first >&2; echo 'no such city' >&2; exit 3"
    said = failure(run, command=["sh", "-c", command])
    assert said == f"The command 'sh -c {command}' ended with code 3: no such city."
    assert failure(run, command=["sh", "-c", "echo out; exit 1"]).endswith("ended with code 1: out.")
    assert failure(run, command=["false"]) == "The command 'false' ended with code 1."


def test_a_code_may_be_looked_at_instead(run: Run) -> None:
    output = run("shell.run", command="echo out; exit 3", shell=True, check=False)
    assert (output["code"], output["stdout"]) == (3, "out\n")


def test_a_signal_is_named(run: Run) -> None:
    assert "was ended by SIGKILL" in failure(run, command="kill -9 $$", shell=True)
    assert run("shell.run", command="kill -15 $$", shell=True, check=False)["code"] == -15


@pytest.mark.parametrize(("output", "value"), [("text", '["a",\n 1]'), ("lines", ['["a",', " 1]"]), ("json", ["a", 1])])
def test_the_output_may_be_what_was_printed(run: Run, output: str, value: object) -> None:
    assert run("shell.run", command=["printf", '["a",\\n 1]\\n'], output=output) == value


def test_what_is_not_json_is_told(run: Run) -> None:
    assert "did not print JSON" in failure(run, command=["echo", "hello"], output="json")


# ---- streams -------------------------------------------------------------------------------------------------


def test_both_streams_go_to_the_log_as_they_come(start: Run, context: FakeContext, tmp_path: Path) -> None:
    program = "printf 'bl\\303'; sleep 0.01; printf '\\245\\n'; echo err >&2; "
    program += "while [ ! -e go ]; do sleep 0.01; done; echo end"

    async def scenario() -> Any:
        task = start("shell.run", command=program, shell=True)
        async with asyncio.timeout(20):
            while context.written != {"stdout": "blå\n", "stderr": "err\n"}:  # noqa: ASYNC110  # another process does it
                await asyncio.sleep(0.005)
        (tmp_path / "go").touch()
        return await task

    assert asyncio.run(scenario())["stdout"] == "blå\nend\n"
    assert context.written["stdout"] == "blå\nend\n"


def test_bytes_that_are_no_text_are_replaced(run: Run, context: FakeContext) -> None:
    assert run("shell.run", command=["printf", "a\\377b\\303"])["stdout"] == "a\ufffdb\ufffd"
    assert context.written["stdout"] == "a\ufffdb\ufffd"
    assert run("shell.run", command=["printf", "\\345"], encoding="latin-1", output="text") == "å"


def test_of_endless_output_the_last_part_is_kept(run: Run, context: FakeContext) -> None:
    program = "import sys; sys.stdout.write('x' * 3_000_000 + 'end')"
    output = run("shell.run", command=[PYTHON, "-c", program])
    assert len(output["stdout"]) == 1_000_000
    assert output["stdout"].endswith("xend")
    assert output["truncated"] is True
    assert len(context.written["stdout"]) == 3_000_003
    assert "more than 1 MB" in failure(run, command=[PYTHON, "-c", program], output="text")


def test_exactly_what_is_kept_is_not_truncated(run: Run) -> None:
    output = run("shell.run", command=[PYTHON, "-c", "print('x' * 1_000_000, end='')"])
    assert (len(output["stdout"]), output["truncated"]) == (1_000_000, False)


def test_the_step_waits_for_what_still_writes_to_its_streams(run: Run) -> None:
    assert run("shell.run", command="(sleep 0.1; echo late) & echo early", shell=True, output="lines") == [
        "early",
        "late",
    ]


# ---- processes (S35, S36) --------------------------------------------------------------------------------------


def test_a_child_is_journaled_before_it_begins(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """S35: a resume ends a survivor, so nothing begins that the journal does not know."""
    seen: list[object] = []

    def started(self: FakeContext, pid: int) -> None:
        seen.append((os.getsid(pid) == pid, (tmp_path / "begun").exists()))
        self.processes.append(pid)

    monkeypatch.setattr(FakeContext, "process_started", started)
    output = run("shell.run", command="touch begun; echo $$", shell=True, output="text")
    assert seen == [(True, False)]
    assert (tmp_path / "begun").exists()
    assert int(output) > 1


def test_the_journaled_process_is_the_command_itself(run: Run, context: FakeContext) -> None:
    output = run("shell.run", command=[PYTHON, "-c", "import os; print(os.getpid(), os.getsid(0))"], output="text")
    assert output == f"{context.processes[0]} {context.processes[0]}"


def test_a_command_that_cannot_be_journaled_never_begins(tmp_path: Path) -> None:
    class Refusing(FakeContext):
        def process_started(self, pid: int) -> None:
            raise OSError("no disk")

    made = ActionCatalog().find("shell.run")
    with pytest.raises(OSError, match="no disk"):
        asyncio.run(_call(made, Refusing(tmp_path), command=["touch", "begun"]))
    assert not (tmp_path / "begun").exists()


async def _call(made: Any, context: FakeContext, **inputs: object) -> object:
    return await made.call(context, made.bind(inputs))


def cancelled(
    tmp_path: Path, program: str, *, grace: float = 20.0, times: int = 1
) -> tuple[list[int], FakeContext, float]:
    """Cancel a command once it wrote its pids into a file; gives them, and how long the end took."""
    context, made = FakeContext(tmp_path), ActionCatalog().find("shell.run")

    async def scenario() -> float:
        inputs = {"command": program, "shell": True, "grace": grace}
        task = asyncio.ensure_future(_call(made, context, **inputs))
        async with asyncio.timeout(20):
            while not (tmp_path / "pids").exists() or not (tmp_path / "pids").read_text().endswith("\n"):  # noqa: ASYNC110
                await asyncio.sleep(0.005)
        begun = time.monotonic()
        for _ in range(times):
            task.cancel()
            await asyncio.sleep(0.05)
        with pytest.raises(asyncio.CancelledError):
            await task
        return time.monotonic() - begun

    took = asyncio.run(scenario())
    return [int(pid) for pid in (tmp_path / "pids").read_text().split()], context, took


def test_cancelling_ends_the_command_and_all_that_it_started(tmp_path: Path) -> None:
    """S36."""
    pids, _, _ = cancelled(tmp_path, "sleep 100 & a=$!; sleep 100 & echo $$ $a $! > pids; wait")
    until(lambda: not any(map(alive, pids)))


def test_a_command_may_end_itself_when_it_is_told_to(tmp_path: Path) -> None:
    """S36: SIGTERM first."""
    program = "trap 'echo bye; exit 0' TERM; echo $$ > pids; while :; do sleep 0.01; done"
    _, context, _ = cancelled(tmp_path, program)
    assert context.written["stdout"] == "bye\n"


def test_a_command_that_does_not_end_itself_is_killed_after_its_grace(tmp_path: Path) -> None:
    """S36."""
    pids, _, took = cancelled(tmp_path, "trap '' TERM; echo $$ > pids; while :; do sleep 0.01; done", grace=0.2)
    assert 0.15 < took < 10
    until(lambda: not any(map(alive, pids)))


def test_a_second_cancel_kills_at_once(tmp_path: Path) -> None:
    """S36."""
    pids, _, took = cancelled(tmp_path, "trap '' TERM; echo $$ > pids; while :; do sleep 0.01; done", times=2)
    assert took < 10
    until(lambda: not any(map(alive, pids)))


def test_what_a_command_leaves_in_the_background_is_ended_with_it(run: Run, tmp_path: Path) -> None:
    """S35."""
    output = run("shell.run", command="sleep 100 >/dev/null 2>&1 & echo $!", shell=True, output="text")
    until(lambda: not alive(int(output)))


def test_a_process_of_the_group_that_ignores_signals_is_ended_too(run: Run) -> None:
    program = "(trap '' TERM HUP INT; sleep 100) >/dev/null 2>&1 & echo $!"
    output = run("shell.run", command=program, shell=True, output="text")
    until(lambda: not alive(int(output)))


OWNER = """
import asyncio, sys
from pathlib import Path
from ergon.actions.catalog import ActionCatalog
from ergon.testing.context import FakeContext

made = ActionCatalog().find("shell.run")
program = "trap '' TERM HUP INT; sleep 100 & echo $$ $! > pids.tmp; mv pids.tmp pids; wait; sleep 100"
async def main():
    await made.call(FakeContext(Path(sys.argv[1])), made.bind({"command": program, "shell": True, "grace": 0.2}))
asyncio.run(main())
"""


@pytest.mark.parametrize("sign", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_a_child_dies_with_its_owner(tmp_path: Path, sign: signal.Signals) -> None:
    """S35: whatever way the owner dies, and whatever signals the child ignores."""
    with subprocess.Popen(
        [PYTHON, "-c", OWNER, str(tmp_path)], stderr=subprocess.DEVNULL, start_new_session=True
    ) as owner:
        until((tmp_path / "pids").exists)
        pids = [int(pid) for pid in (tmp_path / "pids").read_text().split()]
        guards = [child.pid for child in psutil.Process(owner.pid).children() if child.pid not in pids]
        assert len(guards) == 1, "one guard for the whole process"
        assert all(map(alive, pids))
        owner.send_signal(sign)
        owner.wait()
    until(lambda: not any(map(alive, [*pids, *guards])))


def test_many_commands_at_once(context: FakeContext) -> None:
    made = ActionCatalog().find("shell.run")

    async def scenario() -> list[object]:
        commands = [_call(made, context, command=["echo", n], output="text") for n in range(30)]
        return await asyncio.gather(*commands)

    assert asyncio.run(scenario()) == [str(n) for n in range(30)]


def test_nothing_is_left_open(run: Run) -> None:
    run("shell.run", command=["true"])
    before = len(os.listdir("/proc/self/fd")) if os.path.exists("/proc/self/fd") else 0
    for _ in range(5):
        run("shell.run", command=["echo", "x"], stdin="y")
        with pytest.raises(ActionFailed):
            run("shell.run", command=["ergontest-nothing"])
        with pytest.raises(ActionFailed):
            run("shell.run", command=["echo", "x" * 3_000_000])
    until(lambda: not [thread for thread in threading.enumerate() if thread.name.startswith("ergon-command")])
    after = len(os.listdir("/proc/self/fd")) if os.path.exists("/proc/self/fd") else 0
    assert after <= before
