"""Formats: what a file's bytes say, and the bytes that say a value."""

from __future__ import annotations

import io
import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any, Final, Literal

from ergon.actions.delimited import parse_delimited, print_delimited
from ergon.actions.markup import html_page, html_table, html_to_text, markdown_table, markdown_to_html
from ergon.actions.rows import as_rows, plain_value
from ergon.actions.wording import described
from ergon.actions.yamltext import parse_yaml, print_yaml
from ergon.errors import ActionFailed, ExtraMissing

Format = Literal["text", "markdown", "html", "json", "yaml", "csv", "tsv", "parquet", "bytes"]

_SUFFIXES: Final[Mapping[str, Format]] = {
    ".txt": "text", ".text": "text", ".log": "text", ".md": "markdown", ".markdown": "markdown",
    ".html": "html", ".htm": "html", ".json": "json", ".yaml": "yaml", ".yml": "yaml",
    ".csv": "csv", ".tsv": "tsv", ".tab": "tsv", ".parquet": "parquet", ".pq": "parquet",
    ".bin": "bytes", ".gif": "bytes", ".gz": "bytes", ".jpeg": "bytes", ".jpg": "bytes", ".pdf": "bytes",
    ".png": "bytes", ".tar": "bytes", ".webp": "bytes", ".xlsx": "bytes", ".zip": "bytes",
}  # fmt: skip
_TEXTS: Final = ("text", "markdown", "html")
DATA: Final = ("json", "yaml", "csv", "tsv", "parquet")
TABLES: Final = ("csv", "tsv", "parquet")
_DELIMITERS: Final = {"csv": ",", "tsv": "\t"}


@dataclass(frozen=True, slots=True)
class Form:
    """How a value is written down."""

    format: Format
    encoding: str = "utf-8"
    delimiter: str | None = None
    """What stands between the cells of delimited text; a comma or a tab if absent."""
    header: bool = True
    """Whether the first line of delimited text names the columns."""
    types: bool = True
    """Whether columns of numbers become numbers."""
    title: str = ""
    """The title of a page that is made."""

    @property
    def between(self) -> str:
        """What stands between cells."""
        return self.delimiter or _DELIMITERS.get(self.format, ",")


def format_of(path: PurePath, given: Format | None = None) -> Format:
    """Give the format that was asked for, else the one that the name's ending says; text for any other."""
    return given or _SUFFIXES.get(path.suffix.lower(), "text")


# ---- reading -----------------------------------------------------------------------------------------------


def decode(data: bytes, form: Form, *, name: object) -> object:
    """Give the value that bytes say; raises `ActionFailed`, which calls the file by `name`."""
    if form.format == "bytes":
        return data
    try:
        if form.format == "parquet":
            return read_parquet(io.BytesIO(data)).to_pylist()
        return _parse(_text(data, form, name), form)
    except ValueError as error:
        raise ActionFailed(f"{name} is not sound {_title(form.format)}: {error}.") from None
    except RecursionError:
        raise ActionFailed(f"{name} is nested too deep.") from None


def _text(data: bytes, form: Form, name: object) -> str:
    encoding = form.encoding
    if encoding.lower().replace("_", "-") in ("utf-8", "utf8"):
        encoding = "utf-8-sig"  # a byte order mark is no text
    try:
        return data.decode(encoding)
    except UnicodeDecodeError as error:
        byte = f"byte 0x{data[error.start]:02x} at offset {error.start}" if error.start < len(data) else error.reason
        hint = "Give its `encoding`, such as latin-1 or utf-16, or `format: bytes`."
        raise ActionFailed(f"{name} is not {form.encoding} text: {byte} is no part of it.", hint=hint) from None
    except LookupError:
        raise _unknown(form.encoding) from None


def _unknown(encoding: str) -> ActionFailed:
    return ActionFailed(f"There is no text encoding '{encoding}'.", hint="Known are utf-8, latin-1, cp1252 and others.")


def _parse(text: str, form: Form) -> object:
    if form.format == "json":
        return _parse_json(text)
    if form.format == "yaml":
        return parse_yaml(text)
    if form.format in _DELIMITERS:
        return parse_delimited(text, delimiter=form.between, header=form.header, types=form.types)
    return text


def _parse_json(text: str) -> object:
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise ValueError(f"line {error.lineno}, column {error.colno}: {error.msg}") from None


def read_parquet(source: Any) -> Any:
    """Give the Arrow table of a Parquet file; raises ValueError if it is none."""
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError:
        raise ExtraMissing(package="pyarrow", extra="data", purpose="Parquet") from None
    try:
        return pyarrow.parquet.read_table(source)
    except (pyarrow.ArrowException, OSError) as error:
        raise ValueError(" ".join(str(error).split()).rstrip(".")) from None


# ---- writing -----------------------------------------------------------------------------------------------


def encode(value: object, form: Form, *, name: object) -> bytes:
    """Give the bytes that say a value; raises `ActionFailed`, which calls the file by `name`."""
    try:
        if form.format == "bytes":
            return _bytes(value)
        if form.format == "parquet":
            return _parquet(value)
        return _encoded(_print(value, form), form, name)
    except ValueError as error:
        raise ActionFailed(f"{name} cannot be written as {_title(form.format)}: {error}.") from None
    except RecursionError:
        raise ActionFailed(f"{name} cannot be written: its content is nested too deep, or holds itself.") from None


def _encoded(text: str, form: Form, name: object) -> bytes:
    try:
        return text.encode(form.encoding)
    except UnicodeEncodeError as error:
        sign = text[error.start]
        hint = "Write it as utf-8, or leave such signs out."
        raise ActionFailed(f"{name} holds {sign!r}, which {form.encoding} does not have.", hint=hint) from None
    except LookupError:
        raise _unknown(form.encoding) from None


def _print(value: object, form: Form) -> str:
    if form.format in _DELIMITERS:
        rows = value if isinstance(value, list | tuple) else as_rows(value)
        return print_delimited(rows, delimiter=form.between, header=form.header)
    if form.format == "json":
        return json.dumps(_jsonable(value), ensure_ascii=False, indent=2, allow_nan=False) + "\n"
    if form.format == "yaml":
        return print_yaml(as_rows(value) if _is_frame(value) else value)
    return _print_text(value, form)


def _print_text(value: object, form: Form) -> str:
    """Write text; rows become a table where the format has them."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return str(value)
    if form.format == "html" and _is_table(value):
        return html_page(html_table(as_rows(value)), title=form.title, encoding=form.encoding)
    if form.format == "markdown" and _is_table(value):
        return markdown_table(as_rows(value))
    raise ValueError(f"it needs text, not {described(value)}; say `format: json` to write any value")


def _is_table(value: object) -> bool:
    try:
        return bool(as_rows(value))
    except ValueError:
        return False


def _is_frame(value: object) -> bool:
    return hasattr(value, "to_dict") and hasattr(value, "columns")


def _jsonable(value: object) -> object:
    """Give what strict JSON can carry: NaN and infinities are null, dates text, data frames rows."""
    if value is None or isinstance(value, str | bool | int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {_key(key): _jsonable(member) for key, member in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_jsonable(member) for member in value]
    if hasattr(value, "isoformat"):
        return str(value.isoformat())
    plain = plain_value(value)
    if type(plain) is not type(value):
        return _jsonable(plain)
    return _jsonable(as_rows(value))


def _key(key: object) -> str:
    return key if isinstance(key, str) else json.dumps(key, default=str)


def _bytes(value: object) -> bytes:
    if isinstance(value, str):
        return value.encode()
    if isinstance(value, bytes | bytearray | memoryview):
        return bytes(value)
    raise ValueError(f"it needs bytes or text, not {described(value)}")


def _parquet(value: object) -> bytes:
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError:
        raise ExtraMissing(package="pyarrow", extra="data", purpose="Parquet") from None
    out = io.BytesIO()
    try:
        pyarrow.parquet.write_table(arrow_table(value), out)
    except pyarrow.ArrowException as error:
        raise ValueError(" ".join(str(error).split()).rstrip(".")) from None
    return out.getvalue()


def arrow_table(value: object) -> Any:
    """Give rows or a data frame as an Arrow table; raises ValueError if they do not fit one."""
    import pyarrow

    if isinstance(value, pyarrow.Table):
        return value
    if _is_frame(value):
        return pyarrow.Table.from_pandas(value, preserve_index=False)
    rows = as_rows(value)
    columns: dict[str, Any] = {}
    for name in dict.fromkeys(name for row in rows for name in row):
        try:
            columns[name] = pyarrow.array([row.get(name) for row in rows])
        except (pyarrow.ArrowException, OverflowError) as error:
            reason = " ".join(str(error).split()).rstrip(".")
            raise ValueError(f"the values of column '{name}' are not of one kind: {reason}") from None
    return pyarrow.table(columns)


# ---- converting --------------------------------------------------------------------------------------------

_MARKUP: Final[Mapping[tuple[str, str], Callable[[str], str]]] = {
    ("markdown", "html"): markdown_to_html,
    ("html", "text"): html_to_text,
    ("text", "markdown"): str,
    ("markdown", "text"): str,
}


def converted(value: object, source: Format, target: Form) -> object:
    """Give a value of one format as another one wants it; raises `ActionFailed` if there is no way."""
    if source == target.format or target.format == "bytes":
        return value
    if source in DATA and (target.format in DATA or target.format in ("html", "markdown")):
        return value
    convert = _MARKUP.get((source, target.format))
    if convert is None:
        hint = "Data converts to data and to tables, Markdown to HTML and text, HTML to text."
        raise ActionFailed(f"{_title(source)} cannot be converted to {_title(target.format)}.", hint=hint)
    made = convert(str(value))
    return html_page(made, title=target.title, encoding=target.encoding) if target.format == "html" else made


def _title(format: str) -> str:
    return {"markdown": "Markdown", "parquet": "Parquet"}.get(
        format, format if format in ("text", "bytes") else format.upper()
    )
