"""Watching: a run's state as its events make it, kept apart from the engine's own (S38)."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Protocol

from ergon.app import Lines, LogLine
from ergon.cli.words import clean
from ergon.model import events as e
from ergon.model.apply import apply
from ergon.model.events import Event
from ergon.model.states import RunState, StepState, StepStatus

if TYPE_CHECKING:
    from ergon.app import App
    from ergon.ports import Signal

_ACTIVE = frozenset({StepStatus.RUNNING, StepStatus.WAITING})


class Watched(Protocol):
    """What a view draws."""

    @property
    def state(self) -> RunState:
        """The run."""

    @property
    def active(self) -> Mapping[str, StepState]:
        """The steps that run or wait, by path."""

    @property
    def progress(self) -> Mapping[str, tuple[float | None, str]]:
        """How far each action says it is."""

    @property
    def said(self) -> Mapping[str, str]:
        """The last line that each action printed or logged."""


class Followed(Watched, Protocol):
    """What a view tells of as it happens."""

    def news(self) -> Iterator[Event]:
        """Take in what has happened; gives each new fact when the state is as it was just after it."""


class Watch:
    """One run, as a view sees it. All but the queue belongs to the thread that draws."""

    def __init__(self, app: App, run: str, *, after: int = 0) -> None:
        """`after` is the number of the last event that is old news."""
        self._queue: deque[Event | Signal] = deque()
        self._end = app.watch(run, self._queue.append)
        self.state: RunState = app.state(run)
        self._old = [event for event in app.events(run, after=after) if event.seq <= self.state.seq]
        self.progress: dict[str, tuple[float | None, str]] = {}
        """How far each action says it is."""
        self.said: dict[str, str] = {}
        """The last line that each action printed or logged."""
        self._lines = Lines(self._say)
        self.active: dict[str, StepState] = {
            path: step for path, step in self.state.steps.items() if step.status in _ACTIVE
        }
        self.warnings: list[tuple[str, str]] = []
        """Steps and what they were warned of."""
        for event in self._old:
            self._note_warning(event)

    def news(self) -> Iterator[Event]:
        """Take in what has happened; gives each new fact when the state is as it was just after it.

        What lies before the watch began is told of with the state that the watch began with.
        """
        old, self._old = self._old, []
        yield from old
        while self._queue:
            what = self._queue.popleft()
            if not isinstance(what, Event):
                self._signal(what)
            elif what.seq > self.state.seq:
                apply(self.state, what)
                self._note(what)
                yield what

    def update(self) -> None:
        """Take in what has happened."""
        for _ in self.news():
            pass

    def close(self) -> None:
        """Watch no longer."""
        self._end()

    def _note(self, event: Event) -> None:
        self._note_warning(event)
        step = self.state.steps.get(event.step)
        if step is not None and step.status in _ACTIVE:
            self.active[event.step] = step
            return
        self.active.pop(event.step, None)
        self.progress.pop(event.step, None)
        self._lines.end(event.step)
        if event.type in (e.RUN_REOPENED, e.RUN_EDITED):
            self.active = {path: s for path, s in self.state.steps.items() if s.status in _ACTIVE}

    def _note_warning(self, event: Event) -> None:
        if event.type == e.STEP_WARNED:
            self.warnings.append((event.step, str(event.data.get("message", ""))))

    def _signal(self, signal: Signal) -> None:
        data = signal.data
        if signal.type == "progress":
            fraction = data.get("fraction")
            known = float(fraction) if isinstance(fraction, (int, float)) else None
            self.progress[signal.step] = (known, clean(str(data.get("text", ""))))
        else:
            self._lines.take(signal)

    def _say(self, line: LogLine) -> None:
        if text := clean(line.text).strip():
            self.said[line.step] = text
