"""`apply(state, event)`: the only way in which the state of a run changes (S38).

It runs live, at resume, in `show` and in every view. It decides nothing: whatever was decided is in the event.
The state is changed in place and given back, so that folding a journal is linear.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Final, cast

from ergon.model import events as e
from ergon.model.again import forget_result, go_on, rebuild, run_again, take_up
from ergon.model.events import Event
from ergon.model.moves import forget_bodies, move, move_run, open_body, rested
from ergon.model.records import ErrorRecord
from ergon.model.states import (
    BodyState,
    BodyStatus,
    Frame,
    RunState,
    RunStatus,
    StepState,
    StepStatus,
    StopMode,
    Wait,
    WaitKind,
)

_PENDING, _RUNNING, _WAITING = StepStatus.PENDING, StepStatus.RUNNING, StepStatus.WAITING


def apply(state: RunState, event: Event) -> RunState:
    """Change a run's state by one event; an unknown type changes nothing but the number (S40)."""
    handler = _HANDLERS.get(event.type)
    if handler is not None:
        handler(state, event)
    state.seq, state.at = event.seq, event.at
    return state


def fold(state: RunState, events: Iterable[Event]) -> RunState:
    """Apply events in order."""
    for event in events:
        apply(state, event)
    return state


# ---- bodies --------------------------------------------------------------------------------------------------


def _find(state: RunState, event: Event) -> StepState:
    """Give an instance by its path, making that of an item whose first event this is."""
    step = state.steps.get(event.step)
    if step is None:
        owner, index = _item_of(state, event.step)
        body, frame = owner.node.bodies[0], owner.body.frame
        opened = open_body(state, body, path=event.step, owner=owner, frame=frame, index=index, at=event.at)
        step = opened.children[0]
    return step


def _item_of(state: RunState, path: str) -> tuple[StepState, int]:
    head, bracket, tail = path.rpartition("[")
    if not bracket or not tail.endswith("]"):
        raise KeyError(path)
    return state.steps[head], int(tail[:-1])


def _body(state: RunState, event: Event) -> BodyState:
    owner = state.steps[cast(str, event.data["owner"])]
    return cast(dict[int, BodyState], owner.bodies)[cast(int, event.data.get("index", 0))]


# ---- the run -------------------------------------------------------------------------------------------------


def _run_created(state: RunState, event: Event) -> None:
    state.start = event.data
    state.env = dict(cast(Mapping[str, str], event.data.get("env", {})))
    state.state = dict(cast(Mapping[str, str], event.data.get("state", {})))
    state.created_at = event.at
    state.frame.parameters = event.value or "{}"
    state.frame.folder = str(event.data.get("folder", ""))


def _run_started(state: RunState, event: Event) -> None:
    rested(state, event)
    if state.limit_from is None:
        state.limit_from = event.at - state.rested
    if state.status is not RunStatus.RUNNING:
        move_run(state, RunStatus.RUNNING)
    state.epoch = cast(int, event.data["epoch"])
    state.pausing = ""
    state.ended_at = None
    if state.started_at is None:
        state.started_at = event.at
    if state.root is None:
        open_body(state, state.frame.graph.root, path="", owner=None, frame=state.frame, index=0, at=event.at)


def _variables_resolved(state: RunState, event: Event) -> None:
    frame = state.frame
    if event.step:
        frame = cast(dict[int, BodyState], state.steps[event.step].bodies)[0].frame
    frame.variables = event.value or "{}"


def _run_stopping(state: RunState, event: Event) -> None:
    mode = cast(StopMode, event.data["mode"])
    if not event.step:
        state.stopping = mode
        state.failed_step = cast(str, event.data.get("failed", state.failed_step))
        if mode in ("cancel", "cancel_all"):
            state.pausing = ""
        cast(BodyState, state.root).stopping = mode
        return
    block = state.steps[event.step]
    bodies = cast(dict[int, BodyState], block.bodies or {})
    index = cast("int | None", event.data.get("index"))
    if index is None:
        block.stopping = mode
    for body in bodies.values() if index is None else (bodies[index],):
        if body.unsettled:
            body.stopping = mode


def _run_pausing(state: RunState, event: Event) -> None:
    state.pausing = str(event.data.get("reason", "asked"))


def _run_paused(state: RunState, event: Event) -> None:
    move_run(state, RunStatus.PAUSED, str(event.data.get("reason", "")))
    state.pausing = ""


def _run_waiting(state: RunState, event: Event) -> None:
    move_run(state, RunStatus.WAITING)


def _run_interrupted(state: RunState, event: Event) -> None:
    move_run(state, RunStatus.INTERRUPTED, str(event.data.get("reason", "")))


def _run_finished(state: RunState, event: Event) -> None:
    move_run(state, RunStatus(cast(str, event.data["status"])), str(event.data.get("reason", "")))
    state.outputs = event.value
    state.ended_at = event.at
    state.failed_step = cast(str, event.data.get("step", ""))
    error = event.data.get("error")
    state.error = ErrorRecord.from_data(cast(Mapping[str, object], error)) if error else None


def _run_reopened(state: RunState, event: Event) -> None:
    go_on(state, event)
    move_run(state, RunStatus.QUEUED)
    run_again(state, event)


def _run_edited(state: RunState, event: Event) -> None:
    go_on(state, event)
    if state.ended:
        move_run(state, RunStatus.QUEUED)
    graph = state.graph_of(cast(str, event.data["definition"]))
    frame, before = state.frame, state.frame.graph.workflow
    frame.graph = graph
    frame.parameters = event.value or frame.parameters
    if event.value is not None or graph.workflow.variables != before.variables:
        frame.variables = None
    state.env |= cast(Mapping[str, str], event.data.get("env", {}))
    if state.root is not None:
        rebuild(state, state.root, graph.root)
    run_again(state, event)


def _code_seen(state: RunState, event: Event) -> None:
    state.code[cast(str, event.data["uses"])] = cast(str, event.data["code"])


def _signal_received(state: RunState, event: Event) -> None:
    state.signals.setdefault(cast(str, event.data["name"]), []).append(event.value or "null")


def _state_set(state: RunState, event: Event) -> None:
    state.state[cast(str, event.data["name"])] = event.value or "null"


# ---- a step --------------------------------------------------------------------------------------------------


def _step_started(state: RunState, event: Event) -> None:
    step = _find(state, event)
    move(state, step, _RUNNING)
    step.wait = None
    if step.started_at is None:
        step.spared = bool(step.body.stopping)
        step.started_at, step.rested_before = event.at, state.rested
    if step.node.kind == "action":
        step.attempt = event.attempt
        step.slot = True
        state.running += 1
    else:
        _limited(state, step, event)
        if event.value is not None:
            step.items, step.count = event.value, cast(int, event.data["count"])
            take_up(state, step, cast(list[int], event.data.get("kept", [])))
    if state.status is RunStatus.WAITING:
        move_run(state, RunStatus.RUNNING)


def _limited(state: RunState, step: StepState, event: Event) -> None:
    seconds = event.data.get("timeout")
    if seconds is not None:
        step.limit = cast(float, seconds), event.at + cast(float, seconds) - state.rested


def _step_waiting(state: RunState, event: Event) -> None:
    step, data = state.steps[event.step], event.data
    move(state, step, _WAITING)
    step.wait = Wait(
        why=cast(WaitKind, data["why"]),
        due=cast("float | None", data.get("due")),
        signal=cast(str, data.get("signal", "")),
        question=cast(str, data.get("question", "")),
    )
    step.output = event.value
    _failed_attempt(step, data)


def _failed_attempt(step: StepState, data: Mapping[str, object]) -> None:
    error = data.get("error")
    if error:
        step.error = ErrorRecord.from_data(cast(Mapping[str, object], error))
    if "inputs" in data:
        step.inputs = cast(str, data["inputs"])


def _step_resumed(state: RunState, event: Event) -> None:
    step = state.steps[event.step]
    move(state, step, _PENDING if step.node.kind == "action" else _RUNNING)
    step.wait = None


def _condition_evaluated(state: RunState, event: Event) -> None:
    state.steps[event.step].condition = cast(bool, event.data["result"])


def _attempt_failed(state: RunState, event: Event) -> None:
    step = state.steps[event.step]
    move(state, step, _PENDING)
    step.process = step.limit = None
    step.stopping = ""
    if step.bodies is not None:
        forget_bodies(state, step)
    _failed_attempt(step, event.data)


def _attempt_lost(state: RunState, event: Event) -> None:
    step = state.steps[event.step]
    move(state, step, _PENDING)
    step.process = None
    step.spent_before = step.attempt


def _step_succeeded(state: RunState, event: Event) -> None:
    step, data = state.steps[event.step], event.data
    move(state, step, StepStatus.SUCCEEDED)
    if step.kept:
        step.kept = False
        return
    step.output = event.value
    step.ended_at, step.ended_seq, step.rested_until = event.at, event.seq, state.rested
    step.wait = step.process = None
    step.error = None
    if not data:
        step.origin = "computed"
        return
    step.origin = cast(str, data.get("origin", "computed"))
    step.code = cast(str, data.get("code", ""))
    step.cached = step.origin == "cached"
    step.outside = step.origin == "replayed"
    step.gathers = cast(str, data.get("gathers", ""))
    step.tolerated = bool(data.get("tolerated", False))
    _failed_attempt(step, data)
    if data.get("consumed"):
        state.signals[cast(str, data["signal"])].pop(0)


def _step_failed(state: RunState, event: Event) -> None:
    step = state.steps[event.step]
    move(state, step, StepStatus.FAILED)
    if step.kept or step.aside is not None:
        forget_result(state, step)
    step.ended_at, step.ended_seq, step.rested_until = event.at, event.seq, state.rested
    step.wait = step.process = None
    step.output = None
    _failed_attempt(step, event.data)


def _step_skipped(state: RunState, event: Event) -> None:
    step = _find(state, event)
    move(state, step, StepStatus.SKIPPED)
    if step.kept or step.aside is not None:
        forget_result(state, step)
    step.reason = cast(str, event.data.get("reason", ""))
    step.outside = bool(event.data.get("outside", False))
    step.ended_at, step.ended_seq, step.rested_until = event.at, event.seq, state.rested


def _step_cancelled(state: RunState, event: Event) -> None:
    step = _find(state, event)
    move(state, step, StepStatus.CANCELLED)
    if step.kept or step.aside is not None:
        forget_result(state, step)
    step.reason = cast(str, event.data.get("reason", ""))
    step.ended_at, step.ended_seq, step.rested_until = event.at, event.seq, state.rested
    step.wait = step.process = None


def _step_warned(state: RunState, event: Event) -> None:
    if code := event.data.get("code"):
        state.warned.add(cast(str, code))


def _step_undone(state: RunState, event: Event) -> None:
    data = event.data
    state.undone.append((event.step, bool(data["ok"]), str(data.get("reason", ""))))


def _step_named(state: RunState, event: Event) -> None:
    _find(state, event).name = cast(str, event.data["name"])


def _process_started(state: RunState, event: Event) -> None:
    step = state.steps[event.step]
    step.process = (cast(int, event.data["pid"]), cast(float, event.data["started"]))


def _once_recorded(state: RunState, event: Event) -> None:
    step = state.steps[event.step]
    if step.once is None:
        step.once = {}
    step.once[cast(str, event.data["key"])] = event.value or "null"


# ---- bodies of blocks ----------------------------------------------------------------------------------------


def _body_opened(state: RunState, event: Event) -> None:
    owner = state.steps[cast(str, event.data["owner"])]
    index = cast(int, event.data.get("index", 0))
    body = owner.node.bodies[owner.branch or 0]
    open_body(state, body, path=event.step, owner=owner, frame=owner.body.frame, index=index, at=event.at)


def _body_closed(state: RunState, event: Event) -> None:
    body, data = _body(state, event), event.data
    if body.status == "open" and body.owner is not None:
        body.owner.open -= 1
    body.status = cast(BodyStatus, data["status"])
    body.output = event.value
    error = data.get("error")
    body.error = ErrorRecord.from_data(cast(Mapping[str, object], error)) if error else None


def _branch_chosen(state: RunState, event: Event) -> None:
    step = state.steps[event.step]
    step.branch = cast("int | None", event.data["branch"])
    for body in step.node.bodies:
        if body.branch != step.branch:
            index, frame = body.branch, step.body.frame
            opened = open_body(state, body, path=step.path, owner=step, frame=frame, index=index, at=event.at)
            for child in opened.children:
                move(state, child, StepStatus.SKIPPED)
                child.reason = "its branch was not taken"
                child.ended_at, child.ended_seq = event.at, event.seq
            opened.status = "cancelled"
            step.open -= 1


def _loop_tested(state: RunState, event: Event) -> None:
    step = state.steps[event.step]
    if event.data["again"]:
        step.tested = cast(int, event.data["index"])
    else:
        step.done = True


def _race_won(state: RunState, event: Event) -> None:
    state.steps[event.step].winner = cast(str, event.data["winner"])


def _loop_broken(state: RunState, event: Event) -> None:
    _body(state, event).broken = True


def _child_opened(state: RunState, event: Event) -> None:
    owner, data = state.steps[event.step], event.data
    graph = state.graph_of(cast(str, data["definition"]))
    folder, file = str(data.get("folder", "")), str(data.get("file", ""))
    frame = Frame(graph=graph, parameters=event.value or "{}", folder=folder, file=file)
    if owner.slot:
        owner.slot = False
        state.running -= 1
    _limited(state, owner, event)
    open_body(state, graph.root, path=owner.path, owner=owner, frame=frame, index=0, at=event.at)


_HANDLERS: Final[Mapping[str, Callable[[RunState, Event], None]]] = {
    e.RUN_CREATED: _run_created,
    e.RUN_STARTED: _run_started,
    e.VARIABLES_RESOLVED: _variables_resolved,
    e.RUN_EDITED: _run_edited,
    e.CODE_SEEN: _code_seen,
    e.RUN_STOPPING: _run_stopping,
    e.RUN_PAUSING: _run_pausing,
    e.RUN_PAUSED: _run_paused,
    e.RUN_WAITING: _run_waiting,
    e.RUN_INTERRUPTED: _run_interrupted,
    e.RUN_FINISHED: _run_finished,
    e.RUN_REOPENED: _run_reopened,
    e.SIGNAL_RECEIVED: _signal_received,
    e.STATE_SET: _state_set,
    e.STEP_STARTED: _step_started,
    e.STEP_NAMED: _step_named,
    e.STEP_WAITING: _step_waiting,
    e.STEP_RESUMED: _step_resumed,
    e.CONDITION_EVALUATED: _condition_evaluated,
    e.ATTEMPT_FAILED: _attempt_failed,
    e.ATTEMPT_LOST: _attempt_lost,
    e.STEP_SUCCEEDED: _step_succeeded,
    e.STEP_FAILED: _step_failed,
    e.STEP_SKIPPED: _step_skipped,
    e.STEP_CANCELLED: _step_cancelled,
    e.STEP_WARNED: _step_warned,
    e.STEP_UNDONE: _step_undone,
    e.PROCESS_STARTED: _process_started,
    e.ONCE_RECORDED: _once_recorded,
    e.BODY_OPENED: _body_opened,
    e.BODY_CLOSED: _body_closed,
    e.BRANCH_CHOSEN: _branch_chosen,
    e.LOOP_TESTED: _loop_tested,
    e.RACE_WON: _race_won,
    e.LOOP_BROKEN: _loop_broken,
    e.CHILD_OPENED: _child_opened,
}
