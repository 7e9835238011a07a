"""Wire: messages between the fork server and who asks it: JSON behind its length, and open files along with it."""

from __future__ import annotations

import json
import os
import socket
import struct
from collections.abc import Mapping, Sequence
from typing import Any, Final

_LENGTH: Final = struct.Struct("!I")
_LARGEST: Final = 16_000_000
_FILES: Final = 4


def send(connection: socket.socket, message: Mapping[str, object], files: Sequence[int] = ()) -> None:
    """Send a message; raises OSError if nobody takes it."""
    body = json.dumps(message).encode("ascii")
    packet = memoryview(_LENGTH.pack(len(body)) + body)
    sent = socket.send_fds(connection, [packet], list(files)) if files else connection.send(packet)
    connection.sendall(packet[sent:])


def receive(connection: socket.socket) -> tuple[dict[str, Any], list[int]]:
    """Take a message and the files that came with it, which are the caller's; raises EOFError, OSError."""
    head, files = b"", list[int]()
    try:
        while len(head) < _LENGTH.size:
            part, came, _, _ = socket.recv_fds(connection, _LENGTH.size - len(head), _FILES)
            files += came
            if not part:
                raise EOFError
            head += part
        (length,) = _LENGTH.unpack(head)
        if length > _LARGEST:
            raise EOFError
        message = json.loads(_exactly(connection, length))
        if not isinstance(message, dict):
            raise EOFError
    except BaseException:
        for file in files:
            os.close(file)
        raise
    for file in files:
        os.set_inheritable(file, False)
    return message, files


def _exactly(connection: socket.socket, length: int) -> bytes:
    parts = []
    while length:
        part = connection.recv(min(length, 1 << 20))
        if not part:
            raise EOFError
        parts.append(part)
        length -= len(part)
    return b"".join(parts)
