"""Text: the bytes of a file as text, or what keeps them from being text."""

from __future__ import annotations

import codecs
import json
import re
from pathlib import Path
from typing import Final, NoReturn

from ergon.loading.faults import Fault, Stopped, place_of

MAX_BYTES: Final = 5_000_000
_FORBIDDEN: Final = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_OTHER_ENCODINGS: Final = (
    (codecs.BOM_UTF32_LE, "UTF-32"),
    (codecs.BOM_UTF32_BE, "UTF-32"),
    (codecs.BOM_UTF16_LE, "UTF-16"),
    (codecs.BOM_UTF16_BE, "UTF-16"),
)
_SAMPLE: Final = 4096
_SPACE: Final = 0x20
_BLANKS: Final = frozenset(b"\t\n\r")


def read_bytes(path: Path) -> bytes:
    """Read a file; raises `Stopped` when it cannot be read or is too large."""
    try:
        if path.is_dir():
            raise Stopped(Fault("E101", 0, 0, {"reason": "it is a folder"}))
        if path.exists() and not path.is_file():
            raise Stopped(Fault("E101", 0, 0, {"reason": "it is not a regular file"}))
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        raise Stopped(Fault("E101", 0, 0, {"reason": "it does not exist"})) from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise Stopped(Fault("E101", 0, 0, {"reason": reason})) from None
    return data


def decode(source: str | bytes) -> str:
    """Give a document's text without its byte order mark; raises `Stopped` where it is not text."""
    if len(source) > MAX_BYTES:
        raise Stopped(Fault("E102", 0, 0, {"limit": f"{MAX_BYTES // 1_000_000} MB"}))
    text = source if isinstance(source, str) else _decode(source)
    text = text.removeprefix("\ufeff")
    found = _FORBIDDEN.search(text)
    if found is not None:
        line, column = place_of(text, found.start())
        raise Stopped(Fault("E104", line, column, {"character": f"U+{ord(found[0]):04X}"}))
    if not text.strip():
        raise Stopped(Fault("E116", 0, 0, {}))
    return text


def _decode(data: bytes) -> str:
    for mark, name in _OTHER_ENCODINGS:
        if data.startswith(mark):
            _not_text(f"it is {name}", "Save it as UTF-8.")
    sample = data[:_SAMPLE]
    if b"\0" in sample:
        if sample[1::2].count(0) > len(sample) // 4 or sample[::2].count(0) > len(sample) // 4:
            _not_text("it looks like UTF-16", "Save it as UTF-8.")
        if sum(byte < _SPACE and byte not in _BLANKS for byte in sample) > max(3, len(sample) // 50):
            _not_text("it is binary", "Name a workflow's file, *.ergon.yaml or *.ergon.json.")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        before = data[: error.start].decode("utf-8").removeprefix("\ufeff")
        line, column = place_of(before, len(before))
        reason = f"byte 0x{data[error.start]:02X} is not UTF-8"
        raise Stopped(Fault("E103", line, column, {"reason": reason}, "Save it as UTF-8.")) from None


def _not_text(reason: str, hint: str) -> NoReturn:
    raise Stopped(Fault("E103", 0, 0, {"reason": reason}, hint))


def check_json(text: str) -> None:
    """Hold a `.json` file to JSON, nested no deeper than the format allows; raises `Stopped`."""
    try:
        json.loads(text, parse_constant=_no_constant, parse_int=str, parse_float=str)
    except json.JSONDecodeError as error:
        raise Stopped(Fault("E117", error.lineno - 1, error.colno - 1, {"problem": error.msg.lower()})) from None
    except _NotJson as error:
        line, column = place_of(text, max(text.find(str(error)), 0))
        raise Stopped(Fault("E117", line, column, {"problem": f"{error} is not JSON"})) from None


class _NotJson(Exception):  # noqa: N818  # it carries the word to where it is reported
    """A constant that JSON does not have."""


def _no_constant(name: str) -> NoReturn:
    raise _NotJson(name)
