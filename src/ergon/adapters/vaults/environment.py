"""Secrets from environment variables."""

from __future__ import annotations

import os

from ergon.errors import SecretMissing, SettingInvalid


class EnvironmentVault:
    """Gives the environment variable of the same name, as it is at that moment."""

    def __init__(self, url: str = "env:") -> None:
        """`url` is `env:`, with nothing after it."""
        if url != "env:":
            reason = f"'{url}' is no address of the environment, which is 'env:' alone"
            raise SettingInvalid(name="vault", reason=reason, origin="the settings")
        self.url = url

    def get(self, name: str) -> str:
        """Give a secret; raises `SecretMissing` for a variable that is not set, or empty."""
        value = os.environ.get(name)
        if value:
            return value
        state = "not set" if value is None else "empty"
        raise SecretMissing(name=name, hint=f"The environment variable {name} is {state}: set it before the run.")
