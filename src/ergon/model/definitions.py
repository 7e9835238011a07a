"""Definitions as runs keep them: their text, known by its hash (S41)."""

from __future__ import annotations

import hashlib
import json

from ergon.model.workflow import Workflow


def definition_text(workflow: Workflow) -> str:
    """Give a definition as JSON text, in the order in which it was written; layout is left out."""
    document = workflow.document()
    document.pop("layout", None)
    return json.dumps(document, separators=(",", ":"), ensure_ascii=False)


def definition_hash(text: str) -> str:
    """Give the sha256, in hex, of a definition's text: the same for definitions that differ in the order of keys."""
    canonical = json.dumps(json.loads(text), sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(canonical.encode("utf-8", "surrogatepass")).hexdigest()
