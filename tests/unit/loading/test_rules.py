"""The rules: what is sound is not told of, and what is not is (S13 to S33)."""

from __future__ import annotations

import pytest

from ergon.actions.catalog import ActionCatalog
from ergon.loading.loader import load_text
from ergon.loading.rules.cycles import Knots, cycles

HEADER = "ergon: 1\nname: sample\n"


def codes(text: str) -> list[str]:
    return [d.code for d in load_text(HEADER + text, catalog=ActionCatalog()).diagnostics]


SOUND = {
    "S5 ids with dashes are reached in brackets": """
steps:
  - {id: plan-evaluation, uses: core.noop}
  - {id: b, uses: core.noop, with: {value: "{{ steps['plan-evaluation'].output }}"}}
""",
    "S13 conditions are bare, wrapped or booleans": """
parameters: [{name: n, type: integer}]
steps:
  - {id: a, uses: core.noop, when: parameters.n > 3 and not run.id}
  - {id: b, uses: core.noop, when: "{{ parameters.n }}"}
  - {id: c, uses: core.noop, when: false}
  - {id: d, uses: core.assert, with: {that: steps.a.output == 'x', message: "no {{ parameters.n }}"}}
""",
    "S16 templates stand where they may": """
parameters: [{name: n, type: integer, default: 2}]
variables: {out: "build/{{ parameters.n }}", deep: [{a: "{{ variables.out }}"}]}
steps:
  - id: a
    name: "Step {{ parameters.n }}"
    uses: core.log
    with: {message: "{% if parameters.n %}{{ variables.deep[0].a }}{% endif %}"}
    timeout: "{{ parameters.n }}m"
    enabled: "{{ parameters.n > 1 }}"
    retry: {attempts: "{{ parameters.n }}", delay: "{{ parameters.n }}s", max_delay: 1m}
    validate: [{that: output is none, message: "got {{ output }}"}]
    cache: {key: "{{ parameters.n }}", ttl: 1d, version: 2}
  - {id: b, for_each: "{{ range(parameters.n) }}", uses: core.noop, with: {value: "{{ item }}"}}
outputs: {all: ["{{ steps.b.output }}"]}
""",
    "S16 templates of defaults": """
parameters: [{name: n, type: integer, default: 2}]
defaults: {timeout: "{{ parameters.n }}m", retry: {attempts: "{{ parameters.n }}"}, cache: {key: "{{ run.id }}"}}
steps:
  - {id: a, uses: core.noop}
  - {id: b, uses: core.noop, timeout: null, retry: 2, cache: false}
""",
    "S16 code is never a template": """
steps:
  - {id: a, uses: python.run, with: {code: "x = {'a': {{1}}}; f'{{x}}'", rows: "{{ run.id }}"}}
""",
    "S17 every name": """
settings: {env: [HOME]}
steps:
  - id: a
    uses: core.noop
    with: {value: "{{ state.x }}{{ run.id }}{{ trigger.name }}{{ env.HOME }}{{ secrets.KEY }}"}
  - {id: b, uses: core.noop, when: steps.a.status == 'succeeded' and steps.a.attempts > 1 and not steps.a.error}
""",
    "S20 lenient reads": """
steps:
  - {id: a, uses: core.noop, when: run.id}
  - {id: b, uses: core.noop, with: {value: "{{ steps.a.output | default(3) }}"}}
  - {id: c, uses: core.noop, when: steps.a is defined and steps.a.output is defined}
""",
    "S24 from inside one sees what encloses": """
steps:
  - {id: first, uses: core.noop}
  - {id: aside, uses: core.noop}
  - id: fan
    for_each: "{{ steps.first.output }}"
    steps:
      - {id: x, uses: core.noop, needs: [aside], with: {value: "{{ steps.first.output }}{{ item }}"}}
      - id: inner
        parallel:
          - {id: y, uses: core.noop, needs: [x]}
          - {id: z, uses: core.noop, needs: [y], with: {value: "{{ steps.x.output }}{{ item }}{{ loop.index }}"}}
""",
    "S24 blocks side by side may use the same ids": """
steps:
  - {id: a, for_each: [1], steps: [{id: x, uses: core.noop}]}
  - {id: b, for_each: [1], steps: [{id: x, uses: core.noop}]}
  - id: c
    choose:
      - {when: run.id, steps: [{id: x, uses: core.noop}]}
      - {otherwise: true, steps: [{id: y, uses: core.noop}]}
""",
    "S25 an output is evaluated inside": """
steps:
  - id: fan
    for_each: {a: 1}
    as: pair
    output: "{{ pair.key }}{{ steps.x.output }}"
    steps: [{id: x, uses: core.noop}]
  - id: route
    output: {either: "{{ steps.p.output | default(steps.q.output) }}", before: "{{ steps.fan.output }}"}
    choose:
      - {when: steps.fan.output, steps: [{id: p, uses: core.noop}]}
      - {otherwise: true, steps: [{id: q, uses: core.noop}]}
""",
    "S27 loops see their own": """
steps:
  - {id: start, uses: core.noop}
  - id: poll
    until: steps.probe.output == steps.start.output and loop.index > 2
    max_iterations: 5
    every: 10s
    steps:
      - {id: probe, uses: core.noop, with: {value: "{{ loop.index }}{{ loop.last }}"}}
      - {id: stop, uses: core.break, when: steps.probe.output}
  - id: again
    while: loop.index < 3 and loop.last != steps.start.output
    max_iterations: 5
    uses: core.noop
    with: {value: "{{ loop.last }}"}
""",
    "S26 items of nested loops with names": """
steps:
  - id: cities
    for_each: [Oslo]
    as: city
    steps:
      - {id: years, for_each: [2012], as: year, uses: core.noop, with: {value: "{{ city }}{{ year }}"}}
""",
    "S31 a stand-in reads the error": """
steps:
  - {id: a, uses: core.noop, on_error: {step: spare}}
  - id: spare
    for_each: [1]
    steps: [{id: inner, uses: core.noop, with: {value: "{{ steps.a.error.message }}"}}]
  - {id: b, uses: core.noop, with: {value: "{{ steps.a.output }}"}}
  - {id: c, uses: core.noop, on_error: {continue: null}}
""",
    "S33 retry in all its forms": """
defaults: {retry: 2, timeout: 90, cache: true, run_on: process}
steps:
  - {id: a, uses: core.noop, retry: 3, timeout: 1.5h, cache: false}
  - {id: b, uses: core.noop, retry: "{{ 1 + 1 }}"}
  - id: c
    uses: core.noop
    retry: {attempts: 3, delay: 500ms, backoff: exponential, max_delay: 1d, jitter: 0.5, on: [Timeout, OSError, MyOwn]}
""",
    "S18 writers that cannot meet": """
steps:
  - {id: a, uses: core.set, with: {best: 1}}
  - {id: b, uses: core.noop, needs: [a]}
  - {id: c, uses: core.set, with: {best: 2, other: 1}, needs: [b]}
  - id: route
    needs: [c]
    choose:
      - {when: run.id, steps: [{id: d, uses: core.set, with: {best: 3}}]}
      - {otherwise: true, steps: [{id: e, uses: core.set, with: {best: 4}}]}
  - {id: fan, needs: [route], for_each: [1, 2], concurrency: 1, uses: core.set, with: {best: "{{ item }}"}}
  - {id: poll, needs: [fan], until: state.best, max_iterations: 3, uses: core.set, with: {best: 5}}
""",
    "S54 resources": """
resources: {gpu: 2, api: 5/s, mail: 100 / h}
settings: {resources: {disk: 1.5}}
steps:
  - {id: a, uses: core.noop, resources: {gpu: 1.5, api: 20, disk: 1}}
""",
    "S19 needs in all its forms": """
steps:
  - {id: a, uses: core.noop}
  - {id: b, uses: core.noop, needs: a}
  - {id: c, uses: core.noop, needs: [a, {step: b, on: always, when: steps.a.output, label: then}]}
""",
    "S6 parameters of every type": """
parameters:
  - {name: a, default: x, min_length: 1, max_length: 3, pattern: "[a-z]+"}
  - {name: b, type: text}
  - {name: c, type: integer, default: 3, minimum: 3, maximum: 3}
  - {name: d, type: number, default: 1}
  - {name: e, type: boolean, default: false}
  - {name: f, type: enum, options: [1, {value: two, label: Two}], default: two}
  - {name: g, type: date, default: 2026-01-31}
  - {name: h, type: datetime, default: "2026-01-31T12:00:00+01:00"}
  - {name: i, type: file, default: data/x.csv}
  - {name: j, type: json, default: {a: [1]}}
  - {name: k, type: secret, required: true}
steps: [{id: s, uses: core.noop, with: {value: "{{ parameters }}"}}]
""",
}


@pytest.mark.parametrize("name", SOUND)
def test_what_is_sound_is_not_told_of(name: str) -> None:
    assert codes(SOUND[name]) == []


FAULTS = {
    "S7 triggers are a note": ("steps: [{id: a, uses: core.noop}]\ntriggers: [{id: t, on: manual}]\n", ["N301"]),
    "S7 triggers are checked for form": (
        "steps: [{id: a, uses: core.noop}]\ntriggers:\n  - {id: t, on: schedule}\n  - {id: t, on: manual}\n"
        "  - {id: u, on: event, parameters: {none: 1}}\n  - {id: v, on: schedule, with: {cron: daily}}\n",
        ["N301", "E194", "E140", "E152", "E194"],
    ),
    "S14 a typo in a condition": ("steps: [{id: a, uses: core.noop, when: paramters.x}]\n", ["E151"]),
    "S15 a number that is too large": ("steps: [{id: a, uses: core.noop, when: 10**(10**8)}]\n", ["E150"]),
    "S16 a template in needs": ("steps: [{id: a, uses: core.noop, needs: ['{{ run.id }}']}]\n", ["E162"]),
    "S16 a template in the name": ("steps: [{id: a, uses: core.noop}]\noutputs: {'a{{ b }}': 1}\n", ["E125"]),
    "S16 a template that continues": (
        "steps: [{id: a, uses: core.noop, on_error: {continue: '{{ run.id }}'}}]\n",
        ["W203"],
    ),
    "S16 templates of defaults are read where they are inherited": (
        "defaults: {timeout: '{{ parametrs.t }}', retry: {attempts: '{{ steps.no.output }}', delay: '{{ item }}'}}\n"
        "steps:\n  - {id: a, uses: core.noop}\n  - {id: b, uses: core.noop}\n"
        "  - {id: c, for_each: [1], uses: core.noop}\n",
        ["E151", "E154", "E157"],
    ),
    "S20 a default that reads a step is an edge": (
        "defaults: {cache: {key: '{{ steps.b.output }}'}}\n"
        "steps:\n  - {id: a, uses: core.noop}\n  - {id: b, uses: core.noop, cache: false, needs: [a]}\n",
        ["E145"],
    ),
    "S17 state in variables": (
        "variables: {x: '{{ state.a }}', y: '{{ secrets.B }}', z: '{{ item }}'}\nsteps: [{id: a, uses: core.noop}]\n",
        ["E157", "E157", "E157"],
    ),
    "S17 a variable that reads all": (
        "variables: {x: '{{ variables }}'}\nsteps: [{id: a, uses: core.noop}]\n",
        ["E160"],
    ),
    "S17 output outside validate": ("steps: [{id: a, uses: core.noop, when: output}]\n", ["E157"]),
    "S17 item in for_each itself": ("steps: [{id: a, uses: core.noop, for_each: '{{ item }}'}]\n", ["E157"]),
    "S20 a step read whole": (
        "steps:\n  - {id: a, uses: core.noop}\n  - {id: b, uses: core.noop, with: {value: '{{ steps.a }}'}}\n",
        ["E156"],
    ),
    "S20 a computed step": (
        "steps:\n  - {id: a, uses: core.noop}\n  - {id: b, uses: core.noop, when: 'steps[run.id].output'}\n",
        ["E156"],
    ),
    "S20 all steps passed whole": (
        "steps:\n  - {id: a, uses: core.noop}\n  - {id: b, uses: core.noop, with: {value: '{{ steps | length }}'}}\n",
        ["E156"],
    ),
    "S20 a fact that is computed": (
        "steps:\n  - {id: a, uses: core.noop}\n  - {id: b, uses: core.noop, when: 'steps.a[run.id]'}\n",
        ["E156"],
    ),
    "S24 an inner id that hides an outer one": (
        "steps: [{id: a, for_each: [1], steps: [{id: a, uses: core.noop}]}]\n",
        ["E131"],
    ),
    "S24 an id in two branches": (
        "steps: [{id: a, choose: [{when: run.id, steps: [{id: x, uses: core.noop}]},"
        " {otherwise: true, steps: [{id: x, uses: core.noop}]}]}]\n",
        ["E130"],
    ),
    "S24 a step of another branch": (
        "steps: [{id: a, choose: [{when: run.id, steps: [{id: x, uses: core.noop}]},"
        " {otherwise: true, steps: [{id: y, uses: core.noop, needs: [x]}]}]}]\n",
        ["E142"],
    ),
    "S27 a loop without an end": ("steps: [{id: a, while: true, uses: core.noop}]\n", ["E135"]),
    "S28 branches after otherwise": (
        "steps: [{id: a, choose: [{otherwise: true, steps: [{id: x, uses: core.noop}]},"
        " {when: run.id, steps: [{id: y, uses: core.noop}]}]}]\n",
        ["E138"],
    ),
    "S29 another wait_for": ("steps: [{id: a, wait_for: one, parallel: [{id: x, uses: core.noop}]}]\n", ["E124"]),
    "S24 a while does not see the body": (
        "steps: [{id: a, while: steps.b.output, max_iterations: 2, steps: [{id: b, uses: core.noop}]}]\n",
        ["E142"],
    ),
    "S24 an own key that reads inside": (
        "steps: [{id: a, for_each: '{{ steps.b.output }}', steps: [{id: b, uses: core.noop}]}]\n",
        ["E142"],
    ),
    "S24 until of its own block": (
        "steps: [{id: a, until: steps.a.output, max_iterations: 2, steps: [{id: b, uses: core.noop}]}]\n",
        ["E144"],
    ),
    "S24 a cousin": (
        "steps:\n  - {id: a, for_each: [1], steps: [{id: x, uses: core.noop}]}\n"
        "  - {id: b, for_each: [1], steps: [{id: y, uses: core.noop, needs: [x]}]}\n",
        ["E142"],
    ),
    "S24 as hides the default item": (
        "steps:\n  - {id: a, for_each: [1], steps: [{id: b, for_each: [1], as: item, uses: core.noop}]}\n",
        ["E131"],
    ),
    "S24 the default item hides a named one": (
        "steps:\n  - {id: a, for_each: [1], as: item, steps: [{id: b, for_each: [1], uses: core.noop}]}\n",
        ["E131"],
    ),
    "S19 a cycle across blocks": (
        "steps:\n  - {id: a, for_each: [1], steps: [{id: x, uses: core.noop, needs: [b]}]}\n"
        "  - {id: b, parallel: [{id: y, uses: core.noop, when: steps.a.status}]}\n",
        ["E145"],
    ),
    "S19 a cycle inside a block": (
        "steps:\n  - id: a\n    parallel:\n      - {id: x, uses: core.noop, needs: [y]}\n"
        "      - {id: y, uses: core.noop, needs: [x]}\n",
        ["E145"],
    ),
    "S20 a lenient read waits too": (
        "steps:\n  - {id: a, uses: core.noop, when: steps.b.output | default(1)}\n"
        "  - {id: b, uses: core.noop, needs: [a]}\n",
        ["E145"],
    ),
    "S31 a stand-in that needs its step": (
        "steps:\n  - {id: a, uses: core.noop, on_error: {step: b}}\n"
        "  - {id: b, uses: core.noop, needs: [{step: a, on: failure}]}\n",
        ["E145"],
    ),
    "S31 a stand-in through another": (
        "steps:\n  - {id: a, uses: core.noop, on_error: {step: b}}\n  - {id: b, uses: core.noop, needs: [c]}\n"
        "  - {id: c, uses: core.noop, needs: [a]}\n",
        ["E145"],
    ),
    "S31 a stand-in for itself": ("steps: [{id: a, uses: core.noop, on_error: {step: a}}]\n", ["E143"]),
    "S31 a stand-in that is not there": ("steps: [{id: a, uses: core.noop, on_error: {step: b}}]\n", ["E141"]),
    "S26 items that write": (
        "steps: [{id: a, for_each: [1, 2], uses: core.set, with: {x: '{{ item }}', y: 1}}]\n",
        ["W202", "W202"],
    ),
    "S18 writers in two blocks": (
        "steps:\n  - {id: a, parallel: [{id: x, uses: core.set, with: {n: 1}}]}\n"
        "  - {id: b, parallel: [{id: y, uses: core.set, with: {n: 1}}]}\n",
        ["W202"],
    ),
    "S28 steps and branches": (
        "steps:\n  - id: a\n    choose: [{when: run.id, steps: [{id: b, uses: core.noop}]}]\n"
        "    steps: [{id: c, uses: core.noop}]\n",
        ["E134"],
    ),
    "S4 a block key on an action": (
        "steps: [{id: a, uses: core.noop, steps: [{id: b, uses: core.noop}]}]\n",
        ["E134"],
    ),
    "S4 uses and steps": (
        "steps: [{id: a, for_each: [1], uses: core.noop, steps: [{id: b, uses: core.noop}]}]\n",
        ["E133"],
    ),
    "S4 the output of one action": ("steps: [{id: a, for_each: [1], uses: core.noop, output: 1}]\n", ["E134"]),
    "S26 nothing to repeat over": ("steps: [{id: a, for_each: null, uses: core.noop}]\n", ["E123"]),
    "S27 an empty condition": ("steps: [{id: a, while: null, max_iterations: 1, uses: core.noop}]\n", ["E123"]),
    "S6 defaults that do not fit": (
        "parameters:\n  - {name: a, default: 5}\n  - {name: b, type: integer, default: 3, minimum: 5}\n"
        "  - {name: c, type: date, default: 2026-02-30}\n  - {name: d, type: enum, options: [x], default: y}\n"
        "  - {name: e, type: enum}\n  - {name: f, type: number, minimum: 2, maximum: 1}\n"
        "  - {name: g, type: boolean, minimum: 1}\n  - {name: h, pattern: '('}\n"
        "  - {name: i, default: abc, max_length: 2}\n"
        "steps: [{id: s, uses: core.noop, with: {value: '{{ parameters }}'}}]\n",
        ["E180", "E180", "E180", "E180", "E181", "E182", "E183", "E184", "E180"],
    ),
    "S6 a bad option": (
        "parameters: [{name: p, type: enum, options: [[1]]}]\nsteps: [{id: a, uses: core.noop, when: parameters.p}]\n",
        ["E181"],
    ),
    "S6 options without an enum": (
        "parameters: [{name: p, options: [a]}]\nsteps: [{id: a, uses: core.noop, when: parameters.p}]\n",
        ["E181"],
    ),
    "S54 resources in the settings": (
        "settings: {resources: {gpu: .inf}}\nsteps: [{id: a, uses: core.noop, resources: {gpu: 1}}]\n",
        ["E191"],
    ),
}


@pytest.mark.parametrize("name", FAULTS)
def test_what_is_not_sound_is_told_of(name: str) -> None:
    text, wanted = FAULTS[name]
    assert codes(text) == wanted


def test_a_cycle_is_named_s10() -> None:
    text = "steps:\n" + "".join(f"  - {{id: {a}, uses: core.noop, needs: [{b}]}}\n" for a, b in ("ab", "bc", "ca"))
    messages = [d.message for d in load_text(HEADER + text).diagnostics]
    assert messages == ["These steps wait for each other: a → b → c → a."]


def test_each_knot_is_told_once_by_a_short_cycle() -> None:
    edges = {"a": ["b", "c"], "b": ["a"], "c": ["d"], "d": ["a"], "e": ["e"], "f": ["a"], "g": []}
    assert sorted(cycles(edges)) == [["a", "b", "a"], ["e", "e"]]


def test_knots_come_after_what_they_lead_to() -> None:
    edges = {"a": ["b"], "b": ["c", "d"], "c": ["b"], "d": []}
    assert [sorted(knot) for knot in Knots(edges).find()] == [["d"], ["b", "c"], ["a"]]


def test_a_chain_of_many_steps_needs_no_deep_stack() -> None:
    edges = {n: [n + 1] for n in range(50_000)} | {50_000: [0]}
    assert len(next(cycles(edges))) == 50_002
