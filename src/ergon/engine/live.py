"""A live run: takes in what happens, one turn at a time, and lets the conductor decide what follows.

Beginning a run and resuming one are the same act: fold what the journal has, build the scheduler from the state,
and go on. A new run merely has a shorter journal.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping

from ergon.engine.attempts import Attempts, Outcome
from ergon.engine.blocks import Blocks, result_of
from ergon.engine.caching import Caching
from ergon.engine.conductor import Conductor
from ergon.engine.evaluator import Evaluator
from ergon.engine.failure import record_error
from ergon.engine.journal import Journal
from ergon.engine.means import Means, OpenedChild
from ergon.engine.outcomes import Outcomes
from ergon.engine.processes import end_survivor
from ergon.engine.reader import Reader
from ergon.engine.recovery import lost_attempts
from ergon.engine.redaction import SHORTEST
from ergon.engine.rollback import Rollback
from ergon.engine.scheduler import Scheduler
from ergon.engine.services import Services
from ergon.engine.waits import Waits, waiting
from ergon.errors import ErgonError, ProcessDied, Timeout
from ergon.model import events as e
from ergon.model.directives import Child
from ergon.model.records import Command, ErrorRecord
from ergon.model.states import BodyState, BodyStatus, RunState, RunStatus, StepState, StepStatus
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
            failed=self._store_failed,
            correlation=str(state.start.get("correlation", "")),
        )
        reader = Reader(services.values)
        self.evaluator = Evaluator(state, reader, pool=means.pool, post=self.post_from_thread)
        self.scheduler = Scheduler(
            state,
            concurrency=(not means.overrules and settings.concurrency) or means.concurrency,
            capacities=state.frame.graph.capacities,
        )
        self.attempts = self._make_attempts(caching(self.evaluator))
        self.waits = Waits(means.clock, self.post)
        self.conductor = Conductor(
            journal=self.journal,
            scheduler=self.scheduler,
            evaluator=self.evaluator,
            attempts=self.attempts,
            waits=self.waits,
            clock=means.clock,
            error=self.error,
        )
        self.blocks = self.conductor.blocks = Blocks(self.conductor)
        self.conductor.close_root = self._close_root
        self.conductor.close_child = self._close_child
        self.outcomes = Outcomes(self.conductor, open_child=self._open_child)
        services.attach(self.journal, self.post_from_thread)

    @property
    def busy(self) -> int:
        """Count what goes on in it beside waits: attempts, evaluations, turns that are due, commits."""
        under_way = len(self.attempts) + self.evaluator.outstanding + len(self._inbox)
        return under_way + self._turning + (not self.journal.quiet)

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
        if self._over:
            self._inbox.clear()
            return
        inbox = self._inbox
        try:
            while inbox:
                inbox.popleft()()
            wake = self.conductor.advance()
            if wake is not None:
                self.waits.arm("rate", wake, self.scheduler.woken)
            self._rest()
        except Exception as error:  # a fault of the engine's own: the run stops where its journal is sound
            self._store_failed(error)
            return
        self.journal.flush()

    def _report(self, outcome: Outcome) -> None:
        self.post(lambda: self.outcomes.take(outcome))

    def error(self, error: BaseException, attempt: int) -> ErrorRecord:
        """Turn an exception into the record that the journal keeps."""
        return record_error(error, attempt=attempt, redact=self.services.redactor().text)

    # ---- beginning -----------------------------------------------------------------------------------------------

    def begin(self, started: Mapping[str, object]) -> None:
        """Go on from what the journal has; `started` is the data of `run_started`."""
        state = self.state
        first = state.root is None
        self.journal.emit(e.RUN_STARTED, "", 0, {**started, "epoch": self.lease.epoch})
        self._warn_of_short_secrets()
        if first:
            self._resolve_variables()
        else:
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

    def turn_away(self, reason: str) -> None:
        """End a run that may not begin (`overlap: skip`)."""
        self.journal.emit(e.RUN_FINISHED, "", 0, {"status": RunStatus.CANCELLED.value, "reason": reason})
        self._leave()
        self.post(_nothing)

    def _resolve_variables(self) -> None:
        graph = self.state.frame.graph
        if not graph.workflow.variables:
            self._enter()
            return
        text, error = self.services.variables(self.evaluator, self.state.frame)
        if error is not None:
            self._finish(RunStatus.FAILED, error=self.error(error, 0))
            return
        self.journal.emit(e.VARIABLES_RESOLVED, "", 0, value=text)
        self._enter()

    def _enter(self) -> None:
        state = self.state
        assert state.root is not None
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
            self.journal.emit(e.STEP_SKIPPED, path, 0, {"reason": "it was not selected"})
        self.scheduler.entered(state.root)
        if state.root.unsettled == 0:
            self._close_root()

    def _arm_limit(self) -> None:
        limit = self.state.frame.graph.workflow.settings.timeout
        if limit is not None and self.state.started_at is not None:
            self.waits.arm_until("limit", self.state.started_at + limit, self._out_of_time)

    def _out_of_time(self) -> None:
        assert self.state.root is not None
        self.conductor.stop(self.state.root, "timeout")

    # ---- resuming ------------------------------------------------------------------------------------------------

    def _restore(self) -> None:
        """Build timers, queue and countdown of a run that the journal gave."""
        state = self.state
        bodies = [body for body in state.bodies() if body.status == "open"]
        self.scheduler.restore(bodies)
        for step in lost_attempts(state):
            self._lost(step)
        for step in list(state.steps.values()):
            if step.status is StepStatus.WAITING and step.wait is not None:
                if step.wait.why == "every":
                    self.blocks.wait_for_turn(step)
                else:
                    self.outcomes.arm(step)
            elif step.status is StepStatus.RUNNING and not step.slot:
                self.blocks.restore(step)
        if state.root is not None and state.root.unsettled == 0 and not state.ended:
            self._close_root()

    def _lost(self, step: StepState) -> None:
        """Do what `on_crash` says with an attempt that the process's death cut off."""
        if step.process is not None:
            end_survivor(*step.process)
        if step.body.stopping:
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
        if state.status in (RunStatus.PAUSED, RunStatus.INTERRUPTED) or state.ended or self._over:
            return
        if self.attempts or self.evaluator.outstanding:
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

    def _leave(self) -> None:
        """Give the run up once its last event is on disk."""
        self.waits.clear()
        self.journal.after(lambda: self._end(None))

    def _end(self, error: BaseException | None) -> None:
        if not self._over:
            self._over = True
            self.waits.clear()
            self._ended(self, error)

    def _store_failed(self, error: BaseException) -> None:
        """Stop at once: what is in memory could not be kept."""
        for step in self.attempts.running():
            self.attempts.cancel(step, "the run could not be written")
        self._end(error)

    # ---- commands ------------------------------------------------------------------------------------------------

    def pause(self, reason: str) -> None:
        """Start nothing new; the run is paused when what runs has ended (S36)."""
        if not self.state.pausing and not self.state.ended:
            self.journal.emit(e.RUN_PAUSING, "", 0, {"reason": reason})

    def cancel(self, actor: str = "") -> None:
        """Cancel: once spares what is to run always, twice does not (S36)."""
        state = self.state
        if state.ended or state.root is None:
            return
        mode = "cancel_all" if state.stopping in ("cancel", "cancel_all") else "cancel"
        self.conductor.stop(state.root, "cancel_all" if mode == "cancel_all" else "cancel")

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
            self._finish(RunStatus.FAILED, error=self.error(Timeout(seconds=limit, what="run"), 0))
            return
        _, error = result_of(root)
        if error is not None:
            failed = [c for c in root.children if c.status is StepStatus.FAILED and not c.node.step.optional]
            step = min(failed, key=lambda c: c.ended_at or 0.0)
            self._after_rollback(lambda: self._finish(RunStatus.FAILED, step=step.path, error=error))
            return
        self._outputs()

    def _after_rollback(self, then: Callable[[], None]) -> None:
        if self.state.frame.graph.workflow.settings.on_failure == "rollback":
            Rollback(self.journal, self._means, self.services).start(self.post, then)
        else:
            then()

    def _outputs(self) -> None:
        state = self.state
        graph = state.frame.graph
        names = self.evaluator.names(state.root, gaps=True)

        def then(value: object, error: Exception | None) -> None:
            if error is not None:
                self._finish(RunStatus.FAILED, error=self.error(error, 0))
            else:
                status = RunStatus.PARTIAL if has_tolerated(state) else RunStatus.SUCCEEDED
                self._finish(status, outputs=str(value))

        def evaluated(value: object, error: Exception | None) -> None:
            if error is not None:
                then(None, error)
                return
            self.services.encode(self.evaluator, value, then)

        self.evaluator.evaluate(graph.outputs, names, state.root, evaluated)

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

    # ---- children ------------------------------------------------------------------------------------------------

    def _open_child(self, step: StepState, child: Child) -> None:
        folder = step.body.frame.folder

        def then(opened: object, error: Exception | None) -> None:
            if step.settled:
                return
            if not isinstance(opened, OpenedChild):
                self.conductor.fail(step, self.error(error or ErgonError(), step.attempt))
                return
            self.journal.define(opened.sha256, opened.text)
            data = {"definition": opened.sha256, "name": opened.name, "folder": opened.folder}
            self.journal.emit(e.CHILD_OPENED, step.path, 0, data, opened.parameters)
            assert step.bodies is not None
            text, failure = self.services.variables(self.evaluator, step.bodies[0].frame)
            if failure is not None:
                self.conductor.stop_block(step, "cancel_all")
                self.conductor.fail(step, self.error(failure, step.attempt))
                return
            self.journal.emit(e.VARIABLES_RESOLVED, step.path, 0, value=text)
            self.scheduler.entered(step.bodies[0])
            if step.bodies[0].unsettled == 0:
                self.blocks.body_settled(step.bodies[0])

        self.evaluator.in_thread(lambda: self._means.open_child(child, folder), then)

    def _close_child(self, step: StepState, body: BodyState, status: BodyStatus, error: ErrorRecord | None) -> None:
        def closed(status: BodyStatus, error: ErrorRecord | None, text: str | None) -> None:
            data: dict[str, object] = {"owner": step.path, "index": 0, "status": status}
            self.journal.emit(e.BODY_CLOSED, step.path, 0, data)
            self.scheduler.left(body)
            if status == "succeeded":
                self.conductor.succeed(step, text, {"tolerated": True} if has_tolerated_in(body) else {})
            elif status == "failed" and error is not None:
                self.conductor.fail(step, error)
            else:
                self.conductor.cancel_now(step, "the run was stopped")

        if status != "succeeded":
            closed(status, error, None)
            return

        def then(value: object, failure: Exception | None) -> None:
            if failure is not None:
                closed("failed", self.error(failure, step.attempt), None)
            else:
                closed("succeeded", None, str(value))

        def evaluated(value: object, failure: Exception | None) -> None:
            if failure is not None:
                then(None, failure)
            else:
                self.services.encode(self.evaluator, value, then)

        names = self.evaluator.names(body, gaps=True)
        self.evaluator.evaluate(body.frame.graph.outputs, names, body, evaluated)


def _nothing() -> None:
    """Take a turn."""


def has_tolerated(state: RunState) -> bool:
    """Say whether the run hides failures, which makes it partial (S22, S26)."""
    return state.root is not None and has_tolerated_in(state.root)


def has_tolerated_in(body: BodyState) -> bool:
    """Say whether a body hides failures of optional steps or of items."""
    for child in body.children:
        if child.tolerated or (child.status is StepStatus.FAILED and child.node.step.optional):
            return True
        ended_well = child.status is StepStatus.SUCCEEDED and not child.winner
        if ended_well and any(has_tolerated_in(inner) for inner in (child.bodies or {}).values()):
            return True
    return False
