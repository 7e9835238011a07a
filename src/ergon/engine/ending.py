"""The outputs of a run that ends: a step without an output gives null, where a template does not cope itself (S17)."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from ergon.engine.names import Names
from ergon.model.expressions import Reference, Template, Value, parse_template, parse_value
from ergon.model.expressions.template import PathTemplate


def outputs_of(sources: Mapping[str, object], *, left_out: Collection[object] = ()) -> Value:
    """Compile a workflow's `outputs`; one that reads a step that was left out is left out too (S53)."""
    compiled: dict[str, object] = {}
    references: list[Reference] = []
    for name, source in sources.items():
        read = parse_value(source).references
        if not any(r.root == "steps" and bool(r.path) and r.path[0] in left_out for r in read):
            compiled[name] = _compiled(source)
            references += read

    def make(names: Mapping[str, object]) -> object:
        assert isinstance(names, Names)
        return _filled(compiled, names)

    return Value(make, tuple(references), not references)


@dataclass(frozen=True, slots=True)
class _Output:
    """A template, and the steps whose outputs it takes for granted."""

    template: Template
    strict: frozenset[str]


def _compiled(source: object) -> object:
    """Copy a tree with its templates compiled."""
    if isinstance(source, str):
        template = parse_template(source)
        return source if template is None else _Output(template, _strict(template))
    if isinstance(source, Mapping):
        return {key: _compiled(item) for key, item in source.items()}
    if isinstance(source, (list, tuple)):
        return [_compiled(item) for item in source]
    return source


def _strict(template: Template) -> frozenset[str]:
    reads = (r for r in template.references if r.root == "steps" and r.path[1:2] == ("output",) and not r.lenient)
    return frozenset(str(r.path[0]) for r in reads)


def _filled(compiled: object, names: Names) -> object:
    if isinstance(compiled, _Output):
        if isinstance(compiled.template, PathTemplate) and any(map(names.lacks_output, compiled.strict)):
            return None
        return compiled.template.evaluate(names.lacking(compiled.strict))
    if isinstance(compiled, dict):
        return {key: _filled(item, names) for key, item in compiled.items()}
    if isinstance(compiled, list):
        return [_filled(item, names) for item in compiled]
    return compiled
