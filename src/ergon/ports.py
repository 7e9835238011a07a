"""The ports: what the engine needs of the world, each with a real adapter and one in memory.

A contract suite per port (`ergon.testing.contracts`) runs on every adapter.
"""

from __future__ import annotations

import abc
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal, Protocol

from ergon.model.diagnostics import Severity
from ergon.model.events import Event
from ergon.model.policies import Durability
from ergon.model.records import (
    CacheRecord,
    Command,
    Owner,
    Pruned,
    RunRecord,
    Statistics,
    StepRecord,
    WaitRecord,
)

# ---- time ----------------------------------------------------------------------------------------------------


class Timer(Protocol):
    """A call that is due later."""

    def cancel(self) -> None:
        """Drop the call."""


class Clock(Protocol):
    """Wall time for records, monotonic time for limits (S34)."""

    def now(self) -> float:
        """Give the wall time in seconds since 1970 UTC."""

    def monotonic(self) -> float:
        """Give seconds that never jump."""

    def call_later(self, delay: float, callback: Callable[[], None]) -> Timer:
        """Call back in the engine's loop after `delay` seconds; must be called in that loop."""


# ---- the store -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Change:
    """What one turn of the engine adds to one run's journal; it is committed whole or not at all."""

    run: str
    epoch: int
    events: Sequence[Event]
    definitions: Mapping[str, str] = field(default_factory=dict)
    """Definitions (canonical JSON text) by hash that the events name for the first time."""
    durability: Durability = "full"
    commands_done: Sequence[int] = ()
    """Numbers of the commands that these events carry out."""


class Lease(Protocol):
    """The ownership of a run by this process, as an operating-system lock with an epoch (S44)."""

    run: str
    epoch: int

    def release(self, done: Callable[[], None] | None = None) -> None:
        """Give the run up; done once, more does nothing.

        What is queued for the run is still written. `done` is called, from any thread, when it is free to be claimed.
        """


class Store(Protocol):
    """Keeps journals, and tells about runs. Methods may be called from any thread."""

    url: str

    def commit(self, change: Change, done: Callable[[BaseException | None], None]) -> None:
        """Append a change, in the order of the calls.

        `done` is called when it is as safe as its durability says, with None, or with the error that kept it
        out: `LeaseLost`, or a `StoreError`. It is called in the caller's thread before `commit` returns, or
        later in the writer's thread; it must be quick and must not raise.
        """

    def claim(self, run: str) -> Lease:
        """Own a run (raises `RunOwned` while a live process does) and raise its epoch."""

    def owner(self, run: str) -> Owner | None:
        """Say who owns a run; None if nobody alive does."""

    def run(self, reference: str) -> RunRecord:
        """Give a run by id, unique prefix, or `last`; raises `RunNotFound`."""

    def runs(self, *, status: str = "", workflow: str = "", limit: int | None = None) -> list[RunRecord]:
        """List runs, newest first."""

    def events(self, run: str, *, after: int = 0, limit: int | None = None) -> list[Event]:
        """Give a run's events numbered above `after`, in order."""

    def definition(self, sha256: str) -> str:
        """Give a definition's canonical JSON text by its hash; raises KeyError."""

    def steps(self, run: str) -> list[StepRecord]:
        """Give a run's step instances in the order of their first event."""

    def waits(self, run: str = "") -> list[WaitRecord]:
        """Give open waits, of one run or of all."""

    def cached(self, key: str) -> CacheRecord | None:
        """Give the newest result kept under a cache key."""

    def latest_output(self, workflow: str, path: str) -> tuple[str, str] | None:
        """Give (run id, stored form) of the newest output of a step over the runs of a workflow (S53)."""

    def statistics(self, workflow: str) -> Statistics:
        """Say how the runs of a workflow went."""

    def send(self, command: Command) -> int:
        """Leave a command for whoever owns its run; gives its number."""

    def commands(self, run: str) -> list[Command]:
        """Give a run's commands that were not carried out yet, in order."""

    def watch(self, notify: Callable[[], None]) -> Callable[[], None]:
        """Call `notify`, from any thread, within 100 ms of a change by anybody else; gives what ends it (S45)."""

    def prune(self, *, before: float | None, keep: int) -> Pruned:
        """Forget ended runs that ended before `before` (UTC seconds), always keeping the newest `keep` a workflow."""

    def artifacts_named(self) -> set[str]:
        """Give the hashes of all artifacts that kept events name."""

    def close(self) -> None:
        """Write what is queued and close; more calls do nothing."""


# ---- values --------------------------------------------------------------------------------------------------


class ArtifactStore(Protocol):
    """Keeps bytes by their sha256. Methods may be called from any thread."""

    url: str

    def put(self, data: bytes) -> str:
        """Keep bytes, durably before it returns (S42); gives their sha256 in hex."""

    def put_file(self, path: Path) -> tuple[str, int]:
        """Keep a file's bytes without loading them; gives (sha256, size)."""

    def get(self, sha256: str) -> bytes:
        """Give bytes, their hash checked; raises `ArtifactDamaged`."""

    def path(self, sha256: str) -> Path | None:
        """Give the file that holds the bytes, if there is one."""

    def has(self, sha256: str) -> bool:
        """Say whether the bytes are there."""

    def remove(self, sha256: str, *, older: float = 0.0) -> int:
        """Forget bytes unless they were put within the last `older` seconds; gives how many were freed.

        A run that lives may have put bytes that no committed event names yet.
        """

    def hashes(self) -> set[str]:
        """Give the hashes of all that is kept."""

    def sweep(self) -> int:
        """Delete what killed processes left half done; gives how many bytes that freed."""


class Codec(Protocol):
    """Turns values of one kind into bytes and back (S46)."""

    type: str
    """The name under `type` of an artifact, such as `dataframe` or `bytes`."""

    def matches(self, value: object) -> bool:
        """Say whether a value is of this kind, importing nothing."""

    def encode(self, value: object) -> bytes:
        """Give the bytes of a value."""

    def decode(self, data: bytes) -> object:
        """Give the value of bytes."""


class Vault(Protocol):
    """Gives secrets by name (S48)."""

    def get(self, name: str) -> str:
        """Give a secret; raises `SecretMissing`."""


# ---- kernels -------------------------------------------------------------------------------------------------

KERNEL_OUTPUTS: Final = "ERGON_NOTEBOOK_OUTPUTS"
"""Environment variable that names the folder in which a kernel's notebook hands values over (`Kernel.outputs`)."""


@dataclass(frozen=True, slots=True)
class KernelRequest:
    """What a kernel is asked for with. Equal requests are served by kernels that cannot be told apart."""

    name: str
    """The kernelspec's name."""
    folder: Path
    """Where it runs."""
    environment: Mapping[str, str]
    """Its whole environment, but for what its kernelspec adds and `KERNEL_OUTPUTS`."""


KernelOrigin = Literal["spawned", "pool", "fork"]
"""How a kernel came to be: started now, started ahead, or forked from a process with its imports loaded."""


class Kernel(Protocol):
    """A kernel that nobody else uses, on a leash: it dies with this process. Methods may be called from any thread."""

    origin: KernelOrigin
    pid: int | None
    """The leader of its process group; None if it is no process of this machine."""
    connection: Mapping[str, object]
    """What a Jupyter connection file holds: transport, ip, ports, key."""
    outputs: Path
    """A folder of its own, for what its notebook hands over; it is there until the kernel is ended."""

    def interrupt(self) -> None:
        """Interrupt what it runs, and the processes that it started."""

    def kill(self) -> None:
        """Kill it, and the processes that it started."""

    def alive(self) -> bool:
        """Say whether it still runs."""

    def end(self, *, grace: float = 0.0, handover: Path | None = None) -> None:
        """Give it `grace` seconds to end by itself, kill what is left, and take its files away; more does nothing.

        What its notebook handed over goes into the folder `handover`, which is there.
        """

    def last_words(self) -> str:
        """Say how it ended, and what it printed last if it ended by itself: the end of a sentence."""


class Kernels(Protocol):
    """Gives fresh kernels. Methods block, and may be called from any thread."""

    def acquire(self, request: KernelRequest, started: Callable[[int], None]) -> Kernel:
        """Give a kernel that has run nothing yet; its clients wait until it answers.

        `started` is told its pid before it can be given anything to run; what that raises ends the kernel.
        Raises `ActionFailed`, for a kernel that is not installed too.
        """

    def close(self) -> None:
        """End the kernels that wait to be asked for; those that were given stay their owners'."""


# ---- actions -------------------------------------------------------------------------------------------------


class Context(abc.ABC):
    """What an action may ask of its run (S56). Safe to use from the action's own thread."""

    run: str
    step: str
    """Path of the step instance."""
    attempt: int
    epoch: int
    workflow: str
    actor: str
    workspace: Path
    """The folder that holds `.ergon/`; file actions stay inside it."""
    folder: Path
    """The workflow file's folder, which relative paths start from (S11)."""
    idempotency_key: str
    """The same for all attempts of this step instance."""

    @property
    @abc.abstractmethod
    def kernels(self) -> Kernels:
        """What gives Jupyter kernels."""

    @property
    @abc.abstractmethod
    def cancelled(self) -> bool:
        """Whether the attempt was told to stop; a long action asks now and then."""

    @abc.abstractmethod
    def cancel(self) -> None:
        """Tell the attempt to stop; its executor calls this at its limit and when it is cancelled."""

    @abc.abstractmethod
    def on_cancel(self, callback: Callable[[], None]) -> None:
        """Call back, from any thread, when the attempt is told to stop (at once if it already was)."""

    @abc.abstractmethod
    def log(self, message: str, level: Literal["debug", "info", "warning", "error"] = "info") -> None:
        """Write a line into the step's log."""

    @abc.abstractmethod
    def write(self, text: str, stream: Literal["stdout", "stderr"] = "stdout") -> None:
        """Stream output text, as it comes, into the step's log."""

    @abc.abstractmethod
    def progress(self, fraction: float | None, text: str = "") -> None:
        """Say how far the action is: `fraction` from 0 to 1, or None if unknown."""

    @abc.abstractmethod
    def emit(self, type: str, data: Mapping[str, object]) -> None:
        """Send a signal of the action's own to whoever watches; it is not journaled."""

    @abc.abstractmethod
    def note(self, type: str, data: Mapping[str, object]) -> None:
        """Journal a small fact of the action's own, such as that a cell has ended; it is not waited for."""

    @abc.abstractmethod
    def artifact(self, data: bytes | Path, *, type: str = "bytes", name: str = "") -> object:
        """Keep bytes or a file as an artifact; gives the reference to return as (part of) the output."""

    @abc.abstractmethod
    def secret(self, name: str) -> str:
        """Give a secret that the workflow names."""

    @abc.abstractmethod
    def redacted(self, data: Mapping[str, object]) -> Mapping[str, object]:
        """Give data with the secrets that this run uses hidden in its texts, for what an action writes itself (S48)."""

    @abc.abstractmethod
    def path(self, relative: str | Path, *, write: bool = False) -> Path:
        """Resolve a path against the workflow's folder; raises `PathRefused` outside the workspace."""

    @abc.abstractmethod
    def output_folder(self) -> Path:
        """Give a folder of this step instance's own beside the run's artifacts, made on first use."""

    @abc.abstractmethod
    def once(self, key: str, function: Callable[[], object]) -> object:
        """Give the function's result, journaled under `key`: later attempts and resumes get the same one."""

    @abc.abstractmethod
    def process_started(self, pid: int) -> None:
        """Journal a child process, on disk when this returns, so that a resume can end a survivor (S35)."""


@dataclass(frozen=True, slots=True)
class Problem:
    """A fault that an action finds in its own configuration; `path` is its place under `with`."""

    path: tuple[str | int, ...]
    message: str
    hint: str = ""
    severity: Severity = "error"
    code: str = ""
    """The diagnostic's code, where it has one of its own."""


RunsIn = Literal["loop", "thread", "process"]


class ActionHandler(Protocol):
    """An action: what a step does."""

    name: str
    """`namespace.verb`, or `module:function`."""
    summary: str
    """One sentence."""
    help: str
    example: str
    """A step in YAML that uses it."""
    version: str
    """Part of the code that a cache key and a resume compare (S51)."""
    runs_in: RunsIn
    """Where it runs unless the step says otherwise: `loop` for async ones."""

    @property
    def schema(self) -> Mapping[str, object]:
        """The JSON Schema of its inputs."""

    @property
    def path_inputs(self) -> frozenset[str]:
        """Names of the inputs that are paths of files, whose content counts for a cache key."""

    @property
    def can_undo(self) -> bool:
        """Whether it has an `undo`."""

    def code(self) -> str:
        """Give what stands for its code in cache keys and resumes: version, or source."""

    def bind(self, inputs: Mapping[str, object]) -> dict[str, object]:
        """Check and convert inputs; raises `InputInvalid`."""

    def call(self, context: Context, inputs: Mapping[str, object]) -> object:
        """Do it, with bound inputs; gives the output, a directive, or an awaitable of either (`loop` only)."""

    def check(
        self, config: Mapping[str, object], *, templated: frozenset[str], folder: Path | None = None
    ) -> Sequence[Problem]:
        """Find faults in a step's `with` before a run; inputs named in `templated` are not known yet.

        `folder` is the workflow's, where it has one.
        """

    def schema_for(self, config: Mapping[str, object], *, folder: Path) -> Mapping[str, object]:
        """Give the JSON Schema of its inputs with what follows from those that are known already.

        Raises a `StepError` for an input that says nothing of the others because it is wrong itself.
        """

    def undo(self, context: Context, output: object) -> object:
        """Take back what a succeeded call did."""


class Catalog(Protocol):
    """Finds actions by name."""

    def find(self, name: str) -> ActionHandler:
        """Give an action, importing what it needs; raises `ActionUnknown` or `CallableUnknown`."""

    def names(self) -> Sequence[str]:
        """Give the names of all actions that are installed, sorted."""


@dataclass(frozen=True, slots=True)
class Call:
    """One attempt, as an executor gets it: run, step, attempt and epoch fence a late worker."""

    handler: ActionHandler
    inputs: Mapping[str, object]
    """Bound inputs."""
    context: Context
    timeout: float | None = None
    """Seconds from when the work itself starts."""


class Executor(Protocol):
    """Runs attempts somewhere: in the loop, in a thread, in a process."""

    def execute(self, call: Call) -> Awaitable[object]:
        """Run an attempt, in the engine's loop; gives its output.

        Raises what the action raised, or `Timeout`. Cancelling the awaiting task ends the work: at once where
        it can be killed, and by telling it (`Context.cancelled`) where it cannot.
        """

    def idle(self, run: str, step: str) -> Awaitable[bool]:
        """Wait up to 10 s until no earlier attempt of the step still runs; gives whether that is so (S35)."""

    async def close(self) -> None:
        """End what still runs, without waiting for threads."""


# ---- people and machines outside -----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Signal:
    """Something that happens while a step runs and is shown but not journaled (S40)."""

    run: str
    step: str
    attempt: int
    type: str
    """progress, output, log, or an action's own."""
    data: Mapping[str, object]


Subscriber = Callable[[Event | Signal], None]
