"""Why a peer has no number."""

from __future__ import annotations


class PeerError(Exception):
    """A peer could not be installed or run; the text says why."""


def last_line(text: str) -> str:
    """Give the last line of a program's complaint that says something, cut to a row's length."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1][:160] if lines else "it said nothing"
