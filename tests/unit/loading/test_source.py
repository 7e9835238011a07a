"""Signatures are read from the text of modules, which are never imported (S10, S11)."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from ergon.loading.loader import load_text
from ergon.loading.source import NotFound, Signature, SourceReader

MODULE = """
raise RuntimeError("it was imported")
import os as operating, json
from math import sqrt as root
LIMIT: int = 3
a, (b, *c) = 1, (2, 3)

def plain(rows, years: int = 1, *, strict: bool): ...
async def later(rows): ...
def open_(**anything): ...
def rest(first, /, *others): ...
def with_context(x: int, ctx): ...
def with_typed_context(x: int, where: "ergon.Context"): ...
@action("text.shout", run_on="process")
def decorated(text: str): ...
@somebody.elses
def changed(text: str): ...
class Thing:
    def method(self, x): ...
if LIMIT:
    def sometimes(x): ...
try:
    import fast
except ImportError:
    def fast(x): ...
lambda_ = lambda x: x
"""


@pytest.fixture
def reader(tmp_path: Path) -> SourceReader:
    (tmp_path / "mod_a.py").write_text(MODULE)
    (tmp_path / "mod_syntax.py").write_text("def f(:\n")
    (tmp_path / "mod_bytes.py").write_bytes(b"\xff\xfe\x00")
    (tmp_path / "mod_star.py").write_text("from os.path import *\n")
    (tmp_path / "mod_warns.py").write_text("TEXT = '\\d'\ndef f(x): ...\n")
    package = tmp_path / "pack_a" / "inner"
    package.mkdir(parents=True)
    (tmp_path / "pack_a" / "__init__.py").write_text("raise RuntimeError\n")
    (package / "__init__.py").write_text("def here(x): ...\n")
    (package / "leaf.py").write_text("def there(x, y=1): ...\n")
    space = tmp_path / "space_a" / "deep"
    space.mkdir(parents=True)
    (space / "leaf.py").write_text("def far(x): ...\n")
    return SourceReader(tmp_path)


def names(signature: Signature | None) -> tuple[list[str], list[str], bool]:
    assert signature is not None
    return list(signature.types), sorted(signature.required), signature.is_open


@pytest.mark.parametrize(
    ("name", "inputs", "required", "is_open"),
    [
        ("mod_a:plain", ["rows", "years", "strict"], ["rows", "strict"], False),
        ("mod_a:later", ["rows"], ["rows"], False),
        ("mod_a:open_", [], [], True),
        ("mod_a:rest", ["first", "others"], ["first"], False),
        ("mod_a:with_context", ["x"], ["x"], False),
        ("mod_a:with_typed_context", ["x"], ["x"], False),
        ("mod_a:decorated", ["text"], ["text"], False),
        ("mod_warns:f", ["x"], ["x"], False),
        ("pack_a.inner:here", ["x"], ["x"], False),
        ("pack_a.inner.leaf:there", ["x", "y"], ["x"], False),
        ("space_a.deep.leaf:far", ["x"], ["x"], False),
    ],
)
def test_a_signature_is_read(
    reader: SourceReader, name: str, inputs: list[str], required: list[str], is_open: bool
) -> None:
    assert names(reader.signature(name)) == (inputs, required, is_open)


@pytest.mark.parametrize(
    "name",
    [
        "mod_a:changed",
        "mod_a:Thing",
        "mod_a:Thing.method",
        "mod_a:sometimes",
        "mod_a:fast",
        "mod_a:lambda_",
        "mod_a:root",
        "mod_a:operating",
        "mod_a:c",
        "mod_star:join",
        "math:sqrt",
        "sys:exit",
        "_json:scanstring",
    ],
)
def test_a_signature_that_is_not_certain_is_not_guessed(reader: SourceReader, name: str) -> None:
    assert reader.signature(name) is None


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("mod_a:plian", "mod_a has no 'plian', but it has 'plain'"),
        ("mod_a:method", "mod_a has no 'method'"),
        ("no_such:f", "there is no module 'no_such'"),
        ("mod_a.inner:f", "'mod_a' is a module, not a package, so it has no 'inner'"),
        ("pack_a.nothing:f", "there is no module 'pack_a.nothing'"),
        ("space_a:f", "'space_a' is a folder without __init__.py, so it has no functions"),
        ("mod_syntax:f", "mod_syntax.py line 1: "),
        ("mod_bytes:f", "mod_bytes.py"),
        ("mod_a:", "write it as module:function"),
        (":f", "write it as module:function"),
        ("a b:c", "write it as module:function"),
        ("..mod:f", "write it as module:function"),
        ("mod_a:f:g", "write it as module:function"),
    ],
)
def test_what_is_not_there_is_told(reader: SourceReader, name: str, reason: str) -> None:
    with pytest.raises(NotFound) as caught:
        reader.signature(name)
    assert reason in str(caught.value)


def test_functions_of_the_running_program_are_known(monkeypatch: pytest.MonkeyPatch, reader: SourceReader) -> None:
    monkeypatch.setattr(sys.modules["__main__"], "cell_function", len, raising=False)
    assert reader.signature("__main__:cell_function") is None
    with pytest.raises(NotFound, match="but it has 'cell_function'"):
        reader.signature("__main__:cell_functoin")


def test_nothing_was_imported(reader: SourceReader) -> None:
    before = set(sys.modules)
    for name in ("mod_a:plain", "pack_a.inner.leaf:there", "space_a.deep.leaf:far"):
        reader.signature(name)
    assert {m for m in set(sys.modules) - before if m.split(".")[0] in ("mod_a", "pack_a", "space_a")} == set()


@pytest.mark.parametrize(
    ("annotation", "good", "bad"),
    [
        ("int", ["3", "'3'", "3.0"], ["abc", "3.5", "[3]", "null", "true"]),
        ("float", ["3", "1.5", "'2.5'"], ["abc", "{}"]),
        ("str", ["abc", "'3'"], ["3", "[a]", "null", "true"]),
        ("bool", ["true", "'yes'", "0"], ["maybe", "3", "[]"]),
        ("list[int]", ["[a]", "[]"], ["{}", "abc", "3"]),
        ("dict", ["{}"], ["[]", "3"]),
        ("int | None", ["3", "null"], ["abc"]),
        ("Optional[str]", ["abc", "null"], ["3"]),
        ("'int'", ["3"], ["abc"]),
        ("List[str]", ["[]"], ["abc"]),
        ("DataFrame", ["3", "abc", "null"], []),
        ("int | DataFrame", ["abc"], []),
        ("Literal['a']", ["3"], []),
    ],
)
def test_static_values_are_held_against_plain_types(
    tmp_path: Path, annotation: str, good: list[str], bad: list[str]
) -> None:
    (tmp_path / "typed_mod.py").write_text(f"def f(x: {annotation}): ...\n")

    def codes(value: str) -> list[str]:
        text = f'ergon: 1\nname: a\nsteps: [{{id: a, uses: "typed_mod:f", with: {{x: {value}}}}}]\n'
        return [d.code for d in load_text(text, folder=tmp_path).diagnostics]

    assert {value: codes(value) for value in good} == {value: [] for value in good}
    assert {value: codes(value) for value in bad} == {value: ["E174"] for value in bad}


def test_templates_are_not_held_against_types(tmp_path: Path) -> None:
    (tmp_path / "typed_mod.py").write_text("def f(x: int): ...\n")
    text = 'ergon: 1\nname: a\nsteps: [{id: a, uses: "typed_mod:f", with: {x: "{{ run.id }}"}}]\n'
    assert load_text(text, folder=tmp_path).diagnostics == ()
