"""The engine: an event loop in a thread of its own, and the runs that live on it."""

from __future__ import annotations

import asyncio
import contextlib
import sys
import threading
from collections.abc import Callable, Mapping, Set
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Final, TypeVar

from ergon.engine.admission import Admission, Ticket
from ergon.engine.bus import Bus
from ergon.engine.caching import Caching
from ergon.engine.evaluator import Evaluator
from ergon.engine.handle import Handle
from ergon.engine.journal import Acknowledgements
from ergon.engine.live import LiveRun
from ergon.engine.means import Means, OpenedChild
from ergon.engine.processes import end_survivor
from ergon.engine.recovery import lost_attempts
from ergon.engine.secrets import named_secrets
from ergon.engine.services import Services
from ergon.engine.values import Values
from ergon.engine.workspace import Workspace
from ergon.errors import ErgonError, NotPossible, StoreError
from ergon.model import events as e
from ergon.model.apply import fold
from ergon.model.directives import Child
from ergon.model.events import Event
from ergon.model.policies import Durability
from ergon.model.records import Command
from ergon.model.states import RunState
from ergon.ports import Catalog, Change, Clock, Executor, Kernels, Lease, Store, Vault

_SWITCH_INTERVAL: Final = 0.0005
"""Seconds after which a computing thread hands the interpreter over: 20 times as many handoffs as by default."""
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Equipment:
    """What an engine is built of."""

    store: Store
    values: Values
    vault: Vault
    catalog: Callable[[str], Catalog]
    executors: Callable[[asyncio.AbstractEventLoop], Mapping[str, Executor]]
    kernels: Kernels
    clock: Callable[[asyncio.AbstractEventLoop], Clock]
    workspace: Workspace
    open_child: Callable[[Child, str], OpenedChild]
    facts: Mapping[str, object] = field(default_factory=dict)
    """What `run_started` records of this process: pid, host, version."""
    concurrency: int = 8
    """Actions at once in a run."""
    overrules: bool = False
    """Whether `concurrency` counts more than what a workflow says of itself (S57)."""
    runs: int = 10
    """Runs at once in this process."""


@dataclass(slots=True)
class _Queued:
    handle: Handle
    lease: Lease
    durability: Durability
    ready: Callable[[LiveRun], None]
    secrets: Mapping[str, str]

    @property
    def is_new(self) -> bool:
        """Whether nothing of it has happened yet but its creation."""
        state = self.handle.state
        return state.root is None and not state.ended


class Engine:
    """Runs workflows. Its methods may be called from any thread but its own."""

    def __init__(self, equipment: Equipment) -> None:
        self._with = equipment
        self.bus = Bus()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._means: Means | None = None
        self._starting = threading.Lock()
        self._ready = threading.Event()
        self._fault: BaseException | None = None
        self._admission = Admission(limit=equipment.runs)
        self._queued: dict[str, _Queued] = {}
        self._live: dict[str, LiveRun] = {}
        self._handles: dict[str, Handle] = {}
        self._unwatch: Callable[[], None] | None = None
        self._interval = sys.getswitchinterval()
        self._closed = False

    # ---- the loop ------------------------------------------------------------------------------------------------

    def _ensure(self) -> asyncio.AbstractEventLoop:
        if self._closed:
            raise NotPossible(what="start or resume a run", reason="the engine is closed")
        with self._starting:
            if self._thread is None:
                self._thread = threading.Thread(target=self._main, name="ergon-engine", daemon=True)
                self._thread.start()
                self._ready.wait()
        if self._fault is not None:
            raise self._fault
        loop = self._loop
        assert loop is not None
        return loop

    def _main(self) -> None:
        loop = asyncio.new_event_loop()
        asyncio.set_event_loop(loop)
        self._pool = ThreadPoolExecutor(max_workers=4, thread_name_prefix="ergon-io")
        try:
            self._means = self._equip(loop)
        except BaseException as error:  # handed to whoever asked for the engine
            self._fault = error
            loop.close()
            return
        finally:
            self._loop = loop
            self._ready.set()
        try:
            loop.run_forever()
        finally:
            loop.run_until_complete(self._shut())
            self._pool.shutdown(wait=False, cancel_futures=True)
            loop.close()

    def _equip(self, loop: asyncio.AbstractEventLoop) -> Means:
        equipment = self._with
        return Means(
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

    def call(self, function: Callable[[], _T]) -> _T:
        """Call a function in the engine's thread and give its result."""
        return self._call(self._ensure(), function)

    @staticmethod
    def _call(loop: asyncio.AbstractEventLoop, function: Callable[[], _T]) -> _T:
        future: Future[_T] = Future()

        def run() -> None:
            try:
                future.set_result(function())
            except BaseException as error:  # handed to the caller whole
                future.set_exception(error)

        loop.call_soon_threadsafe(run)
        return future.result()

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
        self._ensure()
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
            for step in lost_attempts(state):
                if step.process is not None:
                    end_survivor(*step.process)
            handle = Handle(state)
            queued = _Queued(handle, lease, durability, ready, self._secrets_of(state))
            self.call(lambda: self._enqueue(queued))
        except BaseException:
            lease.release()
            raise
        return handle

    def _secrets_of(self, state: RunState) -> dict[str, str]:
        """Read the secrets that a run names; one that the vault has not is an error where it is used (S48)."""
        frames = {state.frame, *(body.frame for body in state.bodies())}
        found: dict[str, str] = {}
        for name in sorted(set().union(*(named_secrets(frame, self._with.values) for frame in frames))):
            with contextlib.suppress(ErgonError):
                found[name] = self._with.vault.get(name)
        return found

    def _enqueue(self, queued: _Queued) -> None:
        state, means = queued.handle.state, self._means
        assert means is not None
        settings = state.frame.graph.workflow.settings
        ticket = Ticket(
            run=state.run,
            workflow=state.frame.graph.workflow.name,
            priority=state.start.get("priority", "immediate"),  # type: ignore[arg-type]  # checked when created
            queued_at=means.clock.monotonic(),
            max_runs=settings.max_runs,
            overlap=settings.overlap,
        )
        self._handles[state.run] = queued.handle
        self._queued[state.run] = queued
        if self._unwatch is None:
            self._unwatch = self._with.store.watch(self._changed)
        others = self._admission.of(ticket.workflow)
        full = ticket.max_runs is not None and len(others) >= ticket.max_runs
        self._admission.queued.append(ticket)
        if full and queued.is_new and ticket.overlap == "cancel":
            self._make_room(others)
        if full and queued.is_new and ticket.overlap == "skip":
            self._turn_away(state.run, "another run of the workflow was under way")
        self._admit()
        if state.run in self._queued:
            self._look_for_commands([state.run])

    def _make_room(self, runs: list[str]) -> None:
        """Cancel the runs of a workflow for a new one, as `overlap: cancel` says."""
        for run in runs:
            queued = self._queued.get(run)
            if queued is None:
                self._live[run].post(self._live[run].give_way)
            elif queued.is_new:
                self._turn_away(run, "a newer run of the workflow was started")

    def _turn_away(self, run: str, reason: str, *, command: int = 0) -> None:
        self._admission.leave(run)
        self._begin(run, lambda live: live.turn_away(reason, command=command))

    def _admit(self) -> None:
        while (ticket := self._admission.next()) is not None:
            self._begin(ticket.run, lambda live: live.begin(self._with.facts))

    def _begin(self, run: str, first: Callable[[LiveRun], None]) -> None:
        """Make a queued run live, and let it do what comes first."""
        queued = self._queued.pop(run)
        means, equipment = self._means, self._with
        assert means is not None
        state = queued.handle.state
        services = Services(
            run=run,
            epoch=queued.lease.epoch,
            workflow=state.frame.graph.workflow.name,
            actor=str(state.start.get("actor", "")),
            durability=queued.durability,
            workspace=equipment.workspace,
            values=equipment.values,
            vault=equipment.vault,
            kernels=equipment.kernels,
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

        live = LiveRun(state, means=means, services=services, lease=queued.lease, caching=caching, ended=self._left)
        if not self._live:
            self._interval = sys.getswitchinterval()
            sys.setswitchinterval(min(self._interval, _SWITCH_INTERVAL))
        self._live[run] = live
        try:
            commands = self._drop_stale(live, equipment.store.commands(run))
            queued.ready(live)
            first(live)
        except Exception as error:  # a fault of the engine's own, or the store's: whoever waits is told
            live.fail(error)
        else:
            self._deliver({run: commands})

    def _drop_stale(self, live: LiveRun, commands: list[Command]) -> list[Command]:
        """Drop what was asked for too late to be done when the run came to rest, and means nothing now."""
        stale = _stale(live.state)
        for command in commands:
            if command.kind in stale:
                live.journal.command_done(command.number)
        return [command for command in commands if command.kind not in stale]

    def _left(self, live: LiveRun, error: BaseException | None) -> None:
        run, means = live.state.run, self._means
        assert means is not None
        self._live.pop(run, None)
        self._admission.leave(run)
        if not self._live:
            sys.setswitchinterval(self._interval)
        # Whoever waits for the run may resume it at once, here or elsewhere: it is told when the run is free.
        live.lease.release(lambda: means.acknowledgements.deliver(lambda: self._rested(run, error)))
        if not self._closed:
            self._admit()

    def _rested(self, run: str, error: BaseException | None) -> None:
        handle = self._handles.pop(run, None)
        if handle is not None:
            handle.rest(error)

    # ---- commands ------------------------------------------------------------------------------------------------

    def _changed(self) -> None:
        """Look for commands; in the store's watching thread."""
        self._look_for_commands([*self._live, *self._queued])

    def _look_for_commands(self, runs: list[str]) -> None:
        found: dict[str, list[Command]] = {}
        with contextlib.suppress(StoreError):
            for run in runs:
                if commands := self._with.store.commands(run):
                    found[run] = commands
        if found and self._loop is not None:
            with contextlib.suppress(RuntimeError):  # the loop has closed
                self._loop.call_soon_threadsafe(self._deliver, found)

    def _deliver(self, found: Mapping[str, list[Command]]) -> None:
        for run, commands in found.items():
            if run in self._queued:
                self._heed(run, commands)
                continue
            live = self._live.get(run)
            for command in commands:
                if live is not None and command.number > live.last_command:
                    live.last_command = command.number
                    live.post(lambda live=live, command=command: live.command(command))  # type: ignore[misc]

    def live(self, run: str) -> bool:
        """Say whether the engine has a run, live or queued."""
        return run in self._handles

    def _heed(self, run: str, commands: list[Command]) -> None:
        """Do at once what is asked of a run that still is queued; all else is done when it begins."""
        queued = self._queued[run]
        stale = _stale(queued.handle.state)
        asked = {command.kind: command.number for command in commands if command.kind not in stale}
        if "cancel" in asked and queued.is_new:
            self._turn_away(run, "it was cancelled before it began", command=asked["cancel"])
        elif "cancel" in asked:
            self._admission.leave(run)
            self._begin(run, lambda live: live.begin(self._with.facts))
        elif "pause" in asked:
            self._admission.leave(run)
            self._begin(run, lambda live: live.put_off("asked", command=asked["pause"]))

    def handle(self, run: str) -> Handle | None:
        """Give the handle of a run that the engine has."""
        return self._handles.get(run)

    def busy(self) -> int:
        """Count what goes on in the live runs beside waits; 0 if all of them only wait, or there are none."""
        return self.call(lambda: sum(live.busy for live in self._live.values()))

    def interrupt(self, *, at_once: bool, reason: str, run: str = "") -> None:
        """Stop runs at their next boundary, or at once; they can be resumed."""
        if self._loop is not None and not self._closed:
            self._call(self._loop, lambda: self._interrupt(run, reason, at_once))

    def _interrupt(self, run: str, reason: str, at_once: bool) -> None:
        for ticket in list(self._admission.queued):
            if run in ("", ticket.run):
                self._leave_queue(ticket.run)
        for live in list(self._live.values()):
            if run in ("", live.state.run):
                live.interrupt(reason, at_once=at_once)

    def _leave_queue(self, run: str) -> None:
        """Let go of a run that has not begun; its journal stays as it is."""
        self._admission.leave(run)
        queued = self._queued.pop(run)
        queued.lease.release()
        self._handles.pop(run, None)
        queued.handle.rest(None)

    def close(self, *, reason: str = "the process ended", timeout: float = 10.0) -> None:
        """Interrupt all runs at once, and end the loop. `timeout` in seconds is for what does not stop."""
        if self._loop is None or self._closed:
            self._closed = True
            return
        handles = list(self._handles.values())
        self.interrupt(at_once=True, reason=reason)
        self._closed = True
        for handle in handles:
            handle.wait(timeout)
        if self._unwatch is not None:
            self._unwatch()
        self._loop.call_soon_threadsafe(self._loop.stop)
        assert self._thread is not None
        self._thread.join(timeout)


def _stale(state: RunState) -> Set[str]:
    """Give the kinds of commands that mean nothing to a run that goes on: they were for the time before."""
    if state.ended:
        return {"pause", "cancel"}
    return {"pause"} if state.root is not None else set()


def _nothing(live: LiveRun) -> None:
    """Do nothing before a run begins."""
