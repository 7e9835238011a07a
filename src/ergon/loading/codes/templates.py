"""Templates: what they may read, and where they may stand."""

from __future__ import annotations

from typing import Final

from ergon.loading.codes.code import Code

TEMPLATES: Final = (
    Code("E150", "A template that cannot be read", "This template cannot be read: {reason}."),
    Code("E151", "An unknown name", "There is no name '{name}' here."),
    Code("E152", "An unknown parameter", "There is no parameter '{name}'."),
    Code("E153", "An unknown variable", "There is no variable '{name}'."),
    Code("E154", "An unknown step", "There is no step '{name}'."),
    Code("E155", "An unknown fact", "{owner} has no '{name}'."),
    Code(
        "E156",
        "A computed name",
        "{what} must be named in the template, not computed.",
        "Write it out, as in `{example}`.",
    ),
    Code("E157", "A name that has no meaning here", "'{name}' has no meaning {where}."),
    Code(
        "E158",
        "A secret in a decision",
        "A secret cannot decide anything: '{name}' is a handle that only an action opens.",
        "Pass it to an action under `with`.",
    ),
    Code(
        "E159",
        "An environment variable that is not allowed",
        "The environment variable '{name}' is not listed.",
        "Add it to `settings: {{env: [{name}]}}`.",
    ),
    Code("E160", "Variables in a circle", "These variables need each other: {cycle}.", "Remove one of the references."),
    Code(
        "E161",
        "A template in a key",
        "A key is literal, and '{key}' holds a template.",
        "Put templates into values only.",
    ),
    Code("E162", "A template in a fixed place", "'{key}' is fixed when the file is read and cannot hold a template."),
)
