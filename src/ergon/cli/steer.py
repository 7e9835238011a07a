"""`ergon pause`, `cancel`, `signal` and `answer`: what reaches a run from any process (S45)."""

from __future__ import annotations

import getpass
import json as jsonlib
from typing import TYPE_CHECKING, Annotated

import typer

from ergon.cli.opening import RunArgument, workspace
from ergon.cli.terminal import terminal
from ergon.errors import NotPossible, StepUnknown
from ergon.model.states import ENDED, RunState

if TYPE_CHECKING:
    from ergon.app import App
    from ergon.model.records import RunRecord


def pause(run: RunArgument) -> None:
    """Pause a run: nothing new is started, and it pauses when what runs has ended.

    Examples:
      ergon pause last
    """
    with workspace() as app:
        record = app.record(run)
        if record.status not in ENDED and app.store.owner(record.id) is None:
            raise NotPossible(what=f"pause run {record.id}", reason=f"no process runs it; it is {record.status}")
        app.send(record.id, "pause", actor=_me())
    terminal.say(f"Run {record.id} pauses when what runs now has ended. Go on with: ergon resume {record.id}")


def cancel(run: RunArgument) -> None:
    """Cancel a run; only steps that are to run always still do. A second time drops those too.

    Examples:
      ergon cancel last
    """
    with workspace() as app:
        record = app.record(run)
        taken = app.cancel(record.id, actor=_me())
        if taken is None:
            terminal.say(f"Run {record.id} is being cancelled.")
            return
        if not isinstance(taken, RunState):
            taken.wait()
        status = app.record(record.id).status
    terminal.say(f"Run {record.id}, which no process had, was {status}.")


def signal(
    run: RunArgument,
    name: Annotated[str, typer.Argument(metavar="NAME", help="The signal's name.", show_default=False)],
    data: Annotated[str, typer.Option("--data", metavar="JSON", help="What comes with it, as JSON.")] = "null",
) -> None:
    """Send a signal to a run; a step that waits for it goes on with the data as its output.

    One that nobody waits for yet is kept for the first step that will.

    Examples:
      ergon signal last approved
      ergon signal last approved --data '{"by": "Ada"}'
    """
    value = _json(data)
    with workspace() as app:
        record = app.send(run, "signal", data={"name": name}, value=value, actor=_me())
        alive = app.store.owner(record.id) is not None
    _told(record, alive, f"Signal '{name}' was sent to run {record.id}.")


def answer(
    run: RunArgument,
    step: Annotated[
        str, typer.Argument(metavar="STEP", help="The path of a step that waits for a person.", show_default=False)
    ],
    answer: Annotated[
        str,
        typer.Argument(
            metavar="retry|fail|VALUE", help="Run it again, let it fail, or its output as JSON.", show_default=False
        ),
    ],
) -> None:
    """Answer a step that waits for a person: run it again, let it fail, or give its output.

    VALUE is JSON; what is no JSON is taken as a text.

    Examples:
      ergon answer last charge retry
      ergon answer last charge '{"paid": true}'
    """
    verb = answer if answer in ("retry", "fail") else "value"
    value = None if verb != "value" else _json_or_text(answer)
    with workspace() as app:
        record = app.record(run)
        _check_waits(app, record, step)
        app.send(record.id, "answer", data={"step": step, "answer": verb}, value=value, actor=_me())
        alive = app.store.owner(record.id) is not None
    _told(record, alive, f"The answer for step '{step}' was left for run {record.id}.")


def _check_waits(app: App, record: RunRecord, step: str) -> None:
    waiting = [wait.path for wait in app.store.waits(record.id) if wait.why == "person"]
    if step in waiting:
        return
    if step not in {known.path for known in app.store.steps(record.id)}:
        raise StepUnknown(step=step, where=f"run {record.id}", suggestion=waiting[0] if waiting else "")
    hint = f"These do: {', '.join(waiting)}." if waiting else "No step of this run does."
    raise NotPossible(what=f"answer step '{step}'", reason="it does not wait for a person", hint=hint)


def _told(record: RunRecord, alive: bool, sentence: str) -> None:
    if alive:
        terminal.say(sentence)
    else:
        terminal.say(f"{sentence} No process runs it ({record.status}); it takes effect with: ergon resume {record.id}")


def _json(text: str) -> object:
    try:
        return jsonlib.loads(text)
    except ValueError as error:
        reason = f"{error}. Quote a text twice, as in --data '\"yes\"'."
        raise typer.BadParameter(f"this is not JSON: {reason}", param_hint="--data") from None


def _json_or_text(text: str) -> object:
    try:
        return jsonlib.loads(text)
    except ValueError:
        return text


def _me() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # a container without names
        return ""
