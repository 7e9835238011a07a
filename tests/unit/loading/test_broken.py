"""Bad input: every broken file gives its codes and places, all at once, and nothing raises (S10)."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import pytest

from ergon.actions.catalog import ActionCatalog
from ergon.loading.codes import CODES
from ergon.loading.loader import Loaded, load_file, load_text

FOLDER = Path(__file__).parents[2] / "fixtures" / "broken"
EXPECTED: dict[str, list[str]] = json.loads((FOLDER / "expected.json").read_text())
HEADER = "ergon: 1\nname: broken\n"


def check(path: Path) -> Loaded:
    return load_file(path, catalog=ActionCatalog(FOLDER))


def told(loaded: Loaded) -> list[str]:
    return [f"{d.code} {d.line}:{d.column}" for d in loaded.diagnostics]


@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_a_broken_file_gives_its_diagnostics_s10(name: str) -> None:
    loaded = check(FOLDER / name)
    assert told(loaded) == EXPECTED[name]
    assert loaded.ok is not any(code.startswith("E") for code in EXPECTED[name])


def test_every_broken_file_is_expected_and_there_are_enough() -> None:
    assert {path.name for path in FOLDER.glob("*.ergon.*")} == set(EXPECTED)
    assert len(EXPECTED) >= 50


def test_nothing_that_the_files_name_was_imported_s10() -> None:
    """S10: importing `sample_module` raises; its functions are read from its source."""
    loaded = check(FOLDER / "function-inputs.ergon.yaml")
    assert len(loaded.diagnostics) == 3
    assert "sample_module" not in sys.modules


@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_sentences_are_one_line_and_end_with_a_stop(name: str) -> None:
    for found in check(FOLDER / name).diagnostics:
        assert found.message.endswith((".", "…")), found
        assert "\n" not in found.message + found.hint
        assert len(found.message) < 500
        assert found.severity == CODES[found.code].severity
        assert found.file.endswith(name)


def test_a_file_of_ten_megabytes_s2(tmp_path: Path) -> None:
    path = tmp_path / "large.ergon.yaml"
    path.write_text(HEADER + "title: " + "x" * 10_000_000)
    assert told(check(path)) == ["E102 1:1"]


@pytest.mark.parametrize("where", ["title: ", "annotations: {a: ", "steps: "])
def test_sixty_thousand_brackets_s2(tmp_path: Path, where: str) -> None:
    path = tmp_path / "deep.ergon.yaml"
    path.write_text(HEADER + where + "[" * 60_000 + "]" * 60_000)
    assert [d.code for d in check(path).diagnostics] == ["E108"]


def test_an_id_of_a_hundred_thousand_characters() -> None:
    loaded = load_text(HEADER + f"steps:\n  - {{id: {'a' * 100_000}, uses: core.noop}}\n")
    assert told(loaded) == ["E125 4:10"]
    assert len(loaded.diagnostics[0].message) < 200


def test_a_missing_file_and_a_folder(tmp_path: Path) -> None:
    assert [str(d) for d in check(tmp_path / "no.yaml").diagnostics] == [
        f"{tmp_path / 'no.yaml'}:1:1: E101 The file cannot be read: it does not exist."
    ]
    assert told(check(tmp_path)) == ["E101 1:1"]
    assert told(check(tmp_path / "a\0b")) == ["E101 1:1"]


def test_a_device_is_no_file() -> None:
    assert told(check(Path("/dev/zero"))) == ["E101 1:1"]


def test_more_faults_than_can_be_shown() -> None:
    loaded = load_text(HEADER + "".join(f"key{n}: 1\n" for n in range(1_500)))
    assert len(loaded.diagnostics) == 1_001
    assert loaded.diagnostics[-1].code == "N302"
    assert "500 more" in loaded.diagnostics[-1].message or "501 more" in loaded.diagnostics[-1].message


SLOW = {
    "steps": "steps:\n" + "".join(f"  - {{id: s{n}, uses: core.noop}}\n" for n in range(30_000)),
    "unknown steps": "steps:\n" + "".join(f"  - {{id: s{n}, uses: core.noop, needs: [t{n}]}}\n" for n in range(8_000)),
    "a circle": "steps:\n"
    + "".join(f"  - {{id: s{n}, uses: core.noop, needs: [s{(n + 1) % 8_000}]}}\n" for n in range(8_000)),
    "every edge": "steps:\n"
    + "".join(
        f"  - {{id: s{n}, uses: core.noop, needs: [{', '.join(f's{m}' for m in range(n))}]}}\n" for n in range(300)
    ),
    "conditions": "steps:\n" + "".join(f"  - {{id: s{n}, uses: core.noop, when: a b {n}}}\n" for n in range(5_000)),
    "one long template": 'steps:\n  - {id: s, uses: core.noop, with: {value: "' + "{{ a + b }}" * 8_000 + '"}}\n',
    "long templates": "steps:\n"
    + "".join(
        f'  - {{id: s{n}, uses: core.noop, with: {{value: "{n}{"{{ run.id + 1 }}" * 5_000}"}}}}\n' for n in range(30)
    ),
    "patterns": "parameters:\n"
    + "".join(f"  - {{name: p{n}, pattern: '((a{{1,30}}){{1,30}})+b', default: {'a' * 60}}}\n" for n in range(900)),
    "variables": "variables:\n" + "".join(f'  v{n}: "{{{{ variables }}}}"\n' for n in range(3_000)),
    "unknown actions": "steps:\n" + "".join(f"  - {{id: s{n}, uses: core.no{n}}}\n" for n in range(5_000)),
    "unknown modules": "steps:\n" + "".join(f'  - {{id: s{n}, uses: "mod{n}:f"}}\n' for n in range(2_000)),
    "writers": "steps:\n" + "".join(f"  - {{id: s{n}, uses: core.set, with: {{a: 1}}}}\n" for n in range(5_000)),
    "defaults": 'defaults: {cache: {key: "'
    + "{{ run.id }}" * 8_000
    + '"}}\nsteps:\n'
    + "".join(f"  - {{id: s{n}, uses: core.noop}}\n" for n in range(20_000)),
    "aliases": 'x-a: &a "'
    + "{{steps.s0.output}}" * 4_900
    + '"\nsteps:\n  - {id: s0, uses: core.noop}\n'
    + "".join(f"  - {{id: s{n}, uses: core.noop, with: {{value: *a}}}}\n" for n in range(1, 205)),
    "values": "annotations: {x: [" + "1," * 2_400_000 + "]}\n",
}


@pytest.mark.parametrize("name", SLOW)
def test_a_check_answers_in_time_s15(name: str) -> None:
    """S15: `check` answers in 5 s whatever it is given (here in twice that, on a machine that is busy)."""
    start = time.perf_counter()
    loaded = load_text(HEADER + SLOW[name], catalog=ActionCatalog())
    assert time.perf_counter() - start < 10
    assert loaded.text


def test_a_file_has_twenty_thousand_steps_at_most() -> None:
    steps = "".join(f"  - {{id: s{n}, uses: core.noop}}\n" for n in range(20_001))
    assert told(load_text(HEADER + "steps:\n" + steps)) == ["E128 3:1"]
    assert load_text(HEADER + "steps:\n" + steps.removesuffix("  - {id: s20000, uses: core.noop}\n")).ok


def test_templates_that_would_take_too_long_are_not_read_s15() -> None:
    steps = "".join(f"  - {{id: s{n}, uses: core.noop, when: run.id > {n} and {n}}}\n" for n in range(15_000))
    found = told(load_text(HEADER + "steps:\n" + steps))
    assert [code.split()[0] for code in found] == ["E129"]


@pytest.mark.parametrize("name", ["defaults", "aliases"])
def test_templates_that_are_repeated_too_often_are_told_of_once_s15(name: str) -> None:
    found = told(load_text(HEADER + SLOW[name]))
    assert [code.split()[0] for code in found] == ["E129"]


def test_a_large_file_is_read_quickly_s2() -> None:
    """S2: 10,000 steps compose in 0.5 s and are checked in about 2 s (here with room for a busy machine)."""
    steps = "".join(
        f'  - id: s{n}\n    uses: core.noop\n    with: {{value: "{{{{ steps.s{n - 1}.output }}}}"}}\n    retry: 3\n'
        for n in range(1, 10_000)
    )
    start = time.perf_counter()
    loaded = load_text(HEADER + "steps:\n  - {id: s0, uses: core.noop}\n" + steps, catalog=ActionCatalog())
    assert loaded.ok
    assert loaded.workflow is not None
    assert len(loaded.workflow.steps) == 10_000
    assert time.perf_counter() - start < 8
