"""File actions that look into files: reading, writing, adding, converting."""

from __future__ import annotations

import difflib
import os
from collections.abc import Mapping
from pathlib import Path, PurePath
from typing import Annotated, Any, Final, Literal

from pydantic import Field

from ergon.actions.action import action
from ergon.actions.delimited import parse_delimited, print_delimited
from ergon.actions.formats import TABLES, Form, Format, converted, decode, encode, format_of
from ergon.actions.rows import as_rows
from ergon.actions.writing import digest_of, replacing, sync_folder, told
from ergon.errors import ActionFailed, ExtraMissing
from ergon.ports import Context

_MEGABYTE: Final = 1_000_000

Delimiter = Annotated[str, Field(min_length=1, max_length=1)]
Name = Annotated[str, Field(min_length=1)]


@action(
    "file.read",
    example="""
    id: load
    uses: file.read
    with: {path: data/weather.csv}
    """,
)
def read(
    path: Path,
    format: Format | None = None,
    encoding: str = "utf-8",
    types: bool = True,
    header: bool = True,
    delimiter: Delimiter | None = None,
    result: Literal["rows", "dataframe"] = "rows",
    max_mb: Annotated[float, Field(gt=0)] = 500,
    *,
    ctx: Context,
) -> object:
    """Reads a file: text, data or bytes.

    CSV, TSV and Parquet give rows: a list of mappings. In CSV and TSV a column in which every cell is a
    number becomes numbers and an empty cell null; a code such as `00123` stays text, and so does its whole
    column.

    Args:
        path: The file, relative to the workflow's folder.
        format: How to read it; by default what the name's ending says, else text.
        encoding: How the text is encoded.
        types: Whether CSV and TSV columns of numbers become numbers.
        header: Whether the first line of a CSV or TSV names the columns; without, rows are lists.
        delimiter: What stands between cells; a comma, or a tab in TSV.
        result: What a table becomes: rows, or a pandas data frame.
        max_mb: The largest file that is read, in megabytes.
    """
    file = ctx.path(path)
    form = Form(format_of(path, format), encoding, delimiter, header, types)
    with told(path):
        data = _content(file, path, max_mb)
    value = decode(data, form, name=path)
    return _data_frame(value, form) if result == "dataframe" else value


def _content(file: Path, name: PurePath, max_mb: float) -> bytes:
    if file.is_dir():
        raise IsADirectoryError(str(file))
    if not file.exists():
        raise ActionFailed(f"There is no file {name}.", hint=_near(file))
    if not file.is_file():
        raise ActionFailed(f"{name} is a device or pipe, not a file.")
    if file.stat().st_size > max_mb * _MEGABYTE:
        hint = "Raise `max_mb`, or ask it with data.query, which does not load it whole."
        raise ActionFailed(f"{name} is larger than {max_mb:g} MB.", hint=hint)
    return file.read_bytes()


def _near(file: Path) -> str:
    """Suggest a file of a similar name in the same folder."""
    if not file.parent.is_dir():
        return f"There is no folder {file.parent.name} either."
    near = difflib.get_close_matches(file.name, (each.name for each in file.parent.iterdir()), n=1)
    return f"Did you mean '{near[0]}'?" if near else ""


def _data_frame(value: object, form: Form) -> object:
    if form.format not in TABLES:
        raise ActionFailed(f"{form.format} does not give a data frame.", hint="CSV, TSV and Parquet do.")
    try:
        import pandas
    except ImportError:
        raise ExtraMissing(package="pandas", extra="data", purpose="`result: dataframe`") from None
    frame: object = pandas.DataFrame(value)
    return frame


def remove_created(output: Mapping[str, Any], ctx: Context) -> None:
    """Remove a file that the step created, unless somebody changed it since."""
    file = ctx.path(output["path"], write=True)
    if not output["created"]:
        raise ActionFailed(f"{file} replaced an earlier file, which cannot be brought back.")
    if not file.exists():
        return
    if file.is_dir():
        raise ActionFailed(f"{file} is a folder, which may hold more than the step put there, so it is kept.")
    if digest_of(file) != output["sha256"]:
        raise ActionFailed(f"{file} was changed since the step wrote it, so it is kept.")
    file.unlink()


def refuse_existing(file: Path, name: object, ctx: Context) -> None:
    """Fail if a file is there that no earlier attempt of this step wrote."""
    if ctx.once("existed", file.exists):
        raise ActionFailed(f"{name} is there already.", hint="Say `overwrite: true` to replace it.")


@action(
    "file.write",
    undo=remove_created,
    example="""
    id: save
    uses: file.write
    with: {path: build/report.md, content: "# Report"}
    """,
)
def write(
    path: Name,
    content: object,
    format: Format | None = None,
    encoding: str = "utf-8",
    header: bool = True,
    delimiter: Delimiter | None = None,
    overwrite: bool = True,
    *,
    ctx: Context,
) -> dict[str, object]:
    """Writes a file, whole or not at all; parent folders are made.

    Text, Markdown and HTML take text, JSON and YAML any value, CSV, TSV and Parquet rows or a data frame.
    Rows written as Markdown or HTML become a table. NaN and infinities are null in JSON. Undoing it removes
    a file that it created; a file that it replaced cannot be brought back.

    Args:
        path: The file, relative to the workflow's folder.
        content: What to write.
        format: How to write it; by default what the name's ending says, else text.
        encoding: How to encode text.
        header: Whether CSV and TSV begin with the names of the columns.
        delimiter: What stands between cells; a comma, or a tab in TSV.
        overwrite: Whether a file that is there is replaced.
    """
    file = ctx.path(path, write=True)
    form = Form(format_of(PurePath(path), format), encoding, delimiter, header, title=PurePath(path).stem)
    if not overwrite:
        refuse_existing(file, path, ctx)
    return _save(file, encode(content, form, name=path), path)


def _save(file: Path, data: bytes, name: object) -> dict[str, object]:
    with told(name):
        created = not file.exists()
        with replacing(file) as sink:
            sink.write(data)
    return {"path": str(file), "size": sink.size, "sha256": sink.sha256, "created": created}


@action(
    "file.append",
    example="""
    id: note
    uses: file.append
    with: {path: build/notes.txt, content: "One more line.\\n"}
    """,
)
def append(
    path: Name,
    content: object,
    format: Format | None = None,
    encoding: str = "utf-8",
    delimiter: Delimiter | None = None,
    *,
    ctx: Context,
) -> dict[str, object]:
    """Adds text or rows to the end of a file, which is made if it is not there.

    Rows added to a CSV or TSV go under the columns of its header. What an attempt added that was cut off by
    a crash is not added again if the file is as that attempt left it.

    Args:
        path: The file, relative to the workflow's folder.
        content: Text, or rows for CSV and TSV.
        format: How to write it; by default what the name's ending says, else text.
        encoding: How to encode text.
        delimiter: What stands between cells; a comma, or a tab in TSV.
    """
    file = ctx.path(path, write=True)
    form = Form(format_of(PurePath(path), format), encoding, delimiter)
    if form.format not in ("text", "markdown", "html", "csv", "tsv"):
        hint = "Read it, add to the value, and write it with file.write."
        raise ActionFailed(f"Nothing can be added to the end of a {form.format} file.", hint=hint)
    with told(path):
        size = file.stat().st_size if file.exists() else 0
        before = ctx.once("size", lambda: size)
        assert isinstance(before, int)
        addition = _addition(file, content, form, path, before)
        if size == before:
            _add(file, addition)
        elif size != before + len(addition):
            raise ActionFailed(f"{path} was changed while an earlier attempt wrote to it.")
        return {"path": str(file), "size": file.stat().st_size, "added": len(addition)}


def _addition(file: Path, content: object, form: Form, name: object, before: object) -> bytes:
    """Give the bytes to add: rows without a header where the file has one."""
    if form.format not in ("csv", "tsv") or not before:
        return encode(content, form, name=name)
    head = _first_line(file, form)
    columns = parse_delimited(head, delimiter=form.between, header=False, types=False)
    names = [str(cell) for cell in columns[0]] if columns else []
    try:
        rows = as_rows(content)
        unknown = sorted({key for row in rows for key in row} - set(names))
        if unknown:
            raise ActionFailed(f"{name} has no column '{unknown[0]}'.", hint=f"It has: {', '.join(names)}.")
        text = print_delimited(rows, delimiter=form.between, columns=names, header=False)
    except ValueError as error:
        raise ActionFailed(f"{name} cannot be added to: {error}.") from None
    return text.encode(form.encoding)


def _first_line(file: Path, form: Form) -> str:
    with file.open(encoding=form.encoding, newline="") as lines:
        return lines.readline().removeprefix("\ufeff")


def _add(file: Path, addition: bytes) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    is_new = not file.exists()
    with file.open("ab") as end:
        end.write(addition)
        end.flush()
        os.fsync(end.fileno())
    if is_new:
        sync_folder(file.parent)


@action(
    "file.convert",
    example="""
    id: publish
    uses: file.convert
    with: {source: data/weather.csv, target: build/weather.json}
    """,
)
def convert(
    source: Path,
    target: Name,
    source_format: Format | None = None,
    target_format: Format | None = None,
    source_encoding: str = "utf-8",
    target_encoding: str = "utf-8",
    *,
    ctx: Context,
) -> dict[str, object]:
    """Writes a file's content in another format or encoding.

    Data (JSON, YAML, CSV, TSV, Parquet) converts to data and to tables in HTML and Markdown, Markdown to
    HTML and text, HTML to the text that it shows.

    Args:
        source: The file to read.
        target: The file to write.
        source_format: How to read it; by default what the name's ending says.
        target_format: How to write it; by default what the name's ending says.
        source_encoding: How the source's text is encoded.
        target_encoding: How to encode the target's text.
    """
    origin, file = ctx.path(source), ctx.path(target, write=True)
    before = Form(format_of(source, source_format), source_encoding)
    after = Form(format_of(PurePath(target), target_format), target_encoding, title=PurePath(target).stem)
    with told(source):
        data = _content(origin, source, 500)
    if after.format == "bytes":
        return _save(file, data, target)
    value = converted(decode(data, before, name=source), before.format, after)
    return _save(file, encode(value, after, name=target), target)
