"""Rollback: the `undo` of succeeded steps, last first, and word of what could not be undone (S30)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

from ergon.engine.conductor import Conductor
from ergon.engine.context import RunContext
from ergon.engine.services import Services
from ergon.errors import ErgonError
from ergon.model import events as e
from ergon.model.outputs import output_text
from ergon.model.states import BodyState, StepState, StepStatus
from ergon.ports import Catalog


class Rollback:
    """Undoes what a failed workflow did: one step after the other, each in a thread and each a fact."""

    def __init__(
        self,
        conductor: Conductor,
        services: Services,
        catalog: Callable[[str], Catalog],
        body: BodyState,
        then: Callable[[], None],
    ) -> None:
        """`then` is called in a turn when all is undone; a resume goes on with what an interruption left."""
        self._do = conductor
        self._services = services
        self._catalog = catalog
        self._body = body
        self._then = then

    def go_on(self) -> None:
        """Undo the next step."""
        if self._do.halted or self._do.state.pausing:
            return
        step = self._next()
        if step is None:
            self._then()
        else:
            self._do.evaluator.in_thread(lambda: self._undo(step), partial(self._undone, step))

    def _undone(self, step: StepState, reason: object, error: Exception | None) -> None:
        if error is not None:
            reason = error.sentence() if isinstance(error, ErgonError) else f"{type(error).__name__}: {error}"
        data = {"ok": not reason, "reason": self._services.redactor().text(str(reason))}
        self._do.journal.emit(e.STEP_UNDONE, step.path, step.attempt, data)
        self.go_on()

    def _next(self) -> StepState | None:
        """Give the step that succeeded last, of those that nobody has tried to undo yet."""
        tried = {path for path, _, _ in self._do.state.undone}
        left = [step for step in _done(self._body) if step.path not in tried]
        return max(left, key=lambda step: step.ended_seq, default=None)

    def _undo(self, step: StepState) -> str:
        """Undo a step, in a thread; gives why not, or '' if it is done. Raises what the action's `undo` raises."""
        handler = self._catalog(step.body.frame.folder).find(step.node.step.uses or "")
        if not handler.can_undo:
            return "the action has no undo"
        values = self._services.values
        text = output_text(self._do.state, step) or "null"
        handler.undo(RunContext(self._services, step), values.decode_deep(values.decode(text)))
        return ""


def _done(body: BodyState) -> Iterator[StepState]:
    """Give the actions in a body, at any depth, that did something: no cached ones, and none that others stood for."""
    for child in body.children:
        for inner in (child.bodies or {}).values():
            yield from _done(inner)
        did = child.status is StepStatus.SUCCEEDED and child.node.kind == "action" and not child.bodies
        if did and child.origin == "computed":
            yield child
