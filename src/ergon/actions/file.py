"""File actions: reading, writing and looking after files inside the workspace."""

from __future__ import annotations

from typing import Final

from ergon.actions.filecontent import append, convert, read, write
from ergon.actions.filetree import copy, delete, exists, list_, move

ACTIONS: Final = (read, write, append, copy, move, delete, list_, exists, convert)
