"""History: what a store can tell about its runs, as documents."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from ergon.engine.logs import LogReader, log_path
from ergon.engine.values import Values
from ergon.engine.workspace import Workspace
from ergon.engine.written import written_files
from ergon.model import events as e
from ergon.model.apply import fold
from ergon.model.events import Event
from ergon.model.graph import Graph
from ergon.model.records import ErrorRecord, RunRecord
from ergon.model.report import Document, duration, run_document, run_error, timestamp
from ergon.model.states import ENDED, Frame, RunState, RunStatus
from ergon.model.values import to_json
from ergon.ports import Store

_LIVE: Final = frozenset({RunStatus.QUEUED, RunStatus.RUNNING, RunStatus.WAITING})
_TAIL: Final = 8
"""How many of a run's last events hold the one that ended it."""


class History:
    """Tells about the runs of one store, also of other processes."""

    def __init__(self, *, store: Store, values: Values, workspace: Workspace, graph: Callable[[str], Graph]) -> None:
        """`graph` gives the compiled graph of a definition by its hash."""
        self._store = store
        self._values = values
        self._workspace = workspace
        self._graph = graph

    def state(self, record: RunRecord) -> RunState:
        """Fold a run's journal, as far as it is on disk."""
        state = RunState(run=record.id, frame=Frame(graph=self._graph(record.definition)), graph_of=self._graph)
        return fold(state, self._store.events(record.id))

    def document(self, record: RunRecord, state: RunState | None = None) -> Document:
        """Give a run with its steps; `state` spares folding the journal where it is known."""
        state = self.state(record) if state is None else state
        return run_document(state, status=record.status, until=self.until(record), whole=self._values.stored_text)

    def summary(self, record: RunRecord, *, outputs: bool = True) -> Document:
        """Give a run without its steps, from its last events alone; `outputs` says whether to read its outputs too."""
        last = self._last(record)
        error = last.data.get("error") if last is not None else None
        step = str(last.data.get("step", "")) if last is not None else ""
        text = last.value if last is not None and outputs else None
        return {
            "run_id": record.id,
            "workflow": record.workflow,
            "status": record.status,
            "started_at": timestamp(record.started_at),
            "duration_s": duration(record.started_at, record.ended_at, self.until(record), rested=record.rested),
            "outputs": {} if text is None else to_json(self._values.stored_text(text)),
            "error": run_error(ErrorRecord.from_data(error), step) if isinstance(error, dict) else None,
        }

    def until(self, record: RunRecord) -> float | None:
        """Give where the time of a run that has not ended stops: now, or when it came to rest."""
        if record.status in ENDED:
            return record.ended_at
        if record.status in _LIVE:
            return time.time()
        tail = self._store.events(record.id, after=max(0, record.last_seq - 1))
        return tail[-1].at if tail else None

    def _last(self, record: RunRecord) -> Event | None:
        """Give the event that ended a run."""
        if record.status not in ENDED:
            return None
        tail = self._store.events(record.id, after=max(0, record.last_seq - _TAIL))
        return next((event for event in reversed(tail) if event.type == e.RUN_FINISHED), None)

    def files(self, state: RunState) -> list[Path]:
        """Give the files that a run wrote, as far as its steps name them."""
        return written_files(state, self._workspace, self._values.stored_text)

    def log(self, run: str) -> LogReader:
        """Give what reads the run's log, and what is added to it."""
        return LogReader(log_path(self._workspace.logs, run))
