"""Outputs: what a notebook hands out to the step that runs it."""

from __future__ import annotations

import hashlib
import itertools
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from ergon.adapters.codecs.standard import CODECS
from ergon.errors import NotStorable
from ergon.model.values import Artifact, encode_plain

FOLDER: Final = "ERGON_NOTEBOOK_OUTPUTS"
"""Environment variable that names the folder to hand values over in."""
_SHOWN: Final = 1000
_RICH: Final = ("_repr_mimebundle_", "_repr_html_", "_repr_png_", "_repr_svg_", "_ipython_display_")

_numbers = itertools.count(1)


def output(**values: object) -> None:
    """Hand values out of a notebook, by name, and show them below the cell.

    In a notebook that a step runs they are the step's output: `ergon.output(hottest=41.2)` is
    `steps.<id>.output.hottest`. Of two values of one name the later one counts. In a notebook that a person
    runs they are only shown. What can be handed out is what a step can return: JSON-able values, dates,
    bytes, data frames, arrays, figures; raises `NotStorable` for anything else.
    """
    folder = os.environ.get(FOLDER)
    if folder and values:
        _hand_over(values, Path(folder))
    for name, value in values.items():
        _show(name, value)


def hand_out(namespace: Mapping[str, object], names: Sequence[str]) -> None:
    """Hand out those variables that there are; a step asks for it after a cell tagged `outputs`."""
    folder = os.environ.get(FOLDER)
    values = {name: namespace[name] for name in names if name in namespace}
    if folder and values:
        _hand_over(values, Path(folder))


def _hand_over(values: dict[str, object], folder: Path) -> None:
    """Write values in their stored form, and what JSON cannot carry in files beside it."""

    def keep(value: object) -> Artifact | None:
        codec = next((codec for codec in CODECS if codec.matches(value)), None)
        if codec is None:
            return None
        data = codec.encode(value)
        sha256 = hashlib.sha256(data).hexdigest()
        _write(folder / sha256, data)
        return Artifact(sha256, codec.type, len(data))

    try:
        text = encode_plain(values, foreign=keep)
    except NotStorable as error:
        error.where = error.where.removeprefix(".")
        raise
    _write(folder / f"{next(_numbers):06d}.json", text.encode())


def _write(file: Path, data: bytes) -> None:
    """Write a file whole, so that a kernel that is killed leaves no half of one."""
    temporary = file.with_suffix(".tmp")
    temporary.write_bytes(data)
    os.replace(temporary, file)


def _show(name: str, value: object) -> None:
    """Show a value below the cell: what it has rich forms for as such, anything else as text."""
    ipython: Any = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    if shell is None:
        return
    display: Any = ipython.display.display

    if any(hasattr(value, form) for form in _RICH) or type(value).__module__.startswith("matplotlib."):
        display(_Line(f"{name} ="))
        display(value)
    else:
        text = repr(value)
        display(_Line(f"{name} = {text if len(text) <= _SHOWN else text[:_SHOWN] + ' …'}"))


class _Line:
    """A line of plain text below a cell."""

    def __init__(self, text: str) -> None:
        self._text = text

    def __repr__(self) -> str:
        return self._text
