"""Scalars as the YAML 1.2 core schema reads them (S1), in Python as in the browser."""

from __future__ import annotations

import re
from typing import Final

_NULLS: Final = frozenset({"", "~", "null", "Null", "NULL"})
_BOOLEANS: Final = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_NUMBER_STARTS: Final = frozenset("+-.0123456789")
_INTEGER: Final = re.compile(r"[-+]?[0-9]+")
_OCTAL: Final = re.compile(r"0o[0-7]+")
_HEXADECIMAL: Final = re.compile(r"0x[0-9a-fA-F]+")
_FLOAT: Final = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_INFINITY: Final = re.compile(r"[-+]?\.(inf|Inf|INF)")
_NAN: Final = frozenset({".nan", ".NaN", ".NAN"})
_MAX_DIGITS: Final = 308
"""The digits of the largest number that every reader of the format can hold."""

Scalar = str | int | float | bool | None


def resolve(text: str) -> Scalar:
    """Give the value of a plain scalar; raises ValueError for a number that is too long."""
    if text[:1] in _NUMBER_STARTS and text:
        return _number(text)
    if text in _NULLS:
        return None
    return _BOOLEANS.get(text, text)


def resolve_as(tag: str, text: str) -> Scalar:
    """Give the value of a scalar with a core tag (`str`, `int`, …); raises ValueError if it is not one."""
    if tag == "str":
        return text
    value = resolve(text)
    if tag == "float" and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if {"int": int, "float": float, "bool": bool, "null": type(None)}[tag] is type(value):
        return value
    raise ValueError(f"'{text}' is not a value of type !!{tag}")


def _number(text: str) -> Scalar:
    if _INTEGER.fullmatch(text):
        return _integer(text, 10)
    if _FLOAT.fullmatch(text):
        return float(text)
    if _OCTAL.fullmatch(text):
        return _integer(text[2:], 8)
    if _HEXADECIMAL.fullmatch(text):
        return _integer(text[2:], 16)
    if _INFINITY.fullmatch(text):
        return float("-inf" if text[0] == "-" else "inf")
    return float("nan") if text in _NAN else text


def _integer(digits: str, base: int) -> int:
    if len(digits) > _MAX_DIGITS:
        raise ValueError(f"a number of {len(digits)} digits is too long")
    return int(digits, base)
