"""Shell: commands of the operating system."""

from __future__ import annotations

import codecs
import json
import os
import shlex
import shutil
import signal
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Final, Literal

from pydantic import Field

from ergon.actions.action import action
from ergon.actions.command import Command, Stream
from ergon.errors import ActionFailed, InputInvalid
from ergon.model.base import Duration
from ergon.ports import Context, Problem

Word = Annotated[str | int | float, Field(union_mode="left_to_right")]


def _check(config: Mapping[str, object]) -> list[Problem]:
    fault = _fault(config.get("command"), bool(config.get("shell")))
    return [Problem(("command",), f"Input 'command' of shell.run: {fault[0]}.", fault[1])] if fault else []


def _fault(command: object, shell: bool) -> tuple[str, str] | None:
    """Say what is wrong with a command, and what to write instead."""
    if isinstance(command, str) and not shell and not command.startswith("{{"):
        words = shlex.split(command, posix=True) if _is_simple(command) else []
        instead = f"Write it as a list, {json.dumps(words)}, or" if words else "Write it as a list, or"
        return "a text is run only by a shell", f"{instead} say `shell: true`."
    if isinstance(command, list) and shell:
        return "a shell runs a text, not a list", "Leave `shell: true` out."
    if command in ("", []):
        return "it is empty", ""
    return None


def _is_simple(command: str) -> bool:
    try:
        return bool(shlex.split(command)) and not set(command) & set("|&;<>()$`*?[]#~{}\n")
    except ValueError:
        return False


@action(
    "shell.run",
    check=_check,
    example="""
    id: version
    uses: shell.run
    with: {command: [git, --version]}
    """,
)
async def run(
    command: list[Word] | str,
    shell: bool = False,
    env: Mapping[str, Word] | None = None,
    cwd: str = ".",
    check: bool = True,
    stdin: str | None = None,
    output: Literal["all", "text", "lines", "json"] = "all",
    encoding: str = "utf-8",
    grace: Duration = 5.0,
    *,
    ctx: Context,
) -> object:
    """Runs a command and streams what it prints into the step's log.

    The output is `{code, stdout, stderr, truncated}` with the last 1 MB of each stream. The step ends when
    the command has ended and nothing holds its streams any more; what it then leaves running in the
    background is ended. When the step is cancelled or reaches its limit, the command and all that it started
    get SIGTERM, and SIGKILL after `grace`; when Ergon itself dies they are killed.

    Args:
        command: The program and its arguments as a list; with `shell`, a text for `/bin/sh`.
        shell: Whether a shell runs the command.
        env: Environment variables to add.
        cwd: The folder to run it in, relative to the workflow's.
        check: Whether an exit code other than 0 fails the step.
        stdin: Text for its standard input, which is empty otherwise.
        output: What the step's output is: everything, or what was printed as `text`, as `lines`, or read as
        `json`.
        encoding: How the command encodes what it prints.
        grace: How long it may take to end itself when it is told to.
    """
    if fault := _fault(command, shell):
        raise InputInvalid(action="shell.run", field="command", reason=fault[0], hint=fault[1])
    _check_encoding(encoding)
    folder = ctx.path(cwd)
    if not folder.is_dir():
        raise ActionFailed(f"There is no folder {cwd} to run the command in.")
    environment = {**os.environ, **{name: str(value) for name, value in (env or {}).items()}}
    argv = _argv(command, shell, folder, environment)
    ended = await Command(argv, folder, environment, stdin, encoding, grace).run(ctx)
    texts = {stream: tail.text(encoding) for stream, tail in ended.tails.items()}
    shown = _shown([str(word) for word in command] if isinstance(command, list) else [command])
    if check and ended.code:
        raise ActionFailed(f"The command {shown} {_ended(ended.code)}{_last_line(texts)}")
    if output == "all":
        truncated = any(tail.cut for tail in ended.tails.values())
        return {"code": ended.code, "stdout": texts["stdout"], "stderr": texts["stderr"], "truncated": truncated}
    if ended.tails["stdout"].cut:
        raise ActionFailed(f"The command {shown} printed more than 1 MB.", hint="Let it write a file.")
    return _printed(texts["stdout"], output, shown)


def _check_encoding(encoding: str) -> None:
    try:
        codecs.getincrementaldecoder(encoding)
        b"".decode(encoding)
    except LookupError:
        reason = f"there is no text encoding '{encoding}'"
        raise InputInvalid(action="shell.run", field="encoding", reason=reason) from None


def _argv(command: Sequence[object] | str, shell: bool, folder: Path, environment: Mapping[str, str]) -> list[str]:
    """Give what to execute; raises `ActionFailed` if there is no such program."""
    if isinstance(command, str):
        return ["/bin/sh", "-c", command] if os.name == "posix" else ["cmd", "/c", command]
    words = [str(word) for word in command]
    texts = [*words, *environment, *environment.values()]
    if any("\0" in text for text in texts) or any(not name or "=" in name for name in environment):
        raise ActionFailed("A word of the command or its environment holds a sign that no program can be given.")
    program = words[0]
    if os.sep in program:
        found = str(folder / program) if os.access(folder / program, os.X_OK) else None
    else:
        found = shutil.which(program, path=environment.get("PATH"))
    if found is None or os.path.isdir(found):
        exists = os.sep in program and (folder / program).exists()
        reason = "may not be executed" if exists else "was not found"
        hint = "Give it the right to be executed: chmod +x." if exists else ""
        raise ActionFailed(f"The command '{program}' {reason}.", hint=hint)
    return [found, *words[1:]]


def _printed(text: str, output: str, shown: str) -> object:
    """Give what was printed the way that was asked for."""
    if output == "text":
        return text.rstrip("\r\n")
    if output == "lines":
        return text.splitlines()
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ActionFailed(f"The command {shown} did not print JSON: {error}.") from None


def _shown(words: Sequence[str], limit: int = 100) -> str:
    flat = " ".join(" ".join(words).split())
    return f"'{flat if len(flat) <= limit else flat[: limit - 1] + '…'}'"


def _ended(code: int) -> str:
    if code >= 0:
        return f"ended with code {code}"
    try:
        return f"was ended by {signal.Signals(-code).name}"
    except ValueError:
        return f"was ended by signal {-code}"


def _last_line(texts: Mapping[Stream, str], limit: int = 300) -> str:
    """Give the last line that the command printed, errors first, to end the sentence with."""
    for text in (texts["stderr"], texts["stdout"]):
        lines = text.strip().splitlines()
        if lines:
            return f": {lines[-1].strip()[-limit:].rstrip('.')}."
    return "."


ACTIONS: Final = (run,)
