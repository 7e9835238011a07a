"""The action of the random workflows, and what it recorded."""

from __future__ import annotations

import threading
from collections import Counter
from typing import Final

from ergon import Context
from ergon.actions.action import action
from ergon.errors import ActionFailed

PLAYED: Final[Counter[str]] = Counter()
"""How often the action of each step began since somebody forgot it."""
_LOCK = threading.Lock()


@action("property.play")
async def play(value: object = None, fails: int = 0, *, ctx: Context) -> object:
    """Fails the first `fails` attempts, and then gives its value."""
    with _LOCK:
        PLAYED[ctx.step] += 1
    if ctx.attempt <= fails:
        raise ActionFailed(f"attempt {ctx.attempt} fails")
    return value
