"""The engine: an event loop in a thread of its own, and the runs that live on it."""

from __future__ import annotations

import asyncio
import contextlib
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Final, TypeVar

from ergon.engine.admission import WEIGHT, Admission, Ticket
from ergon.engine.bus import Bus
from ergon.engine.caching import Caching
from ergon.engine.equipment import Equipment
from ergon.engine.evaluator import Evaluator
from ergon.engine.handle import Handle
from ergon.engine.journal import Acknowledgements
from ergon.engine.live import LiveRun
from ergon.engine.means import Means
from ergon.engine.processes import end_survivors
from ergon.engine.queued import Queued, is_stale
from ergon.engine.recovery import lost_attempts
from ergon.engine.secrets import named_secrets
from ergon.engine.services import Services
from ergon.engine.thread import LoopThread, closed
from ergon.errors import ErgonError, NotPossible, RunNotFound, StoreError
from ergon.model import events as e
from ergon.model.apply import fold
from ergon.model.events import Event
from ergon.model.policies import Durability
from ergon.model.records import Command, Place, Placed
from ergon.model.states import RunState
from ergon.ports import Change, Lease, Store

_SWITCH_INTERVAL: Final = 0.0005
"""Seconds after which a computing thread hands the interpreter over: 20 times as many handoffs as by default."""
_GAVE_WAY: Final = "a newer run of the workflow was started"
_T = TypeVar("_T")


class Engine:
    """Runs workflows. Its methods may be called from any thread but its own."""

    def __init__(self, equipment: Equipment) -> None:
        self._with = equipment
        self.bus = Bus()
        self._thread = LoopThread(name="ergon-engine", prepare=self._prepare, shut=self._shut)
        self._means: Means | None = None
        self._admission = Admission(limit=equipment.runs)
        self._queued: dict[str, Queued] = {}
        self._live: dict[str, LiveRun] = {}
        self._handles: dict[str, Handle] = {}
        self._outstanding = 0
        """What the engine itself waits for in other threads: places, and survivors that end."""
        self._unwatch: Callable[[], None] | None = None
        self._interval = sys.getswitchinterval()
        self._closed = False

    # ---- the loop ------------------------------------------------------------------------------------------------

    def _prepare(self, loop: asyncio.AbstractEventLoop) -> None:
        equipment = self._with
        self._pool = ThreadPoolExecutor(max_workers=4, thread_name_prefix="ergon-io")
        self._means = Means(
            loop=loop,
            pool=self._pool,
            store=equipment.store,
            clock=equipment.clock(loop),
            catalog=equipment.catalog,
            executors=equipment.executors(loop),
            acknowledgements=Acknowledgements(loop),
            open_child=equipment.open_child,
            concurrency=equipment.concurrency,
            overrules=equipment.overrules,
        )

    async def _shut(self) -> None:
        assert self._means is not None
        for executor in self._means.executors.values():
            await executor.close()
        tasks = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._pool.shutdown(wait=False, cancel_futures=True)
        self._closed = True
        self._abandon()

    def call(self, function: Callable[[], _T]) -> _T:
        """Call a function in the engine's thread and give its result; raises `NotPossible` when it is closed."""
        self._thread.start()
        return self._thread.call(function)

    def _aside(self, work: Callable[[], _T], then: Callable[[_T | None, Exception | None], None]) -> None:
        """Do what may take a while in another thread, and what follows in the loop."""

        def did() -> None:
            result, error = None, None
            try:
                result = work()
            except Exception as raised:  # handed on whole
                error = raised
            self._thread.post(lambda: did_it(result, error))

        def did_it(result: _T | None, error: Exception | None) -> None:
            self._outstanding -= 1
            if not self._closed:
                then(result, error)

        self._outstanding += 1
        self._pool.submit(did)

    # ---- starting ------------------------------------------------------------------------------------------------

    def start(
        self,
        state: RunState,
        *,
        created: Mapping[str, object],
        parameters: str,
        definition: str,
        durability: Durability,
    ) -> Handle:
        """Journal a new run and queue it; returns when it is on disk."""
        lease, event = self._create(state.run, created, parameters, definition, durability)
        return self.adopt(state, (event,), lease, durability=durability, ready=_nothing)

    def create(
        self, run: str, *, created: Mapping[str, object], parameters: str, definition: str, durability: Durability
    ) -> None:
        """Journal a new run for another process to go on with."""
        lease, _ = self._create(run, created, parameters, definition, durability)
        lease.release()

    def _create(
        self, run: str, created: Mapping[str, object], parameters: str, definition: str, durability: Durability
    ) -> tuple[Lease, Event]:
        self._thread.start()
        means = self._means
        assert means is not None
        lease = means.store.claim(run)
        actor, correlation = str(created.get("actor", "")), str(created.get("correlation", ""))
        now = means.clock.now()
        event = Event(run, 1, now, e.RUN_CREATED, "", 0, created, parameters, actor, correlation)
        written: Future[None] = Future()

        def done(error: BaseException | None) -> None:
            if error is None:
                written.set_result(None)
            else:
                written.set_exception(error)

        sha256 = str(created["definition"])
        try:
            means.store.commit(Change(run, lease.epoch, (event,), {sha256: definition}, durability), done)
            written.result()
        except BaseException:
            lease.release()
            raise
        return lease, event

    def adopt(
        self,
        state: RunState,
        events: tuple[Event, ...],
        lease: Lease,
        *,
        durability: Durability,
        ready: Callable[[LiveRun], None],
    ) -> Handle:
        """Queue a run whose journal this process owns; `events` are still to be folded into `state`.

        `ready` is called in the engine's thread just before the run begins.
        """
        try:
            fold(state, events)
            survivors = [step.process for step in lost_attempts(state) if step.process is not None]
            queued = Queued(Handle(state), lease, durability, ready, self._secrets_of(state))
            self.call(lambda: self._enqueue(queued, survivors))
        except BaseException:
            lease.release()
            raise
        return queued.handle

    def _secrets_of(self, state: RunState) -> dict[str, str]:
        """Read the secrets that a run names; one that the vault has not is an error where it is used (S48)."""
        frames = {state.frame, *(body.frame for body in state.bodies())}
        found: dict[str, str] = {}
        for name in sorted(set().union(*(named_secrets(frame, self._with.values) for frame in frames))):
            with contextlib.suppress(ErgonError):
                found[name] = self._with.vault.get(name)
        return found

    def _enqueue(self, queued: Queued, survivors: list[tuple[int, float]]) -> None:
        """Take a run in; it stands in no line before what its dead owner has left running is gone (S35)."""
        if self._closed:
            raise closed()
        if self._unwatch is None:
            self._unwatch = self._with.store.watch(self._changed)
        run = queued.handle.run
        self._handles[run] = queued.handle
        self._queued[run] = queued
        if survivors:
            self._aside(lambda: end_survivors(survivors), lambda _, error: self._line_up(queued))
        else:
            self._line_up(queued)

    def _line_up(self, queued: Queued) -> None:
        """Let a run wait for its turn."""
        state, means = queued.handle.state, self._means
        assert means is not None
        if self._queued.get(state.run) is not queued:
            return  # it was let go of meanwhile
        settings = state.frame.graph.workflow.settings
        ticket = queued.ticket = Ticket(
            run=state.run,
            workflow=state.frame.graph.workflow.name,
            priority=state.start.get("priority", "immediate"),  # type: ignore[arg-type]  # checked when created
            queued_at=means.clock.monotonic(),
            max_runs=settings.max_runs,
            overlap=settings.overlap,
        )
        self._admission.add(ticket)
        if ticket.needs_place and queued.is_new and ticket.overlap in ("skip", "cancel"):
            self._admission.ask_now(ticket)
            self._ask(queued, ticket, at_once=True)
        self._admit()
        if state.run in self._queued:
            self._look_for_commands()

    def _admit(self) -> None:
        """Let those begin whose turn it is, or ask for their place."""
        while (ticket := self._admission.next()) is not None:
            if ticket.needs_place:
                self._ask(self._queued[ticket.run], ticket)
            else:
                self._go(ticket.run)

    def _go(self, run: str) -> None:
        self._begin(run, lambda live: live.begin(self._with.facts))

    def _ask(self, queued: Queued, ticket: Ticket, *, at_once: bool = False) -> None:
        """Ask the store for a place among the runs of a workflow, in all processes."""
        store, place = self._with.store, self._place(queued, ticket, waits=not at_once or ticket.overlap != "skip")

        def ask() -> Placed:
            placed = store.take_place(place)
            if at_once and ticket.overlap == "cancel" and not placed.has:
                _make_room(store, placed.others)
            return placed

        self._aside(ask, lambda placed, error: self._answered(ticket, placed, error, at_once=at_once))

    def _place(self, queued: Queued, ticket: Ticket, *, waits: bool) -> Place:
        means = self._means
        assert means is not None
        age = means.clock.monotonic() - ticket.queued_at
        rank = means.clock.now() - age + WEIGHT[ticket.priority]
        most = ticket.max_runs or 1
        return Place(ticket.run, queued.lease.epoch, ticket.workflow, most=most, rank=rank, waits=waits)

    def _answered(self, ticket: Ticket, placed: Placed | None, error: Exception | None, *, at_once: bool) -> None:
        """Take in whether a run has got its place; it may have left meanwhile."""
        if placed is not None and placed.has:
            if self._admission.granted(ticket):
                self._go(ticket.run)
        elif self._admission.refused(ticket):
            if error is not None:
                self._drop(ticket.run, error)
            elif at_once and ticket.overlap == "skip":
                self._turn_away(ticket.run, "another run of the workflow was under way")
        self._admit()

    def _turn_away(self, run: str, reason: str, *, command: int = 0) -> None:
        self._admission.leave(run)
        self._begin(run, lambda live: live.turn_away(reason, command=command))

    def _begin(self, run: str, first: Callable[[LiveRun], None]) -> None:
        """Make a queued run live, and let it do what comes first."""
        queued = self._queued.pop(run)
        try:
            live = self._make(queued)
        except Exception as error:  # a fault of the engine's own: whoever waits is told
            self._give_back(queued, error)
            return
        if not self._live:
            self._interval = sys.getswitchinterval()
            sys.setswitchinterval(min(self._interval, _SWITCH_INTERVAL))
        self._live[run] = live
        try:
            commands = self._drop_stale(live, self._with.store.commands(run))
            queued.ready(live)
            first(live)
        except Exception as error:  # as above, or the store's
            live.fail(error)
        else:
            self._deliver(commands)

    def _make(self, queued: Queued) -> LiveRun:
        means, equipment = self._means, self._with
        assert means is not None
        state = queued.handle.state
        services = Services(
            run=state.run,
            epoch=queued.lease.epoch,
            workflow=state.frame.graph.workflow.name,
            actor=str(state.start.get("actor", "")),
            durability=queued.durability,
            workspace=equipment.workspace,
            values=equipment.values,
            vault=equipment.vault,
            bus=self.bus,
            secrets=queued.secrets,
        )

        def caching(evaluator: Evaluator) -> Caching:
            return Caching(
                store=equipment.store,
                values=equipment.values,
                evaluator=evaluator,
                clock=means.clock,
                loop=means.loop,
                pool=means.pool,
                secret=services.secret,
                resolve=services.resolve,
            )

        return LiveRun(state, means=means, services=services, lease=queued.lease, caching=caching, ended=self._left)

    def _drop_stale(self, live: LiveRun, commands: list[Command]) -> list[Command]:
        """Drop what was asked for too late to be done when the run came to rest, and means nothing now."""
        for command in commands:
            if is_stale(command, live.state):
                live.journal.command_done(command.number)
        return [command for command in commands if not is_stale(command, live.state)]

    def _left(self, live: LiveRun, error: BaseException | None) -> None:
        run, means = live.state.run, self._means
        assert means is not None
        self._live.pop(run, None)
        self._admission.leave(run)
        if not self._live:
            sys.setswitchinterval(self._interval)
        self._free(live.lease, error)
        if not self._closed:
            self._admit()

    def _give_back(self, queued: Queued, error: BaseException | None) -> None:
        """Let go of a run that does not begin; its journal stays as it is."""
        self._admission.leave(queued.handle.run)
        self._free(queued.lease, error)

    def _drop(self, run: str, error: BaseException | None) -> None:
        self._give_back(self._queued.pop(run), error)

    def _free(self, lease: Lease, error: BaseException | None) -> None:
        # Whoever waits for the run may resume it at once, here or elsewhere: it is told when the run is free.
        means, handle = self._means, self._handles.get(lease.run)
        assert means is not None
        lease.release(lambda: means.acknowledgements.deliver(lambda: self._rested(handle, error)))

    def _rested(self, handle: Handle | None, error: BaseException | None) -> None:
        if handle is not None:
            if self._handles.get(handle.run) is handle:  # it may be back already
                del self._handles[handle.run]
            handle.rest(error)
        if not self._closed:
            self._ask_again()

    def _ask_again(self) -> None:
        """Let those who wait for a place ask again, and those begin that may."""
        self._admission.retry()
        self._admit()

    # ---- commands ------------------------------------------------------------------------------------------------

    def _changed(self) -> None:
        """Look for commands and places; in the store's watching thread."""
        self._look_for_commands()
        if self._admission.blocked:
            self._thread.post(self._changed_places)

    def _changed_places(self) -> None:
        if not self._closed:
            self._ask_again()

    def _look_for_commands(self) -> None:
        commands: list[Command] = []
        with contextlib.suppress(StoreError):
            commands = [command for command in self._with.store.commands() if command.run in self._handles]
        if commands:
            self._thread.post(lambda: self._deliver(commands))

    def _deliver(self, commands: list[Command]) -> None:
        heeded: dict[str, list[Command]] = {}
        for command in commands:
            live = self._live.get(command.run)
            if command.run in self._queued:
                heeded.setdefault(command.run, []).append(command)
            elif live is not None and command.number > live.last_command:
                live.last_command = command.number
                live.post(lambda live=live, command=command: live.command(command))  # type: ignore[misc]
        for run, found in heeded.items():
            self._heed(self._queued[run], found)

    def live(self, run: str) -> bool:
        """Say whether the engine has a run, live or queued."""
        return run in self._handles

    def _heed(self, queued: Queued, commands: list[Command]) -> None:
        """Do at once what is asked of a run that still is queued; all else is done when it begins."""
        state, run = queued.handle.state, queued.handle.run
        asked = {command.kind: command for command in commands if not is_stale(command, state)}
        if queued.ticket is None:
            return  # what its dead owner left is being ended
        if "cancel" in asked and queued.is_new:
            cancel = asked["cancel"]
            reason = _GAVE_WAY if cancel.data.get("gives_way") else "it was cancelled before it began"
            self._turn_away(run, reason, command=cancel.number)
        elif "cancel" in asked:
            self._admission.leave(run)
            self._go(run)
        elif "pause" in asked:
            number = asked["pause"].number
            self._admission.leave(run)
            self._begin(run, lambda live: live.put_off("asked", command=number))

    def handle(self, run: str) -> Handle | None:
        """Give the handle of a run that the engine has."""
        return self._handles.get(run)

    def busy(self) -> int:
        """Count what goes on in the live runs beside waits; 0 if all of them only wait, or there are none."""
        return self.call(lambda: self._outstanding + sum(live.busy for live in self._live.values()))

    def interrupt(self, *, at_once: bool, reason: str, run: str = "") -> None:
        """Stop runs at their next boundary, or at once; they can be resumed."""
        if self._thread.started:
            with contextlib.suppress(NotPossible):  # it has ended, and all runs with it
                self._thread.call(lambda: self._interrupt(run, reason, at_once))

    def _interrupt(self, run: str, reason: str, at_once: bool) -> None:
        for queued in list(self._queued):
            if run in ("", queued):
                self._drop(queued, None)
        for live in list(self._live.values()):
            if run in ("", live.state.run):
                live.interrupt(reason, at_once=at_once)

    def close(self, *, reason: str = "the process ended", timeout: float = 10.0) -> None:
        """Interrupt all runs at once, and end the loop. `timeout` in seconds is for what does not stop.

        Whoever still starts a run meanwhile gets a handle that comes to rest, or `NotPossible`.
        """
        if not self._thread.forbid():
            return
        deadline = time.monotonic() + timeout
        with contextlib.suppress(NotPossible):  # its loop has come to an end by itself
            for handle in self._thread.call(lambda: self._stop(reason)):
                handle.wait(max(0.0, deadline - time.monotonic()))
        if self._unwatch is not None:
            self._unwatch()
        self._thread.end(timeout)
        self._abandon()

    def _abandon(self) -> None:
        """Tell those who wait for a run that did not stop."""
        while self._handles:
            run, handle = self._handles.popitem()
            handle.rest(NotPossible(what=f"end run {run}", reason="it did not stop when the engine was closed"))

    def _stop(self, reason: str) -> list[Handle]:
        """Take no more runs, and interrupt those that there are; gives their handles."""
        self._closed = True
        self._interrupt("", reason, at_once=True)
        return list(self._handles.values())


def _make_room(store: Store, runs: Sequence[str]) -> None:
    """Cancel the runs of a workflow for a new one, whichever process has them, as `overlap: cancel` says."""
    for run in runs:
        with contextlib.suppress(RunNotFound):  # it has ended, and was forgotten
            store.send(Command("cancel", run, data={"gives_way": True}))


def _nothing(live: LiveRun) -> None:
    """Do nothing before a run begins."""
