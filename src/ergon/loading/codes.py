"""Codes: every fault that a file can have, with its sentence and what to do about it.

Codes are stable: one that goes out of use is never given another meaning. `docs/reference/diagnostics.md`
explains each with an example, which a test loads.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from ergon.model.diagnostics import Severity

_SEVERITIES: Final[dict[str, Severity]] = {"E": "error", "W": "warning", "N": "note"}


@dataclass(frozen=True, slots=True)
class Code:
    """A kind of fault: its title in the documents, its sentence with facts to fill in, its usual hint."""

    code: str
    title: str
    sentence: str
    hint: str = ""

    @property
    def severity(self) -> Severity:
        """Say how grave it is."""
        return _SEVERITIES[self.code[0]]


# fmt: off
_TABLE: Final = (
    # ---- the text
    Code("E101", "The file cannot be read", "The file cannot be read: {reason}."),
    Code("E102", "The file is too large", "The file is larger than {limit}.", "Keep data in files of their own and read them in a step."),
    Code("E103", "The file is not UTF-8 text", "The file is not UTF-8 text: {reason}."),
    Code("E104", "A control character", "The control character {character} cannot stand in a workflow.", "Remove it, or write it as an escape in double quotes."),
    Code("E105", "A tab where YAML wants spaces", "A tab cannot indent YAML.", "Indent with spaces."),
    Code("E106", "Not YAML", "This is not YAML: {problem}."),
    Code("E107", "A template without quotes", "The template {text} lacks its quotes.", "A value that begins with {{{{ must stand in quotes."),
    Code("E108", "Nested too deeply", "This is nested more than {limit} levels deep.", "Move the inner part into a workflow of its own and call it with `workflow.run`."),
    Code("E109", "Too much in one file", "With its aliases expanded the file holds more than {limit}.", "Split the workflow, or keep data in files of their own."),
    Code("E110", "A key twice", "The key '{key}' is already there in line {first}.", "Remove one of them."),
    Code("E111", "A merge key", "The merge key `<<` is not part of the format.", "Write the keys out, or put shared step keys under `defaults`."),
    Code("E112", "A foreign tag", "The tag {tag} is not part of the format.", "Remove it; a text that begins with ! must stand in quotes."),
    Code("E113", "A key that is not a text", "The key {key} is not a text.", "Put it in quotes if it is meant as one."),
    Code("E114", "Several documents", "A second document begins here; a file holds one workflow.", "Move it into a file of its own."),
    Code("E115", "An alias without its anchor", "The alias *{name} {reason}.", "A text that begins with * must stand in quotes."),
    Code("E116", "An empty file", "The file is empty.", "Begin with `ergon: 1` and `name: …`; `ergon new NAME` writes a first workflow."),
    Code("E117", "Not JSON", "This is not JSON: {problem}.", "A file named *.json must be strict JSON; *.yaml allows more."),
    Code("E118", "A value that cannot be read", "This value cannot be read: {reason}.", "Put it in quotes if it is meant as a text."),
    Code("E119", "A directive", "Directives other than `%YAML 1.2` are not part of the format.", "Remove the lines that begin with %."),
    # ---- the structure
    Code("E120", "Not a mapping at the top", "A workflow is a mapping at the top, and this is {found}.", "Begin with `ergon: 1` and `name: …`."),
    Code("E121", "An unknown key", "{where} has no key '{key}'."),
    Code("E122", "A missing key", "{where} lacks its key '{key}'."),
    Code("E123", "A wrong type", "'{key}' must be {expected}, not {found}."),
    Code("E124", "A value that is not allowed", "'{key}' must be {expected}, not {found}."),
    Code("E125", "A bad name", "'{name}' cannot be {what}.", "It begins with a letter or _, and goes on with up to 63 letters, digits, _ or -."),
    Code("E126", "A newer format", "The file is written in format version {version}, and this Ergon reads up to {known}.", "Install a newer jupyter-ergon."),
    Code("E127", "No such format", "There is no format version {version}.", "Write `ergon: 1`."),
    Code("E128", "Too many steps", "The file has more than {limit} steps.", "Use `for_each`, or move parts into workflows of their own."),
    Code("E129", "Too many templates", "The templates of this file are longer than can be checked: more than {limit} characters.", "Move parts into workflows of their own, or compute in a Python step."),
    # ---- steps and blocks
    Code("E130", "An id twice", "Another step here already has the id '{id}'.", "Give it an id of its own."),
    Code("E131", "A name that hides another", "{what} '{name}' hides the one further out.", "Give it a name of its own."),
    Code("E132", "A step that does nothing", "Step '{id}' says neither what it `uses` nor what block it is.", "Add `uses: namespace.verb`, or one of for_each, while, until, choose, parallel."),
    Code("E133", "A step that is two things", "Step '{id}' has both {first} and {second}.", "Make two steps of it."),
    Code("E134", "A key that does not fit", "'{key}' does not fit {kind}."),
    Code("E135", "A loop without an end", "Loop '{id}' lacks `max_iterations`.", "Say how many iterations it may take, for example `max_iterations: 10`."),
    Code("E136", "A block without steps", "{kind} '{id}' has neither `uses` nor `steps`.", "Add the action or the steps that it repeats."),
    Code("E137", "An empty block", "'{key}' of step '{id}' is empty.", "Add a step, or remove the block."),
    Code("E138", "A branch that is never taken", "This branch stands after `otherwise` and can never be taken.", "Put `otherwise` last."),
    Code("E139", "A branch without its condition", "A branch has {problem}.", "Give it `when: …`, or on the last one `otherwise: true`."),
    Code("E140", "A name twice", "Another {what} is already named '{name}'.", "Give it a name of its own."),
    # ---- edges
    Code("E141", "An edge from a step that does not exist", "Step '{id}' names the step '{step}', which does not exist."),
    Code("E142", "A step that cannot be seen", "Step '{step}' cannot be seen from here: it is {where}.", "Refer to '{block}' itself; its `output` can pass on what is inside."),
    Code("E143", "A step that waits for itself", "Step '{id}' waits for itself.", "Remove the reference."),
    Code("E144", "A step that waits for its own block", "What is inside '{block}' cannot wait for '{block}' itself.", "Refer to a step beside it."),
    Code("E145", "A cycle", "These steps wait for each other: {cycle}.", "Remove one of the edges."),
    Code("E146", "An unclear on_error", "'on_error' of step '{id}' has {problem}.", "Give either `continue: VALUE` or `step: ID`."),
    Code("E147", "A stand-in elsewhere", "The stand-in '{step}' does not stand in the same list as '{id}'.", "Move it beside the step that it serves."),
    Code("E148", "A stand-in for two", "'{step}' already stands in for '{other}'.", "Give each step a stand-in of its own."),
    # ---- templates
    Code("E150", "A template that cannot be read", "This template cannot be read: {reason}."),
    Code("E151", "An unknown name", "There is no name '{name}' here."),
    Code("E152", "An unknown parameter", "There is no parameter '{name}'."),
    Code("E153", "An unknown variable", "There is no variable '{name}'."),
    Code("E154", "An unknown step", "There is no step '{name}'."),
    Code("E155", "An unknown fact", "{owner} has no '{name}'."),
    Code("E156", "A computed name", "{what} must be named in the template, not computed.", "Write it out, as in `{example}`."),
    Code("E157", "A name that has no meaning here", "'{name}' has no meaning {where}."),
    Code("E158", "A secret in a decision", "A secret cannot decide anything: '{name}' is a handle that only an action opens.", "Pass it to an action under `with`."),
    Code("E159", "An environment variable that is not allowed", "The environment variable '{name}' is not listed.", "Add it to `settings: {{env: [{name}]}}`."),
    Code("E160", "Variables in a circle", "These variables need each other: {cycle}.", "Remove one of the references."),
    Code("E161", "A template in a key", "A key is literal, and '{key}' holds a template.", "Put templates into values only."),
    Code("E162", "A template in a fixed place", "'{key}' is fixed when the file is read and cannot hold a template."),
    # ---- actions
    Code("E170", "An unknown action", "There is no action '{name}'."),
    Code("E171", "A function that cannot be found", "'{name}' cannot be used as an action: {reason}."),
    Code("E172", "An unknown input", "{action} has no input '{name}'."),
    Code("E173", "A missing input", "{action} lacks its input '{name}'."),
    Code("E174", "A wrong input", "{message}"),
    Code("E175", "What an action finds wrong", "{message}"),
    # ---- parameters
    Code("E180", "A wrong default", "The default of parameter '{name}' does not fit: {reason}."),
    Code("E181", "Options that are missing or wrong", "Parameter '{name}' {problem}."),
    Code("E182", "Bounds that exclude everything", "No value fits parameter '{name}': {low} is above {high}.", "Swap them."),
    Code("E183", "A bound that does not fit the type", "'{key}' does not fit parameter '{name}' of type {type}."),
    Code("E184", "A bad pattern", "The pattern of parameter '{name}' cannot be used: {reason}."),
    # ---- settings, resources, triggers
    Code("E190", "An unknown resource", "There is no resource '{name}'."),
    Code("E191", "A bad capacity", "The capacity of '{name}' must be a number above 0 or a rate, not {found}.", "Write it like `gpu: 1`, `api: 5/s`, `mail: 100/h`."),
    Code("E192", "More than there is", "Step '{id}' takes {amount} of '{name}', and there is {capacity}.", "The step could never start."),
    Code("E193", "Not supported by this version", "{what} is not supported by this version."),
    Code("E194", "A trigger that is not complete", "The {kind} trigger '{id}' {problem}."),
    # ---- warnings and notes
    Code("W201", "A parameter that nothing reads", "Nothing reads the parameter '{name}'.", "Remove it, or use it as `parameters.{name}`."),
    Code("W202", "Two writers of one name", "'{first}' and '{second}' may run at once, and both set `state.{name}`.", "Let one wait for the other with `needs`."),
    Code("W203", "A template that stays text", "'{key}' is kept as it is written; a template in it is not filled in."),
    Code("W204", "A secret in the file", "The default of the secret parameter '{name}' can be read by whoever reads the file.", "Use `secrets.NAME`, or let the run supply it."),
    Code("W205", "No steps", "The workflow has no steps, so a run does nothing.", "Add `steps:`."),
    Code("W206", "A reader of a stand-in", "'{step}' only runs when '{served}' fails, so this step is skipped when all goes well.", "Read `steps.{served}.output`, which is either one's output."),
    Code("W207", "An unknown error type", "'{name}' is not an error type that Ergon knows."),
    Code("W208", "An item that hides another", "The item '{name}' of this block hides that of the block around it.", "Give one of them another name with `as`."),
    Code("W209", "What an action advises", "{message}"),
    Code("N301", "Triggers do not run yet", "Triggers are kept and checked, but this version does not run them.", "Start runs with `ergon run`."),
    Code("N302", "More of the same", "{count} more diagnostics are not shown.", "Mend these first."),
)
# fmt: on

CODES: Final = {code.code: code for code in _TABLE}
"""All codes by name, in order."""
