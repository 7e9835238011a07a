"""YAML as data: the core schema of YAML 1.2, read safely, and written so that 1.1 and 1.2 read the same."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

import yaml

from ergon.actions.rows import plain_value

_MAX_DEPTH: Final = 100
_MAX_NODES: Final = 2_000_000
"""Values, aliases expanded."""

_LINE_ENDS: Final = frozenset("\x85\u2028\u2029\ufeff")

_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

_CORE: Final = (
    ("tag:yaml.org,2002:null", re.compile(r"~|null|Null|NULL|"), ["~", "n", "N", ""]),
    ("tag:yaml.org,2002:bool", re.compile(r"true|True|TRUE|false|False|FALSE"), list("tTfF")),
    ("tag:yaml.org,2002:int", re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+"), list("-+0123456789")),
    (
        "tag:yaml.org,2002:float",
        re.compile(
            r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)"
        ),
        list("-+0123456789."),
    ),
)


class _CoreLoader(_Loader):  # type: ignore[misc]  # PyYAML's classes are untyped
    """Reads YAML 1.2: `on` and `no` are text, `1e3` is a number, a date is text."""

    yaml_implicit_resolvers: Any = {}  # noqa: RUF012  # as PyYAML keeps it
    yaml_constructors = dict(_Loader.yaml_constructors)  # noqa: RUF012  # as above


def _int(loader: Any, node: Any) -> int:
    text = loader.construct_scalar(node)
    return int(text, 0) if text[:2] in ("0o", "0x") else int(text)


def _float(loader: Any, node: Any) -> float:
    text = loader.construct_scalar(node).lower()
    return float(text.replace(".inf", "inf").replace(".nan", "nan"))


for _tag, _pattern, _first in _CORE:
    _CoreLoader.add_implicit_resolver(_tag, re.compile(rf"(?:{_pattern.pattern})\Z"), _first)
_CoreLoader.add_constructor("tag:yaml.org,2002:int", _int)
_CoreLoader.add_constructor("tag:yaml.org,2002:float", _float)


class _BothDumper(yaml.SafeDumper):
    """Quotes whatever YAML 1.1 or 1.2 would take for something other than text."""

    def represent_str(self, data: str) -> Any:
        """Write text; signs that some readers take for the end of a line are escaped."""
        style = '"' if _LINE_ENDS & set(data) else None
        return self.represent_scalar("tag:yaml.org,2002:str", data, style=style)

    def ignore_aliases(self, data: Any) -> bool:
        """Write a value out wherever it stands."""
        return True


for _tag, _pattern, _first in _CORE:
    _BothDumper.add_implicit_resolver(_tag, re.compile(rf"(?:{_pattern.pattern})\Z"), _first)


_BothDumper.add_representer(str, _BothDumper.represent_str)


def parse_yaml(text: str) -> object:
    """Read one YAML document; raises ValueError with the line that is wrong."""
    try:
        _check_size(text)
        return yaml.load(text, Loader=_CoreLoader)  # the loader is a safe one
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
        problem = error.problem or error.context or "it cannot be read"
        said = f"{error.context}, {problem}" if problem.startswith("but ") else problem
        raise ValueError(f"{place}{said}") from None
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise ValueError(f"line {line}: {error.reason}") from None


def _check_size(text: str) -> None:
    """Refuse what is nested too deep, refers to itself, or is too large once its aliases are expanded."""
    sizes: dict[str, int] = {}
    open_anchors: list[tuple[str, int]] = []
    total = 0
    for event in yaml.parse(text, Loader=_Loader):
        if isinstance(event, yaml.AliasEvent):
            if event.anchor not in sizes:
                raise ValueError(f"line {_line(event)}: *{event.anchor} stands for itself or nothing")
            total += sizes[event.anchor]
        elif isinstance(event, yaml.CollectionStartEvent):
            open_anchors.append((event.anchor or "", total))
            sizes.pop(event.anchor or "", None)
            total += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            anchor, before = open_anchors.pop()
            sizes[anchor] = total - before
        elif isinstance(event, yaml.ScalarEvent):
            total += 1
            sizes[event.anchor or ""] = 1
        if len(open_anchors) > _MAX_DEPTH:
            raise ValueError(f"line {_line(event)}: it is nested deeper than {_MAX_DEPTH} levels")
        if total > _MAX_NODES:
            raise ValueError(f"it holds more than {_MAX_NODES:,} values")


def _line(event: Any) -> int:
    return int(event.start_mark.line) + 1


def print_yaml(value: object) -> str:
    """Write a value as YAML; raises ValueError for what YAML has no form for."""
    try:
        return yaml.dump(_plain(value), Dumper=_BothDumper, sort_keys=False, allow_unicode=True, width=100)
    except yaml.representer.RepresenterError as error:
        raise ValueError(f"it holds a {type(error.args[-1]).__name__}, which YAML has no form for") from None


def _plain(value: object) -> object:
    """Give tuples as lists and NumPy's scalars as Python's, which the safe form of YAML knows."""
    if isinstance(value, Mapping):
        return {key: _plain(member) for key, member in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(member) for member in value]
    return plain_value(value)
