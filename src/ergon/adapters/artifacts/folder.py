"""Artifacts in a folder: one file per content, named by its sha256 (`ab/cdef…`)."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import re
import secrets
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO, Final
from urllib.parse import unquote, urlsplit

from ergon.errors import ArtifactDamaged, StoreError, StoreFull, StoreReadOnly

_HASH: Final = re.compile(r"[0-9a-f]{64}")
_ARRIVING: Final = ".arriving-"
_LEAVING: Final = ".leaving-"
_CHUNK: Final = 1 << 20
_LEFT_OVER: Final = 3600.0
"""Seconds after which a temporary file is taken for one that a dead process left."""


class FolderArtifacts:
    """Keeps artifacts as files in a folder, for any number of processes at once."""

    def __init__(self, url: str) -> None:
        """`url` is `file:///…`, the folder's absolute path; it is made when something is first kept."""
        parts = urlsplit(url)
        if parts.scheme != "file" or parts.netloc not in ("", "localhost") or not parts.path:
            raise StoreError(path=url, reason="is no folder on this machine", hint="Give it as file:///a/folder.")
        self.url = url
        self.root = Path(unquote(parts.path))
        self._on_disk: set[Path] = set()

    def put(self, data: bytes) -> str:
        """Keep bytes; they are on disk when this returns."""

        def write(file: BinaryIO) -> str:
            file.write(data)
            return sha256

        sha256 = hashlib.sha256(data).hexdigest()
        with self._faults(f"has no room for {len(data):,} bytes"):
            if not self._settle_existing(sha256, len(data)):
                self._arrive(write)
        return sha256

    def put_file(self, path: Path) -> tuple[str, int]:
        """Keep a file's bytes as they are read now; they are on disk when this returns."""
        with path.open("rb") as source:
            sha256, size = hashlib.file_digest(source, "sha256").hexdigest(), source.tell()

            def write(file: BinaryIO) -> str:
                digest = hashlib.sha256()
                source.seek(0)
                while chunk := source.read(_CHUNK):
                    digest.update(chunk)
                    file.write(chunk)
                return digest.hexdigest()  # of what was copied, should the file change meanwhile

            with self._faults(f"has no room for {size:,} bytes"):
                if not self._settle_existing(sha256, size):
                    sha256 = self._arrive(write)
            return sha256, self._file(sha256).stat().st_size

    def get(self, sha256: str) -> bytes:
        """Give bytes, their hash checked."""
        try:
            data = self._file(sha256).read_bytes()
        except FileNotFoundError:
            raise ArtifactDamaged(sha256=sha256, reason=f"is missing in {self.root}") from None
        except OSError as error:
            raise ArtifactDamaged(sha256=sha256, reason=f"cannot be read: {error.strerror}") from error
        if hashlib.sha256(data).hexdigest() != sha256:
            raise ArtifactDamaged(sha256=sha256, reason=f"does not have its content any more in {self.root}")
        return data

    def path(self, sha256: str) -> Path | None:
        """Give the file that holds the bytes; nobody may write to it."""
        return self._file(sha256) if self.has(sha256) else None

    def has(self, sha256: str) -> bool:
        """Say whether the bytes are there; only `get` checks them."""
        return self._file(sha256).is_file()

    def remove(self, sha256: str, *, older: float = 0.0) -> int:
        """Forget bytes unless they were put within the last `older` seconds; gives how many were freed."""
        path = self._file(sha256)
        aside = path.with_name(f"{_LEAVING}{path.name}")
        try:
            if older and time.time() - path.stat().st_mtime < older:
                return 0
            os.replace(path, aside)
            found = aside.stat()
            if older and time.time() - found.st_mtime < older:  # put again between the two looks
                os.replace(aside, path)
                return 0
            aside.unlink()
        except FileNotFoundError:
            return 0
        return found.st_size

    def hashes(self) -> set[str]:
        """Give the hashes of all that is kept."""
        names = (path.parent.name + path.name for path in self.root.glob("[0-9a-f][0-9a-f]/*"))
        return {name for name in names if _HASH.fullmatch(name)}

    def sweep(self) -> int:
        """Delete what killed processes left half done; gives how many bytes that freed."""
        freed = 0
        for path in self.root.glob(f"{_ARRIVING}*"):
            with contextlib.suppress(FileNotFoundError):
                found = path.stat()
                if time.time() - found.st_mtime > _LEFT_OVER:
                    path.unlink()
                    freed += found.st_size
        for path in self.root.glob(f"*/{_LEAVING}*"):  # its removal was not decided yet
            if time.time() - path.stat().st_ctime > _LEFT_OVER:
                os.replace(path, path.with_name(path.name.removeprefix(_LEAVING)))
        return freed

    def _file(self, sha256: str) -> Path:
        if not _HASH.fullmatch(sha256):
            raise ArtifactDamaged(sha256=sha256, reason="is no sha256")
        return self.root / sha256[:2] / sha256[2:]

    def _settle_existing(self, sha256: str, size: int) -> bool:
        """Say whether the bytes are there already, whole; then they are as safe as if written now."""
        path = self._file(sha256)
        try:
            os.utime(path)  # first, so that nobody removes it from here on
            with path.open("rb") as file:
                if os.fstat(file.fileno()).st_size != size:
                    return False
                if hashlib.file_digest(file, "sha256").hexdigest() != sha256:
                    return False
        except FileNotFoundError:
            return False
        self._make_once(path.parent)
        _sync_folder(path.parent)  # whoever wrote it may not have come to this yet
        return True

    def _make_once(self, folder: Path) -> None:
        """Make a folder, or see to it that another's is on disk too; afterwards a look is enough."""
        if folder not in self._on_disk or not folder.is_dir():
            _make_folder(folder)
            self._on_disk.add(folder)

    def _arrive(self, write: Callable[[BinaryIO], str]) -> str:
        """Write a temporary file, and rename it to what `write` says is its hash."""
        self._make_once(self.root)
        temporary = self.root / f"{_ARRIVING}{os.getpid()}-{secrets.token_hex(8)}"
        try:
            with os.fdopen(os.open(temporary, _NEW_FILE, 0o600), "wb") as file:
                sha256 = write(file)
                file.flush()
                _sync(file.fileno())
            path = self._file(sha256)
            self._make_once(path.parent)
            os.replace(temporary, path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
        _sync_folder(path.parent)
        return sha256

    @contextlib.contextmanager
    def _faults(self, full: str) -> Iterator[None]:
        """Say what the operating system refuses in the store's words."""
        root = str(self.root)
        try:
            yield
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
                raise StoreFull(path=root, reason=full, hint="Free some space, or use `ergon prune`.") from error
            if error.errno in (errno.EROFS, errno.EACCES, errno.EPERM):
                raise StoreReadOnly(path=root, reason="may not be written") from error
            raise StoreError(path=root, reason=f"cannot be written: {error.strerror}") from error


_NEW_FILE: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)


def _make_folder(path: Path) -> None:
    """Make a folder unless there is one; it is on disk when this returns."""
    if not path.is_dir():
        if not path.parent.is_dir():
            _make_folder(path.parent)
        with contextlib.suppress(FileExistsError):  # made by another process just now
            path.mkdir(mode=0o700)
    _sync_folder(path.parent)  # whoever made it may not have come to this yet


if sys.platform == "darwin":
    import fcntl

    def _sync(descriptor: int) -> None:
        fcntl.fcntl(descriptor, fcntl.F_FULLFSYNC)  # fsync alone leaves it in the drive's cache

else:
    _sync = os.fsync


def _sync_folder(path: Path) -> None:
    if not hasattr(os, "O_DIRECTORY"):  # Windows has no such thing
        return
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        _sync(descriptor)
    finally:
        os.close(descriptor)
