"""Rollback: the `undo` of succeeded steps, last first, and word of what could not be undone (S30)."""

from __future__ import annotations

from collections.abc import Callable

from ergon.engine.context import RunContext
from ergon.engine.journal import Journal
from ergon.engine.means import Means
from ergon.engine.services import Services
from ergon.errors import ErgonError
from ergon.model import events as e
from ergon.model.outputs import output_text
from ergon.model.states import StepState, StepStatus


class Rollback:
    """Undoes what a failed run did."""

    def __init__(self, journal: Journal, means: Means, services: Services) -> None:
        self._journal = journal
        self._means = means
        self._services = services

    def start(self, post: Callable[[Callable[[], None]], None], then: Callable[[], None]) -> None:
        """Undo in a task of its own, and go on in a turn."""
        task = self._means.loop.create_task(self._run(post, then))
        self._task = task  # a loop keeps only a weak reference

    async def _run(self, post: Callable[[Callable[[], None]], None], then: Callable[[], None]) -> None:
        for step in self._done():
            ok, reason = await self._undo(step)
            data = {"ok": ok, "reason": reason}
            self._journal.emit(e.STEP_UNDONE, step.path, step.attempt, data)
        post(then)

    def _done(self) -> list[StepState]:
        state = self._journal.state
        undone = {path for path, _, _ in state.undone}
        done = [
            step
            for step in state.steps.values()
            if step.status is StepStatus.SUCCEEDED
            and step.node.kind == "action"
            and not step.bodies
            and step.origin == "computed"
            and step.path not in undone
        ]
        return sorted(done, key=lambda step: step.ended_at or 0.0, reverse=True)

    async def _undo(self, step: StepState) -> tuple[bool, str]:
        state, values = self._journal.state, self._services.values
        loop, pool = self._means.loop, self._means.pool
        try:
            catalog = self._means.catalog(step.body.frame.folder)
            handler = await loop.run_in_executor(pool, catalog.find, step.node.step.uses or "")
            if not handler.can_undo:
                return False, "the action has no undo"
            text = output_text(state, step) or "null"
            context = RunContext(self._services, step)
            await loop.run_in_executor(pool, lambda: handler.undo(context, values.decode_deep(values.decode(text))))
        except ErgonError as error:
            return False, error.sentence()
        except Exception as error:  # an undo is anybody's code; the rest is still undone
            return False, f"{type(error).__name__}: {error}"
        return True, ""
