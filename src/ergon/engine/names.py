"""What templates may read, as views of a run's state that decode a value when it is read (S17, S47)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Final

from ergon.engine.reader import Reader
from ergon.model.outputs import failed_items, output_text
from ergon.model.secrets import Secret
from ergon.model.states import BodyState, Frame, RunState, StepState

_ROOTS: Final = ("parameters", "variables", "steps", "state", "run", "trigger", "env", "secrets")
_FACTS: Final = ("output", "status", "error", "attempts", "failed")
_NO_GAPS: Final[frozenset[str]] = frozenset()


class Names(Mapping[str, object]):
    """The names that a template of one scope may read."""

    __slots__ = ("_around", "_extra", "_frame", "_gaps", "_reader", "_state")

    def __init__(
        self,
        state: RunState,
        reader: Reader,
        around: BodyState | None,
        *,
        extra: Mapping[str, object] | None = None,
        frame: Frame | None = None,
        gaps: frozenset[str] = _NO_GAPS,
    ) -> None:
        """`around` is the innermost body whose steps are seen; a missing output of the steps in `gaps` is null."""
        self._state = state
        self._reader = reader
        self._around = around
        self._extra = extra
        self._frame = frame or (around.frame if around is not None else state.frame)
        self._gaps = gaps

    def __getitem__(self, name: str) -> object:
        if self._extra is not None and name in self._extra:
            return self._extra[name]
        if name == "steps":
            return Steps(self._state, self._reader, self._around, gaps=self._gaps)
        if name == "parameters":
            return self._parameters()
        if name == "variables":
            return self._reader.decode(self._frame.variables or "{}")
        if name in ("run", "trigger", "env", "state", "secrets"):
            return self._facts(name)
        return self._item(name)

    def lacking(self, steps: frozenset[str]) -> Names:
        """Give the same names, in which an output that these steps do not have reads as null."""
        return Names(self._state, self._reader, self._around, extra=self._extra, frame=self._frame, gaps=steps)

    def lacks_output(self, step_id: str) -> bool:
        """Say whether a step that can be seen has no output."""
        step = visible(self._around, step_id)
        return step is not None and output_text(self._state, step) is None

    def _parameters(self) -> object:
        """Give the parameters; a `secret` one names a secret of the vault, and reads as its handle (S48)."""
        parameters = self._reader.decode(self._frame.parameters)
        graph = self._frame.graph
        if graph.holds_secrets and isinstance(parameters, dict):
            for parameter in graph.workflow.parameters:
                name = parameters.get(parameter.name)
                if parameter.type == "secret" and isinstance(name, str):
                    parameters[parameter.name] = Secret(name)
        return parameters

    def _facts(self, name: str) -> object:
        state = self._state
        if name == "state":
            return {key: self._reader.decode(text) for key, text in state.state.items()}
        if name == "secrets":
            return _Secrets(self._frame.graph.secrets)
        if name == "run":
            return {
                "id": state.run,
                "workflow": self._frame.graph.workflow.name,
                "started_at": datetime.fromtimestamp(state.started_at or state.created_at, UTC).isoformat(),
            }
        if name == "env":
            return dict(state.env)
        given = state.start.get(name)
        return dict(given) if isinstance(given, Mapping) else {}

    def _item(self, name: str) -> object:
        """Give `loop`, or the item of the nearest enclosing `for_each` that uses this name."""
        body = self._around
        while body is not None and body.owner is not None:
            owner = body.owner
            kind = owner.node.kind
            if kind == "for_each" and name == (owner.node.step.as_ or "item"):
                return self._reader.item(owner, body.index)
            if name == "loop" and kind in ("for_each", "while"):
                return self._loop(owner, body.index)
            if body.frame is not owner.body.frame:
                break
            body = owner.body
        raise KeyError(name)

    def _loop(self, owner: StepState, index: int) -> Mapping[str, object]:
        loop: dict[str, object] = {"index": index}
        if owner.node.kind == "while":
            loop["last"] = self._reader.last(self._state, owner, index)
        else:
            loop["last"] = index == owner.count - 1
        return loop

    def __iter__(self) -> Iterator[str]:
        yield from _ROOTS
        yield from self._extra or ()
        body = self._around
        while body is not None and body.owner is not None and body.frame is body.owner.body.frame:
            if body.owner.node.kind == "for_each":
                yield body.owner.node.step.as_ or "item"
            if body.owner.node.kind in ("for_each", "while"):
                yield "loop"
            body = body.owner.body

    def __len__(self) -> int:
        return sum(1 for _ in self)


class Steps(Mapping[str, object]):
    """`steps`: the steps that can be seen from a scope, by id (S24)."""

    __slots__ = ("_around", "_gaps", "_reader", "_state")

    def __init__(self, state: RunState, reader: Reader, around: BodyState | None, *, gaps: frozenset[str]) -> None:
        self._state, self._reader, self._around, self._gaps = state, reader, around, gaps

    def __getitem__(self, step_id: str) -> object:
        step = visible(self._around, step_id)
        if step is None:
            raise KeyError(step_id)
        return StepView(self._state, self._reader, step, gap=step_id in self._gaps)

    def __iter__(self) -> Iterator[str]:
        body = self._around
        while body is not None:
            yield from body.body.by_id
            body = _outward(body)

    def __len__(self) -> int:
        return sum(1 for _ in self)


class StepView(Mapping[str, object]):
    """`steps.<id>`: what a template may read of a step."""

    __slots__ = ("_gap", "_reader", "_state", "_step")

    def __init__(self, state: RunState, reader: Reader, step: StepState, *, gap: bool) -> None:
        self._state, self._reader, self._step, self._gap = state, reader, step, gap

    def __getitem__(self, fact: str) -> object:
        step = self._step
        if fact == "output":
            text = output_text(self._state, step)
            if text is None:
                if self._gap:
                    return None
                raise KeyError(fact)
            return self._reader.decode(text)
        earlier = self._state.earlier_facts(step)
        if earlier is not None and fact in earlier:
            return earlier[fact]
        if fact == "status":
            return step.status.value
        if fact == "attempts":
            return step.attempt
        if fact == "error":
            return None if step.error is None else step.error.as_template_value()
        if fact == "failed":
            return failed_items(step)
        raise KeyError(fact)

    def __iter__(self) -> Iterator[str]:
        return iter(_FACTS)

    def __len__(self) -> int:
        return len(_FACTS)


class _Secrets(Mapping[str, object]):
    """`secrets`: handles that only an action opens (S48)."""

    __slots__ = ("_names",)

    def __init__(self, names: frozenset[str]) -> None:
        self._names = names

    def __getitem__(self, name: str) -> object:
        if name not in self._names:
            raise KeyError(name)
        return Secret(name)

    def __iter__(self) -> Iterator[str]:
        return iter(sorted(self._names))

    def __len__(self) -> int:
        return len(self._names)


def visible(around: BodyState | None, step_id: str) -> StepState | None:
    """Find a step by id from a scope outward, as far as its workflow goes."""
    while around is not None:
        found = around.child(step_id) if not around.body.leaf else None
        if found is not None:
            return found
        around = _outward(around)
    return None


def _outward(body: BodyState) -> BodyState | None:
    owner = body.owner
    if owner is None or owner.body.frame is not body.frame:
        return None
    return owner.body
