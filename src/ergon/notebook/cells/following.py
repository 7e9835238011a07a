"""Following: what a cell shows of a run while it waits for it."""

from __future__ import annotations

import queue
from collections.abc import Callable
from typing import Final

from ergon.app import App
from ergon.model import events as e
from ergon.model.events import Event
from ergon.notebook.run import Run
from ergon.ports import Signal

_LOOK_EVERY: Final = 0.05
_MARKS: Final = {e.STEP_SUCCEEDED: "✓", e.STEP_FAILED: "✗", e.STEP_SKIPPED: "↷", e.STEP_CANCELLED: "⊘"}


def follow(app: App, run: Run, say: Callable[[str], None]) -> None:
    """Tell of each step that ends, and what it prints, until the run is at rest; an interrupt leaves the run alone."""
    news: queue.SimpleQueue[Event | Signal] = queue.SimpleQueue()
    told, printed = 0, _Printed(say)
    leave = app.watch(run.id, news.put)
    try:
        while True:
            rested = run.at_rest(_LOOK_EVERY)
            while not news.empty():
                said = news.get()
                if isinstance(said, Signal):
                    printed.take(said)
            for event in run.events(after=told):
                told = event.seq
                if line := _line(run, event):
                    say(line)
            if rested:
                printed.finish()
                return
    finally:
        leave()


class _Printed:
    """What steps print, told line by line: it comes in pieces."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say
        self._rest: dict[str, str] = {}

    def take(self, signal: Signal) -> None:
        """Tell the lines that a signal completes."""
        if signal.type in ("output", "log"):
            text = self._rest.pop(signal.step, "") + str(signal.data.get("text", ""))
            *lines, rest = f"{text}\n".split("\n")[:-1] if signal.type == "log" else text.split("\n")
            if signal.type == "log":
                lines.append(rest)
            elif rest:
                self._rest[signal.step] = rest
            for line in lines:
                self._say(f"  {signal.step} | {line}")

    def finish(self) -> None:
        """Tell what no newline ended."""
        for step, rest in self._rest.items():
            self._say(f"  {step} | {rest}")
        self._rest.clear()


def _line(run: Run, event: Event) -> str:
    mark = _MARKS.get(event.type)
    if not event.step or mark is None:
        return f"! {event.step}: {event.data.get('message', '')}" if event.type == e.STEP_WARNED else ""
    if event.type == e.STEP_SUCCEEDED:
        if event.data.get("origin") == "cached":
            return f"= {event.step}: unchanged"
        step = run[event.step]
        return f"{mark} {event.step}: {step.duration_s or 0.0:.2f} s"
    if event.type == e.STEP_SKIPPED:
        return f"{mark} {event.step}: {event.data.get('reason', '')}"
    return f"{mark} {event.step}"
