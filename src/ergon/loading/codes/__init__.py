"""Codes: every fault that a file can have.

Codes are stable: one that goes out of use is never given another meaning. `docs/reference/diagnostics.md`
explains each with an example, which a test loads.
"""

from __future__ import annotations

from typing import Final

from ergon.loading.codes.actions import ACTIONS
from ergon.loading.codes.code import Code
from ergon.loading.codes.notices import NOTICES
from ergon.loading.codes.steps import STEPS
from ergon.loading.codes.structure import STRUCTURE
from ergon.loading.codes.templates import TEMPLATES
from ergon.loading.codes.text import TEXT

__all__ = ["CODES", "Code"]

CODES: Final = {code.code: code for group in (TEXT, STRUCTURE, STEPS, TEMPLATES, ACTIONS, NOTICES) for code in group}
"""All codes by name, in order."""
