"""References: the names that a template reads."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Reference:
    """One read of a name in a template."""

    root: str
    """The name: `steps`, `parameters`, `item`, or any other that the template does not bind itself."""
    path: tuple[str | int, ...]
    """What follows, as far as it is constant: `steps['a-b'].output[0]` gives `("a-b", "output", 0)`."""
    lenient: bool
    """Whether the template copes with its absence: `| default(…)`, `is defined`, `is undefined` (S20)."""
    computed: bool
    """Whether it cannot be told what is read: `steps[n]`, or `steps` used whole (S20)."""
    line: int = 1
    """Line in the template's text, from 1."""
    column: int = 1
    """Column in that line, from 1; 1 where it is not known."""


def is_computed(root: str, path: tuple[str | int, ...], *, dynamic: bool) -> bool:
    """Tell whether a read is computed; `dynamic` says that a key that is no constant follows the path."""
    return not path and (dynamic or root == "steps")
