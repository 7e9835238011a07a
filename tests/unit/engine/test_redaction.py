"""S48: secrets are hidden in texts, however they stand there."""

from __future__ import annotations

import base64
import html
import json
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote, quote_plus, urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ergon.engine.redaction import Redactor, forms_of

SECRET = "s3cr€t/\"pass\\word' + 100%&<ÿ>"
REDACTOR = Redactor({"TOKEN": SECRET, "PIN": "1234", "LONG": "swordfish-swordfish"})


@pytest.mark.parametrize(
    "write",
    [
        str,
        json.dumps,
        lambda secret: json.dumps(json.dumps(secret)),
        lambda secret: secret.encode().hex(),
        lambda secret: secret.encode().hex().upper(),
        lambda secret: json.dumps(secret, ensure_ascii=False),
        lambda secret: repr({"key": secret}),
        quote,
        lambda secret: quote(secret, safe=""),
        quote_plus,
        lambda secret: quote(secret, safe="").lower(),
        lambda secret: urlencode({"q": secret}),
        html.escape,
        lambda secret: html.escape(secret, quote=False),
    ],
)
def test_s48_a_secret_is_hidden_as_programs_write_it(write: Callable[[str], str]) -> None:
    shown = REDACTOR.text(f"before {write(SECRET)} after")
    assert "***" in shown
    assert "pass" not in shown
    assert "word" not in shown
    assert shown.startswith("before ")
    assert shown.endswith(" after")


@pytest.mark.parametrize("encode", [base64.b64encode, base64.urlsafe_b64encode])
@pytest.mark.parametrize("before", ["", "a", "ab", "abc", "user:"])
@pytest.mark.parametrize("after", ["", "1", "12", "123"])
def test_s48_a_secret_is_hidden_in_base64_however_it_is_aligned(
    encode: Callable[[bytes], bytes], before: str, after: str
) -> None:
    text = encode(f"{before}{SECRET}{after}".encode()).decode()
    shown = REDACTOR.text(f"Basic {text}")
    assert "***" in shown
    assert len(shown) - len("Basic ***") <= len(encode(f"{before}{after}".encode())) + 4  # the letters around it


@given(st.text(min_size=8, max_size=20), st.binary(max_size=4), st.binary(max_size=4))
def test_s48_base64_of_any_secret_is_found(secret: str, before: bytes, after: bytes) -> None:
    text = base64.b64encode(before + secret.encode() + after).decode()
    assert "***" in Redactor({"A": secret}).text(text)


def wrapped(data: bytes, width: int, end: str) -> str:
    text = base64.b64encode(data).decode()
    return end.join(text[at : at + width] for at in range(0, len(text), width))


@pytest.mark.parametrize("end", ["\n", "\r\n", "\\n", "\\r\\n"])
@pytest.mark.parametrize("before", range(60))
def test_s48_a_secret_is_hidden_in_wrapped_base64_also_in_chunks_and_bytes(before: int, end: str) -> None:
    """RFC 2045 wraps base64 at 76 columns; a secret may stand anywhere in a line, or across several."""
    for secret in (SECRET, "key of many lines " * 9):
        redactor = Redactor({"A": secret})
        data = b"." * before + secret.encode() + b"." * 9
        text = wrapped(data, 76, end)
        shown = redactor.text(text)
        assert "***" in shown
        assert len(_unbroken(shown)) <= len(_unbroken(wrapped(b"." * (before + 9), 76, end))) + 8
        stream = redactor.stream()
        assert "".join(map(stream.feed, text)) + stream.flush() == shown
        assert redactor.bytes(text.encode()) == shown.encode()


def _unbroken(text: str) -> str:
    return text.replace("\\r", "").replace("\\n", "").replace("\r", "").replace("\n", "").replace("***", "")


def test_s48_lines_of_a_secret_are_hidden_one_by_one() -> None:
    redactor = Redactor({"KEY": "-----BEGIN KEY-----\nMIIEvQIBADANBgkq\nhkiG\n-----END KEY-----\n"})
    shown = [redactor.text(line) for line in ("a MIIEvQIBADANBgkq b", "-----END KEY-----", "hkiG")]
    assert shown == ["a *** b", "***", "hkiG"]


def test_s48_a_trailing_line_end_in_the_vault_hides_nothing_less() -> None:
    assert Redactor({"A": "swordfish\n"}).text("x swordfish y") == "x *** y"


def test_s48_short_secrets_are_not_searched_for_and_are_listed() -> None:
    assert REDACTOR.short == ("PIN",)
    assert REDACTOR.text("1234") == "1234"
    assert Redactor({"B": "1234567", "A": ""}).short == ("A", "B")


def test_without_secrets_everything_is_the_same_object() -> None:
    redactor = Redactor({"PIN": "1234"})
    text, data = "some text", b"some bytes"
    assert not redactor
    assert redactor.text(text) is text
    assert redactor.bytes(data) is data
    assert redactor.stream().feed(text) is text
    assert redactor.stream().flush() == ""


def test_s48_the_longest_secret_is_hidden_whole() -> None:
    redactor = Redactor({"A": "password", "B": "password-of-the-house"})
    assert redactor.text("password-of-the-house and password") == "*** and ***"


def test_s48_secrets_that_overlap_are_hidden_together() -> None:
    redactor = Redactor({"A": "abcdefgh", "B": "efghijkl"})
    assert redactor.text("<abcdefghijkl>") == "<***>"
    assert redactor.text("<abcdefghefghijkl>") == "<******>"


def test_s48_bytes_are_redacted_where_they_are_text_and_otherwise_kept() -> None:
    assert REDACTOR.bytes(b"\xff" + SECRET.encode() + b"\x00\xfe") == b"\xff***\x00\xfe"
    binary = bytes(range(256))
    assert REDACTOR.bytes(binary) is binary


def test_s48_files_are_redacted(tmp_path: Path) -> None:
    file = tmp_path / "log.txt"
    file.write_bytes(b"")
    assert REDACTOR.file(file) is None
    file.write_bytes(b"nothing")
    assert REDACTOR.file(file) is None
    block = b"." * ((1 << 20) - 5)
    file.write_bytes(block + b"swordfish-swordfish" + block)  # across the border of two blocks
    assert REDACTOR.file(file) == block + b"***" + block


def chunks(text: str, cuts: list[int]) -> list[str]:
    ends = sorted({min(cut, len(text)) for cut in cuts})
    return [text[start:stop] for start, stop in zip([0, *ends], [*ends, len(text)], strict=True)]


# Few letters, so that secrets overlap, repeat and begin in one another.
letters = st.text("ab", max_size=60)
some_secrets = st.lists(st.text("ab", min_size=8, max_size=12), min_size=1, max_size=3)
cut_places = st.lists(st.integers(0, 60), max_size=8)


@given(letters, some_secrets, cut_places)
def test_s48_a_stream_shows_what_the_whole_text_would(text: str, secrets: list[str], cuts: list[int]) -> None:
    redactor = Redactor({str(number): secret for number, secret in enumerate(secrets)})
    stream = redactor.stream()
    shown = "".join(stream.feed(chunk) for chunk in chunks(text, cuts)) + stream.flush()
    assert shown == redactor.text(text)


@given(letters, some_secrets)
def test_s48_nothing_of_a_secret_is_left(text: str, secrets: list[str]) -> None:
    """Every letter that belongs to a secret is gone; every other letter is there."""
    redactor = Redactor({str(number): secret for number, secret in enumerate(secrets)})
    hidden = {
        at + step
        for secret in secrets
        for at in range(len(text))
        if text.startswith(secret, at)
        for step in range(len(secret))
    }
    assert redactor.text(text).replace("*", "") == "".join(x for at, x in enumerate(text) if at not in hidden)


def test_s48_a_stream_holds_back_only_what_may_be_a_secret() -> None:
    stream = REDACTOR.stream()
    assert stream.feed("hello sword") == "hello "
    assert stream.feed("s and sword") == "swords and "
    assert stream.feed("fish-") == ""
    assert stream.feed("swordfish!") == "***!"
    assert stream.feed("end of s") == "end of "
    assert stream.flush() == "s"
    assert stream.flush() == ""


def test_s48_a_stream_waits_for_the_longer_of_two_secrets() -> None:
    stream = Redactor({"A": "password", "B": "password-of-the-house"}).stream()
    assert [stream.feed(text) for text in ("a password", "-of-", "the-other")] == ["a ", "", "***-of-the-other"]
    assert [stream.feed(text) for text in (" password", "-of-the-house", ".")] == [" ", "***", "."]


def test_s48_a_secret_without_end_is_not_hoarded() -> None:
    redactor = Redactor({"A": "a" * 8})
    stream = redactor.stream()
    shown = [stream.feed("a" * 100) for _ in range(50)]
    assert "".join(shown) + stream.flush() == redactor.text("a" * 5000) == "***"
    assert len(stream._held) < 8


def test_s48_one_letter_at_a_time() -> None:
    text = f"x{SECRET}y swordfish-swordfish z{json.dumps(SECRET)}"
    stream = REDACTOR.stream()
    assert "".join(map(stream.feed, text)) + stream.flush() == REDACTOR.text(text) == 'x***y *** z"***"'


def test_the_forms_of_a_secret_are_few_and_none_is_short() -> None:
    forms = forms_of(SECRET)
    assert len(forms) < 40
    assert min(map(len, forms)) >= 8
    assert forms_of("short") == set()


def test_s48_a_secret_that_is_no_utf_8_is_hidden() -> None:
    secret = b"pass\xffword".decode("utf-8", "surrogateescape")  # as os.environ gives it
    redactor = Redactor({"A": secret})
    assert redactor.text(f"<{secret}>") == "<***>"
    assert redactor.bytes(b"<pass\xffword>") == b"<***>"
