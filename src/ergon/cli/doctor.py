"""`ergon doctor`: whether everything is here that runs need."""

from __future__ import annotations

import sys
from typing import Final

from ergon.cli import codes
from ergon.cli.opening import JsonOption, workspace
from ergon.cli.terminal import paint, terminal

_SIGNS: Final = {"ok": ("✓", "green"), "warn": ("!", "yellow"), "fail": ("✗", "red")}


def doctor(json: JsonOption = False) -> int:
    """Check the platform: Python, database, disk, permissions, clock, processes, kernels, packages.

    Exit code 1 if something fails, else 0.

    Examples:
      ergon doctor
      ergon doctor --json
    """
    from ergon.cli.examination import examine

    found = []
    with workspace() as app:
        for finding in examine(app):
            found.append(finding)
            if not json:
                sign, colour = _SIGNS[finding.verdict]
                terminal.say(f"{paint(sign, colour, sys.stdout)} {finding.name:12} {finding.detail}")
                if finding.hint:
                    terminal.say(f"  {'':12} {paint(finding.hint, 'cyan', sys.stdout)}")
    ok = all(finding.verdict != "fail" for finding in found)
    if json:
        terminal.document({"ok": ok, "checks": [finding.as_json() for finding in found]})
    return codes.OK if ok else codes.FAILED
