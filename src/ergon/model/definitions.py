"""Definitions as runs keep them: canonical text, known by its hash (S41)."""

from __future__ import annotations

import hashlib
import json

from ergon.model.workflow import Workflow


def canonical_text(workflow: Workflow) -> str:
    """Give a definition as JSON text that is the same for equal definitions; layout is left out."""
    document = workflow.document()
    document.pop("layout", None)
    return json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def definition_hash(text: str) -> str:
    """Give the sha256, in hex, of a definition's canonical text."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
