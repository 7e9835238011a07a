"""Actions and parameters, resources, settings and triggers."""

from __future__ import annotations

from typing import Final

from ergon.loading.codes.code import Code

ACTIONS: Final = (
    Code("E170", "An unknown action", "There is no action '{name}'."),
    Code("E171", "A function that cannot be found", "'{name}' cannot be used as an action: {reason}."),
    Code("E172", "An unknown input", "{action} has no input '{name}'."),
    Code("E173", "A missing input", "{action} lacks its input '{name}'."),
    Code("E174", "A wrong input", "{message}"),
    Code("E175", "What an action finds wrong", "{message}"),
    Code(
        "E176",
        "A file that does not exist",
        "{action} cannot run '{called}': {reason}.",
        "Relative paths start from the workflow's folder.",
    ),
    Code("E177", "A notebook that cannot run", "{message}"),
    Code("E180", "A wrong default", "The default of parameter '{name}' does not fit: {reason}."),
    Code("E181", "Options that are missing or wrong", "Parameter '{name}' {problem}."),
    Code(
        "E182",
        "Bounds that exclude everything",
        "No value fits parameter '{name}': {low} is above {high}.",
        "Swap them.",
    ),
    Code("E183", "A bound that does not fit the type", "'{key}' does not fit parameter '{name}' of type {type}."),
    Code("E184", "A bad pattern", "The pattern of parameter '{name}' cannot be used: {reason}."),
    Code("E190", "An unknown resource", "There is no resource '{name}'."),
    Code(
        "E191",
        "A bad capacity",
        "The capacity of '{name}' must be a number above 0 or a rate, not {found}.",
        "Write it like `gpu: 1`, `api: 5/s`, `mail: 100/h`.",
    ),
    Code(
        "E192",
        "More than there is",
        "Step '{id}' takes {amount} of '{name}', and there is {capacity}.",
        "The step could never start.",
    ),
    Code("E193", "Not supported by this version", "{what} is not supported by this version."),
    Code("E194", "A trigger that is not complete", "The {kind} trigger '{id}' {problem}."),
)
