"""S57: where settings come from, each over the one before."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ergon.errors import SettingInvalid
from ergon.settings import (
    KernelSettings,
    Settings,
    load_settings,
    setting_fields,
    unknown_variables,
    user_settings_file,
)

LAYERS = ("user", "workspace", "profile", "environment", "command line")


def load(
    folder: Path,
    *,
    user: str = "",
    workspace: str = "",
    profile: str = "",
    overrides: tuple[str, ...] = (),
    environ: dict[str, str] | None = None,
) -> Settings:
    """Load settings with files of these contents; an empty one is not written."""
    files = {folder / "user" / "ergon.yaml": user, folder / "ergon.yaml": workspace}
    for path, text in files.items():
        if text:
            path.parent.mkdir(exist_ok=True)
            path.write_text(text, encoding="utf-8")
    user_file = folder / "user" / "ergon.yaml"
    return load_settings(folder, profile=profile, overrides=overrides, environ=environ or {}, user_file=user_file)


def refused(folder: Path, **given: object) -> str:
    with pytest.raises(SettingInvalid) as caught:
        load(folder, **given)  # type: ignore[arg-type]  # as above
    return str(caught.value)


def test_without_any_source_the_defaults_hold(tmp_path: Path) -> None:
    settings = load(tmp_path)
    assert settings == Settings()
    assert {settings.origin(name).layer for name in Settings.model_fields} == {"default"}


@pytest.mark.parametrize("top", range(len(LAYERS)))
def test_s57_each_source_goes_over_the_one_before(tmp_path: Path, top: int) -> None:
    used = LAYERS[: top + 1]
    settings = load(
        tmp_path,
        user="concurrency: 1\n" if "user" in used else "",
        workspace=("concurrency: 2\n" if "workspace" in used else "") + "profiles: {ci: {concurrency: 3}}\n",
        profile="ci" if "profile" in used else "",
        environ={"ERGON_CONCURRENCY": "4"} if "environment" in used else {},
        overrides=("concurrency=5",) if "command line" in used else (),
    )
    assert settings.concurrency == top + 1
    assert settings.origin("concurrency").layer == LAYERS[top]


def test_s57_each_value_says_where_it_came_from(tmp_path: Path) -> None:
    settings = load(tmp_path, workspace="runs: 3\n", environ={"ERGON_PROCESSES": "2"}, overrides=("vault=env:",))
    assert str(settings.origin("runs")) == f"workspace ({tmp_path / 'ergon.yaml'})"
    assert str(settings.origin("processes")) == "environment (ERGON_PROCESSES)"
    assert str(settings.origin("vault")) == "command line (--set vault)"
    assert str(settings.origin("store")) == "default"


def test_the_profile_may_be_named_by_the_environment(tmp_path: Path) -> None:
    settings = load(tmp_path, workspace="profiles: {ci: {durability: off}}\n", environ={"ERGON_PROFILE": "ci"})
    assert settings.durability == "off"
    assert settings.profile == "ci"


def test_s57_only_what_comes_from_outside_outranks_a_workflow(tmp_path: Path) -> None:
    settings = load(tmp_path, workspace="concurrency: 2\n", environ={"ERGON_DURABILITY": "off"}, overrides=("runs=1",))
    outranking = {name for name in Settings.model_fields if settings.outranks_workflow(name)}
    assert outranking == {"durability", "runs"}


def test_allowed_paths_start_from_the_folder_of_who_names_them(tmp_path: Path) -> None:
    assert load(tmp_path, workspace="allow_paths: [../data, /srv]\n").allow_paths == (
        tmp_path.parent / "data",
        Path("/srv").resolve(),
    )
    given = os.pathsep.join(["here", "/srv"])
    assert load(tmp_path, environ={"ERGON_ALLOW_PATHS": given}).allow_paths == (
        Path.cwd() / "here",
        Path("/srv").resolve(),
    )


def test_empty_files_and_keys_of_other_programs_say_nothing(tmp_path: Path) -> None:
    assert load(tmp_path, user="# nothing yet\n", workspace="x-team: {a: 1}\n") == Settings()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("concurency: 3\n", "Setting 'concurency'"),
        ("concurency: 3\n", "Did you mean 'concurrency'?"),
        ("concurrency: many\n", "input should be a valid integer, not 'many'"),
        ("concurrency: 0\n", "input should be greater than or equal to 1, not 0"),
        ("concurrency: true\n", "true is not a value of it"),
        ("durability: sometimes\n", "input should be 'full', 'process' or 'off', not 'sometimes'"),
        ("allow_paths: {a: 1}\n", "Setting 'allow_paths'"),
        ("- a\n", "is a mapping of names to values"),
        ("runs: [1\n", "ergon.yaml:1:7: this is not YAML"),
        ("runs: 1\nruns: 2\n", "ergon.yaml:2:1: the key 'runs' is already there in line 1"),
        ("profiles: 3\n", "profiles are a mapping"),
    ],
)
def test_a_bad_file_is_refused_by_name_and_place(tmp_path: Path, text: str, expected: str) -> None:
    said = refused(tmp_path, workspace=text)
    assert expected in said
    assert str(tmp_path / "ergon.yaml") in said


def test_a_bad_variable_is_refused_by_its_name(tmp_path: Path) -> None:
    assert "in ERGON_RUNS: input should be a valid integer, not 'x'" in refused(tmp_path, environ={"ERGON_RUNS": "x"})


@pytest.mark.parametrize(
    ("override", "expected"),
    [("runs", "it has no value"), ("rums=2", "Did you mean 'runs'?"), ("runs=0", "not '0'")],
)
def test_a_bad_override_is_refused(tmp_path: Path, override: str, expected: str) -> None:
    assert expected in refused(tmp_path, overrides=(override,))


def test_an_unknown_profile_is_refused_with_a_suggestion(tmp_path: Path) -> None:
    said = refused(tmp_path, workspace="profiles: {night: {}}\n", profile="nigth")
    assert "has no profile 'nigth'" in said
    assert "Did you mean 'night'?" in said
    assert "is a mapping" in refused(tmp_path, workspace="profiles: {night: 3}\n", profile="night")


def test_variables_that_are_no_settings_can_be_told(tmp_path: Path) -> None:
    environ = {"ERGON_HOME": "/x", "ERGON_RUNS": "3", "ERGON_RUSN": "3", "PATH": ""}
    assert unknown_variables(environ) == ["ERGON_RUSN"]
    assert load(tmp_path, environ=environ).runs == 3


def test_the_users_file_lies_in_the_platforms_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    import platformdirs

    assert user_settings_file().parent == Path(platformdirs.user_config_dir("ergon", appauthor=False))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    assert user_settings_file().parent == Path(platformdirs.user_config_dir("ergon", appauthor=False))


def test_a_mapping_may_be_given_whole_or_a_key_at_a_time(tmp_path: Path) -> None:
    settings = load(
        tmp_path,
        user="kernel: {preload: [numpy, pandas], pool: 3}\n",
        workspace="kernel.idle: 2m\n",
        environ={"ERGON_KERNEL_START": "pool"},
        overrides=("kernel.preload=numpy, polars",),
    )
    assert settings.kernel == KernelSettings(start="pool", preload=("numpy", "polars"), pool=3, idle=120.0)
    assert str(settings.origin("kernel.start")) == "environment (ERGON_KERNEL_START)"
    assert settings.origin("kernel.pool").layer == "user"
    assert settings.single()["kernel.preload"] == ["numpy", "polars"]
    assert list(settings.single()) == list(setting_fields())
    assert load(tmp_path, environ={"ERGON_KERNEL_IDLE": "30"}).kernel.idle == 30.0
    assert unknown_variables({"ERGON_KERNEL_START": "pool", "ERGON_KERNEL_STRAT": ""}) == ["ERGON_KERNEL_STRAT"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("kernel: {prelaod: []}\n", "Setting 'kernel.prelaod'"),
        ("kernel: {prelaod: []}\n", "Did you mean 'kernel.preload'?"),
        ("kernel: 3\n", "it is a mapping. Its keys are start, preload, pool, idle."),
        ("kernel: {pool: -1}\n", "Setting 'kernel.pool'"),
        ("kernel: {preload: [1]}\n", "input should be a valid string"),
        ("kernel: {idle: soon}\n", "ergon.yaml: a duration is a number of seconds or one like 500ms"),
        ("kernel: {start: now}\n", "input should be 'auto', 'fork', 'pool' or 'spawn', not 'now'"),
    ],
)
def test_a_bad_key_of_a_mapping_is_refused_by_its_name(tmp_path: Path, text: str, expected: str) -> None:
    assert expected in refused(tmp_path, workspace=text)
