"""What the YAML parser complains of, in words that say what to do."""

from __future__ import annotations

import re
from typing import Final

import yaml

from ergon.loading.faults import Fault

_TEMPLATE_VALUE: Final = re.compile(r"(?:[:\-\[,]\s+|[\[,])\{\{")
_BARE_TEMPLATE: Final = "A value that begins with {{ must stand in quotes."

# The parser's words (any part of them), our sentence, our hint; the first that fits.
_EXPLAINED: Final = (
    (
        "mapping values are not allowed",
        "there is a ': ' where no key can stand",
        "Check the indentation of this line; a text that holds ': ' must stand in quotes.",
    ),
    (
        "block sequence entries are not allowed",
        "a list item '- ' cannot begin here",
        "Begin it on a line of its own, indented under its key.",
    ),
    ("did not find expected '-' indicator", "this line does not belong to the list above it", "Check its indentation."),
    ("did not find expected key", "this does not belong to the mapping around it", "Check its indentation and quotes."),
    ("did not find expected ',' or ']'", "the list that begins with '[' is not closed", "Add the missing ']'."),
    ("did not find expected ',' or '}'", "the mapping that begins with '{' is not closed", "Add the missing '}'."),
    (
        "could not find expected ':'",
        "this line is neither 'key: value' nor a list item",
        "Add ': ' and a value after the key.",
    ),
    (
        "unknown escape character",
        "there is an unknown escape after '\\'",
        "Use single quotes, or write '\\\\' for a backslash.",
    ),
    (
        "did not find expected hexdecimal number",
        "an escape lacks its hexadecimal digits",
        "Use single quotes, or write '\\\\'.",
    ),
    ("invalid Unicode character escape", "an escape names no character", "Write the character itself."),
    (
        "found unexpected document indicator",
        "a text in quotes is not closed before the document ends",
        "Add the closing quote.",
    ),
    ("found unexpected end of stream", "a text in quotes is not closed", "Add the closing quote."),
    (
        "did not find expected <document start>",
        "there is text after the end of the document",
        "Remove what follows, or its '...'.",
    ),
    (
        "while scanning a directive",
        "this directive is unknown",
        "Remove the line; a text that begins with % must stand in quotes.",
    ),
    (
        "while scanning a block scalar",
        "the line after '|' or '>' is not as it must be",
        "Write the text on the lines below, indented.",
    ),
    ("while scanning an anchor", "an anchor lacks its name", "A text that begins with & must stand in quotes."),
    ("while scanning an alias", "an alias lacks its name", "A text that begins with * must stand in quotes."),
    ("undefined tag handle", "this tag is unknown", "A text that begins with ! must stand in quotes."),
    ("tag", "this tag cannot be read", "A text that begins with ! must stand in quotes."),
)
_AT_CONTEXT: Final = (
    "found unexpected end of stream",
    "found unexpected document indicator",
    "did not find expected ',' or",
    "could not find expected ':'",
)
"""Complaints whose cause stands where the construct began."""


def syntax_fault(text: str, error: yaml.YAMLError) -> Fault:
    """Turn a parser's error into a fault at the place that a person would look at."""
    problem = str(getattr(error, "problem", "") or error)
    context = str(getattr(error, "context", "") or "")
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    if any(part in problem for part in _AT_CONTEXT):
        mark = getattr(error, "context_mark", None) or mark
    line, column = (mark.line, mark.column) if mark is not None else (0, 0)
    source = _line(text, line)
    if "cannot start any token" in problem:
        return _bad_start(source, line, column)
    template = _TEMPLATE_VALUE.search(source)
    if template is not None and template.end() - 2 <= column:
        return Fault("E107", line, template.end() - 2, {"text": source[template.end() - 2 :].strip()})
    for part, sentence, hint in _EXPLAINED:
        if part in problem or part in context:
            return Fault("E106", line, column, {"problem": sentence}, hint)
    return Fault("E106", line, column, {"problem": problem.lower()})


def _bad_start(source: str, line: int, column: int) -> Fault:
    character = source[column : column + 1]
    if character == "\t":
        return Fault("E105", line, column, {})
    return Fault(
        "E106",
        line,
        column,
        {"problem": f"a text cannot begin with '{character}'" if character else "the text ends too early"},
        "Put it in quotes.",
    )


def _line(text: str, number: int) -> str:
    lines = re.split(r"\r\n|\r|\n", text, maxsplit=number + 1)
    return lines[number] if number < len(lines) else ""
