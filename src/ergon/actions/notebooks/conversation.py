"""Conversation: what is said between us and one kernel, as it is said.

Nothing waits for a set time: requests are answered by their replies, the end of a request's output by the kernel's
`idle`, and readiness by the first word on the channel that output comes over.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Protocol, TypeVar

import zmq
from jupyter_client.blocking.client import BlockingKernelClient  # noqa: TID253  # imported when a notebook runs

from ergon.errors import ActionFailed

Message = dict[str, Any]  # Any: JSON
_T = TypeVar("_T")

_TURN: Final = 32
"""Messages that are taken in before others get a turn."""
_PULSE: Final = 0.25
"""Seconds between two looks at whether the kernel lives."""
_SILENCE: Final = 1.0
"""Seconds without a word after which the kernel is asked whether it has said all."""
_LAST: Final = 0.05
"""Seconds without a word after which a dead kernel has said all."""
_OPTIONS: Final[Mapping[int, int]] = {zmq.RCVHWM: 0, zmq.RECONNECT_IVL: 20, zmq.RECONNECT_IVL_MAX: 200}
"""What our sockets are made with: they keep all that comes, and find a kernel as soon as it is there (ms)."""


class Running(Protocol):
    """What a conversation needs of a kernel; the methods may be called from any thread, and may block."""

    @property
    def connection(self) -> Mapping[str, object]:
        """Give its addresses and key, as in a connection file."""

    def interrupt(self) -> None:
        """Interrupt what it runs."""

    def alive(self) -> bool:
        """Say whether it lives."""


class KernelGone(Exception):  # noqa: N818  # it is told as KernelDied, with where and why
    """The kernel has ended."""


class InputAsked(Exception):  # noqa: N818  # it is told as the failure of a cell
    """The kernel asks somebody to type."""


@dataclass(slots=True)
class _Request:
    """A request that was sent."""

    reply: asyncio.Future[Message]
    idle: asyncio.Event = field(default_factory=asyncio.Event)


class Conversation:
    """Requests to one kernel, in the loop in which it was made; enter it to begin."""

    def __init__(self, kernel: Running, hear: Callable[[str, Message, int], None]) -> None:
        """`hear` is called with the id of the request that a message belongs to, the message, and its bytes."""
        self._kernel = kernel
        self._hear = hear
        self._requests: dict[str, _Request] = {}
        self._heard = 0
        self._first = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self._broken: asyncio.Future[Message] = self._loop.create_future()
        self._takers: dict[Any, Callable[[Message, int], None]] = {}
        """What takes the messages in that come over each socket."""
        self.client: Any = BlockingKernelClient()  # its sockets are plain, and are read when they have something
        connection: Any = dict(kernel.connection)
        self.client.load_connection_info(connection)
        for option, value in _OPTIONS.items():
            self.client.context.setsockopt(option, value)

    @property
    def session(self) -> Any:
        """What makes and signs messages."""
        return self.client.session

    async def __aenter__(self) -> Conversation:
        client = self.client
        client.start_channels(hb=False, control=False)
        client.allow_stdin = False
        self._takers = {
            client.iopub_channel.socket: self._output,
            client.shell_channel.socket: self._reply,
            client.stdin_channel.socket: self._question,
        }
        for socket in self._takers:
            self._loop.add_reader(socket.FD, self._drain, socket)
        self._pulse = asyncio.create_task(self._watch())
        return self

    async def __aexit__(self, *_: object) -> None:
        for socket in self._takers:
            self._loop.remove_reader(socket.FD)
        self._takers = {}
        self._pulse.cancel()
        await asyncio.gather(self._pulse, return_exceptions=True)
        self.client.stop_channels()
        if self._broken.done():
            self._broken.exception()  # looked at, so that asyncio does not complain of it

    # ---- what is asked ---------------------------------------------------------------------------------------

    async def ready(self) -> Message:
        """Wait until the kernel answers and its output reaches us; gives what it says of itself."""
        pause = _LAST
        while True:
            request = self._sent(self.client.kernel_info())
            reply = await self._outcome(request.reply)
            if await self._within(pause, self._first.wait()):
                content: Message = reply["content"]
                self.client._handle_kernel_info_reply(reply)
                return content
            pause = min(2 * pause, 1.0)

    async def execute(
        self, code: str, *, go_on: bool, expressions: Mapping[str, str], began: Callable[[str], None]
    ) -> Message:
        """Run code, and wait until all of its output is here; gives the reply.

        Args:
            code: The code of a cell.
            go_on: Whether an error lets the requests after this one be.
            expressions: Expressions to evaluate after it, whose values are in the reply.
            began: Called with the request's id before any of its output is heard.
        """
        number = self.client.execute(
            code, allow_stdin=False, stop_on_error=not go_on, user_expressions=dict(expressions)
        )
        began(number)
        request = self._sent(number)
        reply = await self._outcome(request.reply)
        await self._said_all(request)
        return reply

    def _sent(self, number: str) -> _Request:
        request = self._requests[number] = _Request(self._loop.create_future())
        self._loop.call_soon(self._drain, self.client.shell_channel.socket)
        return request

    def send(self, message: object) -> None:
        """Send a message of our own making on the kernel's shell channel."""
        self.client.shell_channel.send(message)
        self._loop.call_soon(self._drain, self.client.shell_channel.socket)

    async def _said_all(self, request: _Request) -> None:
        """Wait for the end of a request's output; raises `ActionFailed` if it got lost on its way."""
        while not request.idle.is_set():
            heard = self._heard
            if await self._within(_SILENCE, request.idle.wait()):
                return
            if self._heard != heard:
                continue
            probe = self._sent(self.client.kernel_info())
            await self._outcome(probe.reply)
            await self._within(_SILENCE, probe.idle.wait())
            if not request.idle.is_set():
                raise ActionFailed("The kernel lost some of the output: it printed faster than it could send.")

    async def _outcome(self, awaited: Awaitable[_T]) -> _T:
        """Wait for something, unless the conversation breaks off."""
        task = asyncio.ensure_future(awaited)
        either: set[asyncio.Future[Any]] = {task, self._broken}
        try:
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
            if not task.done():
                self._broken.result()
            return task.result()
        finally:
            task.cancel()

    async def _within(self, seconds: float, awaited: Awaitable[object]) -> bool:
        try:
            async with asyncio.timeout(seconds):
                await self._outcome(awaited)
        except TimeoutError:
            return False
        return True

    def goodbye(self) -> None:
        """Ask the kernel to end; the request goes out though the conversation is over."""
        control = self.client.connect_control()
        self.session.send(control, self.session.msg("shutdown_request", {"restart": False}))
        control.close()

    async def interrupt(self) -> None:
        """Interrupt what the kernel runs."""
        await asyncio.to_thread(self._kernel.interrupt)

    # ---- what is heard ---------------------------------------------------------------------------------------

    def _drain(self, socket: Any) -> None:
        """Take in what a socket has, a few messages at a time so that others get their turn.

        A socket tells only once that it has something, and sending on it may swallow that: so it is read until it has
        nothing more, and again after something was sent.
        """
        take = self._takers.get(socket)
        if take is None:
            return
        try:
            for _ in range(_TURN):
                frames = socket.recv_multipart(zmq.NOBLOCK)
                message = self._read(frames)
                if message is not None:
                    take(message, sum(map(len, frames)))
        except zmq.Again:
            return
        except Exception as error:  # whoever waits is told
            self._break(error)
            return
        self._loop.call_soon(self._drain, socket)

    def _read(self, frames: list[bytes]) -> Message | None:
        """Give the message of some frames; None if it is not signed, or not of this protocol: it is not for us."""
        session = self.client.session
        try:
            _, parts = session.feed_identities(frames)
            message: Message = session.deserialize(parts)
        except (ValueError, KeyError, TypeError):
            return None
        return message

    def _output(self, message: Message, size: int) -> None:
        self._heard += 1
        self._first.set()
        number = message["parent_header"].get("msg_id", "")
        request = self._requests.get(number)
        if message["header"]["msg_type"] == "status":
            self._hear(number, message, size)
            if request is not None and message["content"].get("execution_state") == "idle":
                request.idle.set()
            return
        self._hear(number, message, size)

    def _reply(self, message: Message, size: int) -> None:
        request = self._requests.get(message["parent_header"].get("msg_id", ""))
        if request is not None and not request.reply.done():
            request.reply.set_result(message)

    def _question(self, message: Message, size: int) -> None:
        if message["header"]["msg_type"] == "input_request":
            self._break(InputAsked(str(message["content"].get("prompt", ""))))

    async def _watch(self) -> None:
        """Break the conversation off when the kernel has ended and its last words are here."""
        while await asyncio.to_thread(self._kernel.alive):  # noqa: ASYNC110  # a process gives no event everywhere
            await asyncio.sleep(_PULSE)
        heard = -1
        while heard != self._heard:
            heard = self._heard
            await asyncio.sleep(_LAST)
        self._break(KernelGone())

    def _break(self, error: Exception) -> None:
        if not self._broken.done():
            self._broken.set_exception(error)
