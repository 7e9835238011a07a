"""Secrets given in Python, for tests and notebooks."""

from __future__ import annotations

from collections.abc import Mapping

from ergon.errors import SecretMissing


class MemoryVault:
    """Gives the secrets that it was made with."""

    def __init__(self, secrets: Mapping[str, str]) -> None:
        self.url = "memory:"
        self._secrets = dict(secrets)

    def get(self, name: str) -> str:
        """Give a secret; raises `SecretMissing`."""
        try:
            return self._secrets[name]
        except KeyError:
            known = ", ".join(sorted(self._secrets)) or "none"
            raise SecretMissing(name=name, hint=f"The vault was made with: {known}.") from None

    def __repr__(self) -> str:
        return f"MemoryVault({', '.join(sorted(self._secrets))})"
