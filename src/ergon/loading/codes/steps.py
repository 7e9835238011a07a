"""Steps: blocks, branches, and the edges between steps."""

from __future__ import annotations

from typing import Final

from ergon.loading.codes.code import Code

STEPS: Final = (
    Code("E130", "An id twice", "Another step here already has the id '{id}'.", "Give it an id of its own."),
    Code(
        "E131", "A name that hides another", "{what} '{name}' hides the one further out.", "Give it a name of its own."
    ),
    Code(
        "E132",
        "A step that does nothing",
        "Step '{id}' says neither what it `uses` nor what block it is.",
        "Add `uses: namespace.verb`, or one of for_each, while, until, choose, parallel.",
    ),
    Code("E133", "A step that is two things", "Step '{id}' has both {first} and {second}.", "Make two steps of it."),
    Code("E134", "A key that does not fit", "'{key}' does not fit {kind}."),
    Code(
        "E135",
        "A loop without an end",
        "Loop '{id}' lacks `max_iterations`.",
        "Say how many iterations it may take, for example `max_iterations: 10`.",
    ),
    Code(
        "E136",
        "A block without steps",
        "{kind} '{id}' has neither `uses` nor `steps`.",
        "Add the action or the steps that it repeats.",
    ),
    Code("E137", "An empty block", "'{key}' of step '{id}' is empty.", "Add a step, or remove the block."),
    Code(
        "E138",
        "A branch that is never taken",
        "This branch stands after `otherwise` and can never be taken.",
        "Put `otherwise` last.",
    ),
    Code(
        "E139",
        "A branch without its condition",
        "A branch has {problem}.",
        "Give it `when: …`, or on the last one `otherwise: true`.",
    ),
    Code("E140", "A name twice", "Another {what} is already named '{name}'.", "Give it a name of its own."),
    Code(
        "E141", "An edge from a step that does not exist", "Step '{id}' names the step '{step}', which does not exist."
    ),
    Code(
        "E142",
        "A step that cannot be seen",
        "Step '{step}' cannot be seen from here: it is {where}.",
        "Refer to '{block}' itself; its `output` can pass on what is inside.",
    ),
    Code("E143", "A step that waits for itself", "Step '{id}' waits for itself.", "Remove the reference."),
    Code(
        "E144",
        "A step that waits for its own block",
        "What is inside '{block}' cannot wait for '{block}' itself.",
        "Refer to a step beside it.",
    ),
    Code("E145", "A cycle", "These steps wait for each other: {cycle}.", "Remove one of the edges."),
    Code(
        "E146",
        "An unclear on_error",
        "'on_error' of step '{id}' has {problem}.",
        "Give either `continue: VALUE` or `step: ID`.",
    ),
    Code(
        "E147",
        "A stand-in elsewhere",
        "The stand-in '{step}' does not stand in the same list as '{id}'.",
        "Move it beside the step that it serves.",
    ),
    Code(
        "E148",
        "A stand-in for two",
        "'{step}' already stands in for '{other}'.",
        "Give each step a stand-in of its own.",
    ),
)
