"""Earlier runs: what those of a workflow know of steps that a run of a part leaves out (S53)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Final

from ergon.engine.values import Values
from ergon.errors import RunNotFound
from ergon.model.outputs import failed_items, output_text
from ergon.model.records import RunRecord
from ergon.model.report import kept_error
from ergon.model.states import RunState
from ergon.ports import Store

_MOST: Final = 20
"""Runs whose journals are read for what no list has: what `core.set` wrote, and how a step went."""

Fold = Callable[[RunRecord], RunState]


class Earlier:
    """Asks the earlier runs of one workflow, newest first, and reads a journal only where no list has the answer."""

    def __init__(self, workflow: str, *, store: Store, values: Values, fold: Fold) -> None:
        """`fold` gives the state of a run from its journal."""
        self._workflow = workflow
        self._store = store
        self._values = values
        self._fold = fold
        self._states: dict[str, RunState] = {}

    def output(self, step: str) -> tuple[str, str] | None:
        """Give (run, stored form) of a step's newest output; one whose artifacts are gone does not count."""
        before = ""
        while (found := self._store.latest_output(self._workflow, step, before=before)) is not None:
            before, text = found
            if text is None:
                text = self._gathered(before, step)
            if text is not None and self._values.intact(text):
                return before, self._values.compact(text)
        return None

    def _gathered(self, run: str, step: str) -> str | None:
        """Put the output of a block together from what is inside it."""
        state = self._state(run)
        found = state.steps.get(step) if state is not None else None
        return None if state is None or found is None else output_text(state, found)

    def facts(self, step: str, run: str = "") -> Mapping[str, object] | None:
        """Give status, error, attempts and failed items of a step, of `run` or of the newest in which it ran."""
        for state in [self._state(run)] if run else self._newest():
            found = state.steps.get(step) if state is not None else None
            if state is None or found is None or not found.settled:
                continue
            if found.outside:
                if (known := state.earlier_facts(found)) is not None:
                    return known
                if not run:
                    continue
            error = kept_error(found)
            return {
                "status": found.status.value,
                "error": None if error is None else error.as_template_value(),
                "attempts": found.attempt,
                "failed": failed_items(found),
            }
        return None

    def written(self, names: Iterable[str]) -> dict[str, str]:
        """Give what `core.set` wrote under some names, each from the newest run that wrote it."""
        wanted, found = set(names), dict[str, str]()
        for state in self._newest() if wanted else ():
            for name in wanted & state.state.keys():
                if self._values.intact(state.state[name]):
                    found[name] = state.state[name]
            wanted -= found.keys()
            if not wanted:
                break
        return found

    def _newest(self) -> Iterator[RunState]:
        for record in self._store.runs(workflow=self._workflow, limit=_MOST):
            if (state := self._state(record.id)) is not None:
                yield state

    def _state(self, run: str) -> RunState | None:
        """Fold a run's journal, once; None if somebody has pruned it meanwhile."""
        if run not in self._states:
            try:
                self._states[run] = self._fold(self._store.run(run))
            except (RunNotFound, KeyError):
                return None
        return self._states[run]
