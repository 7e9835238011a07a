"""Evaluates a run's templates: at once where everything is at hand, in a thread where an artifact must be read."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Executor as Pool
from typing import Final

from ergon.engine.names import Names, visible
from ergon.engine.reader import Reader
from ergon.engine.redaction import Redactor
from ergon.errors import TemplateFailed
from ergon.model.expressions import Reference, Template, Value
from ergon.model.outputs import output_text
from ergon.model.secrets import mask
from ergon.model.states import BodyState, Frame, RunState, StepState

_LONGEST_NAME: Final = 200
_MARK: Final = '"$artifact"'
Then = Callable[[object, Exception | None], None]


class Evaluator:
    """Gives templates the names of their scope."""

    def __init__(
        self,
        state: RunState,
        reader: Reader,
        *,
        pool: Pool,
        post: Callable[[Callable[[], None]], None],
        redactor: Callable[[], Redactor],
    ) -> None:
        """`post` brings a callback from a thread into the run's next turn."""
        self._state = state
        self.reader = reader
        self._pool = pool
        self._post = post
        self._redactor = redactor
        self.outstanding = 0
        """Evaluations that are in a thread."""

    def names(
        self,
        around: BodyState | None,
        *,
        extra: Mapping[str, object] | None = None,
        frame: Frame | None = None,
    ) -> Names:
        """Give the names of a scope."""
        return Names(self._state, self.reader, around, extra=extra, frame=frame)

    def evaluate(self, source: Value | Template, names: Names, around: BodyState | None, then: Then) -> None:
        """Evaluate and hand on (value, None) or (None, error): at once, or in a later turn."""
        if not self.reads_artifacts(source.references, around):
            then(*attempt(source, names))
            return
        self.in_thread(lambda: self.reader.values.decode_deep(source.evaluate(names)), then)

    def name(self, step: StepState) -> str:
        """Give what people see as a step's name, secrets hidden; raises `TemplateFailed` (S16)."""
        template = step.node.name
        assert template is not None
        found = mask(self.reader.values.decode_deep(template.evaluate(self.names(step.body))))
        return self._redactor().text("" if found is None else str(found))[:_LONGEST_NAME]

    def encode(self, value: object, then: Then) -> None:
        """Hand on the stored form of a value, secrets hidden: at once, or in a later turn where it is large."""
        redactor, value = self._redactor(), mask(value)
        text = self.reader.values.encode_inline(value, redactor=redactor)
        if text is not None:
            then(text, None)
        else:
            self.in_thread(lambda: self.reader.values.encode(value, redactor=redactor), then)

    def in_thread(self, work: Callable[[], object], then: Then) -> None:
        """Do something that reads or writes files, and hand the result on in a later turn."""
        self.outstanding += 1

        def run() -> None:
            result: tuple[object, Exception | None]
            try:
                result = work(), None
            except Exception as error:  # whatever a codec raises becomes the step's failure
                result = None, error
            self._post(lambda: self._back(then, result))

        self._pool.submit(run)

    def _back(self, then: Then, result: tuple[object, Exception | None]) -> None:
        self.outstanding -= 1
        then(*result)

    def reads_artifacts(self, references: Iterable[Reference], around: BodyState | None) -> bool:
        """Say whether what is read may lie in an artifact."""
        for reference in references:
            if reference.root == "loop" and reference.path[:1] != ("last",):
                continue
            if reference.root == "steps" and reference.path:
                step = visible(around, str(reference.path[0]))
                text = output_text(self._state, step) if step is not None else None
                if text is not None and _MARK in text:
                    return True
            elif reference.root in ("state", "parameters", "variables"):
                if self._frame_holds_artifacts(around):
                    return True
            elif reference.root not in ("run", "env", "trigger", "secrets", "output") and self._items_do(around):
                return True
        return False

    def _frame_holds_artifacts(self, around: BodyState | None) -> bool:
        frame = around.frame if around is not None else self._state.frame
        return any(_MARK in text for text in (frame.parameters, frame.variables or "", *self._state.state.values()))

    def _items_do(self, around: BodyState | None) -> bool:
        while around is not None and around.owner is not None:
            owner = around.owner
            if owner.items is not None and _MARK in self.reader.item_text(owner, around.index):
                return True
            if owner.node.kind == "while":
                return True
            around = owner.body
        return False


def attempt(source: Value | Template, names: Names) -> tuple[object, Exception | None]:
    """Evaluate at once."""
    try:
        return source.evaluate(names), None
    except TemplateFailed as error:
        return None, error
