"""Settings: what a user may configure, and where each value came from (S57)."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict, Field, PrivateAttr, ValidationError
from pydantic.fields import FieldInfo

from ergon.errors import SettingInvalid
from ergon.loading.composer import compose
from ergon.loading.faults import Fault, Stopped
from ergon.loading.nodes import MappingNode, plain
from ergon.loading.suggestions import closest
from ergon.loading.text import decode, read_bytes
from ergon.model.base import Duration
from ergon.model.policies import Durability

Layer = Literal["default", "user", "workspace", "profile", "environment", "command line"]

FILE_NAME: Final = "ergon.yaml"
PREFIX: Final = "ERGON_"
_NOT_SETTINGS: Final = frozenset({"ERGON_HOME", "ERGON_PROFILE", "ERGON_NOTEBOOK_OUTPUTS"})
_STRONG: Final[frozenset[Layer]] = frozenset({"environment", "command line"})
"""Layers that count more than what a workflow says of itself."""


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a setting's value came from."""

    layer: Layer
    place: str = ""
    """The file, variable or option that said so."""

    def __str__(self) -> str:
        return f"{self.layer} ({self.place})" if self.place else self.layer


class KernelSettings(BaseModel):
    """How `notebook.run` gets kernels."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    start: Literal["auto", "fork", "pool", "spawn"] = "auto"
    """How kernels come to be: forked, from a pool of those started ahead, or started anew; `auto` forks if it can."""
    preload: tuple[str, ...] = ()
    """Modules that a forked kernel has loaded already, such as numpy."""
    pool: int = Field(default=1, ge=0, le=64)
    """Kernels that wait in the pool."""
    idle: Duration = Field(default=600.0, gt=0)
    """The time without use after which kernels that wait end, and the process that forks them."""


class Settings(BaseModel):
    """What a workspace is run with."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    store: str = ""
    """URL of the store; empty for `runs.db` in the workspace's state folder."""
    artifacts: str = ""
    """URL of the artifacts; empty for a folder beside the store."""
    vault: str = "env:"
    """URL of the vault that gives secrets."""
    durability: Durability = "full"
    """What survives: power loss (`full`), the process (`process`), nothing (`off`)."""
    concurrency: int = Field(default=8, ge=1, le=10_000)
    """Actions at once in a run."""
    runs: int = Field(default=10, ge=1, le=1000)
    """Runs at once in a process; more are queued."""
    processes: int = Field(default=4, ge=1, le=256)
    """Child processes at once, for steps with `run_on: process`."""
    allow_paths: tuple[Path, ...] = ()
    """Folders outside the workspace that file actions may touch."""
    kernel: KernelSettings = KernelSettings()
    """How `notebook.run` gets kernels: a mapping of the keys below, or one at a time as `kernel.preload`."""

    _origins: dict[str, Origin] = PrivateAttr(default_factory=dict)
    _profile: str = PrivateAttr(default="")

    def origin(self, name: str) -> Origin:
        """Say where the value of a setting came from."""
        return self._origins.get(name, Origin("default"))

    def single(self) -> dict[str, object]:
        """Give the value of every single setting by its name, as JSON has it."""
        held = self.model_dump(mode="json")
        return {
            name: held[name] if name in held else held[(part := name.partition("."))[0]][part[2]] for name in _FIELDS
        }

    def outranks_workflow(self, name: str) -> bool:
        """Say whether a setting counts more than what a workflow says of itself: it came from outside its files."""
        return self.origin(name).layer in _STRONG

    @property
    def profile(self) -> str:
        """The profile that was chosen; empty if none was."""
        return self._profile


NESTED: Final[Mapping[str, type[BaseModel]]] = {"kernel": KernelSettings}
"""Settings that are mappings."""


def setting_fields() -> dict[str, FieldInfo]:
    """Give every single setting by its name, such as `concurrency` or `kernel.pool`."""
    found: dict[str, FieldInfo] = {}
    for name, one in Settings.model_fields.items():
        inner = NESTED[name].model_fields if name in NESTED else None
        found |= {f"{name}.{key}": each for key, each in inner.items()} if inner is not None else {name: one}
    return found


_FIELDS: Final = setting_fields()
_VARIABLES: Final = {PREFIX + name.upper().replace(".", "_"): name for name in _FIELDS}


@dataclass(frozen=True, slots=True)
class _Given:
    """A value that a layer gives."""

    value: object
    origin: Origin
    folder: Path
    """What relative paths in it start from."""


@dataclass(slots=True)
class _Layers:
    values: dict[str, _Given] = field(default_factory=dict)

    def add(self, found: Mapping[str, object], origin: Origin, folder: Path) -> None:
        for name, value in found.items():
            if name.startswith("x-"):
                continue
            if name in NESTED and isinstance(value, Mapping):
                self.add({f"{name}.{key}": each for key, each in value.items()}, origin, folder)
                continue
            _known(name, str(origin.place or origin.layer))
            self.values[name] = _Given(value, origin, folder)


def load_settings(
    workspace: Path,
    *,
    profile: str = "",
    overrides: Sequence[str] = (),
    environ: Mapping[str, str] | None = None,
    user_file: Path | None = None,
) -> Settings:
    """Read the settings of a workspace from all layers; raises `SettingInvalid`.

    `profile` and `overrides` (`name=value`) are what the command line says; `environ` and `user_file` default to the
    process's own.
    """
    environ = os.environ if environ is None else environ
    layers = _Layers()
    user = user_settings_file() if user_file is None else user_file
    layers.add(_read(user).values, Origin("user", str(user)), user.parent)
    file = workspace / FILE_NAME
    found = _read(file)
    layers.add(found.values, Origin("workspace", str(file)), workspace)
    profile, chosen_by = _chosen_profile(profile, environ)
    if profile:
        origin = Origin("profile", f"{file}, profile {profile}")
        layers.add(found.profile(profile, chosen_by), origin, workspace)
    for variable in sorted(environ.keys() & _VARIABLES.keys()):
        layers.add({_VARIABLES[variable]: environ[variable]}, Origin("environment", variable), Path.cwd())
    for override in overrides:
        name, equals, value = override.partition("=")
        if not equals:
            raise SettingInvalid(
                name=name, reason="it has no value", origin="--set", hint="Write it as `--set name=value`."
            )
        layers.add({name.strip(): value}, Origin("command line", f"--set {name}"), Path.cwd())
    return _settings(layers.values, profile)


def user_settings_file() -> Path:
    """Give the user's own file, in the platform's folder for configuration."""
    platform: str = sys.platform
    if platform == "linux":  # what platformdirs says too, without the 25 ms that it takes to import
        return Path(os.environ.get("XDG_CONFIG_HOME") or "~/.config").expanduser() / "ergon" / FILE_NAME
    import platformdirs  # noqa: PLC0415  # the same

    return Path(platformdirs.user_config_dir("ergon", appauthor=False)) / FILE_NAME


def unknown_variables(environ: Mapping[str, str]) -> list[str]:
    """Name the variables that look like settings and are none, to be told about."""
    ours = [name for name in environ if name.startswith(PREFIX) and name not in _NOT_SETTINGS]
    return sorted(name for name in ours if name not in _VARIABLES)


# ---- files ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _File:
    path: Path
    values: Mapping[str, object]
    profiles: Mapping[str, object]

    def profile(self, name: str, chosen_by: str) -> Mapping[str, object]:
        """Give the settings of a profile; raises `SettingInvalid` where there is none of that name."""
        if name not in self.profiles:
            known = ", ".join(self.profiles) or "none"
            meant = closest(name, self.profiles)
            raise SettingInvalid(
                name="profile",
                reason=f"{self.path} has no profile '{name}'",
                origin=chosen_by,
                hint=f"Did you mean '{meant}'?" if meant else f"It has {known}.",
            )
        found = self.profiles[name]
        if not isinstance(found, Mapping):
            raise SettingInvalid(
                name=f"profiles.{name}", reason="a profile is a mapping of settings", origin=str(self.path)
            )
        return found


def _read(path: Path) -> _File:
    """Read a file of settings; one that does not exist says nothing."""
    if not os.path.exists(path):  # what lies in a folder that may not be looked into does not exist for us
        return _File(path, {}, {})
    values = _mapping(path)
    profiles = values.pop("profiles", None)
    if profiles is None:
        profiles = {}
    if not isinstance(profiles, Mapping):
        reason = "profiles are a mapping of names to settings"
        raise SettingInvalid(name="profiles", reason=reason, origin=str(path))
    return _File(path, values, profiles)


def _mapping(path: Path) -> dict[str, object]:
    try:
        text = decode(read_bytes(path))
    except Stopped as stopped:
        if stopped.fault.code == "E116":  # empty: it says nothing
            return {}
        raise _unreadable(path, stopped.fault) from None
    composed = compose(text)
    if composed.faults:
        raise _unreadable(path, composed.faults[0])
    if composed.root is None or plain(composed.root) is None:
        return {}
    if not isinstance(composed.root, MappingNode):
        raise SettingInvalid(name="", reason="the file is a mapping of names to values", origin=str(path))
    return {name: plain(node) for name, node in composed.root.items.items()}


def _unreadable(path: Path, fault: Fault) -> SettingInvalid:
    from ergon.loading.codes import CODES  # noqa: PLC0415  # only where something is wrong

    reason = CODES[fault.code].sentence.format_map(fault.facts).rstrip(".")
    place = f"{path}:{fault.line + 1}:{fault.column + 1}"
    return SettingInvalid(name="", reason=reason[:1].lower() + reason[1:], origin=place, hint=fault.hint)


def _chosen_profile(given: str, environ: Mapping[str, str]) -> tuple[str, str]:
    if given:
        return given, "--profile"
    return environ.get("ERGON_PROFILE", ""), "ERGON_PROFILE"


# ---- values --------------------------------------------------------------------------------------------------


def _known(name: str, origin: str) -> None:
    if name in NESTED:
        reason = "it is a mapping"
        hint = f"Its keys are {', '.join(NESTED[name].model_fields)}."
        raise SettingInvalid(name=name, reason=reason, origin=origin, hint=hint)
    if name not in _FIELDS:
        meant = closest(name, _FIELDS)
        hint = f"Did you mean '{meant}'?" if meant else f"There are {', '.join(_FIELDS)}."
        raise SettingInvalid(name=name, reason="there is no such setting", origin=origin, hint=hint)


def _settings(given: Mapping[str, _Given], profile: str) -> Settings:
    values: dict[str, object] = {}
    for name, found in given.items():
        outer, dot, key = name.partition(".")
        holder = values.setdefault(outer, {}) if dot else values
        assert isinstance(holder, dict)
        holder[key or name] = _value(name, found)
    try:
        settings = Settings(**values)  # type: ignore[arg-type]  # that is what pydantic checks
    except ValidationError as error:
        raise _invalid(error, given) from None
    settings._origins.update({name: found.origin for name, found in given.items()})
    settings._profile = profile
    return settings


def _value(name: str, given: _Given) -> object:
    """Bring a value into the form that the setting has; paths become absolute."""
    value = given.value
    if isinstance(value, bool):
        raise SettingInvalid(name=name, reason=f"{str(value).lower()} is not a value of it", origin=given.origin.place)
    if name == "kernel.preload" and isinstance(value, str):
        return tuple(part.strip() for part in value.split(",") if part.strip())
    if name == "kernel.idle" and isinstance(value, str) and value.replace(".", "", 1).isdecimal():
        return float(value)
    if name != "allow_paths":
        return value
    if isinstance(value, str):
        value = [part for part in value.split(os.pathsep) if part]
    if not isinstance(value, (list, tuple)) or not all(isinstance(part, (str, Path)) for part in value):
        return value
    return tuple((given.folder / Path(part).expanduser()).resolve() for part in value)


def _invalid(error: ValidationError, given: Mapping[str, _Given]) -> SettingInvalid:
    fault = error.errors()[0]
    place = [str(part) for part in fault["loc"]]
    name = next(known for length in (2, 1) if (known := ".".join(place[:length])) in given)
    said = fault["msg"].removeprefix("Value error, ").partition(", unable")[0]
    reason = said[:1].lower() + said[1:]
    shown = given[name].value
    hint = _FIELDS[name].description or ""
    origin = given[name].origin
    return SettingInvalid(name=name, reason=f"{reason}, not {shown!r}", origin=str(origin.place), hint=hint)
