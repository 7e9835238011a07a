"""Commands: a process of the operating system, its streams followed, ended with its step."""

from __future__ import annotations

import asyncio
import codecs
import contextlib
import os
import subprocess
import tempfile
import threading
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Final, Literal

from ergon.errors import ActionFailed
from ergon.leash import Leash, await_end, end_group
from ergon.ports import Context

_KEPT: Final = 1_000_000
_CHUNK: Final = 65_536

Stream = Literal["stdout", "stderr"]


@dataclass(slots=True)
class Tail:
    """The last 1 MB of a stream."""

    data: bytearray = field(default_factory=bytearray)
    cut: bool = False
    """Whether there was more."""

    def add(self, chunk: bytes, limit: int = 2 * _KEPT) -> None:
        """Add bytes; the oldest go when there are too many."""
        self.data += chunk
        if len(self.data) > limit:
            del self.data[:-_KEPT]
            self.cut = True

    def text(self, encoding: str) -> str:
        """Give the text; what is none in the encoding is replaced."""
        self.add(b"", _KEPT)
        return self.data.decode(encoding, "replace")


@dataclass(frozen=True, slots=True)
class Ended:
    """How a command ended."""

    code: int
    """Its exit code; minus the signal's number if a signal ended it."""
    tails: Mapping[Stream, Tail]


@dataclass(frozen=True, slots=True)
class Command:
    """A command to run."""

    argv: Sequence[str]
    folder: Path
    environment: Mapping[str, str]
    stdin: str | None = None
    """Text for its standard input; empty if absent."""
    encoding: str = "utf-8"
    grace: float = 5.0
    """Seconds from SIGTERM to SIGKILL."""

    async def run(self, context: Context) -> Ended:
        """Run it to its end; cancelling ends it with all that it started."""
        leash, released = Leash(), threading.Event()
        try:
            with self._spooled() as source:
                process = self._spawn(leash, source)
                ended = _watched(process, released)
                return await self._follow(process, ended, leash, context)
        finally:
            leash.release()
            released.set()

    @contextlib.contextmanager
    def _spooled(self) -> Iterator[str]:
        """Give the name of a file that holds the standard input; the empty device if there is none."""
        if self.stdin is None:
            yield os.devnull
            return
        with tempfile.NamedTemporaryFile(prefix="ergon-stdin-") as file:
            file.write(self.stdin.encode(self.encoding, "replace"))
            file.flush()
            yield file.name

    def _spawn(self, leash: Leash, source: str) -> subprocess.Popen[bytes]:
        try:
            return subprocess.Popen(
                leash.command(self.argv, stdin=source),
                stdin=leash.stdin,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                bufsize=0,
                cwd=self.folder,
                env=dict(self.environment),
                start_new_session=True,
            )
        except OSError as error:
            reason = error.strerror or str(error)
            raise ActionFailed(f"The command '{self.argv[0]}' cannot be started: {reason}.") from None
        finally:
            leash.spawned()

    async def _follow(
        self, process: subprocess.Popen[bytes], ended: asyncio.Future[int], leash: Leash, context: Context
    ) -> Ended:
        """Let it begin once it is journaled, and read its streams to their ends and its own."""
        tails: dict[Stream, Tail] = {"stdout": Tail(), "stderr": Tail()}
        pipes: dict[Stream, IO[bytes] | None] = {"stdout": process.stdout, "stderr": process.stderr}
        async with contextlib.AsyncExitStack() as stack:
            tasks: set[asyncio.Future[object]] = {asyncio.ensure_future(_shielded(ended))}
            for stream, pipe in pipes.items():
                reader = await stack.enter_async_context(_reader(pipe))
                forward = self._forward(reader, stream, tails[stream], context)
                tasks.add(asyncio.ensure_future(forward))
            try:
                await asyncio.to_thread(context.process_started, process.pid)
                leash.go(process.pid)
                done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
                for task in done:
                    task.result()
            except BaseException:
                await self._stop(process.pid, tasks)
                raise
            finally:
                for task in tasks:
                    task.cancel()
            return Ended(ended.result(), tails)

    async def _forward(self, reader: asyncio.StreamReader, stream: Stream, tail: Tail, context: Context) -> None:
        """Pass a stream on to the step's log as it comes."""
        decoder = codecs.getincrementaldecoder(self.encoding)("replace")
        while chunk := await reader.read(_CHUNK):
            tail.add(chunk)
            if text := decoder.decode(chunk):
                context.write(text, stream)
        if text := decoder.decode(b"", final=True):
            context.write(text, stream)

    async def _stop(self, pid: int, tasks: set[asyncio.Future[object]]) -> None:
        """Tell the command's group to end, and kill it after the grace; told again, kill it at once."""
        end_group(pid)
        try:
            await asyncio.wait(tasks, timeout=self.grace)
        finally:
            end_group(pid, force=True)


def _watched(process: subprocess.Popen[bytes], released: threading.Event) -> asyncio.Future[int]:
    """Give what has the exit code when the process has ended; it is reaped once its group was released."""
    loop = asyncio.get_running_loop()
    ended: asyncio.Future[int] = loop.create_future()

    def settle(code: int) -> None:
        if not ended.done():
            ended.set_result(code)

    def watch() -> None:
        code = await_end(process.pid)
        code = process.wait() if code is None else code
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody asks any more
            loop.call_soon_threadsafe(settle, code)
        released.wait()
        process.wait()

    threading.Thread(target=watch, name=f"ergon-command-{process.pid}", daemon=True).start()
    return ended


async def _shielded(future: asyncio.Future[int]) -> object:
    return await asyncio.shield(future)


@contextlib.asynccontextmanager
async def _reader(pipe: IO[bytes] | None) -> AsyncIterator[asyncio.StreamReader]:
    """Read a pipe in the running loop; the pipe is closed at the end."""
    reader = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    transport, _ = await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), pipe)
    try:
        yield reader
    finally:
        transport.close()
