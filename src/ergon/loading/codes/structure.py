"""The structure: which keys and values stand where."""

from __future__ import annotations

from typing import Final

from ergon.loading.codes.code import Code

STRUCTURE: Final = (
    Code(
        "E120",
        "Not a mapping at the top",
        "A workflow is a mapping at the top, and this is {found}.",
        "Begin with `ergon: 1` and `name: …`.",
    ),
    Code("E121", "An unknown key", "{where} has no key '{key}'."),
    Code("E122", "A missing key", "{where} lacks its key '{key}'."),
    Code("E123", "A wrong type", "'{key}' must be {expected}, not {found}."),
    Code("E124", "A value that is not allowed", "'{key}' must be {expected}, not {found}."),
    Code(
        "E125",
        "A bad name",
        "'{name}' cannot be {what}.",
        "It begins with a letter or _, and goes on with up to 63 letters, digits, _ or -.",
    ),
    Code(
        "E126",
        "A newer format",
        "The file is written in format version {version}, and this Ergon reads up to {known}.",
        "Install a newer jupyter-ergon.",
    ),
    Code("E127", "No such format", "There is no format version {version}.", "Write `ergon: 1`."),
    Code(
        "E128",
        "Too many steps",
        "The file has more than {limit} steps.",
        "Use `for_each`, or move parts into workflows of their own.",
    ),
    Code(
        "E129",
        "Too many templates",
        "The templates of this file are more than can be checked; from here on they were not read.",
        "Move parts into workflows of their own, or compute in a Python step.",
    ),
)
