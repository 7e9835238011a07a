"""Markup: tables and pages between rows, Markdown, HTML and text."""

from __future__ import annotations

import html
import json
from collections.abc import Mapping, Sequence
from html.parser import HTMLParser
from typing import Final

from ergon.actions.rows import columns_of

_PAGE: Final = """<!doctype html>
<html>
<head><meta charset="{encoding}"><title>{title}</title></head>
<body>
{body}
</body>
</html>
"""
_BREAKS: Final = frozenset(
    {
        "address",
        "article",
        "blockquote",
        "br",
        "dd",
        "div",
        "dl",
        "dt",
        "footer",
        "h1",
        "h2",
        "h3",
        "h4",
        "h5",
        "h6",
    }
    | {"header", "hr", "li", "main", "ol", "p", "pre", "section", "table", "tr", "ul"}
)
_UNSEEN: Final = frozenset({"head", "script", "style", "template", "title"})


def html_table(rows: Sequence[Mapping[str, object]]) -> str:
    """Write rows as an HTML table; everything in it is escaped."""
    names = columns_of(rows)
    head = "".join(f"<th>{html.escape(name)}</th>" for name in names)
    lines = [
        "<tr>" + "".join(f"<td>{html.escape(_cell(row.get(name)))}</td>" for name in names) + "</tr>" for row in rows
    ]
    return "\n".join(["<table>", f"<thead><tr>{head}</tr></thead>", "<tbody>", *lines, "</tbody>", "</table>", ""])


def markdown_table(rows: Sequence[Mapping[str, object]]) -> str:
    """Write rows as a Markdown table."""
    names = columns_of(rows)
    lines = [names, ["---"] * len(names), *([_cell(row.get(name)) for name in names] for row in rows)]
    return "".join("| " + " | ".join(_in_a_line(cell) for cell in line) + " |\n" for line in lines)


def html_page(body: str, *, title: str, encoding: str) -> str:
    """Put a body into a page of its own."""
    return _PAGE.format(encoding=html.escape(encoding), title=html.escape(title), body=body.rstrip("\n"))


def markdown_to_html(text: str) -> str:
    """Write Markdown (CommonMark with tables) as HTML; HTML in it is shown as text."""
    from markdown_it import MarkdownIt

    rendered: str = MarkdownIt("commonmark", {"html": False}).enable(["table", "strikethrough"]).render(text)
    return rendered


def html_to_text(text: str) -> str:
    """Give the text that a page shows."""
    reader = _TextReader()
    reader.feed(text)
    reader.close()
    lines = (" ".join(line.split()) for line in "".join(reader.parts).split("\n"))
    return "\n".join(line for line in lines if line) + "\n"


class _TextReader(HTMLParser):
    """Collects what is seen of a page."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[str] = []
        self._unseen = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Begin an element."""
        self._unseen += tag in _UNSEEN
        if tag in _BREAKS:
            self.parts.append("\n")
        elif tag in ("td", "th"):
            self.parts.append(" ")

    def handle_endtag(self, tag: str) -> None:
        """End an element."""
        self._unseen -= tag in _UNSEEN and self._unseen > 0
        if tag in _BREAKS:
            self.parts.append("\n")

    def handle_data(self, data: str) -> None:
        """Take text."""
        if not self._unseen:
            self.parts.append(data.replace("\n", " "))


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Mapping | list | tuple):
        return json.dumps(value, ensure_ascii=False, default=str)
    return str(value)


def _in_a_line(text: str) -> str:
    return " ".join(text.replace("\\", "\\\\").replace("|", "\\|").split())
