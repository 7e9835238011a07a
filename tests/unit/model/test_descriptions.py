"""What the docstrings under fields say."""

from __future__ import annotations

import pytest
from pydantic import BaseModel

from ergon.loading.schema import workflow_schema
from ergon.model.base import Definition
from ergon.model.descriptions import descriptions
from ergon.settings import Settings


class Plain(BaseModel):
    first: int = 1
    """The first.

    With more."""
    second: int = 2
    third: int = 3
    """The third."""


class Inherits(Plain):
    third: int = 4
    """Another third."""


def test_the_docstring_under_a_field_describes_it() -> None:
    assert descriptions(Plain) == {"first": "The first.\n\nWith more.", "third": "The third."}


def test_fields_are_inherited_with_what_they_mean() -> None:
    assert descriptions(Inherits) == {"first": "The first.\n\nWith more.", "third": "Another third."}


def test_every_setting_is_described() -> None:
    assert descriptions(Settings).keys() == Settings.model_fields.keys()


def test_the_schema_describes_every_key_that_the_model_does() -> None:
    parts = workflow_schema()["$defs"]
    models = {model.__name__: model for model in Definition.__subclasses__()}
    for name in parts.keys() & models.keys():
        model = models[name]
        for field in descriptions(model):
            key = model.model_fields[field].alias or field
            assert parts[name]["properties"][key].get("description"), (name, key)


@pytest.mark.parametrize("model", [Definition, Settings])
def test_the_sources_are_not_read_when_the_models_are_made(model: type[BaseModel]) -> None:
    assert "use_attribute_docstrings" not in model.model_config
