"""Migrations: which versions of the format can be read (S3)."""

from __future__ import annotations

from typing import Final

from ergon.loading.labels import describe
from ergon.loading.nodes import MappingNode, ScalarNode
from ergon.loading.report import Report

FORMAT: Final = 1
"""The version of the format that this Ergon writes, and the newest that it reads."""


def check_format(root: MappingNode, report: Report) -> bool:
    """Report a missing, unknown or newer version; gives whether the rest can be read."""
    node = root.items.get("ergon")
    if node is None:
        if not root.partial and not any(key.lower() == "ergon" for key in root.items):
            hint = f"Begin the file with `ergon: {FORMAT}`."
            report.add("E122", (), hint=hint, key="ergon", where="The workflow")
        return True
    version = node.value if isinstance(node, ScalarNode) else None
    if not isinstance(version, int | float) or isinstance(version, bool):
        report.add("E123", ("ergon",), key="ergon", expected=f"the number {FORMAT}", found=describe(node))
        return True
    if version > FORMAT:
        report.add("E126", ("ergon",), version=version, known=FORMAT)
        return False
    if version != FORMAT:
        report.add("E127", ("ergon",), version=version)
        return False
    return True
