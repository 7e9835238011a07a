"""S46, S47: what is stored inline, what becomes an artifact, and how both are read."""

from __future__ import annotations

import json
import sys
import threading
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ergon.adapters.artifacts.folder import FolderArtifacts
from ergon.adapters.artifacts.memory import MemoryArtifacts
from ergon.adapters.codecs.standard import CODECS
from ergon.engine.redaction import Redactor
from ergon.engine.values import INLINE_LIMIT, Values
from ergon.errors import ArtifactDamaged, ExtraMissing, NotStorable
from ergon.model.values import Artifact, to_json

SECRET = "swordfish-1"
REDACTOR = Redactor({"TOKEN": SECRET})


@pytest.fixture
def artifacts() -> MemoryArtifacts:
    return MemoryArtifacts()


@pytest.fixture
def values(artifacts: MemoryArtifacts) -> Values:
    return Values(artifacts, CODECS)


def reference(values: Values, text: str) -> Artifact:
    found = values.decode(text)
    assert isinstance(found, Artifact)
    return found


# ---- inline or artifact


def test_s46_json_up_to_64_kib_is_inline(values: Values, artifacts: MemoryArtifacts) -> None:
    largest = "x" * (INLINE_LIMIT - 2)  # and its quotes
    assert values.encode(largest) == f'"{largest}"'
    assert artifacts.hashes() == set()
    found = reference(values, values.encode(largest + "x"))
    assert (found.type, found.size) == ("json", INLINE_LIMIT + 1)
    assert found.load() == largest + "x"


def test_s46_the_limit_counts_bytes(values: Values) -> None:
    assert reference(values, values.encode("é" * (INLINE_LIMIT // 2))).size == INLINE_LIMIT + 2


def test_s46_a_large_structure_comes_back_with_its_types(values: Values) -> None:
    rows = [{"day": (2020, number), "name": f"é{number}"} for number in range(5000)]
    text = values.encode(rows)
    assert len(text) < 200
    found = reference(values, text)
    assert found.load() == rows
    assert found.load() is not found.load()


def test_s46_bytes_and_frames_become_artifacts_where_they_stand(values: Values) -> None:
    frames = [pd.DataFrame({"a": [number]}) for number in range(3)]
    text = values.encode({"frames": frames, "raw": b"\x00", "n": 1})
    read = values.decode(text)
    assert isinstance(read, dict)
    assert [part.type for part in (*read["frames"], read["raw"])] == ["dataframe"] * 3 + ["bytes"]
    assert read["n"] == 1
    assert [frame.load()["a"].item() for frame in read["frames"]] == [0, 1, 2]
    assert read["raw"].load() == b"\x00"


def test_s46_its_json_form_has_hash_type_and_size(values: Values) -> None:
    assert to_json(values.encode(b"abc")) == {
        "$artifact": "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
        "type": "bytes",
        "size": 3,
    }


def test_s46_equal_bytes_are_kept_once(values: Values, artifacts: MemoryArtifacts) -> None:
    values.encode([b"x" * 100, {"again": b"x" * 100}])
    assert len(artifacts.hashes()) == 1


def test_a_limit_of_its_own_may_be_lower(values: Values) -> None:
    assert reference(values, values.encode("x" * 100, inline_limit=50)).load() == "x" * 100


# ---- at once


@pytest.mark.parametrize("value", [None, True, 5, 2.5, "abc", {"a": 1}, [1, (2,)], np.int64(3)])
def test_small_values_are_stored_at_once(values: Values, value: object) -> None:
    assert values.encode_inline(value) == values.encode(value)


@pytest.mark.parametrize("value", ["x" * 70_000, b"x", pd.DataFrame(), {"a": np.zeros(2)}, object(), [0] * 9999])
def test_other_values_are_left_to_a_thread(values: Values, artifacts: MemoryArtifacts, value: object) -> None:
    assert values.encode_inline(value) is None
    assert artifacts.hashes() == set()


def test_what_is_stored_at_once_keeps_to_the_limit(artifacts: MemoryArtifacts) -> None:
    values = Values(artifacts, CODECS, inline_limit=20)
    assert values.encode_inline("x" * 18) == f'"{"x" * 18}"'
    assert values.encode_inline("x" * 19) is None
    assert values.encode_inline("é" * 10) is None


# ---- reading


def test_s46_an_artifact_loads_when_it_is_read_in_the_readers_thread() -> None:
    class Watched(MemoryArtifacts):
        read_by = ""

        def get(self, sha256: str) -> bytes:
            self.read_by = threading.current_thread().name
            return super().get(sha256)

    artifacts = Watched()
    values = Values(artifacts, CODECS)
    found = reference(values, values.encode(b"abc"))
    assert artifacts.read_by == ""
    reader = threading.Thread(target=found.load, name="the reader")
    reader.start()
    reader.join(10)
    assert artifacts.read_by == "the reader"


def test_s46_its_hash_is_checked(tmp_path: Path) -> None:
    artifacts = FolderArtifacts(tmp_path.as_uri())
    values = Values(artifacts, CODECS)
    text = values.encode(b"abc")
    found = reference(values, text)
    assert values.intact(text)
    path = artifacts.path(found.sha256)
    assert path is not None
    path.write_bytes(b"abd")
    assert not values.intact(text)
    with pytest.raises(ArtifactDamaged, match="ba7816bf8f01…"):
        found.load()


def test_a_reference_that_is_stored_again_stays_a_reference(values: Values, artifacts: MemoryArtifacts) -> None:
    text = values.encode({"raw": b"abc", "large": ["x" * 70_000, b"in it"]}, inline_limit=50)
    again = values.encode([values.decode(text)])
    assert values.artifacts_in(again) == artifacts.hashes()
    assert values.decode_deep(values.decode(again)) == [{"raw": b"abc", "large": ["x" * 70_000, b"in it"]}]


def test_inputs_are_opened_at_any_depth(values: Values) -> None:
    value = {"a": [(b"x", {"b": b"y"})], "n": 1}
    assert values.decode_deep(values.decode(values.encode(value))) == value


def test_what_has_no_references_is_not_copied(values: Values) -> None:
    value = {"a": [1, (2,)], "b": {"c": {3}}}
    assert not values.holds_artifacts(value)
    assert values.decode_deep(value) is value
    assert values.holds_artifacts([{"a": (Artifact("a" * 64, "bytes", 1),)}])


def test_s49_artifacts_inside_artifacts_are_named(values: Values, artifacts: MemoryArtifacts) -> None:
    text = values.encode({"text": "x" * 70_000, "frame": pd.DataFrame({"a": [1]}), "raw": b"abc"})
    assert len(artifacts.hashes()) == 3
    assert values.artifacts_in(text) == artifacts.hashes()


def test_the_stored_form_of_a_large_value_can_be_had(values: Values) -> None:
    rows = [[number, (number,)] for number in range(9000)]
    assert json.loads(values.stored_text(values.encode(rows)))[7] == [7, {"$tuple": [7]}]
    assert values.stored_text("[1]") == "[1]"
    raw = values.encode(b"abc")
    assert values.stored_text(raw) == raw


def test_an_artifact_of_a_type_that_nobody_knows_reads_as_bytes(values: Values) -> None:
    kept = values.keep(b"<p>", type="report", name="a.html")
    assert (kept.type, kept.size, kept.name) == ("report", 3, "a.html")
    assert kept.load() == b"<p>"
    assert reference(values, values.encode(kept)) == kept


def test_a_file_can_be_kept(values: Values, tmp_path: Path) -> None:
    file = tmp_path / "a.parquet"
    pd.DataFrame({"a": [1, 2]}).to_parquet(file)
    kept = values.keep(file, type="dataframe")
    assert kept.size == file.stat().st_size
    pd.testing.assert_frame_equal(kept.load(), pd.DataFrame({"a": [1, 2]}))


@pytest.mark.parametrize("type_", ["dataframe", "array", "json", "table"])
def test_an_artifact_that_is_not_what_it_says_is_damage(values: Values, type_: str) -> None:
    with pytest.raises(ArtifactDamaged, match=f"cannot be read as {type_}"):
        values.keep(b"\xff nonsense", type=type_).load()


# ---- refusing


def test_s47_a_value_that_its_codec_refuses_is_named_with_its_place(values: Values) -> None:
    with pytest.raises(NotStorable) as refusal:
        values.encode({"tables": [np.zeros(1), pd.DataFrame({"a": [object()]})]})
    assert refusal.value.where == ".tables[1]"
    assert refusal.value.kind == "pandas.DataFrame"


def test_s47_a_codec_that_fails_is_a_refusal(artifacts: MemoryArtifacts) -> None:
    class Failing:
        type = "broken"

        def matches(self, value: object) -> bool:
            return isinstance(value, complex)

        def encode(self, value: object) -> bytes:
            raise ZeroDivisionError("no such thing")

        def decode(self, data: bytes) -> object:
            return data

    with pytest.raises(NotStorable, match=r"at \[0\] holds a complex.*no such thing"):
        Values(artifacts, [Failing()]).encode([1j])


def test_what_a_codec_says_in_a_sentence_is_passed_on(values: Values, monkeypatch: pytest.MonkeyPatch) -> None:
    found = reference(values, values.encode(np.zeros(2)))
    monkeypatch.setitem(sys.modules, "numpy", None)
    with pytest.raises(ExtraMissing, match=r"needs the package numpy"):
        found.load()


# ---- comparing


def test_s52_a_canonical_text_is_equal_for_equal_values_and_writes_nothing(
    values: Values, artifacts: MemoryArtifacts
) -> None:
    one = {"b": pd.DataFrame({"a": [1]}), "a": b"x"}
    other = {"a": b"x", "b": pd.DataFrame({"a": [1]})}
    assert values.canonical(one) == values.canonical(other)
    assert values.canonical(one) != values.canonical({"a": b"y", "b": pd.DataFrame({"a": [1]})})
    assert artifacts.hashes() == set()
    stored = values.decode(values.encode(other))
    assert values.canonical(stored) == values.canonical(one)


# ---- secrets


def test_s48_outputs_and_text_artifacts_are_redacted(values: Values, artifacts: MemoryArtifacts) -> None:
    value = {"a": f"x {SECRET}", "raw": f"y {SECRET}".encode(), "large": [SECRET] * 9000}
    text = values.encode(value, redactor=REDACTOR)
    assert values.decode_deep(values.decode(text)) == {"a": "x ***", "raw": b"y ***", "large": ["***"] * 9000}
    assert not any(SECRET.encode() in artifacts.get(sha256) for sha256 in artifacts.hashes())


def test_s48_a_redacted_value_is_still_json(values: Values) -> None:
    redactor = Redactor({"NUMBER": "12345678", "QUOTED": '","b":"x'})
    value = {"n": 12345678, "a": 'x","b":"x'}
    for text in (values.encode(value, redactor=redactor), values.encode_inline(value, redactor=redactor)):
        assert text is not None
        assert json.loads(text) == {"n": "***", "a": "x***"}


def test_s48_binary_artifacts_are_left_whole(values: Values) -> None:
    array = np.frombuffer(b"\xff" + SECRET.encode(), dtype="uint8")
    found = reference(values, values.encode(array, redactor=REDACTOR)).load()
    np.testing.assert_array_equal(found, array)


def test_s48_kept_bytes_and_files_are_redacted(values: Values, tmp_path: Path) -> None:
    file = tmp_path / "log"
    file.write_text(f"a {SECRET} b")
    assert values.keep(file, redactor=REDACTOR).load() == b"a *** b"
    assert values.keep(f"a {SECRET}".encode(), redactor=REDACTOR).load() == b"a ***"
    assert file.read_text() == f"a {SECRET} b"


@given(st.recursive(st.integers() | st.binary() | st.text(), lambda inner: st.lists(inner) | st.tuples(inner)))
def test_s47_any_structure_comes_back_opened(value: object) -> None:
    values = Values(MemoryArtifacts(), CODECS, inline_limit=40)
    text = values.encode(value)
    assert len(text.encode()) <= 40 or text.startswith('{"$artifact"')
    assert values.decode_deep(values.decode(text)) == value
