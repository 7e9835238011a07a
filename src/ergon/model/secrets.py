"""Secrets inside a run: handles that only an action opens, and the marks that they leave in texts (S48)."""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Mapping
from typing import Final, NoReturn

from ergon.errors import TemplateFailed

HIDDEN: Final = "***"
"""What stands where a secret was."""

# Letters of a private-use plane stand around the name. The nonce makes it a mark that no data from outside
# can bring along to have a secret put into it.
_OPEN, _CLOSE = "\U0010f8f0", "\U0010f8f1"
_NONCE: Final = "".join(secrets.choice("abcdefghijklmnopqrstuvwxyz") for _ in range(20))
_MARK: Final = re.compile(f"{_OPEN}{_NONCE}:([^{_OPEN}{_CLOSE}]*){_CLOSE}")
_ANY_MARK: Final = re.compile(f"{_OPEN}[a-z]+:[^{_OPEN}{_CLOSE}]*{_CLOSE}")


class Secret:
    """A handle of a secret: what `{{ secrets.NAME }}` gives. It can be passed on and put into a text."""

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name = name

    def __str__(self) -> str:
        """Give the mark that stands for the secret in a text until the action runs."""
        return f"{_OPEN}{_NONCE}:{self.name}{_CLOSE}"

    def __repr__(self) -> str:
        return HIDDEN

    def __reduce__(self) -> tuple[type[Secret], tuple[str]]:
        return Secret, (self.name,)

    def _refuse(self, *_: object) -> NoReturn:
        raise TypeError(
            f"the secret '{self.name}' can only be given to an action, whole or inside a text; "
            "it cannot be compared, measured, tested or taken apart"
        )

    __eq__ = __ne__ = __lt__ = __le__ = __gt__ = __ge__ = _refuse
    __hash__ = __bool__ = __len__ = __iter__ = __contains__ = __getitem__ = _refuse
    __add__ = __radd__ = __mul__ = __rmul__ = __mod__ = __rmod__ = _refuse


def reveal(value: object, get: Callable[[str], str]) -> object:
    """Give a value with every handle and mark replaced by what `get` gives for its name, at any depth.

    What holds no secret is given as it is. Raises `TemplateFailed` where a filter took a mark apart.
    """
    return _replace(value, get, lambda text: _reveal_text(text, get))


def mask(value: object) -> object:
    """Give a value with every handle and mark replaced by `***`, at any depth: what is journaled."""
    return _replace(value, lambda name: HIDDEN, lambda text: _ANY_MARK.sub(HIDDEN, text) if _OPEN in text else text)


def _reveal_text(text: str, get: Callable[[str], str]) -> str:
    if _OPEN not in text and _NONCE not in text:
        return text
    revealed = _MARK.sub(lambda mark: get(mark[1]), text)
    if _NONCE in revealed.lower():
        raise TemplateFailed(
            source="{{ secrets.… }}",
            reason="a filter changed a secret, which only the action opens",
            hint="Give it whole, such as 'Bearer {{ secrets.TOKEN }}'.",
        )
    return revealed


def _replace(value: object, handle: Callable[[str], str], text: Callable[[str], str]) -> object:
    """Rebuild only what changes: most inputs hold no secret."""
    if isinstance(value, str):
        return text(value)
    if isinstance(value, Secret):
        return handle(value.name)
    if isinstance(value, Mapping):
        pairs = [(_replace(k, handle, text), _replace(v, handle, text)) for k, v in value.items()]
        same = all(k is pair[0] and v is pair[1] for (k, v), pair in zip(value.items(), pairs, strict=True))
        return value if same else dict(pairs)
    for kind in (list, tuple, set, frozenset):
        if isinstance(value, kind):
            members = [_replace(member, handle, text) for member in value]
            same = all(old is new for old, new in zip(value, members, strict=True))
            return value if same else kind(members)
    return value
