"""Children: workflows that `workflow.run` runs in a step's place, in the same journal under its path (S54)."""

from __future__ import annotations

from collections.abc import Callable

from ergon.engine.blocks import Blocks
from ergon.engine.conductor import Conductor
from ergon.engine.ending import outputs_of
from ergon.engine.means import Means, OpenedChild
from ergon.engine.outcomes import Outcomes
from ergon.engine.results import has_tolerated
from ergon.engine.rollback import Rollback
from ergon.engine.secrets import named_secrets
from ergon.engine.services import Services
from ergon.engine.verdict import STOP_REASONS, spared
from ergon.errors import Timeout
from ergon.model import events as e
from ergon.model.directives import Child
from ergon.model.records import ErrorRecord
from ergon.model.states import BodyState, BodyStatus, Frame, StepState, StepStatus


class Children:
    """Opens and closes the child workflows of one run."""

    def __init__(self, conductor: Conductor, blocks: Blocks, services: Services, means: Means) -> None:
        self._do = conductor
        self._blocks = blocks
        self._services = services
        self._means = means
        self.outcomes: Outcomes
        """What takes the failure of a child, as of any attempt."""

    def open(self, step: StepState, child: Child) -> None:
        """Load a child, in a thread, and let it begin."""
        self._do.evaluator.in_thread(
            lambda: self._loaded(step, child), lambda loaded, error: self._enter(step, loaded, error)
        )

    def _loaded(self, step: StepState, child: Child) -> tuple[OpenedChild, str, float | None]:
        """Load a child, and give it with its variables and its time limit."""
        opened = self._means.open_child(child, step.body.frame.folder)
        frame = Frame(graph=opened.graph, parameters=opened.parameters, folder=opened.folder)
        self._services.hide(named_secrets(frame, self._services.values))
        text, error = self._services.variables(self._do.evaluator, frame)
        if error is not None:
            raise error
        limit = step.node.step.timeout
        return opened, text, None if limit is None else self._do.seconds(step, limit)

    def _enter(self, step: StepState, loaded: object, error: Exception | None) -> None:
        if step.status is not StepStatus.RUNNING:
            return
        if step.body.stopping and not spared(step.node, step.body):
            self._do.cancel_now(step, STOP_REASONS[step.body.stopping])
            return
        if error is not None or not isinstance(loaded, tuple):
            assert error is not None
            self.outcomes.failed(step, self._do.error(error, step.attempt))
            return
        opened, variables, limit = loaded
        self._do.journal.define(opened.graph.sha256, opened.text)
        data: dict[str, object] = {"definition": opened.graph.sha256, "name": opened.name}
        data |= {"folder": opened.folder, "file": opened.file}
        if limit is not None:
            data["timeout"] = limit
        self._do.journal.emit(e.CHILD_OPENED, step.path, 0, data, opened.parameters)
        assert step.bodies is not None
        body = step.bodies[0]
        if body.frame.graph.workflow.variables:
            self._do.journal.emit(e.VARIABLES_RESOLVED, step.path, 0, value=variables)
        self._blocks.arm_limit(step)
        self._do.scheduler.entered(body)
        if body.unsettled == 0:
            self._blocks.body_settled(body)

    def close(self, step: StepState, body: BodyState, status: BodyStatus, error: ErrorRecord | None) -> None:
        """End a child whose steps have all ended."""
        if status == "failed":
            self._after_rollback(body, lambda: self._closed(step, body, status, error, None))
        elif status == "succeeded":
            self._outputs(step, body)
        else:
            self._closed(step, body, status, error, None)

    def _after_rollback(self, body: BodyState, then: Callable[[], None]) -> None:
        if body.frame.graph.workflow.settings.on_failure == "rollback":
            Rollback(self._do, self._services, self._means.catalog, body, then).go_on()
        else:
            then()

    def _outputs(self, step: StepState, body: BodyState) -> None:
        evaluator = self._do.evaluator

        def then(text: object, error: Exception | None) -> None:
            if error is not None:
                self._closed(step, body, "failed", self._do.error(error, step.attempt), None)
            else:
                self._closed(step, body, "succeeded", None, str(text))

        def evaluated(value: object, error: Exception | None) -> None:
            if error is not None:
                then(None, error)
            else:
                evaluator.encode(value, then)

        outputs = outputs_of(body.frame.graph.workflow.outputs)
        evaluator.evaluate(outputs, evaluator.names(body), body, evaluated)

    def _closed(
        self, step: StepState, body: BodyState, status: BodyStatus, error: ErrorRecord | None, text: str | None
    ) -> None:
        data: dict[str, object] = {"owner": step.path, "index": 0, "status": status}
        if error is not None:
            data["error"] = error.as_data()
        self._do.journal.emit(e.BODY_CLOSED, step.path, 0, data)
        self._do.scheduler.left(body)
        self._do.waits.drop((step, "limit"))
        if step.stopping == "timeout":
            seconds = step.limit[0] if step.limit is not None else 0.0
            self.outcomes.failed(step, self._do.error(Timeout(seconds=seconds, what="child workflow"), step.attempt))
        elif status == "succeeded":
            self._do.succeed(step, text, {"tolerated": True} if has_tolerated(body) else {})
        elif status == "failed" and error is not None:
            self.outcomes.failed(step, error)
        else:
            self._do.cancel_now(step, "the run was stopped")
