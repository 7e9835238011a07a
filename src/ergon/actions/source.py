"""Source: what stands for a function's code in cache keys and resumes (S51)."""

from __future__ import annotations

import hashlib
import inspect
import types
from collections.abc import Callable, Iterator
from typing import Final

from ergon.actions.modules import module_digest

_CONSTANTS: Final = (str, bytes, int, float, bool, type(None))


def code_of(function: Callable[..., object]) -> str:
    """Give a hash of a function's code, in hex.

    It covers the source of the function's module. A function of a notebook or of the program itself is
    covered by its own source and that of the functions, classes and constants that it names, at any depth.
    """
    module = getattr(function, "__module__", None) or type(function).__module__
    digest = module_digest(module) if module != "__main__" else ""
    if digest:
        return digest
    parts = sorted(set(_parts(function, set())))
    return hashlib.sha256("\0".join(parts).encode("utf-8", "surrogatepass")).hexdigest()


def _parts(thing: object, seen: set[int]) -> Iterator[str]:
    """Give the source of a function or class and of what it names."""
    if id(thing) in seen:
        return
    seen.add(id(thing))
    thing = inspect.unwrap(thing) if callable(thing) else thing
    yield _source(thing)
    for function in _functions(thing):
        for name, value in _named(function):
            if isinstance(value, _CONSTANTS):
                yield f"{name} = {value!r}"
            elif isinstance(value, types.FunctionType | type) and value.__module__ == function.__module__:
                yield from _parts(value, seen)


def _functions(thing: object) -> Iterator[types.FunctionType]:
    """Give the function itself, or the methods of a class or of an object's class."""
    if isinstance(thing, types.FunctionType):
        yield thing
    elif isinstance(thing, types.MethodType):
        yield from _functions(thing.__func__)
    else:
        holder = thing if isinstance(thing, type) else type(thing)
        yield from (member for member in vars(holder).values() if isinstance(member, types.FunctionType))


def _named(function: types.FunctionType) -> Iterator[tuple[str, object]]:
    """Give the globals and the variables around it that a function names."""
    for name in sorted(_names(function.__code__)):
        if name in function.__globals__:
            yield name, function.__globals__[name]
    for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
        try:
            yield name, cell.cell_contents
        except ValueError:  # not assigned yet
            continue


def _names(code: types.CodeType) -> set[str]:
    names = set(code.co_names)
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            names |= _names(constant)
    return names


def _source(thing: object) -> str:
    """Give the source text, or, where there is none, what the compiled code consists of."""
    target = thing if isinstance(thing, types.FunctionType | types.MethodType | type) else type(thing)
    try:
        return inspect.getsource(target)
    except (OSError, TypeError):
        return "\n".join(_compiled(function.__code__) for function in _functions(thing))


def _compiled(code: types.CodeType) -> str:
    constants = [_compiled(each) if isinstance(each, types.CodeType) else repr(each) for each in code.co_consts]
    return f"{code.co_code.hex()} {code.co_names} {constants}"
