"""Syntax: reading a template with Jinja's parser, and refusing what could not run or must not (S10, S15)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, NoReturn

from jinja2 import nodes
from jinja2.environment import Environment
from jinja2.exceptions import TemplateSyntaxError
from jinja2.ext import Extension
from jinja2.lexer import Token, TokenStream
from jinja2.parser import Parser

from ergon.errors import TemplateInvalid
from ergon.model.expressions.check import TOO_DEEP, Fault, check
from ergon.model.expressions.collect import collect, path_of
from ergon.model.expressions.failure import clause, reason_of
from ergon.model.expressions.paths import Key
from ergon.model.expressions.places import Places, place_of, token_offsets
from ergon.model.expressions.reference import Reference

MAX_BRACKETS: Final = 32
"""Brackets open at once: each costs the parser a dozen calls of its own."""
_SPARE: Final = "\x1c\x1d\x1e\x1f"
"""White space that hardly any text holds: it stands for carriage returns, which Jinja would drop."""
_BARE_HINT: Final = "Write the condition without {{ }}, or all of it inside one pair."


@dataclass(frozen=True, slots=True)
class Syntax:
    """What reading a template tells of it."""

    is_value: bool
    references: tuple[Reference, ...]
    path: tuple[str, tuple[Key, ...]] | None
    """Name and keys, if it is one plain path."""


@dataclass(frozen=True, slots=True)
class Tree:
    """A template's tree; `expression` is its one expression, if it is bare or a single `{{ … }}` (S12)."""

    template: nodes.Template
    expression: nodes.Expr | None


def read(source: str, *, bare: bool) -> Syntax:
    """Read a template, or a bare expression, and check it; raises TemplateInvalid."""
    tree = parse(source, bare=bare)
    path = None if tree.expression is None else path_of(tree.expression)
    return Syntax(tree.expression is not None, collect(tree.template, Places(source)), path)


def parse(source: str, *, bare: bool) -> Tree:
    """Give a template's checked tree; raises TemplateInvalid."""
    template = _tree(source, bare=bare)
    try:
        check(template)
    except Fault as fault:
        column = Places(source).column(fault.line, fault.word)
        raise TemplateInvalid(
            source=source, reason=fault.reason, line=fault.line, column=column, hint=fault.hint
        ) from None
    expression = _expression(template, source, bare=bare)
    if bare and expression is None:
        raise TemplateInvalid(source=source, reason="it is a text, and an expression is wanted", hint=_BARE_HINT)
    return Tree(template, expression)


def _tree(source: str, *, bare: bool) -> nodes.Template:
    spare = next((c for c in _SPARE if c not in source), "") if "\r" in source else ""
    text = source.replace("\r", spare) if spare else source
    state = "variable" if bare and not _is_wrapped(source) else None
    reading = _Reading(text, state)
    try:
        template = reading.template()
    except TemplateSyntaxError as error:
        _refuse(source, reading, error)
    except RecursionError:
        raise TemplateInvalid(source=source, reason=TOO_DEEP) from None
    except ValueError:  # Python reads no number of more than 4,300 digits
        raise TemplateInvalid(source=source, reason="a number in it is too large") from None
    except Exception as error:
        raise TemplateInvalid(source=source, reason=reason_of(error)) from None
    return _with_returns(template, spare) if spare else template


def _is_wrapped(source: str) -> bool:
    text = source.strip()
    return text.startswith("{{") and text.endswith("}}")


def _refuse(source: str, reading: _Reading, error: TemplateSyntaxError) -> NoReturn:
    line, column = reading.place(error)
    reason = clause(error.message or "it cannot be read")
    hint = _BARE_HINT if reading.state and "{{" in source else ""
    raise TemplateInvalid(
        source=source, reason=reason[:1].lower() + reason[1:], line=line, column=column, hint=hint
    ) from None


class _Reading:
    """One pass of Jinja's parser over a text."""

    def __init__(self, text: str, state: str | None) -> None:
        self.text = text
        self.state = state
        self._parser: Parser | None = None

    def template(self) -> nodes.Template:
        """Parse; raises TemplateSyntaxError."""
        self._parser = parser = Parser(_READER, self.text, state=self.state)
        if self.state is None:
            return parser.parse()
        expression = parser.parse_expression()
        if not parser.stream.eos:
            parser.fail("there is something after the end of the expression")
        template = nodes.Template([nodes.Output([expression], lineno=1)], lineno=1)
        template.set_environment(_READER)
        return template

    def place(self, error: TemplateSyntaxError) -> tuple[int, int]:
        """Give line and column of the token at which reading stopped, if it is in the error's line."""
        offsets, reason = token_offsets(_READER, self.text, self.state)
        token = None if self._parser is None else self._parser.stream.current
        number = token.number if isinstance(token, _Numbered) and reason != error.message else -1
        found = place_of(self.text, offsets[number])
        return found if found[0] == error.lineno else (error.lineno, 1)


class _Numbered(Token):
    """A token that knows its place among the tokens."""

    number: int = -1


class _Numbering(Extension):
    """Numbers the tokens, and stops where brackets are nested deeper than the parser can bear."""

    def filter_stream(self, stream: TokenStream) -> Iterator[Token]:
        depth = 0
        for number, token in enumerate(stream):
            if token.type in ("lparen", "lbracket", "lbrace"):
                depth += 1
                if depth > MAX_BRACKETS:
                    raise TemplateSyntaxError(TOO_DEEP, token.lineno)
            elif token.type in ("rparen", "rbracket", "rbrace"):
                depth -= 1
            numbered = _Numbered(*token)
            numbered.number = number
            yield numbered


_READER: Final = Environment(extensions=[_Numbering], keep_trailing_newline=True, cache_size=0)


def _with_returns(template: nodes.Template, spare: str) -> nodes.Template:
    """Put carriage returns back into texts."""
    pending: list[nodes.Node] = [template]
    while pending:
        node = pending.pop()
        if isinstance(node, nodes.TemplateData):
            node.data = node.data.replace(spare, "\r")
        elif isinstance(node, nodes.Const) and isinstance(node.value, str):
            node.value = node.value.replace(spare, "\r")
        pending.extend(node.iter_child_nodes())
    return template


def _expression(template: nodes.Template, source: str, *, bare: bool) -> nodes.Expr | None:
    """Give the expression of a template that is exactly one; a bare one may have white space around it."""
    text = source.strip() if bare else source
    if bare and not _is_wrapped(source):
        text = "{{}}"
    if len(template.body) != 1 or not isinstance(template.body[0], nodes.Output):
        return None
    if not (text.startswith("{{") and text.endswith("}}")):
        return None
    inside = [node for node in template.body[0].nodes if not (bare and _is_blank(node))]
    return inside[0] if len(inside) == 1 and not isinstance(inside[0], nodes.TemplateData) else None


def _is_blank(node: nodes.Expr) -> bool:
    return isinstance(node, nodes.TemplateData) and not node.data.strip()
