"""`ergon show`: one run, with what every step did."""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from ergon.cli.opening import JsonOption, RunArgument, workspace
from ergon.cli.terminal import paint, terminal
from ergon.cli.words import ago, brief, clean, seconds

if TYPE_CHECKING:
    from ergon.cli.table import Cell
    from ergon.model.events import Event
    from ergon.model.records import RunRecord
    from ergon.model.states import BodyState, RunState, StepState

_MANY: Final = 20
"""Items of a block, above which only those that are not plainly done are listed."""


def show(
    run: RunArgument,
    events: Annotated[bool, typer.Option("--events", help="Also list everything that happened.")] = False,
    traceback: Annotated[bool, typer.Option("--traceback", help="Show where in the code steps failed.")] = False,
    json: JsonOption = False,
) -> None:
    """Show a run: its steps, outputs, errors, and what happened.

    Examples:
      ergon show last
      ergon show last --traceback
      ergon show 7kq2 --events --json
    """
    from ergon.model.report import event_document

    with workspace() as app:
        record = app.record(run)
        history = app.history(record.id)
        state = history.state(record)
        facts = app.events(record.id) if events else []
        document = history.document(record, state)
        if json:
            if events:
                document["events"] = [event_document(event, traceback=traceback) for event in facts]
            terminal.document(document)
            return
        _show(app.history(record.id), record, state, document)
    if traceback:
        _show_tracebacks(state)
    if events:
        _show_events(facts)


def _show(history: Any, record: RunRecord, state: RunState, document: dict[str, Any]) -> None:  # Any: JSON
    from ergon.cli.ending import as_text, ending_of, show_panel

    for line in _facts(record, state, document):
        terminal.say(line)
    _show_steps(state, document)
    ending = ending_of(
        state,
        status=record.status,
        until=history.until(record),
        outputs=document["outputs"],
        files=history.files(state),
        shown=True,
    )
    if terminal.is_live:
        show_panel(ending)
    else:
        terminal.say("\n".join(["", *as_text(ending)]))


def _facts(record: RunRecord, state: RunState, document: dict[str, Any]) -> Iterator[str]:  # Any: JSON
    from ergon.model.values import to_json

    began = record.started_at or record.created_at
    when = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(began))
    parameters: Any = to_json(state.frame.parameters)
    secret = {given.name for given in state.frame.graph.workflow.parameters if given.type == "secret"}
    parameters |= dict.fromkeys(secret & set(parameters), "***")
    facts = {
        "run": record.id,
        "workflow": record.workflow,
        "file": record.file,
        "created"
        if record.started_at is None
        else "started": f"{when} ({ago(began)}){f' by {record.actor}' if record.actor else ''}",
        "took": seconds(document["duration_s"]),
        "tags": ", ".join(record.tags),
        "parameters": ", ".join(f"{name}={brief(value, 60)}" for name, value in parameters.items()),
    }
    for label, text in facts.items():
        if text:
            yield f"{paint(f'{label:11}', 'dim', sys.stdout)} {clean(text)}"


# ---- steps ---------------------------------------------------------------------------------------------------


def _show_steps(state: RunState, document: dict[str, Any]) -> None:  # Any: JSON
    from ergon.cli.table import show_table

    rows = [] if state.root is None else list(_rows(state, state.root.children, 0, document))
    if rows:
        terminal.say()
        show_table(["step", "status", "took", "attempts", "about"], rows, fold=["about"])


def _rows(
    state: RunState,
    steps: Sequence[StepState],
    depth: int,
    told: dict[str, Any],  # Any: JSON
) -> Iterator[Sequence[Cell]]:
    for step in steps:
        yield _row(state, step, depth, told)
        bodies = [body for _, body in sorted((step.bodies or {}).items())]
        shown = bodies if len(bodies) <= _MANY else [body for body in bodies if not _is_plain(body)]
        for body in shown:
            yield from _rows(state, body.children, depth + 1, told)
        if len(shown) < len(bodies):
            yield [f"{'  ' * (depth + 1)}… {len(bodies) - len(shown)} more succeeded", "", "", "", ""]


def _is_plain(body: BodyState) -> bool:
    counts = Counter(child.status.value for child in body.children)
    return set(counts) <= {"succeeded", "skipped"}


def _row(state: RunState, step: StepState, depth: int, told: dict[str, Any]) -> Sequence[Cell]:  # Any: JSON
    from rich.text import Text

    from ergon.cli.looks import look_of, run_look
    from ergon.cli.notes import item_label, note_of

    look = look_of(step)
    if step.status == "running" and told["status"] == "interrupted":
        look = run_look("interrupted")  # what the journal saw last of it
    label = item_label(step) if depth else ""
    name = Text("  " * depth + (step.path if depth else step.node.id))
    if label:
        name.append(f" {label}", "dim")
    return [
        name,
        Text(f"{look.mark} {look.word}", look.colour),
        seconds(told["steps"][step.path]["duration_s"]),
        str(step.attempt or ""),
        note_of(state, step, now=time.time(), progress=None, said=""),
    ]


def _show_tracebacks(state: RunState) -> None:
    from ergon.cli.tracebacks import users_part
    from ergon.model.report import instances, kept_error

    found = [(step.path, error) for step in instances(state) if (error := kept_error(step)) and error.traceback]
    for path, error in found:
        terminal.say(
            f"\n{paint(path, 'bold', sys.stdout)} (attempt {error.attempt})\n{users_part(error.traceback).rstrip()}"
        )
    if not found:
        terminal.say("\nNo step left a traceback.")


def _show_events(events: Sequence[Event]) -> None:
    from ergon.cli.table import show_table

    terminal.say()
    rows = [
        [
            str(event.seq),
            time.strftime("%H:%M:%S", time.localtime(event.at)) + f"{event.at % 1:.3f}"[1:],
            event.type,
            event.step + (f" #{event.attempt}" if event.attempt > 1 else ""),
            _event_about(event),
        ]
        for event in events
    ]
    show_table(["seq", "at", "event", "step", "about"], rows, fold=["about"])


def _event_about(event: Event) -> str:
    from ergon.model.report import event_document

    document = event_document(event)
    parts = [f"{key}={brief(value, 80)}" for key, value in document["data"].items() if value not in ("", None, [], {})]
    if event.value is not None:
        parts.append(f"value={brief(document['value'], 80)}")
    return "  ".join(parts)
