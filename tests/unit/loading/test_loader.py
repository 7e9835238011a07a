"""The loader: text becomes a workflow; what is read, what is ignored, what is said of it (S1 to S11)."""

from __future__ import annotations

import codecs
import gc
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from ergon.actions.catalog import ActionCatalog
from ergon.loading.loader import Loaded, check_workflow, load_file, load_text
from ergon.loading.schema import workflow_schema
from ergon.model.workflow import Step, Workflow
from ergon.ports import ActionHandler, Context, Problem, RunsIn

HEADER = "ergon: 1\nname: sample\n"
WORKFLOWS = Path(__file__).parents[3] / "workflows"


def load(text: str) -> Loaded:
    return load_text(HEADER + text, catalog=ActionCatalog())


def told(loaded: Loaded) -> list[str]:
    return [f"{d.code} {d.line}:{d.column}" for d in loaded.diagnostics]


# ---- what is read ----------------------------------------------------------------------------------


def test_a_sound_file_gives_its_workflow() -> None:
    loaded = load("steps:\n  - {id: a, uses: core.noop, with: {value: 1}}\n")
    assert loaded.ok
    assert loaded.diagnostics == ()
    assert loaded.workflow is not None
    assert loaded.workflow.steps[0].with_ == {"value": 1}
    assert loaded.positions.value(("steps", 0, "uses")) == (4, 19)


@pytest.mark.parametrize("name", ["hello", "research"])
def test_the_workflows_that_are_shipped_are_sound(name: str) -> None:
    loaded = load_file(WORKFLOWS / f"{name}.ergon.yaml", catalog=ActionCatalog(WORKFLOWS))
    assert loaded.ok, loaded.diagnostics


def test_json_is_the_same_document_s1() -> None:
    document = {"ergon": 1, "name": "sample 😀", "steps": [{"id": "a", "uses": "core.noop", "with": {"value": 1e3}}]}
    yaml = "ergon: 1\nname: sample 😀\nsteps:\n- id: a\n  uses: core.noop\n  with: {value: 1e3}\n"
    as_json = load_text(json.dumps(document), file="a.ergon.json")
    as_yaml = load_text(yaml, file="a.ergon.yaml")
    assert as_json.workflow is not None
    assert as_yaml.workflow is not None
    assert as_json.workflow.document() == as_yaml.workflow.document() == document


def test_a_byte_order_mark_is_allowed_s1() -> None:
    text = HEADER + "steps: [{id: a, uses: core.noop}]\n"
    for source in (codecs.BOM_UTF8 + text.encode(), "\ufeff" + text):
        loaded = load_text(source)
        assert loaded.ok
        assert loaded.text == text


def test_windows_line_ends_are_line_ends() -> None:
    loaded = load_text(HEADER.replace("\n", "\r\n") + "stepz: []\r\n")
    assert told(loaded) == ["W205 2:1", "E121 3:1"]


def test_words_of_yaml_1_1_are_texts_s1() -> None:
    loaded = load("steps:\n  - {id: a, uses: core.noop, with: {value: [on, off, yes, no, 2020-01-01]}}\n")
    assert loaded.workflow is not None
    assert loaded.workflow.steps[0].with_ == {"value": ["on", "off", "yes", "no", "2020-01-01"]}


def test_needs_may_say_on_s1() -> None:
    """S1: an old reader takes the key `on` for True."""
    loaded = load(
        "steps:\n  - {id: a, uses: core.noop}\n  - {id: b, uses: core.noop, needs: [{step: a, on: failure}]}\n"
    )
    assert loaded.ok
    assert loaded.workflow is not None
    assert loaded.workflow.steps[1].needs[0].on == "failure"


def test_keys_with_x_are_ignored_everywhere_s3() -> None:
    loaded = load(
        """x-top: {a: [1]}
settings: {x-a: 1, concurrency: 2, resources: {x-b: none}}
variables: {x-v: 1, v: 2}
parameters: [{name: p, x-p: 1, type: enum, options: [{value: 1, x-o: 2}]}]
resources: {x-r: 1}
defaults: {x-d: 1}
steps:
  - id: a
    x-s: "{{ nothing.at.all }}"
    uses: core.noop
    with: {x-w: 1, value: {x-kept: "{{ variables.v }}{{ parameters.p }}"}}
    retry: {attempts: 2, x-r: 1}
    needs: []
    cache: {x-c: 1, ttl: 1d}
    validate: [{that: output, x-t: 1}]
  - id: b
    choose: [{when: steps.a.output, x-b: 1, steps: [{id: c, x-s: 1, uses: core.noop}]}]
outputs: {x-o: "{{ broken", o: 1}
triggers: [{id: t, on: manual, x-t: 1, with: {x-w: 1}}]
layout: {x-l: 1, nodes: {a: [1, 2]}, of-later: true}
"""
    )
    assert [d.code for d in loaded.diagnostics] == ["N301"]
    assert loaded.workflow is not None
    assert loaded.workflow.steps[0].with_ == {"value": {"x-kept": "{{ variables.v }}{{ parameters.p }}"}}
    assert loaded.workflow.variables == {"v": 2}
    assert loaded.workflow.layout.model_extra == {"x-l": 1, "of-later": True}


def test_annotations_and_layout_are_anybodys_s3_s8() -> None:
    loaded = load(
        "annotations: {any: [{thing: '{{ here }}'}]}\nlayout: {nodes: {gone: [1, 2]}, what: {ever: 1}}\n"
        "steps: [{id: a, uses: core.noop, annotations: {uses: nothing}}]\n"
    )
    assert loaded.diagnostics == ()


def test_a_file_s_folder_is_where_its_modules_are_s11(tmp_path: Path) -> None:
    (tmp_path / "beside_it.py").write_text("def run(x: int) -> int:\n    return x\n")
    file = tmp_path / "a.ergon.yaml"
    file.write_text(HEADER + 'steps: [{id: a, uses: "beside_it:run", with: {x: 1, y: 2}}]\n')
    assert told(load_file(file, catalog=None)) == ["E172 3:53"]


def test_without_a_catalog_actions_are_not_looked_up() -> None:
    assert load_text(HEADER + "steps: [{id: a, uses: no.such}]\n").ok
    assert not load("steps: [{id: a, uses: no.such}]\n").ok


def test_a_workflow_made_in_python_is_checked_too() -> None:
    workflow = Workflow(name="made", steps=(Step.model_validate({"id": "a", "uses": "core.nop", "needs": ["b"]}),))
    found = check_workflow(workflow, catalog=ActionCatalog())
    assert [d.code for d in found] == ["E141", "E170"]
    assert {(d.file, d.line, d.column) for d in found} == {("", 1, 1)}


def test_a_workflow_with_faults_of_rules_is_there_and_not_ok() -> None:
    loaded = load("steps: [{id: a, uses: core.noop, needs: [b]}]\n")
    assert loaded.workflow is not None
    assert not loaded.ok


def test_a_workflow_with_faults_of_structure_is_not_there() -> None:
    assert load("steps: [{id: a, uses: core.noop, retry: many}]\n").workflow is None


def test_a_newer_version_is_refused_by_name_s3() -> None:
    loaded = load_text("ergon: 7\nname: x\nsteps: 5\n")
    assert [str(d) for d in loaded.diagnostics] == [
        "E126 The file is written in format version 7, and this Ergon reads up to 1. Install a newer jupyter-ergon."
    ]


def test_the_collector_runs_on_after_a_large_file() -> None:
    load("annotations: {a: " + "x" * 200_000 + "}\n")
    assert gc.isenabled()


# ---- one fault, one diagnostic ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "codes"),
    [
        ("parametres: [{name: city}]\nsteps: [{id: a, uses: core.noop, when: parameters.city}]\n", ["E121"]),
        ("steps:\n  - {id: a, uses: core.noop, need: [b]}\n  - {id: b, uses: core.noop}\n", ["E121"]),
        ("steps:\n  - {id: a, use: core.noop, with: {value: 1}}\n", ["E121"]),
        ("steps:\n  - {id: a, usage: core.noop}\n", ["E121"]),
        ("steps:\n  - {id: a b, uses: core.noop}\n  - {id: c, uses: core.noop, needs: [a b]}\n", ["E125"]),
        ("steps:\n  - {uses: core.noop}\n  - {id: c, uses: core.noop, when: steps.a.output}\n", ["E122"]),
        ("steps:\n  - {id: 5, uses: core.noop, needs: [c]}\n  - {id: c, uses: core.noop}\n", ["E123"]),
        ("steps:\n  - 5\n  - {id: c, uses: core.noop, needs: [a]}\n", ["E123"]),
        ("steps: {a: {uses: core.noop}}\noutputs: {x: '{{ steps.a.output }}'}\n", ["E123"]),
        ("parameters: {city: {type: string}}\nsteps: [{id: a, uses: core.noop, when: parameters.city}]\n", ["E123"]),
        ("parameters: [{nam: city}]\nsteps: [{id: a, uses: core.noop, when: parameters.city}]\n", ["E121"]),
        ("parameters: [{type: enum}]\nsteps: [{id: a, uses: core.noop, when: parameters.x}]\n", ["E122"]),
        ("steps:\n  - id: a\n    for_each: [1]\n    stepz: [{id: b, uses: core.noop}]\n", ["E121"]),
        ("steps:\n  - id: a\n    for_each: [1]\n    steps: 5\n", ["E123"]),
        ("steps:\n  - id: a\n    choose: [{when: run.id, steps: []}]\n", ["E137"]),
        ("steps:\n  - id: a\n    until: run.id\n    max_iterations: 0\n    uses: core.noop\n", ["E124"]),
        ("settings: {env: HOME}\nsteps: [{id: a, uses: core.noop, when: env.HOME}]\n", ["E123"]),
        ("resources: [gpu]\nsteps: [{id: a, uses: core.noop, resources: {gpu: 1}}]\n", ["E123"]),
        ("steps:\n  - {id: a, uses: core.sleep, with: {value: {{ run.id }}, seconds: 1}}\n", ["E172", "E107"]),
        ("steps:\n  - {id: a, uses: core.sleep, with: [seconds]}\n", ["E123"]),
        ("steps:\n  - {id: a, uses: core.sleep, with: {seconds: 1, seconds: 2}}\n", ["E110"]),
        ("steps:\n  - {id: a, uses: core.noop, on_error: {stepp: b}}\n  - {id: b, uses: core.noop}\n", ["E121"]),
        ("steps:\n  - {id: a, uses: core.noop, on_error: {other: b}}\n", ["E121"]),
        ("triggers: [{id: t, on: moon}]\nsteps: [{id: a, uses: core.noop}]\n", ["E124"]),
        ("variables: {a: '{{ variables.b }}', b c: 1}\nsteps: [{id: s, uses: core.noop}]\n", ["E125"]),
    ],
)
def test_what_follows_from_a_fault_is_not_told(text: str, codes: list[str]) -> None:
    loaded = load(text)
    assert [d.code for d in loaded.diagnostics if d.severity == "error"] == codes, loaded.diagnostics


def test_one_broken_step_hides_no_fault_of_another_s10() -> None:
    loaded = load(
        "steps:\n"
        "  - {id: a, uses: core.noop, retry: [], needs: [b]}\n"
        "  - {id: b, uses: core.noop, with: {value: '{{ parameters.x }}'}, needs: [a]}\n"
        "  - {id: c, uses: core.nop, timeout: soon, when: steps.b.otput}\n"
    )
    assert sorted(d.code for d in loaded.diagnostics) == ["E123", "E124", "E145", "E152", "E155", "E170"]
    assert told(loaded) == sorted(told(loaded), key=lambda t: [int(n) for n in t.split()[1].split(":")])


# ---- an action's own checks ------------------------------------------------------------------------


@dataclass
class Handler:
    """An action that finds what it is told to find."""

    name: str = "fake.do"
    problems: Sequence[Problem] = ()
    schema: Mapping[str, object] = field(default_factory=lambda: {"properties": {"path": {}}, "required": []})
    asked: list[tuple[dict[str, object], frozenset[str]]] = field(default_factory=list)
    summary: str = "Does."
    help: str = ""
    example: str = ""
    version: str = "1"
    runs_in: RunsIn = "loop"
    path_inputs: frozenset[str] = frozenset()
    can_undo: bool = False

    def code(self) -> str:
        return self.version

    def bind(self, inputs: Mapping[str, object]) -> dict[str, object]:
        return dict(inputs)

    def call(self, context: Context, inputs: Mapping[str, object]) -> object:
        return dict(inputs)

    def schema_for(self, config: Mapping[str, object], *, folder: Path) -> Mapping[str, object]:
        return self.schema

    def check(
        self, config: Mapping[str, object], *, templated: frozenset[str], folder: Path | None = None
    ) -> Sequence[Problem]:
        self.asked.append((dict(config), templated))
        return self.problems

    def undo(self, context: Context, output: object) -> object:
        return None


@dataclass
class Shelf:
    """A catalog of one action."""

    handler: Handler

    def find(self, name: str) -> ActionHandler:
        assert ":" not in name, "a check must not import what the file names"
        return self.handler

    def names(self) -> Sequence[str]:
        return [self.handler.name]


def test_an_action_checks_its_own_inputs() -> None:
    handler = Handler(
        problems=[
            Problem(("path",), "There is no notebook no.ipynb.", "Mend the path."),
            Problem((), "It would be slow.", severity="warning"),
            Problem(("rows", 1), "Input 'rows[1]' of fake.do: must be text."),
        ]
    )
    text = "steps:\n  - id: a\n    uses: fake.do\n    with: {path: no.ipynb, rows: [1, '{{ run.id }}'], when: '{% x'}\n"
    loaded = load_text(HEADER + text, catalog=Shelf(handler))
    found = [(d.code, d.line, d.column, d.severity) for d in loaded.diagnostics]
    assert found == [
        ("W209", 6, 11, "warning"),
        ("E175", 6, 18, "error"),
        ("E174", 6, 38, "error"),
        ("E150", 6, 65, "error"),
    ]
    assert handler.asked == [
        ({"path": "no.ipynb", "rows": [1, "{{ run.id }}"], "when": "{% x"}, frozenset({"rows", "when"}))
    ]


def test_an_action_is_not_asked_about_inputs_that_it_does_not_have() -> None:
    handler = Handler(schema={"properties": {"path": {}}, "required": ["path"], "additionalProperties": False})
    text = "steps: [{id: a, uses: fake.do, with: {pth: 1}}]\n"
    loaded = load_text(HEADER + text, catalog=Shelf(handler))
    assert [d.code for d in loaded.diagnostics] == ["E172"]
    assert "Did you mean 'path'?" in loaded.diagnostics[0].hint
    assert handler.asked == [({}, frozenset({"path"}))]


# ---- the schema ------------------------------------------------------------------------------------


def test_the_schema_names_every_key_of_a_step_s4() -> None:
    words = (
        "id name description uses with needs when validate retry timeout optional on_error cache resources run_on "
        "on_crash enabled tags annotations for_each as concurrency on_item_error while until max_iterations every "
        "choose parallel wait_for steps output"
    )
    assert set(workflow_schema()["$defs"]["Step"]["properties"]) == set(words.split())


def test_the_schema_names_every_key_at_the_top_s3() -> None:
    words = (
        "ergon name title version description author tags type enabled level annotations parameters variables "
        "settings defaults triggers resources steps outputs layout"
    )
    assert set(workflow_schema()["properties"]) == set(words.split())
