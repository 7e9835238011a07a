"""Redaction: hides secrets in texts, also where they are quoted, encoded or cut into chunks (S48)."""

from __future__ import annotations

import html
import json
import re
from base64 import b64encode
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final
from urllib.parse import quote, quote_plus

from ergon.model.secrets import HIDDEN

SHORTEST: Final = 8
"""Secrets of fewer characters are not searched for: too much else would look like them."""

_BLOCK: Final = 1 << 20
_BREAK: Final = r"(?:\r?\n|(?:\\r)?\\n)?"
"""A line's end within base64, which mail and command lines wrap; also as JSON writes it."""
_BREAKS: Final = re.compile(r"[\r\n]|\\(?:[rn]|$)")
_Data = bytes
Span = tuple[int, int]


class Redactor:
    """Replaces secrets by `***`, in any form in which programs write them. Safe to use from any thread."""

    def __init__(self, values: Mapping[str, str]) -> None:
        """`values` are the secrets by name."""
        self.short = tuple(sorted(name for name, value in values.items() if len(value) < SHORTEST))
        """Names of the secrets that are too short to be searched for."""
        forms: set[str] = set()
        for value in values.values():
            forms |= forms_of(value)
        self.forms = tuple(sorted(forms, key=lambda form: (-len(form), form)))
        """Everything that is searched for, longest first."""
        self._encoded = tuple(form.encode("utf-8", "surrogateescape") for form in self.forms)
        self._wrappable = wrappable_forms(values.values())
        self._wrapped = re.compile("|".join(_BREAK.join(map(re.escape, form)) for form in self._wrappable))
        self._wrapped_bytes = re.compile(self._wrapped.pattern.encode())

    def __bool__(self) -> bool:
        """Say whether there is anything to hide."""
        return bool(self.forms)

    def text(self, text: str) -> str:
        """Give a text with every secret in it replaced."""
        if not self.forms or not (spans := self.spans(text)):
            return text
        shown: list[str] = []
        end = 0
        for start, stop in spans:
            shown += (text[end:start], HIDDEN)
            end = stop
        return "".join(shown) + text[end:]

    def data(self, data: Mapping[str, object]) -> Mapping[str, object]:
        """Give a mapping with every secret in its texts replaced, keys included, at any depth of mappings and lists."""
        return {self.text(key): self._member(value) for key, value in data.items()} if self.forms else data

    def _member(self, value: object) -> object:
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, Mapping):
            return {self._member(key): self._member(member) for key, member in value.items()}
        return [self._member(member) for member in value] if isinstance(value, (list, tuple)) else value

    def bytes(self, data: _Data) -> _Data:
        """Give bytes with every secret in them replaced, where it stands as UTF-8."""
        if not self._stands_in(data):
            return data
        return self.text(data.decode("utf-8", "surrogateescape")).encode("utf-8", "surrogateescape")

    def file(self, path: Path) -> _Data | None:
        """Give a file's bytes with every secret replaced; None, without loading it, if it holds none."""
        return self.bytes(path.read_bytes()) if self._occurs(path) else None

    def _occurs(self, path: Path) -> bool:
        overlap = 5 * max(map(len, self._encoded), default=1)  # with every line end that may stand within
        data = b""
        with path.open("rb") as file:
            while self._encoded and (block := file.read(_BLOCK)):
                data = data[-overlap:] + block
                if self._stands_in(data):
                    return True
        return False

    def _stands_in(self, data: _Data) -> bool:
        if any(form in data for form in self._encoded):
            return True
        breaks = b"\n" in data or b"\\n" in data
        return bool(self._wrappable) and breaks and self._wrapped_bytes.search(data) is not None

    def stream(self) -> StreamRedactor:
        """Give what redacts one text that comes in chunks."""
        return StreamRedactor(self)

    def spans(self, text: str, *, covered: int = 0) -> list[Span]:
        """Give where secrets stand, overlapping ones merged.

        The first `covered` characters are part of one that began before: its span begins at -1.
        """
        found = [(-1, covered)] if covered else []
        for form in self.forms:
            start = text.find(form)
            while start >= 0:
                found.append((start, start + len(form)))
                start = text.find(form, start + 1)
        found += self._wrapped_spans(text)
        return _merged(found)

    def _wrapped_spans(self, text: str) -> list[Span]:
        """Give where a secret stands in base64 with line ends in it; a text of one line costs nothing."""
        if not self._wrappable or ("\n" not in text and "\\n" not in text):
            return []
        found: list[Span] = []
        match = self._wrapped.search(text)
        while match:
            found.append(match.span())
            match = self._wrapped.search(text, match.start() + 1)
        return found

    def open_end(self, text: str) -> int:
        """Give where the tail begins that may be the start of a secret; the text's length without one."""
        earliest = len(text)
        for form in self.forms:
            start = text.find(form[0], max(0, len(text) - len(form) + 1), earliest)
            while start >= 0:
                if form.startswith(text[start:]):
                    earliest = start
                    break
                start = text.find(form[0], start + 1, earliest)
        return self._open_wrapped(text, earliest)

    def _open_wrapped(self, text: str, earliest: int) -> int:
        for form in self._wrappable:
            start = text.find(form[0], max(0, len(text) - 5 * len(form)), earliest)
            while start >= 0:
                begun = _BREAKS.sub("", text[start:])
                if len(begun) < len(form) and form.startswith(begun):
                    earliest = start
                    break
                start = text.find(form[0], start + 1, earliest)
        return earliest


class StreamRedactor:
    """Redacts a text that comes in chunks, as if it came whole; for one thread at a time."""

    __slots__ = ("_covered", "_held", "_redactor")

    def __init__(self, redactor: Redactor) -> None:
        self._redactor = redactor
        self._held = ""
        """What came and may be the start of a secret."""
        self._covered = 0
        """How many of its first characters are part of a secret whose `***` was given already."""

    def feed(self, text: str) -> str:
        """Take a chunk; gives what can be shown by now."""
        if not self._redactor:
            return text
        text = self._held + text
        return self._show(text, self._redactor.open_end(text))

    def flush(self) -> str:
        """Give the rest, when nothing more comes."""
        return self._show(self._held, len(self._held))

    def _show(self, text: str, end: int) -> str:
        """Show a text up to `end`, and hold the rest back."""
        shown: list[str] = []
        at = 0
        for start, stop in self._redactor.spans(text, covered=self._covered):
            if start >= end:
                break
            if start >= 0:
                shown += (text[at:start], HIDDEN)
            at = stop
        shown.append(text[at:end])
        self._held, self._covered = text[end:], max(at - end, 0)
        return "".join(shown)


def forms_of(secret: str) -> set[str]:
    """Give the forms in which a secret may stand in a text; none for one that is too short.

    They are: as it is and line by line; as JSON (also within JSON), Python, HTML and URLs quote it; in
    hexadecimal; and inside base64.
    """
    forms: set[str] = set()
    for value in {secret, secret.strip()}:
        if len(value) >= SHORTEST:
            forms |= {value, *_quoted(value), *_in_base64(value)}
    forms.update(line for line in secret.splitlines() if len(line) >= SHORTEST)
    return forms


def wrappable_forms(secrets: Iterable[str]) -> tuple[str, ...]:
    """Give the forms of secrets that may stand in a text with line ends within: base64, in the usual alphabet."""
    values = {value for secret in secrets for value in (secret, secret.strip()) if len(value) >= SHORTEST}
    return tuple(sorted({form for value in values for form in _in_base64(value) if not set(form) & set("-_")}))


def _quoted(value: str) -> set[str]:
    data = value.encode("utf-8", "surrogateescape")
    urls = {quote(data), quote(data, safe=""), quote(data, safe="!*'()"), quote_plus(data)}
    return {
        json.dumps(value)[1:-1],
        json.dumps(value, ensure_ascii=False)[1:-1],
        repr(value)[1:-1],
        html.escape(value),
        html.escape(value, quote=False),
        json.dumps(json.dumps(value))[3:-3],
        json.dumps(json.dumps(value, ensure_ascii=False), ensure_ascii=False)[3:-3],
        data.hex(),
        data.hex().upper(),
        *urls,
        *(re.sub("%[0-9A-F]{2}", lambda code: code[0].lower(), url) for url in urls),
    }


def _in_base64(value: str) -> set[str]:
    """Give what is always there of a value within base64, in each of the three ways to align it."""
    data = value.encode("utf-8", "surrogateescape")
    forms: set[str] = set()
    for before in range(3):
        text = b64encode(bytes(before) + data).decode()
        sure = text[-(-8 * before // 6) : 8 * (before + len(data)) // 6]  # other letters mix with what is around
        forms |= {sure, sure.translate(str.maketrans("+/", "-_"))}
    return forms


def _merged(spans: list[Span]) -> list[Span]:
    merged: list[Span] = []
    for start, stop in sorted(spans):
        if merged and start < merged[-1][1]:
            merged[-1] = (merged[-1][0], max(merged[-1][1], stop))
        else:
            merged.append((start, stop))
    return merged
