"""S48: inside a run a secret is a handle that only the action opens."""

from __future__ import annotations

import copy
import json
import operator
import pickle
from collections.abc import Callable
from urllib.parse import quote

import pytest

from ergon.errors import TemplateFailed
from ergon.model.expressions import parse_expression, parse_template
from ergon.model.secrets import Secret, mask, reveal

VAULT = {"TOKEN": "swordfish", "OTHER": "tr0ut\ue000"}
TOKEN = Secret("TOKEN")


def evaluated(text: str) -> object:
    template = parse_template(text)
    assert template is not None
    return template.evaluate({"secrets": {"TOKEN": TOKEN, "OTHER": Secret("OTHER")}})


def test_s48_a_template_passes_the_handle_on_whole() -> None:
    assert evaluated("{{ secrets.TOKEN }}") is TOKEN


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ("{{ secrets.TOKEN }}", "swordfish"),
        ("Bearer {{ secrets.TOKEN }}", "Bearer swordfish"),
        ("{{ secrets.TOKEN }}:{{ secrets.OTHER }}", "swordfish:tr0ut\ue000"),
        ("{{ 'Bearer ' ~ secrets.TOKEN }}", "Bearer swordfish"),
        ("{% if true %}a {{ secrets.TOKEN }}{% endif %}", "a swordfish"),
    ],
)
def test_s48_an_action_gets_the_secret_that_a_text_carries(template: str, expected: str) -> None:
    value = evaluated(template)
    assert "swordfish" not in str(value)
    assert reveal(value, VAULT.__getitem__) == expected
    assert mask(value) == expected.replace("swordfish", "***").replace("tr0ut\ue000", "***")


def test_s48_secrets_are_found_anywhere() -> None:
    value = {"a": [TOKEN, ("x", f"<{TOKEN}>"), {"b": {str(TOKEN)}}], "plain": [1, "x"]}
    assert reveal(value, VAULT.__getitem__) == {
        "a": ["swordfish", ("x", "<swordfish>"), {"b": {"swordfish"}}],
        "plain": [1, "x"],
    }
    assert mask(value) == {"a": ["***", ("x", "<***>"), {"b": {"***"}}], "plain": [1, "x"]}


def test_what_holds_no_secret_is_given_as_it_is() -> None:
    value = {"a": [1, ("x", {"b"})], "é": object()}
    assert reveal(value, VAULT.__getitem__) is value
    assert mask(value) is value


def test_only_secrets_that_are_used_are_asked_for() -> None:
    asked: list[str] = []

    def get(name: str) -> str:
        asked.append(name)
        return "x"

    reveal(["nothing", {"here": 1}], get)
    assert asked == []
    reveal([TOKEN], get)
    assert asked == ["TOKEN"]


def test_s48_data_from_outside_cannot_ask_for_a_secret() -> None:
    seen = str(TOKEN)
    nonce = seen[1 : seen.index(":")]
    forged = seen.replace(nonce, "a" * len(nonce))
    assert reveal(forged, VAULT.__getitem__) == forged
    assert mask(forged) == "***"


@pytest.mark.parametrize("change", [str.upper, str.title, quote, json.dumps], ids=lambda change: change.__name__)
def test_s48_a_text_whose_mark_was_changed_is_an_error(change: Callable[[str], str]) -> None:
    with pytest.raises(TemplateFailed, match="a filter changed a secret") as failure:
        reveal([change(f"key {TOKEN}")], VAULT.__getitem__)
    assert "TOKEN" not in str(failure.value).replace("secrets.TOKEN", "")


def test_s48_a_filter_in_a_template_is_such_a_change() -> None:
    value = evaluated("{{ ('key ' ~ secrets.TOKEN) | upper }}")
    with pytest.raises(TemplateFailed, match="a filter changed a secret"):
        reveal(value, VAULT.__getitem__)


@pytest.mark.parametrize(
    "use",
    [
        lambda secret: secret == "x",
        lambda secret: secret != secret,
        lambda secret: secret < "x",
        len,
        list,
        bool,
        hash,
        lambda secret: secret[0],
        lambda secret: "x" in secret,
        lambda secret: secret + "x",
        lambda secret: "x" + secret,
        lambda secret: secret * 2,
        lambda secret: secret % 2,
        int,
        operator.index,
    ],
)
def test_s48_nothing_else_can_be_done_with_a_handle(use: Callable[[object], object]) -> None:
    with pytest.raises(TypeError):
        use(TOKEN)


def test_s48_the_sentence_says_what_can_be_done() -> None:
    with pytest.raises(TypeError, match="the secret 'TOKEN' can only be given to an action, whole or inside a"):
        len(TOKEN)


@pytest.mark.parametrize("condition", ["secrets.TOKEN == 'x'", "secrets.TOKEN | length > 3", "not secrets.TOKEN"])
def test_s48_a_condition_on_a_secret_is_an_error(condition: str) -> None:
    with pytest.raises(TemplateFailed, match="the secret 'TOKEN' can only be given to an action"):
        parse_expression(condition).evaluate({"secrets": {"TOKEN": TOKEN}})


def test_s48_a_handle_shows_nothing() -> None:
    assert repr(TOKEN) == "***"
    assert repr([TOKEN]) == "[***]"


@pytest.mark.parametrize("again", [lambda s: pickle.loads(pickle.dumps(s)), copy.copy, copy.deepcopy])
def test_s48_a_handle_survives_pickling_by_its_name_alone(again: Callable[[Secret], Secret]) -> None:
    found = again(TOKEN)
    assert type(found) is Secret
    assert found.name == "TOKEN"
    assert reveal(found, VAULT.__getitem__) == "swordfish"
    assert b"swordfish" not in pickle.dumps(TOKEN)
