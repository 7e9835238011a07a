"""Artifacts: typed references to bytes that a run produced, which load when they are read (S46)."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from ergon.errors import ArtifactDamaged
from ergon.model.expressions import Deferred

_NAMED: Final = re.compile(r'"\$artifact":"([0-9a-f]{64})"')

Loader = Callable[["Artifact"], object]
"""What reads an artifact's value."""


@dataclass(frozen=True)
class Artifact(Deferred):
    """A typed reference to bytes that a run produced; `load()` reads the value anew each time."""

    sha256: str
    type: str
    """The codec that reads it, such as `dataframe`; bytes of a type that no codec has load as bytes."""
    size: int
    """In bytes."""
    name: str = ""
    holds: tuple[str, ...] = ()
    """Hashes of the artifacts that the value itself refers to."""
    loader: Loader | None = field(default=None, compare=False, repr=False)
    """What reads it; stays behind when the reference is pickled."""

    def load(self) -> object:
        """Give the value, decoded; raises `ArtifactDamaged` if its bytes cannot be had."""
        if self.loader is None:
            raise ArtifactDamaged(sha256=self.sha256, reason="cannot be read here: it came without its store")
        return self.loader(self)

    def as_data(self) -> dict[str, object]:
        """Give the reference in its JSON form."""
        data: dict[str, object] = {"$artifact": self.sha256, "type": self.type, "size": self.size}
        if self.name:
            data["name"] = self.name
        if self.holds:
            data["holds"] = [{"$artifact": held} for held in self.holds]
        return data

    def __repr__(self) -> str:
        name = f" {self.name!r}" if self.name else ""
        return f"<{self.type} {self.sha256[:12]}…{name}, {self.size:,} bytes>"

    def __reduce__(self) -> tuple[object, tuple[object, ...]]:
        return Artifact, (self.sha256, self.type, self.size, self.name, self.holds)


def artifacts_named(text: str) -> set[str]:
    """Give the hashes of all artifacts that a stored form refers to, those inside its artifacts too."""
    return set(_NAMED.findall(text))
