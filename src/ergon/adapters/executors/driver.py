"""Driver: the thread that lends a child process to one attempt after another."""

from __future__ import annotations

import contextlib
import pickle
import signal
import sys
import threading
from collections.abc import Callable
from functools import partial
from queue import SimpleQueue
from typing import Final

from ergon.adapters.executors.child import Child, ChildDied, ending
from ergon.adapters.executors.failures import Failure, Result, result_of
from ergon.adapters.executors.guard import Guard
from ergon.adapters.executors.handoff import Attempt
from ergon.adapters.executors.messages import (
    ASKS,
    HINT,
    TELLS,
    Answer,
    Ask,
    Compute,
    Computed,
    Done,
    Facts,
    Message,
    Ready,
    Setup,
    Stop,
    Tell,
    Work,
)
from ergon.adapters.executors.streams import StreamName
from ergon.errors import CallableUnknown, InputInvalid, ProcessDied
from ergon.ports import ActionHandler, Call, Context

_START: Final = 60.0
"""Seconds that a process may take to start."""


class Driver:
    """One child process and the thread that drives it; the thread lives as long as the process does."""

    def __init__(self, guard: Guard, post: Callable[[Attempt], None], ended: Callable[[Driver], None]) -> None:
        """Start the thread; the process starts with the first attempt.

        Args:
            guard: Ends the process's group should this process be killed.
            post: Called in the thread when it is done with an attempt.
            ended: Called in the thread, last, when the process is gone.
        """
        self._guard = guard
        self._post = post
        self._ended = ended
        self._attempts: SimpleQueue[Attempt | None] = SimpleQueue()
        self._child: Child | None = None
        self._is_busy = False
        """Whether the child has work that it is not done with."""
        self._is_clean = True
        """Whether the child can take more work."""
        self._stopping = threading.Event()
        self._onces: dict[int, SimpleQueue[Result]] = {}
        threading.Thread(target=self._work, name="ergon-process", daemon=True).start()

    # ---- from the loop

    def give(self, attempt: Attempt) -> None:
        """Take an attempt on."""
        self._attempts.put(attempt)

    def stop(self) -> None:
        """End the process with the attempt that runs in it, and take no more."""
        self._stopping.set()
        child = self._child
        if child is not None:
            child.stop()
        self.retire()

    def retire(self) -> None:
        """End the process when it has done what it was given."""
        self._attempts.put(None)

    # ---- in the thread

    def _work(self) -> None:
        try:
            while (attempt := self._attempts.get()) is not None:
                self._serve(attempt)
                del attempt  # nothing of it is kept while the next one is waited for
                if not self._is_clean:
                    self._dismiss()
            self._dismiss()
        finally:
            self._ended(self)

    def _serve(self, attempt: Attempt) -> None:
        try:
            attempt.work(lambda: self._run(attempt))
            child = self._child
            if self._is_busy and child is not None:  # something went wrong on this side
                self._is_clean = False
                child.stop()
            if attempt.state == "abandoned":
                self._dismiss()
        finally:
            if attempt.state != "dropped":
                self._post(attempt)

    def _run(self, attempt: Attempt) -> object:
        """Run an attempt in the process; the limit counts from when it has the work."""
        call = attempt.call
        work = _packed_work(call)
        try:
            child = self._ready(call.context)
            call.context.process_started(child.pid)
            if not attempt.begin():
                return None
            child.drain(_discard)
            self._is_busy = True
            child.send(work)
            return self._converse(child, call.context).open()
        except ChildDied:
            raise self._death(call.context) from None

    def _ready(self, context: Context) -> Child:
        """Give the process, started if need be; raises `ChildDied`."""
        if self._child is not None and not self._child.is_alive():
            self._dismiss()
        if self._child is None:
            self._child = Child()
            try:
                self._start(self._child, context)
            except OSError:
                self._dismiss()
                raise
        return self._child

    def _start(self, child: Child, context: Context) -> None:
        self._guard.add(child.pid)
        if self._stopping.is_set():
            child.stop()
        child.send(Setup(list(sys.path)))
        while not any(isinstance(each, Ready) for each in child.receive(context.write, patience=_START)):
            continue

    def _death(self, context: Context) -> ProcessDied:
        """Give the error for a process that is gone, or does not answer."""
        child = self._child
        assert child is not None
        for computed in list(self._onces.values()):
            computed.put(Result(failure=Failure.of(ProcessDied(what=f"The process {child.pid}"))))
        code = child.reap()
        child.drain(context.write)
        self._forget(child)
        error = ProcessDied(what=f"The process {child.pid} ({ending(code)})")
        if code == -signal.SIGKILL:
            error.hint = "Perhaps the machine ran out of memory."
        return error

    def _dismiss(self) -> None:
        """End the process, which has nothing to do or was told to stop."""
        child = self._child
        if child is not None:
            with contextlib.suppress(ChildDied):
                child.send(Stop())
            child.reap()
            self._forget(child)

    def _forget(self, child: Child) -> None:
        """Let go of a process that was reaped."""
        self._child = None
        self._is_busy = False
        self._is_clean = True
        self._guard.remove(child.pid)
        child.close()

    # ---- the conversation

    def _converse(self, child: Child, context: Context) -> Result:
        """Answer what the action asks of its context until it is done."""
        while True:
            for message in child.receive(context.write):
                if isinstance(message, Done):
                    child.drain(context.write)
                    self._is_busy = False
                    self._is_clean = message.is_clean
                    return message.result
                self._handle(child, context, message)

    def _handle(self, child: Child, context: Context, message: Message) -> None:
        if isinstance(message, Tell) and message.method in TELLS:
            try:
                _call(context, message)
            except Exception as error:  # the arguments are anybody's
                context.log(f"{message.method} failed: {error!r}", "warning")
        elif isinstance(message, Computed):
            self._onces[message.number].put(message.result)
        elif isinstance(message, Ask) and message.method == "once":
            self._onces[message.number] = SimpleQueue()
            once = partial(self._once, child, context, message)
            threading.Thread(target=once, name="ergon-once", daemon=True).start()
        elif isinstance(message, Ask) and message.method in ASKS:
            child.send(Answer(message.number, result_of(partial(_call, context, message))))

    def _once(self, child: Child, context: Context, ask: Ask) -> None:
        """Let the context ask for the function's result, which the child computes if it must."""
        computed = self._onces[ask.number]

        def compute() -> object:
            child.send(Compute(ask.number))
            return computed.get().open()

        (key,), _ = pickle.loads(ask.arguments)
        result = result_of(lambda: context.once(key, compute))
        del self._onces[ask.number]
        with contextlib.suppress(ChildDied):
            child.send(Answer(ask.number, result))


def _call(context: Context, message: Tell | Ask) -> object:
    arguments, named = pickle.loads(message.arguments)
    return getattr(context, message.method)(*arguments, **named)


def _discard(text: str, stream: StreamName) -> None:
    """Drop what a process printed between two attempts."""


def _packed_work(call: Call) -> Work:
    """Pickle an attempt; raises `CallableUnknown` or `InputInvalid`."""
    handler, context = call.handler, call.context
    try:
        action = pickle.dumps(handler, protocol=5)
    except Exception as error:  # pickling runs the code of anybody's class
        unknown = CallableUnknown(name=handler.name, reason=str(error))
        unknown.hint = HINT
        raise unknown from error
    facts = Facts(
        run=context.run,
        step=context.step,
        attempt=context.attempt,
        epoch=context.epoch,
        workflow=context.workflow,
        actor=context.actor,
        workspace=context.workspace,
        folder=context.folder,
        idempotency_key=context.idempotency_key,
    )
    inputs = {name: _packed_input(handler, name, value) for name, value in call.inputs.items()}
    return Work(handler.name, action, inputs, facts)


def _packed_input(handler: ActionHandler, name: str, value: object) -> bytes:
    try:
        return pickle.dumps(value, protocol=5)
    except Exception as error:  # pickling runs the code of anybody's class
        reason = f"a {type(value).__qualname__} cannot be sent to another process"
        raise InputInvalid(action=handler.name, field=name, reason=reason, hint="Use `run_on: thread`.") from error
