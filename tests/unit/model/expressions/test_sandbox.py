"""The sandbox (S15): templates look into nothing but data, call nothing but what is harmless, and change nothing."""

from __future__ import annotations

import copy
import datetime
import os

import pytest

from ergon.errors import TemplateFailed, TemplateInvalid
from ergon.model.expressions import parse_template


class Frame:
    """Stands for any object that is no plain data, such as a data frame."""

    shape = (2, 3)
    _hidden = "hidden"

    def __init__(self) -> None:
        self.label = "a label"
        self.module = os
        self.kind = dict
        self.called = False

    def __len__(self) -> int:
        return 2

    def save(self, path: str) -> None:
        self.called = True

    @property
    def broken(self) -> int:
        raise OSError("it is broken")

    @classmethod
    def make(cls) -> Frame:
        return cls()


def names() -> dict[str, object]:
    return {
        "s": "text",
        "n": 5,
        "rows": [3, 1, 2],
        "d": {"k": [1], "b": 2},
        "frame": Frame(),
        "day": datetime.date(2026, 3, 1),
        "tags": {"x"},
        "raw": b"ab",
        "function": len,
    }


def evaluate(text: str) -> object:
    given = names()
    before = copy.deepcopy({key: value for key, value in given.items() if key != "frame"})
    template = parse_template(text)
    assert template is not None
    try:
        return template.evaluate(given)
    finally:
        assert {key: value for key, value in given.items() if key != "frame"} == before
        frame = given["frame"]
        assert isinstance(frame, Frame)
        assert not frame.called


@pytest.mark.parametrize(
    "expression",
    [
        "s.__class__",
        "s['__class__']",
        "s | attr('__class__')",
        "[s] | map(attribute='__class__') | list",
        "s.__class__.__mro__[1].__subclasses__()",
        "d.__init__.__globals__",
        "'{0.__class__}'.format(s)",
        "'{0.__class__.__mro__}'.format(s)",
        "'{a.__init__}'.format(a=frame)",
        "'{0._hidden}'.format(frame)",
        "'{x.__class__}'.format_map({'x': s})",
        "'%s' | format(s.__class__)",
        "s.format.__self__",
        "s.upper.__self__",
        "(s.upper).__name__",
        "range.__init__",
        "dict.__bases__",
        "namespace.__init__.__globals__",
        "namespace().__class__",
        "cycler.__init__.__globals__",
        "cycler(1).next.__globals__",
        "joiner().__init__",
        "frame._hidden",
        "frame.module",
        "frame.module.system",
        "frame.kind",
        "frame.kind()",
        "frame.make()",
        "frame.save('x')",
        "frame['save']('x')",
        "(frame | attr('save'))('x')",
        "frame.broken",
        "function('a')",
        "function.__self__",
        "d.update({'x': 1})",
        "d.pop('k')",
        "d.popitem()",
        "d.clear()",
        "d.setdefault('x', 1)",
        "d.k.append(2)",
        "rows.append(4)",
        "rows.sort()",
        "rows.reverse()",
        "rows.extend([1])",
        "rows.insert(0, 1)",
        "rows.remove(1)",
        "rows.pop()",
        "rows.clear()",
        "rows.__setitem__(0, 1)",
        "tags.add('y')",
        "tags.discard('x')",
        "dict.fromkeys(rows)",
        "day.today()",
        "day.fromtimestamp(0)",
        "day.__reduce__()",
        "s.translate({97: 'b'})",
        "s.maketrans('a', 'b')",
        "n.to_bytes(9)",
        "n.from_bytes(raw)",
        "raw.join([raw])",
        "raw % 1",
        "self",
        "lipsum()",
        "rows | random",
        "rows | map('random') | list",
        "rows | pprint",
        "s | urlize",
        "rows | map('#work', 1) | list",
        "rows | map('#given') | list",
        "rows | select('#work') | list",
        "x.__class__",
        "_x",
        "context",
        "environment",
        "caller()",
        "super()",
    ],
)
def test_nothing_but_data_can_be_reached_s15(expression: str) -> None:
    for text in (f"{{{{ {expression} }}}}", f"text {{{{ {expression} }}}}", f"{{{{ [{expression}] }}}}"):
        with pytest.raises((TemplateFailed, TemplateInvalid)):
            evaluate(text)


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("s.upper()", "TEXT"),
        ("s.split('x')", ["te", "t"]),
        ("s.replace('t', 'T', 1)", "Text"),
        ("s.replace('t', 'T')", "TexT"),
        ("s.center(8, '*')", "**text**"),
        ("s.ljust(6)", "text  "),
        ("n.bit_length()", 3),
        ("'-'.join(rows | map('string'))", "3-1-2"),
        ("'a\tb'.expandtabs(4)", "a   b"),
        ("'{0} {1[k]} {d[b]:>3} {f.label}'.format(s, d, d=d, f=frame)", "text [1]   2 a label"),
        ("'{b}'.format_map(d)", "2"),
        ("s.encode('utf-8').hex()", "74657874"),
        ("raw.decode()", "ab"),
        ("d.get('x', 9)", 9),
        ("d.items() | list", [("k", [1]), ("b", 2)]),
        ("d.k.count(1)", 1),
        ("d.copy().b", 2),
        ("rows.index(2)", 2),
        ("tags.union(['y']) | sort", ["x", "y"]),
        ("day.year", 2026),
        ("day.isoformat()", "2026-03-01"),
        ("day.strftime('%d.%m.')", "01.03."),
        ("day.replace(day=2).day", 2),
        ("frame.shape[1]", 3),
        ("frame.label", "a label"),
        ("frame | length", 2),
        ("(1.5).is_integer()", False),
        ("rows | sort", [1, 2, 3]),
        ("rows | sort(reverse=true)", [3, 2, 1]),
        ("dict(a=1, **{'b': 2})", {"a": 1, "b": 2}),
        ("dict({'a': 1}).a", 1),
    ],
)
def test_what_is_harmless_may_be_used(expression: str, expected: object) -> None:
    assert evaluate(f"{{{{ {expression} }}}}") == expected


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("{% include 'a' %}", "include"),
        ("{% import 'a' as b %}", "import"),
        ("{% from 'a' import b %}", "import"),
        ("{% extends 'a' %}", "extends"),
        ("{% block a %}{% endblock %}", "block"),
        ("{% autoescape true %}{{ 1 }}{% endautoescape %}", "autoescape"),
        ("{% do x %}", "do"),
        ("{% for x in y %}{% break %}{% endfor %}", "break"),
        ("{% trans %}{% endtrans %}", "trans"),
        ("{% debug %}", "debug"),
    ],
)
def test_statements_that_reach_outside_are_refused_s15(text: str, word: str) -> None:
    with pytest.raises(TemplateInvalid, match=word):
        parse_template(text)


def test_objects_pass_through_as_they_are() -> None:
    given = names()
    for text in ("{{ frame }}", "{{ frame if true }}", "{{ [frame] | first }}"):
        template = parse_template(text)
        assert template is not None
        assert template.evaluate(given) is given["frame"]


def test_evaluations_are_repeatable() -> None:
    text = "{{ d }} {{ rows | map('string') | join }} {{ tags | list }} {% set c = cycler(1, 2) %}{{ c.next() }}"
    assert evaluate(text) == evaluate(text)
