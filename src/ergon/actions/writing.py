"""Writing files: whole or not at all, and what went wrong in words."""

from __future__ import annotations

import contextlib
import hashlib
import os
import secrets
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from ergon.errors import ActionFailed


@dataclass(slots=True)
class Sink:
    """A file that is being written: it takes the target's place when it is complete."""

    file: IO[bytes]
    size: int = 0
    _digest: Any = field(default_factory=hashlib.sha256)

    def write(self, data: bytes) -> None:
        """Add bytes."""
        self.file.write(data)
        self._digest.update(data)
        self.size += len(data)

    @property
    def sha256(self) -> str:
        """The hash of what was written so far, in hex."""
        digest: str = self._digest.hexdigest()
        return digest


@contextlib.contextmanager
def replacing(target: Path) -> Iterator[Sink]:
    """Write a file beside the target, which it replaces at the end; after an error the target is as it was.

    Parent folders are made. The content is on the disk before the name is, and a replaced file's mode is
    kept.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    if target.is_dir():
        raise IsADirectoryError(str(target))
    temporary = target.with_name(f".ergon-{secrets.token_hex(8)}.tmp")
    handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o666)
    try:
        with os.fdopen(handle, "wb") as file:
            yield (sink := Sink(file))
            sink.file.flush()
            _keep_mode(file.fileno(), target)
            os.fsync(file.fileno())
        os.replace(temporary, target)
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise
    sync_folder(target.parent)


def _keep_mode(handle: int, target: Path) -> None:
    if hasattr(os, "fchmod") and target.exists():
        os.fchmod(handle, stat.S_IMODE(target.stat().st_mode))


def sync_folder(folder: Path) -> None:
    """See that a folder's entries are on the disk, where the platform can."""
    if not hasattr(os, "O_DIRECTORY"):
        return
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def digest_of(file: Path) -> str:
    """Give a file's sha256 in hex."""
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


@contextlib.contextmanager
def told(name: object) -> Iterator[None]:
    """Say in a sentence what the operating system has against a file; `name` is how the workflow calls it."""
    try:
        yield
    except FileNotFoundError:
        raise ActionFailed(f"There is no file {name}.") from None
    except IsADirectoryError:
        raise ActionFailed(f"{name} is a folder, not a file.") from None
    except (NotADirectoryError, FileExistsError) as error:
        raise ActionFailed(f"{name} cannot be made: {error.filename} is a file, not a folder.") from None
    except PermissionError as error:
        raise ActionFailed(f"This process may not use {error.filename or name}.") from None
    except OSError as error:
        raise ActionFailed(f"{name} cannot be used: {error.strerror or error}.") from None
