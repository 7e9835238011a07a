"""The foreground: a run that somebody waits for, watched until it is at rest, and stopped when they ask."""

from __future__ import annotations

import gc
import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from types import FrameType
from typing import TYPE_CHECKING, Final, Protocol

from ergon.cli.codes import STOPPED, exit_code
from ergon.cli.terminal import terminal
from ergon.errors import ErgonError, NotPossible, RunNotFound
from ergon.model.states import RunState

if TYPE_CHECKING:
    from ergon.app import App
    from ergon.cli.watching import Watch
    from ergon.engine.handle import Handle

_GRACE: Final = 10.0
"""Seconds after which SIGTERM counts twice."""
_LINE: Final = 0.2
_REST: Final = 0


class View(Protocol):
    """Shows a run while it goes on."""

    @property
    def interval(self) -> float | None:
        """Seconds between two looks; None for none."""

    def refresh(self) -> None:
        """Show what is new."""

    def tell(self, text: str) -> None:
        """Say something beside the run's own news."""

    def close(self) -> None:
        """Show the last of it, and give the terminal back."""


class Stopping:
    """What signals ask for: once is to stop cleanly, twice at once, three times to leave."""

    def __init__(self, app: App) -> None:
        self._app = app
        self._asked = 0
        self._at_once_at: float | None = None

    @property
    def timeout(self) -> float | None:
        """Seconds until something is due by itself."""
        return None if self._at_once_at is None else max(0.0, self._at_once_at - time.monotonic())

    def take(self, number: int) -> str:
        """Take in a signal; gives what is done about it, in words."""
        self._asked += 1
        if self._asked > 2:
            os._exit(STOPPED)  # what is on disk is whole; this process is not to be waited for any longer
        name = signal.Signals(number).name
        if self._asked == 2:
            self._interrupt(at_once=True, reason=f"{name} twice")
            return "Stopping at once; what runs now runs again when the run is resumed."
        if number != signal.SIGINT:
            self._at_once_at = time.monotonic() + _GRACE
            self._interrupt(at_once=False, reason=name)
            return f"Stopping when what runs now has ended, in {_GRACE:g} s at the latest; the run can go on later."
        self._interrupt(at_once=False, reason=name)
        return "Stopping when what runs now has ended. Ctrl-C again stops at once. Either way the run can go on later."

    def look(self) -> str:
        """Do what has become due; gives it in words."""
        if self._at_once_at is None or time.monotonic() < self._at_once_at:
            return ""
        self._at_once_at = None
        if self._asked > 1:
            return ""
        return self.take(signal.SIGTERM)

    def _interrupt(self, *, at_once: bool, reason: str) -> None:
        self._app.interrupt(at_once=at_once, reason=reason)


@contextmanager
def caught_signals(inbox: SimpleQueue[int]) -> Iterator[None]:
    """Put signals that ask to stop into the inbox, instead of raising in the middle of something."""

    def take(number: int, frame: FrameType | None) -> None:
        inbox.put(number)

    caught = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]
    before = {number: signal.signal(number, take) for number in caught}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@dataclass(frozen=True, slots=True)
class Foreground:
    """Starts a run and stays with it; gives the exit code."""

    app: App
    json: bool

    def follow(self, start: Callable[[], Handle | RunState], *, after: int = 0) -> int:
        """Start a run and follow it to its rest; `after` is the last event that is old news."""
        inbox: SimpleQueue[int] = SimpleQueue()
        with caught_signals(inbox):
            started = start()
            run = started.run
            if isinstance(started, RunState):  # there was nothing to do
                return self._end(run, [])
            stopping = Stopping(self.app)
            watch, view = self._view(run, after)
            started.when_at_rest(lambda: inbox.put(_REST))
            wake_collector()
            try:
                _wait(inbox, stopping, view)
            finally:
                view.close()
                if watch is not None:
                    watch.close()
            self._check(started, stopping)
            return self._end(run, watch.warnings if watch is not None else [])

    def _view(self, run: str, after: int) -> tuple[Watch | None, View]:
        if self.json:
            return None, SilentView()
        from ergon.cli.watching import Watch

        watch = Watch(self.app, run, after=after)
        if terminal.is_live:
            from ergon.cli.liveview import LiveView

            return watch, LiveView(watch)
        return watch, PlainView(watch)

    def _check(self, handle: Handle, stopping: Stopping) -> None:
        """Raise what kept a run from being written."""
        error = handle.error
        if isinstance(error, ErgonError):
            raise error
        if error is not None:
            raise NotPossible(what=f"go on with run {handle.run}", reason=str(error)) from error

    def _end(self, run: str, warnings: list[tuple[str, str]]) -> int:
        """Tell what became of a run."""
        show_ending(self.app, run, json=self.json, warnings=warnings)
        return exit_code(self.app.record(run).status)


def wake_collector() -> None:
    """Let the garbage collector work from now on, without going through what start-up has made."""
    gc.freeze()
    gc.enable()


def _wait(inbox: SimpleQueue[int], stopping: Stopping, view: View) -> None:
    while True:
        waits = [seconds for seconds in (view.interval, stopping.timeout) if seconds is not None]
        try:
            number = inbox.get(timeout=min(waits) if waits else None)
        except Empty:
            if said := stopping.look():
                view.tell(said)
            view.refresh()
            continue
        if number == _REST:
            return
        view.tell(stopping.take(number))


def show_ending(app: App, run: str, *, json: bool, warnings: list[tuple[str, str]]) -> None:
    """Tell what became of a run: as a document, as a panel, or in plain lines."""
    record = app.record(run)
    history = app.history(record.id)
    state = history.state(record)
    document = history.document(record, state)
    if json:
        terminal.document(document)
        return
    from ergon.cli.ending import as_text, ending_of, show_panel

    ending = ending_of(
        state,
        status=record.status,
        until=history.until(record),
        outputs=document["outputs"],
        files=history.files(state),
        warnings=warnings,
        kept=_is_kept(app, run),
    )
    if terminal.is_live:
        terminal.say()
        show_panel(ending)
    else:
        terminal.say("\n".join(["", *as_text(ending)]))


def _is_kept(app: App, run: str) -> bool:
    """Say whether a run can be asked for when this process has ended."""
    try:
        return app.store.run(run).id == run
    except RunNotFound:
        return False


# ---- views ---------------------------------------------------------------------------------------------------


class SilentView:
    """Shows nothing: stdout is kept for the document."""

    interval = None

    def refresh(self) -> None:
        """Show nothing."""

    def tell(self, text: str) -> None:
        """Say it on stderr."""
        terminal.note(text)

    def close(self) -> None:
        """There is nothing to give back."""


class PlainView:
    """Tells what happens line by line."""

    interval = _LINE

    def __init__(self, watch: Watch) -> None:
        from ergon.cli.lines import LineView

        self._lines = LineView(watch, terminal.say)
        self.refresh()

    def refresh(self) -> None:
        """Tell what is new."""
        self._lines.refresh()

    def tell(self, text: str) -> None:
        """Say it on stderr."""
        terminal.note(text)

    def close(self) -> None:
        """Tell the rest."""
        self._lines.refresh()
