"""What is shown of every action: a sentence, words on each input, and an example that works."""

from __future__ import annotations

from typing import Any

import pytest

from ergon.actions.action import Action
from ergon.actions.catalog import ActionCatalog
from ergon.actions.yamltext import parse_yaml
from ergon.model.workflow import Step

ACTIONS = [each for each in ActionCatalog().actions() if each.function.__module__.startswith("ergon.actions.")]


def _name(made: Action) -> str:
    return made.name


@pytest.mark.parametrize("made", ACTIONS, ids=_name)
def test_an_example_is_a_step_that_binds(made: Action) -> None:
    """S56."""
    document: Any = parse_yaml(made.example)
    step = Step.model_validate(document)
    assert step.uses == made.name
    inputs = dict(step.with_)
    assert made.check(inputs, templated=frozenset()) == []
    if made.name == "core.assert":
        inputs["that"] = True  # the engine evaluates it
    assert made.bind(inputs).keys() >= inputs.keys()


@pytest.mark.parametrize("made", ACTIONS, ids=_name)
def test_the_words_are_there(made: Action) -> None:
    """S56."""
    assert made.summary.endswith(".")
    assert made.summary.count(". ") == 0
    assert len(made.summary) < 100
    properties: Any = made.schema.get("properties", {})
    for name, described in properties.items():
        assert described.get("description", "").endswith("."), name
    assert made.schema["title"] == made.name


@pytest.mark.parametrize("made", ACTIONS, ids=_name)
def test_an_input_that_is_not_there_is_refused(made: Action) -> None:
    if made.schema.get("additionalProperties") is True:
        assert made.name in ("core.set", "python.run")
        return
    problems = made.check({"no_such_input": 1}, templated=frozenset())
    assert ("no_such_input",) in [problem.path for problem in problems]
