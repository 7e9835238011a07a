"""The JSON Schema of the format: it takes what the loader takes, and refuses what is plainly wrong (S3, S4)."""

from __future__ import annotations

import importlib
import json
from pathlib import Path
from typing import Any

import pytest
from tests.unit.loading.test_rules import HEADER, SOUND

from ergon.loading.composer import compose
from ergon.loading.nodes import plain
from ergon.loading.schema import workflow_schema

jsonschema: Any = importlib.import_module("jsonschema")  # Any: it has no types
SCHEMA = workflow_schema()
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)
ROOT = Path(__file__).parents[3]
BROKEN = ROOT / "tests" / "fixtures" / "broken"


def document(text: str) -> object:
    root = compose(text).root
    assert root is not None
    return plain(root)


def faults(text: str) -> list[str]:
    return [f"{fault.json_path}: {fault.message}" for fault in VALIDATOR.iter_errors(document(text))]


def test_it_is_a_schema_and_is_json() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    assert json.loads(json.dumps(SCHEMA)) == SCHEMA


def test_no_description_names_a_rule() -> None:
    assert "(S" not in json.dumps(SCHEMA)


@pytest.mark.parametrize("name", SOUND)
def test_it_takes_what_the_loader_takes(name: str) -> None:
    assert faults(HEADER + SOUND[name]) == []


@pytest.mark.parametrize("path", sorted((ROOT / "workflows").glob("*.ergon.yaml")), ids=lambda p: p.name)
def test_it_takes_the_workflows_that_are_shipped(path: Path) -> None:
    assert faults(path.read_text("utf-8")) == []


def test_it_lets_x_keys_stand_everywhere_s3() -> None:
    text = "x-a: 1\nsettings: {x-b: 1}\nsteps: [{id: a, uses: core.noop, x-c: 1, retry: {attempts: 2, x-d: 1}}]\n"
    assert faults(HEADER + text) == []


@pytest.mark.parametrize(
    "name",
    [
        "bad-duration",
        "bad-id",
        "branch-with-both",
        "branch-without-when",
        "choose-and-uses",
        "empty-value",
        "for-each-without-steps",
        "future-version",
        "keys-that-do-not-fit",
        "loop-without-end",
        "missing-id",
        "no-name",
        "no-version",
        "number-in-quotes",
        "on-error-unclear",
        "out-of-range",
        "retry-on-a-block",
        "step-as-a-text",
        "step-does-nothing",
        "steps-as-a-mapping",
        "unknown-key-at-the-top",
        "unknown-key-in-a-step",
        "version-as-text",
        "while-and-until",
        "wrong-choice",
        "yes-is-a-text",
    ],
)
def test_it_refuses_what_is_plainly_wrong(name: str) -> None:
    assert faults((BROKEN / f"{name}.ergon.yaml").read_text("utf-8"))
