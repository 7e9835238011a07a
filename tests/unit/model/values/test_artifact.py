"""S46: references to artifacts."""

from __future__ import annotations

import dataclasses
import pickle

import pytest

from ergon.errors import ArtifactDamaged
from ergon.model.expressions import Deferred
from ergon.model.values import Artifact, Decoder, artifacts_named, encode_plain, to_json

A, B, C = "a" * 64, "b" * 64, "c" * 64


def test_s46_its_json_form() -> None:
    assert encode_plain(Artifact(A, "bytes", 3)) == f'{{"$artifact":"{A}","type":"bytes","size":3}}'
    assert to_json(encode_plain([Artifact(A, "json", 3, "n", (B,))])) == [
        {"$artifact": A, "type": "json", "size": 3, "name": "n"}
    ]


def test_s46_it_loads_anew_each_time_by_what_it_came_from() -> None:
    asked: list[str] = []

    def load(artifact: Artifact) -> object:
        asked.append(artifact.sha256)
        return [artifact.type]

    read = Decoder(load)(encode_plain({"x": (Artifact(A, "bytes", 3),)}))
    assert isinstance(read, dict)
    (reference,) = read["x"]
    assert isinstance(reference, Deferred)
    assert asked == []
    assert reference.load() == ["bytes"]
    assert reference.load() is not reference.load()
    assert set(asked) == {A}


def test_one_without_a_store_says_so() -> None:
    with pytest.raises(ArtifactDamaged, match="aaaaaaaaaaaa… cannot be read here"):
        Artifact(A, "bytes", 3).load()


def test_it_is_equal_by_what_it_says_and_cannot_be_changed() -> None:
    one = Artifact(A, "bytes", 3, loader=lambda _: 1)
    assert one == Artifact(A, "bytes", 3)
    assert hash(one) == hash(Artifact(A, "bytes", 3))
    assert one != Artifact(A, "bytes", 4)
    with pytest.raises(dataclasses.FrozenInstanceError):
        one.size = 4  # type: ignore[misc]  # that is the point


def test_its_loader_stays_behind_when_it_is_pickled() -> None:
    copy = pickle.loads(pickle.dumps(Artifact(A, "json", 3, "n", (B,), loader=lambda _: 1)))
    assert copy == Artifact(A, "json", 3, "n", (B,))
    with pytest.raises(ArtifactDamaged):
        copy.load()


def test_it_is_shown_in_one_short_line() -> None:
    assert repr(Artifact(A, "dataframe", 12_345, "rows")) == "<dataframe aaaaaaaaaaaa… 'rows', 12,345 bytes>"


def test_s49_all_artifacts_that_a_stored_form_needs_are_found() -> None:
    text = encode_plain([Artifact(A, "bytes", 1), {1: Artifact(B, "json", 2, holds=(C,))}])
    assert artifacts_named(text) == {A, B, C}


def test_s49_data_that_speaks_of_artifacts_needs_none() -> None:
    reference = {"$artifact": A, "type": "bytes", "size": 1}
    assert artifacts_named(encode_plain([reference, encode_plain(Artifact(B, "bytes", 1))])) == set()
