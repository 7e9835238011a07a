"""Blocks: what opening, advancing and ending mean for each kind (S25 to S29). No coroutine spans a block."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from ergon.engine.conductor import Conductor
from ergon.engine.items import known_items
from ergon.engine.results import failed_bodies, gathers, result_of, was_cancelled
from ergon.engine.verdict import STOP_REASONS, judge
from ergon.errors import ErgonError, InputInvalid, LoopLimit, Timeout
from ergon.model import events as e
from ergon.model.events import NO_DATA
from ergon.model.expressions import Template
from ergon.model.outputs import gathered
from ergon.model.records import ErrorRecord
from ergon.model.secrets import mask
from ergon.model.states import Aside, BodyState, BodyStatus, StepState, StepStatus


class Blocks:
    """The block logic of one run."""

    def __init__(self, conductor: Conductor) -> None:
        self._do = conductor
        self._journal = conductor.journal
        self._state = conductor.state
        self._evaluator = conductor.evaluator
        self._reader = conductor.evaluator.reader
        self._begun: dict[StepState, float] = {}
        """Monotonic time at which the newest iteration of a loop with `every` began in this process."""

    # ---- opening -------------------------------------------------------------------------------------------------

    def open(self, step: StepState) -> None:
        """Start a block."""
        try:
            limit = self._limit(step)
            name = self._evaluator.name(step) if step.node.name is not None else ""
        except (ErgonError, ValueError) as error:
            self._do.fail(step, self._do.error(error, 0))
            return
        if name:
            self._journal.emit(e.STEP_NAMED, step.path, 0, {"name": name})
        match step.node.kind:
            case "for_each":
                assert step.node.items is not None
                names = self._evaluator.names(step.body)
                self._evaluator.evaluate(step.node.items, names, step.body, partial(self._listed, step, limit))
            case "while":
                self._start(step, limit)
                self._iterate(step, 0)
            case "choose":
                self._start(step, limit)
                self._choose(step, 0)
            case "parallel":
                self._start(step, limit)
                self._open_body(step, step.path, 0)
            case "action":
                raise AssertionError("an action is not a block")

    def _start(self, step: StepState, limit: Mapping[str, object], value: str | None = None) -> None:
        self._journal.emit(e.STEP_STARTED, step.path, 0, limit, value)
        self.arm_limit(step)

    def _limit(self, step: StepState) -> Mapping[str, object]:
        """Give a block's time limit as its start records it; raises what its template raises."""
        if step.node.step.timeout is None or step.node.bodies[0].leaf:
            return NO_DATA
        return {"timeout": self._do.seconds(step, step.node.step.timeout)}

    def arm_limit(self, step: StepState) -> None:
        """Arm the time limit of a block, or of a child workflow, counted from its start."""
        if step.limit is not None:
            due = step.limit[1] + self._state.rested
            self._do.waits.arm_until((step, "limit"), due, lambda: self._do.stop_block(step, "timeout"))

    def _open_body(self, step: StepState, path: str, index: int) -> BodyState:
        self._journal.emit(e.BODY_OPENED, path, 0, {"owner": step.path, "index": index})
        assert step.bodies is not None
        body = step.bodies[index]
        self._note_begin(step)
        self._do.scheduler.entered(body)
        return body

    def _note_begin(self, step: StepState) -> None:
        if step.node.step.every is not None:
            self._begun[step] = self._do.waits.monotonic()

    # ---- for_each ------------------------------------------------------------------------------------------------

    def _listed(self, step: StepState, limit: Mapping[str, object], value: object, error: Exception | None) -> None:
        if step.status is not StepStatus.PENDING:
            return
        if error is None and isinstance(value, Mapping):
            value = [{"key": key, "value": member} for key, member in value.items()]
        reason = ""
        if error is None and not isinstance(value, (list, tuple)):
            reason = f"a list or a mapping is needed, not {type(value).__name__}"
        elif error is None and mask(value) is not value:
            reason = "its items would hold a secret, which is never kept"
        if reason:
            error = InputInvalid(action="for_each", field="for_each", reason=reason)
        if error is not None:
            self._do.fail(step, self._do.error(error, 0))
            return
        items = list(value) if isinstance(value, (list, tuple)) else []
        data = {**limit, "count": len(items)}

        def encoded(text: object, error: Exception | None) -> None:
            if step.status is not StepStatus.PENDING:
                return
            if error is not None:
                self._do.fail(step, self._do.error(error, 0))
            elif step.aside is None:
                self._begin(step, data, str(text))
            else:
                self._compare(step, step.aside, data, str(text))

        self._evaluator.encode(items, encoded)

    def _compare(self, step: StepState, aside: Aside, data: Mapping[str, object], text: str) -> None:
        """Find which items of a list that was made anew are known from before (S51)."""

        def compared(kept: object, error: Exception | None) -> None:
            if step.status is not StepStatus.PENDING:
                return
            if error is not None:
                self._do.fail(step, self._do.error(error, 0))
            else:
                self._begin(step, {**data, "kept": kept}, text)

        split = self._reader.split
        self._evaluator.in_thread(lambda: known_items(split(aside.items), split(text), aside), compared)

    def _begin(self, step: StepState, data: Mapping[str, object], text: str) -> None:
        self._start(step, data, text)
        for body in list((step.bodies or {}).values()):
            if body.unsettled:
                self._do.restore(body)
            elif body.status == "open" and not body.body.leaf:
                self.body_settled(body)
        if step.settled:
            return
        if step.open == 0 and len(step.bodies or {}) >= step.count:
            self._end(step)
        else:
            self._offer_rest(step)

    def open_next(self, step: StepState) -> bool:
        """Open the next item of a `for_each`, or the next iteration of a loop that has one action.

        Gives whether an action was started, which then gives back what the block took of the resources for it.
        """
        if step.stopping or step.settled:
            return False
        index = self._next(step)
        if step.node.kind == "for_each" and (index >= step.count or not self._room(step)):
            return False
        started = False
        path = f"{step.path}[{index}]"
        if step.node.bodies[0].leaf:
            started = self._open_leaf(step, path)
        else:
            self._open_body(step, path, index)
        self._offer_rest(step)
        return started

    def _next(self, step: StepState) -> int:
        """Give the number of an item or iteration that has not begun."""
        bodies = step.bodies
        if bodies is None:
            return 0
        index = len(bodies)
        if index in bodies or index - 1 not in bodies:  # some of the items of a new list were known before
            index = next(number for number in range(index + 1) if number not in bodies)
        return index

    def _offer_rest(self, step: StepState) -> None:
        """Queue a `for_each` again, if it has more items and room for one."""
        is_open = step.node.kind == "for_each" and not step.settled and not step.stopping
        if is_open and len(step.bodies or {}) < step.count and self._room(step):
            self._do.scheduler.offer(step)

    def _room(self, step: StepState) -> bool:
        limit = step.node.step.concurrency
        return limit is None or step.open < limit

    def _open_leaf(self, step: StepState, path: str) -> bool:
        node = step.node.bodies[0].nodes[0]
        verdict = judge(node, None, step.body)
        if verdict.kind == "skip":
            self._journal.emit(e.STEP_SKIPPED, path, 0, {"reason": verdict.reason})
            self.body_settled(self._state.steps[path].body)
            return False
        self._journal.emit(e.STEP_STARTED, path, 1)
        self._note_begin(step)
        leaf = self._state.steps[path]
        self._do.attempts.expect(leaf)
        self._journal.after(lambda: self._do.attempts.launch(leaf))
        return True

    # ---- loops ---------------------------------------------------------------------------------------------------

    def _iterate(self, step: StepState, index: int) -> None:
        """Begin iteration `index`, if its time has come and its test holds."""
        every = step.node.step.every
        if every is not None and index > 0 and step.bodies:
            rest = self._rest(step, step.bodies[index - 1].opened_at, every)
            if rest > 0:
                due = self._journal.now() + rest
                self._journal.emit(e.STEP_WAITING, step.path, 0, {"why": "every", "due": due})
                self.wait_for_turn(step)
                return
        self._test(step, index)

    def _rest(self, step: StepState, opened_at: float, every: float) -> float:
        """Give the seconds until the next iteration is due, whatever the wall clock did since the last began (S34).

        Only for one that began in another process is that clock all there is to go by.
        """
        begun = self._begun.pop(step, None)
        if begun is None:
            return opened_at + every - self._journal.now()
        return begun + every - self._do.waits.monotonic()

    def wait_for_turn(self, step: StepState) -> None:
        """Arm the timer of a loop that waits for the time of its next iteration."""
        assert step.wait is not None
        assert step.wait.due is not None

        def due() -> None:
            if step.status is StepStatus.WAITING:
                self._journal.emit(e.STEP_RESUMED, step.path, 0, {"by": "time"})
                self._test(step, len(step.bodies or {}))

        self._do.waits.arm_until(step, step.wait.due, due)

    def _test(self, step: StepState, index: int) -> None:
        test = step.node.test
        if test is None or step.tested >= index:
            self._enter(step, index)
            return

        def then(value: object, error: Exception | None) -> None:
            if step.status is not StepStatus.RUNNING or step.stopping:
                return
            if error is not None:
                self._do.fail(step, self._do.error(error, 0))
                return
            self._journal.emit(e.LOOP_TESTED, step.path, 0, {"index": index, "again": bool(value)})
            if value:
                self._enter(step, index)
            else:
                self._end(step)

        if isinstance(test, bool):
            then(test, None)
            return
        last = self._reader.last(self._state, step, index)
        names = self._evaluator.names(step.body, extra={"loop": {"index": index, "last": last}})
        self._evaluator.evaluate(test, names, step.body, then)

    def _enter(self, step: StepState, index: int) -> None:
        limit = step.node.step.max_iterations
        if limit is not None and index >= limit:
            self._do.fail(step, self._do.error(LoopLimit(limit=limit), 0))
        elif step.node.bodies[0].leaf:
            self._do.scheduler.offer(step)
        else:
            self._open_body(step, f"{step.path}[{index}]", index)

    def _iterated(self, step: StepState, body: BodyState) -> None:
        """Go on after an iteration: end, or take the next one."""
        until = step.node.until
        if body.broken or step.done:
            self._end(step)
            return
        if until is None or step.tested >= body.index:
            self._iterate(step, body.index + 1)
            return

        def then(value: object, error: Exception | None) -> None:
            if step.status is not StepStatus.RUNNING or step.stopping:
                return
            if error is not None:
                self._do.fail(step, self._do.error(error, 0))
                return
            self._journal.emit(e.LOOP_TESTED, step.path, 0, {"index": body.index, "again": not value})
            if value:
                self._end(step)
            else:
                self._iterate(step, body.index + 1)

        if isinstance(until, bool):
            then(until, None)
        else:
            self._evaluator.evaluate(until, self._evaluator.names(body), body, then)

    # ---- choose --------------------------------------------------------------------------------------------------

    def _choose(self, step: StepState, number: int) -> None:
        """Try branches in order; the first that holds is taken (S28)."""
        branches = step.node.branches
        if number == len(branches):
            self._journal.emit(e.BRANCH_CHOSEN, step.path, 0, {"branch": None})
            self._do.skip(step, "no branch held")
            return
        test = branches[number]

        def then(value: object, error: Exception | None) -> None:
            if step.status is not StepStatus.RUNNING or step.stopping:
                return
            if error is not None:
                self._do.fail(step, self._do.error(error, 0))
            elif value:
                self._journal.emit(e.BRANCH_CHOSEN, step.path, 0, {"branch": number})
                self._open_body(step, step.path, number)
            else:
                self._choose(step, number + 1)

        if isinstance(test, Template):
            self._evaluator.evaluate(test, self._evaluator.names(step.body), step.body, then)
        else:
            then(test is None or test, None)

    # ---- resuming ------------------------------------------------------------------------------------------------

    def restore(self, step: StepState) -> None:
        """Go on with a block that was open when its run was last written."""
        for body in list((step.bodies or {}).values()):
            # A body of one action is never closed by an event: it has ended with its action, and was followed then.
            if body.status == "open" and not body.unsettled and not body.body.leaf and not step.settled:
                self.body_settled(body)
        if step.settled or (step.open and step.node.kind != "for_each"):
            return
        if step.stopping:
            self.stopped(step)
        else:
            self._go_on(step)

    def _go_on(self, step: StepState) -> None:
        """Take the next step of a block of which nothing is open: what a crash kept it from."""
        bodies = step.bodies or {}
        match step.node.kind:
            case "for_each" if len(bodies) < step.count:
                self._do.scheduler.offer(step)
            case "for_each" if step.open:
                pass
            case "while" if step.done:
                self._end(step)
            case "while" if not bodies:
                self._iterate(step, 0)
            case "while":
                self._closed(step, bodies[len(bodies) - 1], result_of(bodies[len(bodies) - 1])[0])
            case "choose" if step.branch is None:
                self._choose(step, 0)
            case "choose" if step.branch is not None and step.branch not in bodies:
                self._open_body(step, step.path, step.branch)
            case "parallel" if not bodies:
                self._open_body(step, step.path, 0)
            case "action":
                pass
            case _:
                self._end(step)

    # ---- ending --------------------------------------------------------------------------------------------------

    def raced(self, step: StepState) -> None:
        """Let a step win the race that its block is, if it is the first: at once, before another one ends (S29).

        Also where the race is being stopped: the first success in the journal is what a resume goes on with, unless
        it is that of a step that only runs because of the stop.
        """
        owner = step.body.owner
        if owner is not None and not owner.winner and not step.spared:
            self._journal.emit(e.RACE_WON, owner.path, 0, {"winner": step.node.id})
            if not step.body.stopping:
                self._do.stop(step.body, "race")

    def body_settled(self, body: BodyState) -> None:
        """Close a body whose steps have all ended, and let its block go on."""
        owner = body.owner
        if owner is None:
            self._do.close_root()
            return
        status, error = result_of(body)
        if owner.node.kind == "action":
            self._do.close_child(owner, body, status, error)
        elif body.body.leaf:
            self._closed(owner, body, status)
        elif status == "succeeded" and body.body.output is not None:
            self._output(owner, body)
        else:
            self._close(owner, body, status, error, None)

    def _output(self, owner: StepState, body: BodyState) -> None:
        """Evaluate a block's `output`, inside (S25)."""
        template = body.body.output
        assert template is not None

        def then(value: object, error: Exception | None) -> None:
            if error is not None:
                self._close(owner, body, "failed", self._do.error(error, 0), None)
                return
            self._evaluator.encode(value, encoded)

        def encoded(text: object, error: Exception | None) -> None:
            if error is not None:
                self._close(owner, body, "failed", self._do.error(error, 0), None)
            else:
                self._close(owner, body, "succeeded", None, str(text))

        self._evaluator.evaluate(template, self._evaluator.names(body), body, then)

    def _close(
        self,
        owner: StepState,
        body: BodyState,
        status: BodyStatus,
        error: ErrorRecord | None,
        text: str | None,
    ) -> None:
        data: dict[str, object] = {"owner": owner.path, "index": body.index, "status": status}
        if error is not None:
            data["error"] = error.as_data()
        self._journal.emit(e.BODY_CLOSED, body.path, 0, data, text)
        self._do.scheduler.left(body)
        self._closed(owner, body, status)

    def _closed(self, owner: StepState, body: BodyState, status: BodyStatus) -> None:
        """Let a block go on after one of its bodies has closed."""
        kind = owner.node.kind
        if owner.settled:
            return
        if kind == "for_each":
            self._item_closed(owner, status)
        elif kind == "while" and status == "succeeded" and not owner.stopping:
            self._iterated(owner, body)
        else:
            self._end(owner)

    def _item_closed(self, owner: StepState, status: BodyStatus) -> None:
        if status == "failed" and owner.node.step.on_item_error == "stop" and not owner.stopping:
            self._do.stop_block(owner, "failure")
        elif owner.open == 0 and (owner.stopping or len(owner.bodies or {}) >= owner.count):
            self._end(owner)
        else:
            self._offer_rest(owner)

    def stopped(self, step: StepState) -> None:
        """End a block that was told to stop, once nothing in it is open."""
        if not step.settled and step.open == 0:
            self._end(step)

    def _end(self, step: StepState) -> None:
        """End a block: what became of it follows from its bodies."""
        if step.settled:
            return
        self._do.waits.drop((step, "limit"))
        self._reader.drop(step)
        failed = failed_bodies(step)
        tolerant = step.node.kind == "for_each" and step.node.step.on_item_error == "continue"
        if step.stopping == "timeout":
            error = Timeout(seconds=step.limit[0] if step.limit is not None else 0.0, what="block")
            self._do.fail(step, self._do.error(error, 0))
        elif failed and not tolerant:
            self._do.fail(step, result_of(failed[0])[1] or ErrorRecord("ActionFailed", "It failed."))
        elif step.stopping or (was_cancelled(step) and not step.winner):
            self._do.cancel_now(step, STOP_REASONS[step.stopping or "cancel"])
        else:
            self._succeed(step, tolerated=bool(failed) and tolerant)

    def _succeed(self, step: StepState, *, tolerated: bool) -> None:
        if step.node.step.wait_for == "any" and not step.winner:
            self._do.skip(step, "none of its steps ran")
            return
        data: dict[str, object] = {"gathers": gathers(step)}
        if tolerated:
            data["tolerated"] = True
        if not step.node.step.validate_ or step.node.bodies[0].leaf:
            self._do.succeed(step, None, data)
            return

        def then(warnings: object, error: Exception | None) -> None:
            if step.settled:
                return
            if error is not None:
                self._do.fail(step, self._do.error(error, 0))
                return
            for warning in warnings if isinstance(warnings, list) else ():
                self._journal.emit(e.STEP_WARNED, step.path, 0, {"message": warning})
            self._do.succeed(step, None, data)

        text = gathered(self._state, step, gathers(step)) or "null"
        self._evaluator.in_thread(lambda: self._do.attempts.check(step, text), then)
