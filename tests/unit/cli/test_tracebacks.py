"""The part of a traceback that is the user's code."""

from __future__ import annotations

import traceback
from pathlib import Path

import pytest

from ergon.cli import tracebacks
from ergon.cli.tracebacks import place_of, users_part

OWN = str(Path(tracebacks.__file__).parents[1])
TEXT = f"""Traceback (most recent call last):
  File "{OWN}/engine/attempts.py", line 10, in run
    invoke()
  File "{OWN}/actions/action.py", line 166, in call
    return self.function(**inputs)
  File "/data/pay.py", line 2, in charge
    return lookup()
  File "/data/other.py", line 7, in lookup
    return {{"a": 1}}["b"]
KeyError: 'b'
"""


def test_the_frames_that_lead_to_the_users_code_are_left_out() -> None:
    lines = users_part(TEXT).splitlines()
    assert lines[0] == "Traceback (most recent call last):"
    assert lines[1] == '  File "/data/pay.py", line 2, in charge'
    assert lines[-1] == "KeyError: 'b'"


def test_the_place_is_the_last_in_the_users_code() -> None:
    assert place_of(TEXT) == "/data/other.py, line 7, in lookup"
    assert place_of(TEXT + f'  File "{OWN}/x.py", line 1, in y\n') == "/data/other.py, line 7, in lookup"


@pytest.mark.parametrize("text", ["", "KeyError: 'b'", f'  File "{OWN}/x.py", line 1, in y\n    z()\nE: 1'])
def test_what_has_no_user_code_stays_whole(text: str) -> None:
    assert users_part(text) == text
    assert place_of(text) == ""


def test_it_reads_what_python_writes() -> None:
    try:
        int("x")
    except ValueError:
        text = traceback.format_exc()
    assert place_of(text).endswith("in test_it_reads_what_python_writes")
