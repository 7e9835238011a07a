"""Warnings, which keep nothing from running, and notes."""

from __future__ import annotations

from typing import Final

from ergon.loading.codes.code import Code

NOTICES: Final = (
    Code(
        "W201",
        "A parameter that nothing reads",
        "Nothing reads the parameter '{name}'.",
        "Remove it, or use it as `parameters.{name}`.",
    ),
    Code(
        "W202",
        "Two writers of one name",
        "'{first}' and '{second}' may run at once, and both set `state.{name}`.",
        "Let one wait for the other with `needs`.",
    ),
    Code("W203", "A template that stays text", "'{key}' is kept as it is written; a template in it is not filled in."),
    Code(
        "W204",
        "A secret in the file",
        "The default of the secret parameter '{name}' can be read by whoever reads the file.",
        "Use `secrets.NAME`, or let the run supply it.",
    ),
    Code("W205", "No steps", "The workflow has no steps, so a run does nothing.", "Add `steps:`."),
    Code(
        "W206",
        "A reader of a stand-in",
        "'{step}' only runs when '{served}' fails, so this step is skipped when all goes well.",
        "Read `steps.{served}.output`, which is either one's output.",
    ),
    Code("W207", "An unknown error type", "'{name}' is not an error type that Ergon knows."),
    Code(
        "W208",
        "An item that hides another",
        "The item '{name}' of this block hides that of the block around it.",
        "Give one of them another name with `as`.",
    ),
    Code("W209", "What an action advises", "{message}"),
    Code("W210", "A parameter that the notebook does not have", "{message}"),
    Code("W211", "A notebook without a parameters cell", "{message}"),
    Code(
        "N301",
        "Triggers do not run yet",
        "Triggers are kept and checked, but this version does not run them.",
        "Start runs with `ergon run`.",
    ),
    Code("N302", "More of the same", "{count} more diagnostics are not shown.", "Mend these first."),
)
