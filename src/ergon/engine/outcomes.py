"""Outcomes: what the end of an attempt means for its step (S31 to S36)."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping

from ergon.engine.attempts import Outcome
from ergon.engine.conductor import Conductor
from ergon.engine.failure import next_delay
from ergon.engine.verdict import lost_a_race, spared
from ergon.errors import ActionFailed, ErgonError, Timeout
from ergon.model import events as e
from ergon.model.directives import Break, Child, Wait
from ergon.model.events import NO_DATA
from ergon.model.records import ErrorRecord
from ergon.model.states import BodyState, StepState, StepStatus


class Outcomes:
    """Takes in the outcomes of one run's attempts."""

    def __init__(self, conductor: Conductor, *, open_child: Callable[[StepState, Child], None]) -> None:
        self._do = conductor
        self._journal = conductor.journal
        self._state = conductor.state
        self._open_child = open_child
        self._rng = random.Random()
        self.interrupting = False
        """Whether attempts that are told to stop are to be run again, and not cancelled."""

    def take(self, outcome: Outcome) -> None:
        """Go on from an attempt that has ended."""
        step = outcome.step
        if step.status is not StepStatus.RUNNING or step.attempt != outcome.attempt:
            return
        self._do.scheduler.released(step)
        if outcome.code is not None:
            uses = step.node.step.uses or ""
            if self._state.code.get(uses) != outcome.code:
                self._journal.emit(e.CODE_SEEN, "", 0, {"uses": uses, "code": outcome.code})
        if outcome.lines:
            self._journal.emit(e.STEP_LOGGED, step.path, step.attempt, {"lines": outcome.lines})
        for warning in outcome.warnings:
            self._journal.emit(e.STEP_WARNED, step.path, step.attempt, {"message": warning})
        if outcome.cancelled or lost_a_race(step):
            self._cancelled(step, outcome.cancelled or "another one was decisive")
        elif outcome.error is not None:
            data = {} if outcome.inputs is None else {"inputs": outcome.inputs}
            self.failed(step, self._do.error(outcome.error, step.attempt), data)
        elif outcome.directive is not None:
            self._directed(step, outcome)
        else:
            self._succeeded(step, outcome)

    def _cancelled(self, step: StepState, reason: str) -> None:
        if not self.interrupting or (step.body.stopping and not spared(step.node, step.body)):
            self._do.cancel_now(step, reason)
        elif step.node.step.on_crash == "retry":
            self._journal.emit(e.ATTEMPT_LOST, step.path, step.attempt, {"reason": reason})
        # Otherwise it stays as it is: the resume does with it what `on_crash` says, as after a crash.

    def failed(self, step: StepState, record: ErrorRecord, data: Mapping[str, object] = NO_DATA) -> None:
        """Go on from an attempt that failed: with the next one, or with the step's failure (S33)."""
        delay = None
        if not step.body.stopping or spared(step.node, step.body):
            try:
                delay = next_delay(
                    step.node.step.retry,
                    attempt=step.attempt - step.spent_before,
                    error=record,
                    resolve=self._do.resolve(step),
                    rng=self._rng,
                )
            except (ValueError, ErgonError) as error:
                record = self._do.error(error, step.attempt)
        if delay is None:
            self._do.fail(step, record, data)
            return
        details = {**data, "error": record.as_data()}
        if step.bodies is not None:
            details["inside"] = True
        self._journal.emit(e.ATTEMPT_FAILED, step.path, step.attempt, details)
        if delay <= 0:
            self._do.scheduler.enqueue(step)
            return
        due = self._journal.now() + delay
        self._journal.emit(e.STEP_WAITING, step.path, step.attempt, {"why": "backoff", "due": due})
        self.arm(step)

    def _succeeded(self, step: StepState, outcome: Outcome) -> None:
        for name, text in outcome.assigns:
            self._journal.emit(e.STATE_SET, step.path, 0, {"name": name}, text)
        data: dict[str, object] = {}
        if outcome.inputs is not None:
            data["inputs"] = outcome.inputs
        if outcome.content:
            data["code"] = outcome.content
        if outcome.cached:
            data["origin"] = "cached"
        elif outcome.key is not None:
            data["cache_key"] = outcome.key.text
        self._do.succeed(step, outcome.output, data)

    # ---- directives ----------------------------------------------------------------------------------------------

    def _directed(self, step: StepState, outcome: Outcome) -> None:
        match outcome.directive:
            case Wait() as wait:
                self._wait(step, wait, outcome)
            case Child() as child:
                self._open_child(step, child)
            case Break():
                self._break(step, outcome)
            case other:
                error = ActionFailed(f"The action returned a directive that the engine does not know: {other!r}.")
                self._do.fail(step, self._do.error(error, step.attempt))

    def _break(self, step: StepState, outcome: Outcome) -> None:
        body: BodyState | None = step.body
        while body is not None and body.owner is not None and body.owner.node.kind != "while":
            body = body.owner.body
        if body is None or body.owner is None:
            error = ActionFailed("core.break stands in no `while` or `until` loop.")
            self._do.fail(step, self._do.error(error, step.attempt))
            return
        self._journal.emit(e.LOOP_BROKEN, step.path, 0, {"owner": body.owner.path, "index": body.index})
        self._succeeded(step, outcome)

    def _wait(self, step: StepState, wait: Wait, outcome: Outcome) -> None:
        due = wait.until
        if wait.seconds is not None:
            due = self._journal.now() + wait.seconds
        data: dict[str, object] = {"why": "signal" if wait.signal else "sleep"}
        if due is not None:
            data["due"] = due
        if wait.signal:
            data["signal"] = wait.signal
        if outcome.inputs is not None:
            data["inputs"] = outcome.inputs
        self._journal.emit(e.STEP_WAITING, step.path, step.attempt, data, outcome.output)
        early = self._state.signals.get(wait.signal)
        if wait.signal and early:
            self._do.succeed(step, early[0], {"signal": wait.signal, "consumed": True})
        else:
            self.arm(step)

    def arm(self, step: StepState) -> None:
        """Arm the timer of a step that waits: when it began to, and again after a resume."""
        wait = step.wait
        if wait is None or wait.due is None:
            return
        self._do.waits.arm_until(step, wait.due, lambda: self._due(step))

    def _due(self, step: StepState) -> None:
        wait = step.wait
        if step.status is not StepStatus.WAITING or wait is None:
            return
        if wait.why == "backoff":
            self._journal.emit(e.STEP_RESUMED, step.path, step.attempt, {"by": "time"})
            self._do.scheduler.enqueue(step)
        elif wait.why == "signal":
            seconds = round(self._journal.now() - (step.started_at or 0.0), 3)
            error = Timeout(seconds=seconds, what=f"wait for signal '{wait.signal}'")
            self._do.fail(step, self._do.error(error, step.attempt))
        else:
            self._do.succeed(step, step.output, {})

    def signal(self, name: str, value: str) -> None:
        """Deliver a signal to all who wait for it; it was journaled, and is kept for the next one if nobody does."""
        steps = self._state.steps.values()
        waiting = [s for s in steps if s.wait is not None and s.wait.why == "signal" and s.wait.signal == name]
        consumed = False
        for step in waiting:
            # One that it reached may have decided a race, which cancelled others of them.
            if step.status is StepStatus.WAITING:
                self._do.succeed(step, value, {"signal": name} if consumed else {"signal": name, "consumed": True})
                consumed = True

    def answer(self, step: StepState, answer: str, value: str | None) -> None:
        """Carry out what a person answered to a step that waits: retry, fail, or a value (S34)."""
        if step.status is not StepStatus.WAITING or step.wait is None or step.wait.why != "person":
            return
        if answer == "retry":
            self._journal.emit(e.STEP_RESUMED, step.path, step.attempt, {"by": "answer"})
            self._do.scheduler.enqueue(step)
        elif answer == "fail":
            error = ActionFailed("A person answered that the step failed.")
            self._do.fail(step, self._do.error(error, step.attempt))
        else:
            self._do.succeed(step, value, {"origin": "answered"})
