"""The conductor: turns what has happened into the next events of a run.

It judges steps whose sources have settled, starts what the scheduler gives, settles what has ended, stops bodies,
and closes them. All of it works on the state alone, the same at every depth and the same after a resume.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from typing import Protocol

from ergon.engine.attempts import Attempts
from ergon.engine.evaluator import Evaluator
from ergon.engine.failure import seconds_of
from ergon.engine.journal import Journal
from ergon.engine.scheduler import Scheduler
from ergon.engine.verdict import STOP_REASONS, judge, may_be_spared, refused, spared
from ergon.engine.waits import Waits
from ergon.errors import TemplateFailed
from ergon.model import events as e
from ergon.model.events import NO_DATA
from ergon.model.expressions import Template, parse_template
from ergon.model.order import levels
from ergon.model.records import ErrorRecord
from ergon.model.states import BodyState, BodyStatus, StepState, StepStatus, StopMode
from ergon.ports import Clock

_PENDING, _RUNNING, _WAITING = StepStatus.PENDING, StepStatus.RUNNING, StepStatus.WAITING
_SUCCEEDED, _FAILED = StepStatus.SUCCEEDED, StepStatus.FAILED


class BlockLogic(Protocol):
    """What the conductor asks of the blocks."""

    def open(self, step: StepState) -> None:
        """Start a block."""

    def open_next(self, step: StepState) -> bool:
        """Open a block's next item, for which there is room; gives whether an action was started for it."""

    def body_settled(self, body: BodyState) -> None:
        """Go on after all steps of a body have ended."""

    def stopped(self, step: StepState) -> None:
        """Go on after a block was told to stop."""

    def raced(self, step: StepState) -> None:
        """Take in that a step succeeded inside a block that waits for the first success."""


class Conductor:
    """Decides for one run."""

    blocks: BlockLogic
    close_root: Callable[[], None]
    """Ends the run, whose steps have all ended."""
    restore: Callable[[BodyState], None]
    """Takes in a body that was open before, with all that is inside."""
    close_child: Callable[[StepState, BodyState, BodyStatus, ErrorRecord | None], None]
    """Ends a `workflow.run`, whose child's steps have all ended."""

    def __init__(
        self,
        *,
        journal: Journal,
        scheduler: Scheduler,
        evaluator: Evaluator,
        attempts: Attempts,
        waits: Waits,
        clock: Clock,
        error: Callable[[BaseException, int], ErrorRecord],
    ) -> None:
        self.journal = journal
        self.state = journal.state
        self.scheduler = scheduler
        self.evaluator = evaluator
        self.attempts = attempts
        self.waits = waits
        self._clock = clock
        self.error = error
        self._settled: deque[StepState] = deque()
        self._closing: deque[BodyState] = deque()
        """Bodies whose steps have all ended, each once; they close when everybody has followed from those."""
        self.halted = False
        """Whether nothing new may start: the run pauses, or is interrupted."""

    # ---- one turn ------------------------------------------------------------------------------------------------

    def advance(self) -> float | None:
        """Go on until nothing more can be decided; gives the seconds until a rate lets a step start, if one waits."""
        scheduler, settled = self.scheduler, self._settled
        while True:
            while settled:
                self._follow(settled.popleft())
            if self._closing:
                self.blocks.body_settled(self._closing.popleft())
                continue
            if self.halted or self.state.pausing:
                return None
            if scheduler.unjudged:
                self._judge(scheduler.unjudged.popleft())
                continue
            step, wake = scheduler.take(self._clock.monotonic())
            if step is None:
                if not settled and not scheduler.unjudged:
                    return wake
            elif step.node.kind == "action":
                self.start_action(step)
            elif not self.blocks.open_next(step):
                scheduler.released(step)

    def _follow(self, step: StepState) -> None:
        """Let others follow from a step that has settled."""
        self.scheduler.settled(step)
        body = step.body
        if step.node.serves >= 0:
            self._stood_in(body.children[step.node.serves], step)
        if step.status is _FAILED and not step.node.step.optional:
            self._failed(step, body)
        if body.unsettled == 0 and body.status == "open" and (body.body.leaf or self.scheduler.left(body)):
            self._closing.append(body)

    # ---- judging -------------------------------------------------------------------------------------------------

    def _judge(self, step: StepState) -> None:
        if step.status is not _PENDING:
            return
        body = step.body
        verdict = judge(step.node, body, body.owner.body if body.owner is not None else None)
        if verdict.kind == "skip":
            self.skip(step, verdict.reason)
        elif verdict.kind == "cancel":
            self.cancel_now(step, verdict.reason)
        elif step.condition is None and (tests := _conditions(step, self.state.start)):
            self._test(step, tests)
        else:
            self._ready(step)

    def _test(self, step: StepState, tests: list[tuple[Template | bool, str]]) -> None:
        """Evaluate `enabled`, `when` and the edges' conditions, in order, until one does not hold."""
        test, what = tests[0]

        def then(value: object, error: Exception | None) -> None:
            if step.status is not _PENDING:
                return
            if error is not None:
                self.fail(step, self.error(error, 0))
            elif not value:
                self.skip(step, what)
            elif len(tests) > 1:
                self._test(step, tests[1:])
            else:
                self.journal.emit(e.CONDITION_EVALUATED, step.path, 0, {"result": True})
                self._ready(step)

        if isinstance(test, bool):
            then(test, None)
        else:
            self.evaluator.evaluate(test, self.evaluator.names(step.body), step.body, then)

    def _ready(self, step: StepState) -> None:
        if step.kept:
            kept: dict[str, object] = {"origin": "kept"}
            if step.error is not None:
                kept["error"] = step.error.as_data()
            self.succeed(step, step.output, kept)
        elif step.node.kind == "action":
            self.scheduler.enqueue(step)
        else:
            self.blocks.open(step)

    # ---- what becomes of a step ----------------------------------------------------------------------------------

    def start_action(self, step: StepState) -> None:
        """Start an attempt: it begins when its start is on disk."""
        self.journal.emit(e.STEP_STARTED, step.path, step.attempt + 1)
        self.attempts.expect(step)
        self.journal.after(lambda: self.attempts.launch(step))

    def skip(self, step: StepState, reason: str) -> None:
        """Skip a step."""
        self.journal.emit(e.STEP_SKIPPED, step.path, 0, {"reason": reason, **_inside(step)})
        self._settled.append(step)

    def cancel_now(self, step: StepState, reason: str) -> None:
        """Cancel a step that is not under way."""
        self.waits.drop(step)
        self.journal.emit(e.STEP_CANCELLED, step.path, step.attempt, {"reason": reason, **_inside(step)})
        self._settled.append(step)

    def succeed(self, step: StepState, value: str | None, data: Mapping[str, object] = NO_DATA) -> None:
        """Let a step succeed with an output in stored form."""
        self.waits.drop(step)
        self.journal.emit(e.STEP_SUCCEEDED, step.path, step.attempt, data, value)
        self._settled.append(step)
        owner = step.body.owner
        if owner is not None and owner.node.step.wait_for == "any":
            self.blocks.raced(step)

    def fail(self, step: StepState, error: ErrorRecord, data: Mapping[str, object] = NO_DATA) -> None:
        """Let a step fail after its last attempt, or let something stand in for it (S31)."""
        self.waits.drop(step)
        details = {**data, "error": error.as_data(), **_inside(step)}
        stand_in = step.node.step.on_error
        body = step.body
        if stand_in is not None and (body.stopping in ("", "failure") or spared(step.node, body)):
            if stand_in.continues:
                text = self.evaluator.reader.values.encode(stand_in.continue_)
                self.succeed(step, text, {**details, "origin": "continued"})
                return
            # A stop may have ended the stand-in already, and then nobody would end this step.
            if step.node.stand_in >= 0 and step.body.children[step.node.stand_in].status is _PENDING:
                self.journal.emit(e.STEP_WAITING, step.path, step.attempt, {**details, "why": "stand_in"})
                self.scheduler.called(step)
                return
        self.journal.emit(e.STEP_FAILED, step.path, step.attempt, details)
        self._settled.append(step)

    def _stood_in(self, failed: StepState, stand_in: StepState) -> None:
        """End a step that waited for its stand-in."""
        if failed.wait is None or failed.wait.why != "stand_in":
            return
        error = failed.error or ErrorRecord("ActionFailed", "The step failed.")
        if stand_in.status is _SUCCEEDED:
            data = {"origin": "stand_in", "gathers": f"stand_in:{stand_in.node.id}", "error": error.as_data()}
            self.succeed(failed, None, data)
            return
        self.journal.emit(e.STEP_FAILED, failed.path, failed.attempt, {"error": error.as_data()})
        self._settled.append(failed)

    # ---- stopping ------------------------------------------------------------------------------------------------

    def _failed(self, step: StepState, body: BodyState) -> None:
        """Do what `on_failure` says after a failure that nothing handles (S30)."""
        owner = body.owner
        if body.stopping or (owner is not None and owner.node.step.wait_for == "any"):
            return
        policy = body.frame.graph.workflow.settings.on_failure
        if policy == "finish" or (policy == "pause" and self.state.pausing):
            return
        if policy == "pause":
            self.journal.emit(e.RUN_PAUSING, "", 0, {"reason": f"step '{step.path}' failed"})
            return
        self.stop(body, "failure", failed=step.path)

    def stop(self, body: BodyState, mode: StopMode, *, failed: str = "", actor: str = "") -> None:
        """Stop a body: nothing more starts in it but what the mode spares."""
        if body.owner is None:
            data: dict[str, object] = {"mode": mode, "failed": failed} if failed else {"mode": mode}
            self.journal.emit(e.RUN_STOPPING, "", 0, data, actor=actor)
        else:
            self.journal.emit(e.RUN_STOPPING, body.owner.path, 0, {"mode": mode, "index": body.index})
        self._stop_children(body, mode)

    def stop_block(self, step: StepState, mode: StopMode) -> None:
        """Stop a block that runs or waits, with all that is open in it."""
        if step.settled:
            return
        self.journal.emit(e.RUN_STOPPING, step.path, 0, {"mode": mode})
        for body in list((step.bodies or {}).values()):
            if body.status == "open":
                self._stop_children(body, mode)
        self.blocks.stopped(step)

    def _stop_children(self, body: BodyState, mode: StopMode) -> None:
        reason = STOP_REASONS[mode]
        # Sources first, so that what becomes of a step does not depend on where it stands in the text (S10).
        for child in [body.children[node.index] for level in levels(body.body) for node in level]:
            if child.settled:
                continue
            is_block = child.node.kind != "action" or bool(child.bodies)
            if child.status is _PENDING:
                if why := refused(child.node, body):
                    self.skip(child, why)
                elif not may_be_spared(child.node, body, mode):
                    self.cancel_now(child, reason)
            elif mode != "cancel_all" and spared(child.node, body):
                continue
            elif is_block:
                self.stop_block(child, mode)
            elif child.status is _WAITING:
                self.cancel_now(child, reason)
            else:
                self.attempts.cancel(child, reason)

    # ---- small things --------------------------------------------------------------------------------------------

    def resolve(self, step: StepState) -> Callable[[str], object]:
        """Give what evaluates a policy's template in a step's scope."""

        def resolve(source: str) -> object:
            template = parse_template(source)
            if template is None:
                raise TemplateFailed(source=source, reason="it is not a template")
            return template.evaluate(self.evaluator.names(step.body))

        return resolve

    def seconds(self, step: StepState, limit: float | str) -> float:
        """Give a duration that may be a template; raises `TemplateFailed` and `InputInvalid`."""
        return seconds_of("timeout", self.resolve(step)(limit)) if isinstance(limit, str) else float(limit)


def _conditions(step: StepState, start: Mapping[str, object]) -> list[tuple[Template | bool, str]]:
    """Give what must hold before a step starts, with what to say when it does not."""
    node = step.node
    if not node.conditional and "enable" not in start and "disable" not in start:
        return []
    tests: list[tuple[Template | bool, str]] = []
    enabled: bool | str = node.step.enabled
    if _named(start.get("enable"), step):
        enabled = True
    if _named(start.get("disable"), step):
        enabled = False
    if enabled is False:
        return [(False, "it is disabled")]
    if isinstance(enabled, str) and (template := parse_template(enabled)) is not None:
        tests.append((template, "it is disabled"))
    if node.when is not None and node.when is not True:
        tests.append((node.when, f"its condition does not hold: {node.step.when}"))
    tests += [
        (edge.when, f"the condition on its edge from '{edge.source}' does not hold")
        for edge in node.edges
        if edge.when is not None
    ]
    return tests


def _inside(step: StepState) -> Mapping[str, object]:
    """Say that what is inside a block is gone with this, where an edit had kept it until now (S51)."""
    return {"inside": True} if step.aside is not None or (step.kept and step.bodies) else NO_DATA


def _named(names: object, step: StepState) -> bool:
    return isinstance(names, (list, tuple)) and (step.node.id in names or step.path in names)
