"""A live run: takes in what happens, one turn at a time, and lets the conductor decide what follows.

Beginning a run and resuming one are the same act: fold what the journal has, build the scheduler from the state,
and go on. A new run merely has a shorter journal.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from functools import partial

from ergon.engine.attempts import Attempts, Outcome
from ergon.engine.blocks import Blocks
from ergon.engine.caching import Caching
from ergon.engine.children import Children
from ergon.engine.conductor import Conductor
from ergon.engine.ending import outputs_of
from ergon.engine.evaluator import Evaluator
from ergon.engine.failure import record_error
from ergon.engine.journal import Journal
from ergon.engine.means import Means
from ergon.engine.outcomes import Outcomes
from ergon.engine.reader import Reader
from ergon.engine.recovery import lost_attempts
from ergon.engine.redaction import SHORTEST
from ergon.engine.results import has_tolerated, result_of
from ergon.engine.rollback import Rollback
from ergon.engine.scheduler import Scheduler
from ergon.engine.services import Services
from ergon.engine.verdict import spared
from ergon.engine.waits import Waits, waiting
from ergon.errors import ProcessDied, Timeout
from ergon.model import events as e
from ergon.model.records import Command, ErrorRecord
from ergon.model.states import BodyState, RunState, RunStatus, StepState, StepStatus, bodies_in
from ergon.ports import Lease


class LiveRun:
    """One run, owned by this process."""

    def __init__(
        self,
        state: RunState,
        *,
        means: Means,
        services: Services,
        lease: Lease,
        caching: Callable[[Evaluator], Caching],
        ended: Callable[[LiveRun, BaseException | None], None],
    ) -> None:
        """`ended` is called when the run's last event is on disk, or when nothing more can be written."""
        self.state = state
        self.lease = lease
        self.services = services
        self._means = means
        self._ended = ended
        self._leaving = False
        """Whether its last event has been made, so that nothing more may happen in it."""
        self._over = False
        self._inbox: deque[Callable[[], None]] = deque()
        self._turning = False
        self._interrupting = ""
        self.last_command = 0
        """Number of the newest command that was taken in."""
        settings = state.frame.graph.workflow.settings
        self.journal = Journal(
            state,
            store=means.store,
            clock=means.clock,
            epoch=lease.epoch,
            durability=services.durability,
            acknowledgements=means.acknowledgements,
            publish=services.publish,
            failed=self.fail,
            correlation=str(state.start.get("correlation", "")),
        )
        reader = Reader(services.values)
        self.evaluator = Evaluator(
            state, reader, pool=means.pool, post=self.post_from_thread, redactor=services.redactor
        )
        self.scheduler = Scheduler(
            state,
            concurrency=(not means.overrules and settings.concurrency) or means.concurrency,
            capacities=state.frame.graph.capacities,
        )
        self.attempts = self._make_attempts(caching(self.evaluator))
        self.waits = Waits(means.clock, self.post)
        self.conductor = self._make_conductor()
        self.blocks = self.conductor.blocks = Blocks(self.conductor)
        self.conductor.close_root = self._close_root
        self.conductor.restore = self._restore_body
        children = Children(self.conductor, self.blocks, services, means)
        self.conductor.close_child = children.close
        self.outcomes = children.outcomes = Outcomes(self.conductor, open_child=children.open)
        services.attach(self.journal, self.post_from_thread)

    @property
    def busy(self) -> int:
        """Count what goes on in it beside waits: attempts, evaluations, turns that are due, commits."""
        under_way = len(self.attempts) + self.evaluator.outstanding + len(self._inbox)
        return under_way + self._turning + (not self.journal.quiet)

    def _make_conductor(self) -> Conductor:
        return Conductor(
            journal=self.journal,
            scheduler=self.scheduler,
            evaluator=self.evaluator,
            attempts=self.attempts,
            waits=self.waits,
            clock=self._means.clock,
            error=self.error,
        )

    def _make_attempts(self, caching: Caching) -> Attempts:
        return Attempts(
            run=self.state.run,
            loop=self._means.loop,
            pool=self._means.pool,
            catalog=self._means.catalog,
            executors=self._means.executors,
            evaluator=self.evaluator,
            caching=caching,
            services=self.services,
            report=self._report,
        )

    # ---- turns ---------------------------------------------------------------------------------------------------

    def post(self, happening: Callable[[], None]) -> None:
        """Do something in the next turn; in the engine's loop."""
        self._inbox.append(happening)
        if not self._turning:
            self._turning = True
            self._means.loop.call_soon(self._turn)

    def post_from_thread(self, happening: Callable[[], None]) -> None:
        """Do something in the next turn; from any thread."""
        self._means.loop.call_soon_threadsafe(self.post, happening)

    def _turn(self) -> None:
        self._turning = False
        inbox = self._inbox
        try:
            while inbox and not self._leaving:
                inbox.popleft()()
            if not self._leaving:
                wake = self.conductor.advance()
                if wake is not None:
                    self.waits.arm("rate", wake, self.scheduler.woken)
                self._rest()
            self.journal.flush()
        except Exception as error:  # a fault of the engine's own: the run stops where its journal is sound
            self.fail(error)
        if self._leaving:
            inbox.clear()

    def _report(self, outcome: Outcome, last: bool) -> None:
        """Take in how an attempt ended: with those that end in the same instant, or at once if it was the last."""
        happening = partial(self.outcomes.take, outcome)
        if last and not self._turning:
            self._inbox.append(happening)
            self._turn()
        else:
            self.post(happening)

    def error(self, error: BaseException, attempt: int) -> ErrorRecord:
        """Turn an exception into the record that the journal keeps."""
        return record_error(error, attempt=attempt, redact=self.services.redactor().text)

    # ---- beginning -----------------------------------------------------------------------------------------------

    def begin(self, started: Mapping[str, object]) -> None:
        """Go on from what the journal has; `started` is the data of `run_started`."""
        first = self.state.root is None
        self.journal.emit(e.RUN_STARTED, "", 0, {**started, "epoch": self.lease.epoch})
        self._warn_of_short_secrets()
        if first:
            self._replay()
        if self._has_variables():
            self._restore()
            self._arm_limit()
        self.post(_nothing)

    def _warn_of_short_secrets(self) -> None:
        """Say once which secrets are too short to be found in texts (S48)."""
        for name in self.services.redactor().short:
            code = f"secret_short:{name}"
            if code not in self.state.warned:
                message = (
                    f"The secret '{name}' has fewer than {SHORTEST} characters: it is hidden where a template "
                    "puts it, but not searched for in texts."
                )
                self.journal.emit(e.STEP_WARNED, "", 0, {"message": message, "code": code})

    def turn_away(self, reason: str, *, command: int = 0) -> None:
        """End a run that may not begin; `command` is the number of the one that says so, if one does."""
        if command:
            self.journal.command_done(command)
        self.journal.emit(e.RUN_FINISHED, "", 0, {"status": RunStatus.CANCELLED.value, "reason": reason})
        self._leave()
        self.post(_nothing)

    def put_off(self, reason: str, *, command: int) -> None:
        """Pause a run that has not begun, as a command says."""
        self.journal.command_done(command)
        self.journal.emit(e.RUN_PAUSED, "", 0, {"reason": reason})
        self._leave()
        self.post(_nothing)

    def _has_variables(self) -> bool:
        """Resolve the variables, unless the journal has them; the run fails where one has no value."""
        frame = self.state.frame
        if frame.variables is not None or not frame.graph.workflow.variables:
            return True
        text, error = self.services.variables(self.evaluator, frame)
        if error is not None:
            self._finish(RunStatus.FAILED, error=self.error(error, 0))
            return False
        self.journal.emit(e.VARIABLES_RESOLVED, "", 0, value=text)
        return True

    def _replay(self) -> None:
        """Give the steps that were not selected what earlier runs have of them (S53)."""
        state = self.state
        replayed = state.start.get("replay")
        for path, text in (replayed if isinstance(replayed, Mapping) else {}).items():
            origins = state.start.get("replayed_from")
            data = {
                "origin": "replayed",
                "run": origins.get(path, "") if isinstance(origins, Mapping) else "",
            }
            self.journal.emit(e.STEP_SUCCEEDED, path, 0, data, str(text))
        skipped = state.start.get("leave_out")
        for path in skipped if isinstance(skipped, (list, tuple)) else ():
            self.journal.emit(e.STEP_SKIPPED, path, 0, {"reason": "it was not selected", "outside": True})

    def _arm_limit(self) -> None:
        limit = self.state.frame.graph.workflow.settings.timeout
        if limit is not None and self.state.limit_from is not None:
            self.waits.arm_until("limit", self.state.limit_from + limit + self.state.rested, self._out_of_time)

    def _out_of_time(self) -> None:
        root = self.state.root
        if root is not None and root.stopping not in ("cancel", "cancel_all"):
            self.conductor.stop(root, "timeout")

    # ---- resuming ------------------------------------------------------------------------------------------------

    def _restore(self) -> None:
        """Build timers, queue and countdown of a run that the journal gave."""
        root = self.state.root
        assert root is not None
        lost = lost_attempts(self.state)
        self._restore_body(root)
        if root.unsettled == 0:
            self._close_root()
        for step in lost:
            self._lost(step)

    def _restore_body(self, body: BodyState) -> None:
        """Take in a body that was open before, with all that is inside."""
        bodies = list(bodies_in(body))
        self.scheduler.restore(bodies)
        for step in [step for each in bodies for step in each.children]:
            if not step.settled:
                self.blocks.arm_limit(step)
            if step.status is StepStatus.WAITING and step.wait is not None:
                if step.wait.why == "every":
                    self.blocks.wait_for_turn(step)
                else:
                    self.outcomes.arm(step)
            elif step.status is StepStatus.RUNNING and not step.slot:
                self.blocks.restore(step)

    def _lost(self, step: StepState) -> None:
        """Do what `on_crash` says with an attempt that the process's death cut off."""
        if step.body.stopping and not spared(step.node, step.body):
            self.conductor.cancel_now(step, "its process died while it was being stopped")
            return
        policy = step.node.step.on_crash
        if policy == "retry":
            self.journal.emit(e.ATTEMPT_LOST, step.path, step.attempt, {"reason": "the process died"})
            self.scheduler.unjudged.append(step)
            return
        error = self.error(ProcessDied(what="The process that owned the run"), step.attempt)
        if policy == "fail":
            self.conductor.fail(step, error)
        else:
            question = "The process died while the step ran. Run it again (retry), let it fail, or give its output?"
            data = {"why": "person", "question": question, "error": error.as_data()}
            self.journal.emit(e.STEP_WAITING, step.path, step.attempt, data)

    # ---- resting -------------------------------------------------------------------------------------------------

    def _rest(self) -> None:
        """Notice that nothing goes on: the run pauses, is interrupted, or waits."""
        state = self.state
        if self._leaving or self.attempts or self.evaluator.outstanding:
            return
        if self._interrupting:
            self.journal.emit(e.RUN_INTERRUPTED, "", 0, {"reason": self._interrupting})
            self._leave()
        elif state.pausing:
            self.journal.emit(e.RUN_PAUSED, "", 0, {"reason": state.pausing})
            self._leave()
        elif not self.scheduler.has_ready() and not self._inbox:
            self._wait()

    def _wait(self) -> None:
        waits = waiting(self.state)
        people = [step for step in waits if step.wait is not None and step.wait.why == "person"]
        if people and len(people) == len(waits):
            reason = f"step '{people[0].path}' waits for an answer"
            self.journal.emit(e.RUN_PAUSED, "", 0, {"reason": reason})
            self._leave()
        elif waits and self.state.status is RunStatus.RUNNING:
            self.journal.emit(e.RUN_WAITING)
        elif not waits:
            pending = [step.path for step in self.state.steps.values() if not step.settled]
            raise AssertionError(f"run {self.state.run} stands still with {pending[:5]}")

    def _leave(self) -> None:
        """Give the run up once its last event is on disk; nothing more happens in it."""
        self._leaving = True
        self.waits.clear()
        self.services.close()
        self.journal.after(lambda: self._end(None))

    def _end(self, error: BaseException | None) -> None:
        if not self._over:
            self._over = True
            self._ended(self, error)

    def fail(self, error: BaseException) -> None:
        """Stop at once: what is in memory cannot be kept, or a fault of the engine's own keeps it from going on."""
        self._leaving = True
        self.waits.clear()
        self.services.close()
        self.journal.break_off()
        for step in self.attempts.running():
            self.attempts.cancel(step, "the run could not go on")
        self._end(error)

    # ---- commands ------------------------------------------------------------------------------------------------

    def pause(self, reason: str) -> None:
        """Start nothing new; the run is paused when what runs has ended (S36)."""
        if not self.state.pausing:
            self.journal.emit(e.RUN_PAUSING, "", 0, {"reason": reason})

    def cancel(self, actor: str = "") -> None:
        """Cancel: once spares what is to run always, twice does not (S36)."""
        root = self.state.root
        if root is not None and not root.unsettled:
            return  # it is about to end
        if root is not None:
            again = root.stopping in ("cancel", "cancel_all")
            self.conductor.stop(root, "cancel_all" if again else "cancel", actor=actor)

    def give_way(self) -> None:
        """Cancel the run for a newer one of its workflow, unless it is being cancelled already."""
        if self.state.stopping not in ("cancel", "cancel_all"):
            self.cancel()

    def interrupt(self, reason: str, *, at_once: bool) -> None:
        """Stop at the next boundary, or at once; the run can be resumed."""
        self._interrupting = reason
        self.conductor.halted = True
        if at_once:
            self.outcomes.interrupting = True
            for step in self.attempts.running():
                self.attempts.cancel(step, reason)
        self.post(_nothing)

    def command(self, command: Command) -> None:
        """Carry out what somebody asked for from any process (S45)."""
        self.journal.command_done(command.number)
        match command.kind:
            case "pause":
                self.pause(f"asked by {command.actor}" if command.actor else "asked")
            case "cancel" if command.data.get("gives_way"):
                self.give_way()
            case "cancel":
                self.cancel(command.actor)
            case "signal":
                name, value = str(command.data.get("name", "")), command.value or "null"
                self.journal.emit(e.SIGNAL_RECEIVED, "", 0, {"name": name}, value, command.actor)
                self.outcomes.signal(name, value)
            case "answer":
                step = self.state.steps.get(str(command.data.get("step", "")))
                if step is not None:
                    self.outcomes.answer(step, str(command.data.get("answer", "")), command.value)

    # ---- ending --------------------------------------------------------------------------------------------------

    def _close_root(self) -> None:
        """End the run: what became of it follows from its steps."""
        state = self.state
        root = state.root
        assert root is not None
        if state.ended or root.unsettled:
            return
        if root.stopping in ("cancel", "cancel_all"):
            self._finish(RunStatus.CANCELLED)
            return
        if root.stopping == "timeout":
            limit = state.frame.graph.workflow.settings.timeout or 0.0
            out_of_time = self.error(Timeout(seconds=limit, what="run"), 0)
            self._after_rollback(lambda: self._finish(RunStatus.FAILED, error=out_of_time))
            return
        _, error = result_of(root)
        if error is not None:
            if state.pausing and state.frame.graph.workflow.settings.on_failure == "pause":
                return  # a person is to say how it goes on
            failed = [c for c in root.children if c.status is StepStatus.FAILED and not c.node.step.optional]
            step = min(failed, key=lambda c: c.ended_seq)
            self._after_rollback(lambda: self._finish(RunStatus.FAILED, step=step.path, error=error))
            return
        self._outputs()

    def _after_rollback(self, then: Callable[[], None]) -> None:
        if self.state.frame.graph.workflow.settings.on_failure == "rollback":
            assert self.state.root is not None
            Rollback(self.conductor, self.services, self._means.catalog, self.state.root, then).go_on()
        else:
            then()

    def _outputs(self) -> None:
        state = self.state
        left_out = state.start.get("leave_out")
        outputs = outputs_of(
            state.frame.graph.workflow.outputs, left_out=left_out if isinstance(left_out, (list, tuple)) else ()
        )

        def then(value: object, error: Exception | None) -> None:
            if error is not None:
                self._finish(RunStatus.FAILED, error=self.error(error, 0))
            else:
                partial = state.root is not None and has_tolerated(state.root)
                status = RunStatus.PARTIAL if partial else RunStatus.SUCCEEDED
                self._finish(status, outputs=str(value))

        def evaluated(value: object, error: Exception | None) -> None:
            if error is not None:
                then(None, error)
                return
            self.evaluator.encode(value, then)

        self.evaluator.evaluate(outputs, self.evaluator.names(state.root), state.root, evaluated)

    def _finish(
        self,
        status: RunStatus,
        *,
        step: str = "",
        error: ErrorRecord | None = None,
        outputs: str | None = None,
    ) -> None:
        if self.state.ended:
            return
        data: dict[str, object] = {"status": status.value}
        if step:
            data["step"] = step
        if error is not None:
            data["error"] = error.as_data()
        self.journal.emit(e.RUN_FINISHED, "", 0, data, outputs)
        self._leave()


def _nothing() -> None:
    """Take a turn."""
