"""Conversations with kernels that are not as ipykernel is: a peer that speaks the protocol as a test wants it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

import pytest
import zmq
import zmq.asyncio
from jupyter_client.session import Session

from ergon.actions.notebooks.conversation import Conversation, InputAsked, KernelGone
from ergon.errors import ActionFailed

KEY = "a-key-of-this-test"
Script = Callable[["Peer", dict[str, Any], list[bytes]], Awaitable[None]]


class Peer:
    """A kernel: sockets, and a script that answers requests."""

    def __init__(self, script: Script) -> None:
        self._context: Any = zmq.asyncio.Context()
        self.session: Any = Session(key=KEY.encode())
        self._script = script
        self.shell, self.iopub, self.stdin = (self._context.socket(kind) for kind in (zmq.ROUTER, zmq.PUB, zmq.ROUTER))
        ports = {
            f"{name}_port": socket.bind_to_random_port("tcp://127.0.0.1")
            for name, socket in (("shell", self.shell), ("iopub", self.iopub), ("stdin", self.stdin))
        }
        rest = {"hb_port": 1, "control_port": 1, "ip": "127.0.0.1", "transport": "tcp"}
        self.connection: dict[str, object] = {**ports, **rest, "key": KEY, "signature_scheme": "hmac-sha256"}
        self.lives, self.interrupts, self.asked = True, 0, list[str]()

    def interrupt(self) -> None:
        self.interrupts += 1

    def alive(self) -> bool:
        return self.lives

    async def serve(self) -> None:
        while True:
            identities, parts = self.session.feed_identities(await self.shell.recv_multipart())
            request = self.session.deserialize(parts)
            self.asked.append(request["msg_type"])
            await self._script(self, request, identities)

    async def put(self, socket: Any, kind: str, content: object, request: Any, identities: Any = None) -> None:
        message = self.session.msg(kind, content, parent=request["header"])
        head = identities or [kind.encode()]
        await socket.send_multipart([*head, *self.session.serialize(message)])

    async def state(self, request: Any, state: str) -> None:
        await self.put(self.iopub, "status", {"execution_state": state}, request)

    async def reply(self, request: Any, identities: Any, **content: object) -> None:
        kind = request["msg_type"].replace("request", "reply")
        await self.put(self.shell, kind, {"status": "ok", "protocol_version": "5.3", **content}, request, identities)

    def close(self) -> None:
        self._context.destroy(linger=0)


async def polite(peer: Peer, request: dict[str, Any], identities: list[bytes]) -> None:
    """Answer as a kernel without a welcome does."""
    await peer.state(request, "busy")
    await peer.reply(request, identities)
    await peer.state(request, "idle")


@pytest.fixture
def talk() -> Callable[..., Any]:
    """Give what has a conversation with a peer, in a loop of its own."""

    def run(script: Script, work: Callable[[Peer, Conversation, list[Any]], Coroutine[Any, Any, Any]]) -> Any:
        async def main() -> Any:
            peer, heard = Peer(script), list[Any]()
            serving = asyncio.create_task(peer.serve())
            try:
                async with asyncio.timeout(30):
                    async with Conversation(peer, lambda request, message, size: heard.append(message)) as conversation:
                        return await work(peer, conversation, heard)
            finally:
                serving.cancel()
                await asyncio.gather(serving, return_exceptions=True)
                peer.close()

        return asyncio.run(main())

    return run


async def executed(conversation: Conversation) -> Any:
    return await conversation.execute("1", go_on=False, expressions={}, began=lambda number: None)


def test_a_kernel_without_a_welcome_is_ready_when_its_output_reaches_us(talk: Any) -> None:
    async def work(peer: Peer, conversation: Conversation, heard: list[Any]) -> Any:
        assert (await conversation.ready())["status"] == "ok"
        assert (await executed(conversation))["content"]["status"] == "ok"
        return [message["content"]["execution_state"] for message in heard][-2:]

    assert talk(polite, work) == ["busy", "idle"]


def test_output_that_follows_the_reply_is_waited_for(talk: Any) -> None:
    async def late(peer: Peer, request: dict[str, Any], identities: list[bytes]) -> None:
        if request["msg_type"] != "execute_request":
            await polite(peer, request, identities)
            return
        await peer.reply(request, identities)
        for number in range(200):
            await peer.put(peer.iopub, "stream", {"name": "stdout", "text": f"{number}\n"}, request)
        await peer.iopub.send_multipart([b"stream", b"no", b"message"])
        await peer.state(request, "idle")

    async def work(peer: Peer, conversation: Conversation, heard: list[Any]) -> Any:
        await conversation.ready()
        await executed(conversation)
        return [message["content"]["text"] for message in heard if message["msg_type"] == "stream"]

    assert talk(late, work) == [f"{number}\n" for number in range(200)]


def test_output_that_got_lost_is_told(talk: Any) -> None:
    async def losing(peer: Peer, request: dict[str, Any], identities: list[bytes]) -> None:
        if request["msg_type"] == "execute_request":
            await peer.reply(request, identities)
        else:
            await polite(peer, request, identities)

    async def work(peer: Peer, conversation: Conversation, heard: list[Any]) -> None:
        await conversation.ready()
        await executed(conversation)

    with pytest.raises(ActionFailed, match="The kernel lost some of the output"):
        talk(losing, work)


def test_a_kernel_that_asks_for_input_is_told_of(talk: Any) -> None:
    async def asking(peer: Peer, request: dict[str, Any], identities: list[bytes]) -> None:
        if request["msg_type"] != "execute_request":
            await polite(peer, request, identities)
            return
        assert request["content"]["allow_stdin"] is False
        await peer.put(peer.stdin, "input_request", {"prompt": "who? ", "password": False}, request, identities)

    async def work(peer: Peer, conversation: Conversation, heard: list[Any]) -> Any:
        await conversation.ready()
        with pytest.raises(InputAsked, match=r"who\?"):
            await executed(conversation)
        await conversation.interrupt()
        return peer.interrupts

    assert talk(asking, work) == 1


def test_what_a_dead_kernel_said_last_is_heard(talk: Any) -> None:
    async def dying(peer: Peer, request: dict[str, Any], identities: list[bytes]) -> None:
        if request["msg_type"] != "execute_request":
            await polite(peer, request, identities)
            return
        await peer.put(peer.iopub, "stream", {"name": "stdout", "text": "bye"}, request)
        peer.lives = False

    async def work(peer: Peer, conversation: Conversation, heard: list[Any]) -> Any:
        await conversation.ready()
        with pytest.raises(KernelGone):
            await executed(conversation)
        return heard[-1]["content"]

    assert talk(dying, work) == {"name": "stdout", "text": "bye"}


def test_a_fault_of_ours_ends_the_conversation_and_does_not_hang_it(talk: Any) -> None:
    async def work(peer: Peer, conversation: Conversation, heard: list[Any]) -> None:
        await conversation.ready()

        def fail(message: Any, size: int) -> None:
            raise OSError("the disk is full")

        conversation._takers[conversation.client.iopub_channel.socket] = fail
        await executed(conversation)

    with pytest.raises(OSError, match="disk is full"):
        talk(polite, work)
