"""The text itself: reading it, and YAML."""

from __future__ import annotations

from typing import Final

from ergon.loading.codes.code import Code

TEXT: Final = (
    Code("E101", "The file cannot be read", "The file cannot be read: {reason}."),
    Code(
        "E102",
        "The file is too large",
        "The file is larger than {limit}.",
        "Keep data in files of their own and read them in a step.",
    ),
    Code("E103", "The file is not UTF-8 text", "The file is not UTF-8 text: {reason}."),
    Code(
        "E104",
        "A control character",
        "The control character {character} cannot stand in a workflow.",
        "Remove it, or write it as an escape in double quotes.",
    ),
    Code("E105", "A tab where YAML wants spaces", "A tab cannot indent YAML.", "Indent with spaces."),
    Code("E106", "Not YAML", "This is not YAML: {problem}."),
    Code(
        "E107",
        "A template without quotes",
        "The template {text} lacks its quotes.",
        "A value that begins with {{{{ must stand in quotes.",
    ),
    Code(
        "E108",
        "Nested too deeply",
        "This is nested more than {limit} levels deep.",
        "Move the inner part into a workflow of its own and call it with `workflow.run`.",
    ),
    Code(
        "E109",
        "Too much in one file",
        "With its aliases expanded the file holds more than {limit}.",
        "Split the workflow, or keep data in files of their own.",
    ),
    Code("E110", "A key twice", "The key '{key}' is already there in line {first}.", "Remove one of them."),
    Code(
        "E111",
        "A merge key",
        "The merge key `<<` is not part of the format.",
        "Write the keys out, or put shared step keys under `defaults`.",
    ),
    Code(
        "E112",
        "A foreign tag",
        "The tag {tag} is not part of the format.",
        "Remove it; a text that begins with ! must stand in quotes.",
    ),
    Code("E113", "A key that is not a text", "The key {key} is not a text.", "Put it in quotes if it is meant as one."),
    Code(
        "E114",
        "Several documents",
        "A second document begins here; a file holds one workflow.",
        "Move it into a file of its own.",
    ),
    Code(
        "E115",
        "An alias without its anchor",
        "The alias *{name} {reason}.",
        "A text that begins with * must stand in quotes.",
    ),
    Code(
        "E116",
        "An empty file",
        "The file is empty.",
        "Begin with `ergon: 1` and `name: …`; `ergon new NAME` writes a first workflow.",
    ),
    Code(
        "E117",
        "Not JSON",
        "This is not JSON: {problem}.",
        "A file named *.json must be strict JSON; *.yaml allows more.",
    ),
    Code(
        "E118",
        "A value that cannot be read",
        "This value cannot be read: {reason}.",
        "Put it in quotes if it is meant as a text.",
    ),
    Code(
        "E119",
        "A directive",
        "Directives other than `%YAML 1.2` are not part of the format.",
        "Remove the lines that begin with %.",
    ),
)
