"""Stand-ins: characters that the parser would read by older rules, replaced one for one while it parses.

libyaml takes U+0085, U+2028 and U+2029 for line breaks, which YAML 1.2 does not, and refuses the escaped
surrogate pairs in which JSON writes characters such as emoji. Every stand-in has the length of what it stands
for, so that positions stay true.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

_BREAKS: Final = "\x85\u2028\u2029"
_HAS_BREAK: Final = re.compile(f"[{_BREAKS}]")
_PRIVATE: Final = range(0xF000, 0xF8F0)
_SURROGATE: Final = re.compile(r"\\u([dD])([89a-fA-F])(?=[0-9a-fA-F]{2})")
_TAKEN: Final = re.compile(r"u[eE][0-9a-dA-D][0-9a-fA-F]{2}|[\ue000-\uedff]")
_DIGITS: Final = "89abcdefABCDEF"
_STANDING: Final = re.compile(r"\\u([eE])([0-9a-dA-D])(?=[0-9a-fA-F]{2})")
_STOOD_FOR: Final = re.compile("[\ue000-\uedff]")


@dataclass(frozen=True, slots=True)
class StandIns:
    """What was replaced in a text, and how to undo it in its scalars."""

    breaks: dict[int, str]
    surrogates: bool

    def restore(self, value: str, *, escapes: bool) -> str:
        """Give a scalar's own text; `escapes` says whether the parser decoded its escapes."""
        if self.breaks:
            value = value.translate(self.breaks)
        if not self.surrogates:
            return value
        value = _STANDING.sub(lambda m: "\\u" + ("d" if m[1] == "e" else "D") + _DIGITS[int(m[2], 16)], value)
        if escapes and _STOOD_FOR.search(value):
            pairs = _STOOD_FOR.sub(_surrogate, value)
            return pairs.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "surrogatepass")
        return value


def stand_in(text: str) -> tuple[str, StandIns | None]:
    """Replace what the parser would misread; gives the text to parse, and None where nothing was replaced."""
    breaks: dict[int, str] = {}
    if _HAS_BREAK.search(text):
        free = [code for code in _PRIVATE if chr(code) not in text][: len(_BREAKS)]
        if len(free) == len(_BREAKS):
            breaks = dict(zip(free, _BREAKS, strict=True))
            text = text.translate({ord(mark): chr(code) for code, mark in breaks.items()})
    surrogates = bool(_SURROGATE.search(text)) and not _TAKEN.search(text)
    if surrogates:
        text = _SURROGATE.sub(_escape, text)
    return text, StandIns(breaks, surrogates) if breaks or surrogates else None


def _escape(match: re.Match[str]) -> str:
    return "\\u" + ("e" if match[1] == "d" else "E") + f"{_DIGITS.index(match[2]):x}"


def _surrogate(match: re.Match[str]) -> str:
    code = ord(match[0]) - 0xE000
    return chr(0xD000 + int(_DIGITS[code >> 8], 16) * 0x100 + (code & 0xFF))
