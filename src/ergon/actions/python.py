"""Python code in a workflow's file."""

from __future__ import annotations
import __future__

import ast
import hashlib
import keyword
import linecache
import warnings
from collections import deque
from collections.abc import Mapping
from types import CodeType
from typing import Final

from ergon.actions.action import action
from ergon.errors import ActionFailed, InputInvalid
from ergon.ports import Context, Problem

_CANNOT_COMPILE: Final = (SyntaxError, ValueError, RecursionError, MemoryError, OverflowError)
_FUTURE: Final = sum(getattr(__future__, name).compiler_flag for name in __future__.all_feature_names)
_shown: Final[deque[str]] = deque(maxlen=256)
"""Names of the codes whose lines tracebacks can show."""


def _check(config: Mapping[str, object]) -> list[Problem]:
    problems = [
        Problem((name,), f"Input '{name}' of python.run: it is not a name that Python code can use.")
        for name in config
        if not _is_name(name)
    ]
    code = config.get("code")
    if not isinstance(code, str):
        return problems
    with warnings.catch_warnings(record=True) as noted:
        warnings.simplefilter("always")
        try:
            _compiled(code, "<code>")
        except _CANNOT_COMPILE as error:
            problems.append(Problem(("code",), f"The code of python.run has an error: {_why(error)}."))
    for note in noted:
        message = f"The code of python.run, line {note.lineno}: {str(note.message).rstrip('.')}."
        problems.append(Problem(("code",), message, severity="warning"))
    return problems


def _is_name(name: str) -> bool:
    return name.isidentifier() and not keyword.iskeyword(name)


@action(
    "python.run",
    check=_check,
    example="""
    id: area
    uses: python.run
    with:
      code: |
        import math
        math.pi * radius ** 2
      radius: 2
    """,
)
def run(code: str, *, ctx: Context, **inputs: object) -> object:
    """Runs Python code; the last expression is the output, and without one it is null.

    Every further input is a variable of the code, and `ctx` is the step's context. What the code prints goes
    to the step's log. The code is never a template: values come in as inputs.

    Args:
        code: The code.
    """
    for name in inputs:
        if not _is_name(name):
            reason = "it is not a name that Python code can use"
            raise InputInvalid(action="python.run", field=name, reason=reason)
    name = f"<python.run {hashlib.sha256(code.encode('utf-8', 'replace')).hexdigest()[:12]}>"
    try:
        body, last = _compiled(code, name)
    except _CANNOT_COMPILE as error:
        raise ActionFailed(f"The code has an error: {_why(error)}.") from None
    _show(name, code)
    variables: dict[str, object] = {"__name__": "__main__", "ctx": ctx, **inputs}
    try:
        exec(body, variables)
        return None if last is None else eval(last, variables)
    except SystemExit as error:
        if error.code in (None, 0):
            return None
        raise ActionFailed(f"The code called exit({error.code!r}).") from error


def _compiled(code: str, name: str) -> tuple[CodeType, CodeType | None]:
    """Compile the statements, and apart from them the last expression if there is one."""
    tree = ast.parse(code, name)
    last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
    body = compile(tree, name, "exec", dont_inherit=True)
    if not isinstance(last, ast.Expr):
        return body, None
    flags = body.co_flags  # `from __future__ import …` in the statements counts for the expression too
    return body, compile(ast.Expression(last.value), name, "eval", flags & _FUTURE, dont_inherit=True)


def _why(error: BaseException) -> str:
    if isinstance(error, SyntaxError):
        return f"line {error.lineno}: {error.msg}" if error.lineno else str(error.msg)
    if isinstance(error, RecursionError | MemoryError):
        return "it is nested too deep"
    return str(error)


def _show(name: str, code: str) -> None:
    """Let tracebacks show the code's lines; the oldest of many codes are forgotten."""
    if name in linecache.cache:
        return
    if len(_shown) == _shown.maxlen:
        linecache.cache.pop(_shown[0], None)
    _shown.append(name)
    linecache.cache[name] = (len(code), None, code.splitlines(keepends=True), name)


ACTIONS: Final = (run,)
