"""Results of earlier runs, keyed by action, code, inputs and the content of files given (S52)."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
from collections.abc import Callable, Mapping
from concurrent.futures import Executor as Pool
from dataclasses import dataclass, field
from pathlib import Path

from ergon.engine.evaluator import Evaluator
from ergon.engine.values import Values
from ergon.model.expressions import parse_value
from ergon.model.policies import Cache
from ergon.model.secrets import reveal
from ergon.model.states import StepState
from ergon.ports import ActionHandler, Clock, Store


@dataclass(frozen=True, slots=True)
class CacheKey:
    """Where a result is kept."""

    text: str
    ttl: float | None = None


@dataclass(slots=True)
class Caching:
    """Finds and keys results."""

    store: Store
    values: Values
    evaluator: Evaluator
    clock: Clock
    loop: asyncio.AbstractEventLoop
    pool: Pool
    secret: Callable[[str], str]
    resolve: Callable[[StepState, str], Path]
    """Resolves a relative path of a step's inputs."""
    salt: bytes = field(default=b"ergon")

    async def key(
        self, handler: ActionHandler, policy: Cache, inputs: Mapping[str, object], step: StepState
    ) -> CacheKey | None:
        """Key a step's result; None where it may not be cached: it reads `state` (S18)."""
        if step.node.reads_state:
            return None
        extra = parse_value(policy.key).evaluate(self.evaluator.names(step.body))
        return await self.loop.run_in_executor(self.pool, lambda: self._key(handler, policy, inputs, step, extra))

    def _key(
        self,
        handler: ActionHandler,
        policy: Cache,
        inputs: Mapping[str, object],
        step: StepState,
        extra: object,
    ) -> CacheKey:
        hidden = reveal(inputs, self._keyed)
        digest = hashlib.sha256()
        parts = [handler.name, handler.code(), str(policy.version), self.values.encode(extra)]
        parts.append(self.values.canonical(hidden))
        for name in sorted(handler.path_inputs):
            parts += [self._content(self.resolve(step, path)) for path in _paths(inputs.get(name))]
        for part in parts:
            digest.update(len(part).to_bytes(8, "big"))
            digest.update(part.encode("utf-8", "surrogatepass"))
        return CacheKey(digest.hexdigest(), policy.ttl)

    def _keyed(self, name: str) -> str:
        """Give a secret's keyed hash, which stands for it in a key."""
        return hmac.new(self.salt, self.secret(name).encode(), hashlib.sha256).hexdigest()

    @staticmethod
    def _content(path: Path) -> str:
        if not path.is_file():
            return "absent"
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()

    async def find(self, key: CacheKey) -> str | None:
        """Give a result in stored form, if all that it names is still there with its content."""
        return await self.loop.run_in_executor(self.pool, lambda: self._find(key))

    def _find(self, key: CacheKey) -> str | None:
        record = self.store.cached(key.text)
        if record is None or (key.ttl is not None and self.clock.now() - record.at > key.ttl):
            return None
        if not self.values.intact(record.value):
            return None
        if any(self._content(Path(path)) != sha256 for path, sha256 in record.files.items()):
            return None
        return record.value


def _paths(given: object) -> list[str]:
    """Give the paths in an input: one, or the members of a list or mapping that are paths and not data."""
    if isinstance(given, Mapping):
        given = list(given.values())
    members = given if isinstance(given, (list, tuple)) else (given,)
    return [str(member) for member in members if isinstance(member, (str, Path))]
