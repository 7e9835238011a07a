"""Kinds: tells what a value is without importing the package that its class comes from."""

from __future__ import annotations

import sys
from importlib import import_module
from types import ModuleType

from ergon.errors import ExtraMissing


def is_a(value: object, module: str, name: str) -> bool:
    """Say whether a value is an instance of a class; a package that was not imported has no instances."""
    kind = getattr(sys.modules.get(module), name, None)
    return isinstance(kind, type) and isinstance(value, kind)


def need(package: str, purpose: str, *, extra: str = "data") -> ModuleType:
    """Import a package for a purpose, which begins a sentence; raises `ExtraMissing`."""
    try:
        return import_module(package)
    except ImportError as error:
        raise ExtraMissing(package=package.partition(".")[0], extra=extra, purpose=purpose) from error
