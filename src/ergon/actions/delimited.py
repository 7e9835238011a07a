"""Delimited text: CSV and TSV as rows, and back."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

from ergon.actions.rows import columns_of

_INTEGER: Final = re.compile(r"-?(?:0|[1-9]\d{0,17})")
_FLOAT: Final = re.compile(r"-?(?:0|[1-9]\d{0,17})(?:\.\d{1,30})?(?:[eE][+-]?\d{1,3})?")
_LARGEST: Final = 1.7976931348623157e308


def parse_delimited(
    text: str, *, delimiter: str, header: bool, types: bool
) -> list[dict[str, object]] | list[list[object]]:
    """Read delimited text; raises ValueError with the line that is wrong.

    With a header the rows are mappings, without one lists. With `types`, a column in which every cell that
    is not empty is a number becomes numbers, and empty cells become null. Leading zeros, a plus sign, more
    than 18 digits and words such as `nan` are no numbers, so that codes and telephone numbers stay what they
    are.
    """
    lines = _lines(text, delimiter)
    names = next(lines, (0, []))[1] if header else []
    if header:
        _check_names(names)
    table: list[list[object]] = [_cells(cells, number, len(names)) if header else [*cells] for number, cells in lines]
    if types:
        _convert(table)
    return [dict(zip(names, cells, strict=True)) for cells in table] if header else table


def _lines(text: str, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    """Give the number and the cells of each line that has any."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    while True:
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            raise ValueError(f"line {reader.line_num}: {error}") from None
        if cells:
            yield reader.line_num, cells


def _check_names(names: Sequence[str]) -> None:
    if not names:
        raise ValueError("it is empty: there is no header")
    for index, name in enumerate(names):
        if not name.strip():
            raise ValueError(f"line 1: column {index + 1} has no name")
        if name in names[:index]:
            raise ValueError(f"line 1: two columns are named '{name}'")


def _cells(cells: Sequence[str], number: int, width: int) -> list[object]:
    if len(cells) > width:
        raise ValueError(f"line {number} has {len(cells)} cells and the header {width}")
    return [*cells, *[None] * (width - len(cells))]


def _convert(table: list[list[object]]) -> None:
    """Turn columns of numbers into numbers, in place."""
    width = max((len(cells) for cells in table), default=0)
    for column in range(width):
        texts = [cells[column] for cells in table if column < len(cells)]
        kind = _kind(text for text in texts if isinstance(text, str) and text)
        for cells in table:
            if column < len(cells):
                text = cells[column]
                cells[column] = kind(text) if isinstance(text, str) and text else None


def _kind(texts: Iterable[str]) -> type[int] | type[float] | type[str]:
    """Give what the cells of a column are."""
    kind: type[int] | type[float] = int
    for text in texts:
        if kind is int and _INTEGER.fullmatch(text):
            continue
        if not _FLOAT.fullmatch(text) or abs(float(text)) > _LARGEST:
            return str
        kind = float
    return kind


def print_delimited(rows: Sequence[object], *, delimiter: str, columns: Sequence[str] = (), header: bool = True) -> str:
    """Write rows (mappings or lists) as delimited text; raises ValueError for anything else.

    Null is an empty cell, true and false are words, lists and mappings are JSON.
    """
    out = io.StringIO(newline="")
    writer = csv.writer(out, delimiter=delimiter, lineterminator="\n")
    mappings = [row for row in rows if isinstance(row, Mapping)]
    if mappings and len(mappings) != len(rows):
        raise ValueError("some of its rows are mappings and some are not")
    names = list(columns) or columns_of(mappings)
    if names and header:
        writer.writerow(names)
    for index, row in enumerate(rows):
        writer.writerow(_row_cells(row, names, index))
    return out.getvalue()


def _row_cells(row: object, names: Sequence[str], index: int) -> list[object]:
    if isinstance(row, Mapping):
        return [_cell(row.get(name)) for name in names]
    if isinstance(row, list | tuple):
        return [_cell(value) for value in row]
    raise ValueError(f"row {index} is a {type(row).__name__}, and must be a mapping or a list")


def _cell(value: object) -> object:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Mapping | list | tuple):
        return json.dumps(value, ensure_ascii=False, default=str)
    if isinstance(value, float) and value != value:  # only NaN differs from itself
        return ""
    return "" if value is None else value
