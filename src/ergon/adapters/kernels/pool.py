"""Pool: keeps kernels started ahead, and gives each away once."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Mapping
from pathlib import Path

from ergon.errors import ErgonError
from ergon.ports import Kernel, KernelOrigin, KernelRequest, Kernels

_Key = tuple[str, Path, frozenset[tuple[str, str]]]


class PooledKernels:
    """Gives a kernel that waits already, where one was started ahead for the same name, folder and environment.

    The first kernel of a kind comes straight from the source; from then on some of its kind are kept ready, until none
    was asked for in a while. Those of the kind that was asked for last are kept, and no more than `size` in all.
    """

    def __init__(
        self, source: Kernels, *, size: int, idle: float, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        """`source` starts kernels; `idle` is in seconds."""
        self._source = source
        self._size = size
        self._idle = idle
        self._monotonic = monotonic
        self._waiting: OrderedDict[_Key, deque[Kernel]] = OrderedDict()
        self._asked: dict[_Key, tuple[KernelRequest, float]] = {}
        self._changed = threading.Condition()
        self._keeper: threading.Thread | None = None
        self._closed = False

    def acquire(self, request: KernelRequest, started: Callable[[int], None]) -> Kernel:
        """Give the kernel of this kind that has waited longest, or a new one."""
        kernel = self._taken(request)
        if kernel is None:
            kernel = self._source.acquire(request, started)
        else:
            try:
                if kernel.pid is not None:
                    started(kernel.pid)
            except BaseException:
                kernel.end()
                raise
        self._keep(request)
        return kernel

    def _taken(self, request: KernelRequest) -> Kernel | None:
        dead = []
        try:
            with self._changed:
                waiting = self._waiting.get(_key(request), deque())
                while waiting:
                    kernel = waiting.popleft()
                    if kernel.alive():
                        return PooledKernel(kernel)
                    dead.append(kernel)
            return None
        finally:
            for kernel in dead:
                kernel.end()

    def _keep(self, request: KernelRequest) -> None:
        """Have some of a kind kept ready from now on."""
        key = _key(request)
        with self._changed:
            if self._closed or not self._size:
                return
            self._asked[key] = (request, self._monotonic())
            self._waiting.setdefault(key, deque())
            self._waiting.move_to_end(key)
            if self._keeper is None:
                self._keeper = threading.Thread(target=self._keep_ready, name="ergon-kernel-pool", daemon=True)
                self._keeper.start()
            self._changed.notify_all()

    # ---- in the thread that keeps them -----------------------------------------------------------------------------

    def _keep_ready(self) -> None:
        while True:
            with self._changed:
                while not self._closed and (due := self._wait_for()) is not None:
                    self._changed.wait(due)
                closed = self._closed
                surplus = self._surplus()
                wanted = None if closed else self._lacking()
            for kernel in surplus:
                kernel.end()
            if closed:
                return
            if wanted is not None:
                self._add(wanted)

    def _wait_for(self) -> float | None:
        """Give the seconds until there may be something to do; None if there is something now."""
        now = self._monotonic()
        ends = [asked + self._idle - now for _, asked in self._asked.values()]
        if self._lacking() is not None or any(end <= 0 for end in ends):
            return None
        return min(ends, default=self._idle)

    def _lacking(self) -> KernelRequest | None:
        """Give the request of which there are too few: that of the kind that was asked for last."""
        if not self._waiting or not self._size:
            return None
        key = next(reversed(self._waiting))
        return self._asked[key][0] if len(self._waiting[key]) < self._size else None

    def _surplus(self) -> list[Kernel]:
        """Take out those whose kind was not asked for in a while, and the oldest kinds where they are too many."""
        now = self._monotonic()
        found: list[Kernel] = []
        for key, (_, asked) in list(self._asked.items()):
            if self._closed or asked + self._idle <= now:
                found += self._waiting.pop(key)
                del self._asked[key]
        for key in list(self._waiting)[:-1]:
            waiting = self._waiting[key]
            while waiting and sum(map(len, self._waiting.values())) >= self._size:
                found.append(waiting.popleft())
            if not waiting:
                del self._waiting[key], self._asked[key]
        return found

    def _add(self, request: KernelRequest) -> None:
        """Start one of a kind ahead; a kind that cannot be started is not tried again until it is asked for."""
        key = _key(request)
        try:
            kernel = self._source.acquire(request, _nobody)
        except (ErgonError, OSError):
            with self._changed:
                self._asked.pop(key, None)
                for left in self._waiting.pop(key, deque()):
                    left.end()
            return
        with self._changed:
            if not self._closed and key in self._waiting:
                self._waiting[key].append(kernel)
                self._changed.notify_all()
                return
        kernel.end()

    # ---- looking, and the end --------------------------------------------------------------------------------------

    def ready(self) -> int:
        """Give how many kernels wait."""
        with self._changed:
            return sum(map(len, self._waiting.values()))

    def wait_ready(self, count: int, timeout: float) -> bool:
        """Wait until `count` kernels wait; gives whether they do."""
        with self._changed:
            return self._changed.wait_for(lambda: sum(map(len, self._waiting.values())) >= count, timeout)

    def close(self) -> None:
        """End all that wait."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
            keeper = self._keeper
        if keeper is not None and keeper is not threading.current_thread():
            keeper.join()
        self._source.close()


class PooledKernel:
    """A kernel that has waited for its owner."""

    origin: KernelOrigin = "pool"

    def __init__(self, kernel: Kernel) -> None:
        self._kernel = kernel
        self.pid = kernel.pid
        self.connection: Mapping[str, object] = kernel.connection
        self.outputs = kernel.outputs

    def interrupt(self) -> None:
        """Interrupt it."""
        self._kernel.interrupt()

    def kill(self) -> None:
        """Kill it."""
        self._kernel.kill()

    def alive(self) -> bool:
        """Say whether it runs."""
        return self._kernel.alive()

    def end(self, *, grace: float = 0.0, handover: Path | None = None) -> None:
        """End it."""
        self._kernel.end(grace=grace, handover=handover)

    def last_words(self) -> str:
        """Say how it ended."""
        return self._kernel.last_words()


def _key(request: KernelRequest) -> _Key:
    return request.name, request.folder, frozenset(request.environment.items())


def _nobody(pid: int) -> None:
    """Tell nobody yet: a kernel that waits belongs to no step."""
