"""Values: encodes what steps give and decodes what steps read, large ones as artifacts (S46, S47)."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Final

from ergon.engine.redaction import Redactor
from ergon.errors import ArtifactDamaged, ErgonError, NotStorable
from ergon.model.expressions import Deferred
from ergon.model.values import (
    Artifact,
    Decoder,
    artifacts_named,
    canonical,
    encode_plain,
    encode_small,
)
from ergon.ports import ArtifactStore, Codec

INLINE_LIMIT: Final = 65_536
"""Bytes of JSON text that are stored inline; what is larger becomes an artifact of type `json`."""

_JSON: Final = "json"
_BYTES: Final = "bytes"
_SCALARS: Final = frozenset({str, int, float, bool, type(None), bytes})


class Values:
    """Encodes and decodes values. Safe to use from any thread."""

    decode: Callable[[str], object]
    """Gives a fresh copy of a stored value, artifacts as references that load when they are read."""

    def __init__(self, artifacts: ArtifactStore, codecs: Sequence[Codec], *, inline_limit: int = INLINE_LIMIT) -> None:
        """The first codec that matches a value encodes it."""
        self._artifacts = artifacts
        self._codecs = tuple(codecs)
        self._by_type = {codec.type: codec for codec in reversed(self._codecs)}
        self._limit = inline_limit
        self.decode = Decoder(self._load)

    def encode(self, value: object, *, redactor: Redactor | None = None, inline_limit: int | None = None) -> str:
        """Give the stored form of a value, its artifacts written; may take long, so not for the event loop.

        Raises `NotStorable`, which says where; what the artifact store raises; never anything else.
        """
        text = encode_plain(
            value,
            foreign=lambda part: self._keep_foreign(part, redactor),
            redact=redactor.text if redactor else None,
        )
        return self.compact(text, self._limit if inline_limit is None else inline_limit)

    def compact(self, text: str, limit: int | None = None) -> str:
        """Give a stored value as it is, or as a reference to an artifact where it is too large to be inline."""
        if _size(text) <= (self._limit if limit is None else limit):
            return text
        data = text.encode()
        held = tuple(sorted(artifacts_named(text)))
        large = Artifact(self._artifacts.put(data), _JSON, len(data), holds=held)
        return encode_plain(large)

    def encode_inline(self, value: object, *, redactor: Redactor | None = None) -> str | None:
        """Give the stored form of a small value within microseconds; None for what `encode` must do."""
        text = encode_small(value, redact=redactor.text if redactor else None)
        return text if text is None or len(text) * 4 <= self._limit or _size(text) <= self._limit else None

    def decode_deep(self, value: object) -> object:
        """Give a value with every reference in it replaced by what it refers to."""
        return _loaded(value) if self.holds_artifacts(value) else value

    def holds_artifacts(self, value: object) -> bool:
        """Say whether there is a reference anywhere in a value."""
        if isinstance(value, dict):
            members: Iterable[object] = value.values()
        elif isinstance(value, list | tuple):
            members = value
        else:
            return isinstance(value, Deferred)
        return any(type(member) not in _SCALARS and self.holds_artifacts(member) for member in members)

    def artifacts_in(self, text: str) -> set[str]:
        """Give the hashes of all artifacts that a stored value refers to, however deep."""
        return artifacts_named(text)

    def intact(self, text: str) -> bool:
        """Say whether all artifacts of a stored value are there with their content (S52); reads them."""
        try:
            for sha256 in self.artifacts_in(text):
                self._artifacts.get(sha256)
        except ArtifactDamaged:
            return False
        return True

    def stored_text(self, text: str) -> str:
        """Give the stored form itself of a value that was too large to be inline; any other as it is."""
        value = self.decode(text) if text.startswith('{"$artifact"') else None
        if isinstance(value, Artifact) and value.type == _JSON:
            return self._artifacts.get(value.sha256).decode()
        return text

    def canonical(self, value: object) -> str:
        """Give a text that is equal for equal values, to be hashed; writes nothing."""
        return canonical(encode_plain(value, foreign=self._name_foreign))

    def keep(
        self, data: bytes | Path, *, type: str = _BYTES, name: str = "", redactor: Redactor | None = None
    ) -> Artifact:
        """Keep bytes or a file as an artifact of a type; one of an unknown type reads as bytes."""
        if isinstance(data, Path):
            redacted = redactor.file(data) if redactor else None
            if redacted is None:
                sha256, size = self._artifacts.put_file(data)
                return Artifact(sha256, type, size, name, loader=self._load)
            data = redacted
        elif redactor:
            data = redactor.bytes(data)
        return Artifact(self._artifacts.put(data), type, len(data), name, loader=self._load)

    def _keep_foreign(self, value: object, redactor: Redactor | None) -> Artifact | None:
        if (found := self._encoded(value)) is None:
            return None
        type_, data = found
        if redactor and (type_ == _BYTES or _is_text(data)):
            data = redactor.bytes(data)
        return Artifact(self._artifacts.put(data), type_, len(data))

    def _name_foreign(self, value: object) -> Artifact | None:
        if (found := self._encoded(value)) is None:
            return None
        type_, data = found
        return Artifact(hashlib.sha256(data).hexdigest(), type_, len(data))

    def _encoded(self, value: object) -> tuple[str, bytes] | None:
        codec = next((codec for codec in self._codecs if codec.matches(value)), None)
        if codec is None:
            return None
        try:
            return codec.type, codec.encode(value)
        except ErgonError:
            raise
        except Exception as error:
            kind = type(value).__name__
            raise NotStorable(where="", kind=kind, hint=f"Its codec failed: {error}") from error

    def _load(self, artifact: Artifact) -> object:
        data = self._artifacts.get(artifact.sha256)
        codec = self._by_type.get(artifact.type)
        try:
            if artifact.type == _JSON:
                return self.decode(data.decode())
            return data if codec is None else codec.decode(data)
        except ErgonError:
            raise
        except Exception as error:
            reason = f"cannot be read as {artifact.type}: {error}"
            raise ArtifactDamaged(sha256=artifact.sha256, reason=reason) from error


def _loaded(value: object) -> object:
    if isinstance(value, Deferred):
        return _loaded(value.load())
    if isinstance(value, dict):
        return {key: _loaded(member) for key, member in value.items()}
    if isinstance(value, list):
        return [_loaded(member) for member in value]
    if isinstance(value, tuple):
        return tuple(_loaded(member) for member in value)
    return value


def _size(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode())


def _is_text(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True
