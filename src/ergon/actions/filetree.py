"""File actions that do not look into files: copying, moving, deleting, listing."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePath
from typing import Any, Final, Literal

from ergon.actions.action import action
from ergon.actions.filecontent import Name, refuse_existing, remove_created
from ergon.actions.writing import replacing, sync_folder, told
from ergon.errors import ActionFailed
from ergon.ports import Context, Problem

_MAX_LISTED: Final = 100_000
_CHUNK: Final = 1_000_000


@action(
    "file.copy",
    undo=remove_created,
    example="""
    id: keep
    uses: file.copy
    with: {source: data/weather.csv, target: build/weather.csv}
    """,
)
def copy(
    source: Path, target: Name, overwrite: bool = True, recursive: bool = False, *, ctx: Context
) -> dict[str, object]:
    """Copies a file, or a folder with all that is in it.

    Args:
        source: The file or folder.
        target: The copy's name; one that ends with `/` is a folder to put it into.
        overwrite: Whether a file that is there is replaced.
        recursive: Must be true for a folder; its files are then added to a target folder that is there.
    """
    origin = ctx.path(source)
    file = _target(ctx, origin, target)
    if not overwrite:
        refuse_existing(file, target, ctx)
    with told(source):
        if origin.is_dir():
            return _copy_folder(origin, file, source, recursive)
        if file.is_dir():
            raise ActionFailed(f"{target} is a folder.", hint=f"Write '{target}/' to put the file into it.")
        if file == origin:
            raise ActionFailed(f"{source} cannot be copied onto itself.")
        created = not file.exists()
        with origin.open("rb") as content, replacing(file) as sink:
            while chunk := content.read(_CHUNK):
                sink.write(chunk)
        shutil.copymode(origin, file)
    return {"path": str(file), "size": sink.size, "sha256": sink.sha256, "created": created}


def _copy_folder(origin: Path, target: Path, name: object, recursive: bool) -> dict[str, object]:
    if not recursive:
        raise ActionFailed(f"{name} is a folder.", hint="Say `recursive: true` to copy it with all that is in it.")
    if target.is_relative_to(origin):
        raise ActionFailed(f"{name} cannot be copied into itself.")
    created = not target.exists()
    shutil.copytree(origin, target, symlinks=True, dirs_exist_ok=True)
    files = [each for each in target.rglob("*") if each.is_file()]
    return {
        "path": str(target),
        "size": sum(each.stat().st_size for each in files),
        "sha256": "",
        "created": created,
    }


def _target(ctx: Context, origin: Path, name: str) -> Path:
    inside = name.endswith(("/", os.sep))
    return ctx.path(Path(name) / origin.name if inside else name, write=True)


def _move_back(output: Mapping[str, Any], ctx: Context) -> None:
    file, origin = ctx.path(output["path"], write=True), _entry(ctx, output["source"])
    if not output["created"]:
        raise ActionFailed(f"{file} replaced an earlier file, which cannot be brought back.")
    if os.path.lexists(origin):
        raise ActionFailed(f"{origin} is there again, so {file} is not moved back.")
    with told(file):
        _move(file, origin)


@action(
    "file.move",
    undo=_move_back,
    example="""
    id: archive
    uses: file.move
    with: {source: build/report.md, target: archive/}
    """,
)
def move(source: Name, target: Name, overwrite: bool = True, *, ctx: Context) -> dict[str, object]:
    """Moves or renames a file or folder.

    A step that was cut off after the move and runs again sees that it is done. Undoing it moves the file
    back, unless it replaced another.

    Args:
        source: The file or folder.
        target: Its new name; one that ends with `/` is a folder to put it into.
        overwrite: Whether a file that is there is replaced; a folder never is.
    """
    origin = _entry(ctx, source)
    file = _target(ctx, origin, target)
    with told(source):
        identity = ctx.once("moved", lambda: {"source": _identity(origin), "created": not os.path.lexists(file)})
        assert isinstance(identity, dict)
        if not os.path.lexists(origin):
            if identity["source"] is None or _identity(file) != identity["source"]:
                raise FileNotFoundError(str(origin))
        else:
            _check_move(ctx, origin, file, source, target, overwrite)
            _move(origin, file)
    return {"path": str(file), "source": str(origin), "created": bool(identity["created"])}


def _identity(path: Path) -> list[int] | None:
    """Give what tells a file from others and survives a rename; None if it is not there."""
    if not os.path.lexists(path):
        return None
    found = path.lstat()
    return [found.st_size, found.st_mtime_ns]


def _check_move(ctx: Context, origin: Path, file: Path, source: str, target: str, overwrite: bool) -> None:
    _refuse_home(ctx, origin, source)
    if file.is_dir():
        raise ActionFailed(f"{target} is a folder.", hint=f"Write '{target}/' to put it into the folder.")
    if file.is_relative_to(origin):
        raise ActionFailed(f"{source} cannot be moved into itself.")
    if not overwrite and os.path.lexists(file):
        raise ActionFailed(f"{target} is there already.", hint="Say `overwrite: true` to replace it.")


def _move(origin: Path, file: Path) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.replace(origin, file)
    except IsADirectoryError:
        raise
    except OSError:  # another file system, or a folder onto a file
        shutil.move(origin, file)
    sync_folder(file.parent)
    sync_folder(origin.parent)


@action(
    "file.delete",
    example="""
    id: tidy
    uses: file.delete
    with: {path: build/notes.txt, missing_ok: true}
    """,
)
def delete(path: Name, recursive: bool = False, missing_ok: bool = False, *, ctx: Context) -> dict[str, object]:
    """Deletes a file, or a folder with all that is in it.

    Of a symbolic link the link is deleted, never what it points at.

    Args:
        path: The file or folder.
        recursive: Must be true for a folder.
        missing_ok: Whether it may be gone already.
    """
    target = _entry(ctx, path)
    with told(path):
        existed = ctx.once("existed", lambda: os.path.lexists(target))
        if not os.path.lexists(target):
            if not existed and not missing_ok:
                raise ActionFailed(f"There is no file {path}.", hint="Say `missing_ok: true` if that is all right.")
            return {"path": str(target), "deleted": bool(existed)}
        _refuse_home(ctx, target, path)
        if target.is_dir() and not target.is_symlink():
            if not recursive:
                hint = "Say `recursive: true` to delete it with all that is in it."
                raise ActionFailed(f"{path} is a folder.", hint=hint)
            shutil.rmtree(target)
        else:
            target.unlink()
    return {"path": str(target), "deleted": True}


def _entry(ctx: Context, path: str) -> Path:
    """Resolve a path whose last part may be a symbolic link that is meant itself."""
    pure = PurePath(path)
    if pure.name in ("", ".", ".."):
        return ctx.path(path, write=True)
    return ctx.path(str(pure.parent), write=True) / pure.name


def _refuse_home(ctx: Context, path: Path, name: object) -> None:
    """Refuse to take away what the run itself lives in."""
    for home in (ctx.workspace.resolve(), ctx.folder.resolve(), (ctx.workspace / ".ergon").resolve()):
        if home.is_relative_to(path):
            raise ActionFailed(f"{name} holds the workflow or the runs of this workspace, so it stays.")


# ---- looking -----------------------------------------------------------------------------------------------


def _check_pattern(config: Mapping[str, object]) -> list[Problem]:
    pattern = config.get("pattern")
    if isinstance(pattern, str) and "{{" not in pattern and (fault := _pattern_fault(pattern)):
        return [Problem(("pattern",), f"Input 'pattern' of file.list: {fault}.")]
    return []


def _pattern_fault(pattern: str) -> str:
    pure = PurePath(pattern)
    if not pattern or pure.is_absolute() or ".." in pure.parts:
        return "must stay inside the folder: `*.csv`, or `**/*.csv` for all depths"
    return ""


@action(
    "file.list",
    check=_check_pattern,
    example="""
    id: inputs
    uses: file.list
    with: {path: data, pattern: "*.csv"}
    """,
)
def list_(
    path: str = ".",
    pattern: str = "*",
    kind: Literal["file", "folder", "any"] = "file",
    hidden: bool = False,
    *,
    ctx: Context,
) -> list[dict[str, object]]:
    """Lists the files of a folder, sorted by path.

    Each is a mapping of `path`, `name`, `kind`, `size` (bytes) and `modified` (seconds since 1970 UTC). A
    link that leads out of the workspace is left out.

    Args:
        path: The folder.
        pattern: Which names: `*.csv`, or `**/*.csv` for all depths.
        kind: What to list.
        hidden: Whether names that begin with a dot are listed.
    """
    folder = ctx.path(path)
    if fault := _pattern_fault(pattern):
        raise ActionFailed(f"The pattern '{pattern}' {fault}.")
    if not folder.is_dir():
        what = "is a file, not a folder" if folder.exists() else "is not there"
        raise ActionFailed(f"{path} {what}.")
    with told(path):
        found = sorted(_entries(ctx, folder, pattern, hidden))
    return [_facts(each) for each in found if kind == "any" or each.is_dir() == (kind == "folder")]


def _entries(ctx: Context, folder: Path, pattern: str, hidden: bool) -> Iterator[Path]:
    allowed = (ctx.workspace.resolve(), folder)
    for count, each in enumerate(folder.glob(pattern)):
        if count >= _MAX_LISTED:
            raise ActionFailed(f"More than {_MAX_LISTED:,} names fit '{pattern}'.")
        if not hidden and any(part.startswith(".") for part in each.relative_to(folder).parts):
            continue
        real = each.resolve()
        if each != folder and each.exists() and any(real.is_relative_to(root) for root in allowed):
            yield each


def _facts(path: Path) -> dict[str, object]:
    found = path.stat()
    return {
        "path": str(path),
        "name": path.name,
        "kind": "folder" if path.is_dir() else "file",
        "size": found.st_size,
        "modified": found.st_mtime,
    }


@action(
    "file.exists",
    example="""
    id: ready
    uses: file.exists
    with: {path: data/weather.csv}
    """,
)
def exists(path: str, kind: Literal["file", "folder", "any"] = "any", *, ctx: Context) -> bool:
    """Says whether a file or folder is there.

    Args:
        path: Its name.
        kind: What it must be.
    """
    found = ctx.path(path)
    if kind == "any":
        return found.exists()
    return found.is_file() if kind == "file" else found.is_dir()
