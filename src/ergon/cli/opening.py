"""Opening the workspace that a command works on, with what the command line said of settings."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Final

import typer

if TYPE_CHECKING:
    from ergon.app import App


@dataclass(slots=True)
class Choice:
    """What the command line said of settings (S57)."""

    profile: str = ""
    overrides: list[str] = field(default_factory=list)

    def reset(self) -> None:
        """Forget what an earlier command of this process said."""
        self.profile, self.overrides = "", []

    def add(self, profile: str | None, overrides: list[str] | None) -> None:
        """Take in what a command says beside what stood before it."""
        self.profile = profile or self.profile
        self.overrides += overrides or []


choice: Final = Choice()

ProfileOption = Annotated[
    str | None,
    typer.Option("--profile", metavar="NAME", help="A profile of the workspace's ergon.yaml.", show_default=False),
]
SetOption = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="NAME=VALUE", help="Set a setting; see `ergon settings`.", show_default=False),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON document, and nothing else.")]


@contextmanager
def workspace() -> Iterator[App]:
    """Open the workspace of the working directory, and close it at the end."""
    from ergon.app import open_app

    app = open_app(profile=choice.profile, overrides=choice.overrides)
    try:
        yield app
    finally:
        app.close()


def complete_run(incomplete: str) -> list[tuple[str, str]]:
    """Offer the ids of recent runs to the shell."""
    with workspace() as app:
        records = app.store.runs(limit=50)
    found = [("last", "the newest run"), *((r.id, f"{r.workflow}, {r.status}") for r in records)]
    return [pair for pair in found if pair[0].startswith(incomplete)]


RunArgument = Annotated[
    str,
    typer.Argument(
        metavar="RUN",
        help="A run's id, the beginning of one, or `last`.",
        autocompletion=complete_run,
        show_default=False,
    ),
]
