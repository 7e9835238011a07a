"""Modules: the Python files that a workflow names, imported and loaded anew when they change (S11, S52).

The workflow's folder is on the import path, last. What lies in it is compiled from its source every time: the
cached bytecode beside it may be that of an older text of the same second and length, and the hash in a cache
key must be that of the code that runs.
"""

from __future__ import annotations

import ast
import hashlib
import importlib
import importlib.util
import os
import sys
import threading
import traceback
from collections.abc import Iterable
from dataclasses import dataclass
from importlib.abc import PathEntryFinder
from importlib.machinery import (
    BYTECODE_SUFFIXES,
    EXTENSION_SUFFIXES,
    SOURCE_SUFFIXES,
    ExtensionFileLoader,
    FileFinder,
    PathFinder,
    SourceFileLoader,
    SourcelessFileLoader,
)
from pathlib import Path
from types import CodeType, ModuleType
from typing import Final


@dataclass(frozen=True, slots=True)
class _State:
    """What a module's file was when it was loaded."""

    file: str
    digest: str
    stat: tuple[int, int, int] | None


_LOCK: Final = threading.RLock()
_folders: list[str] = []
"""Folders of workflows that this process put on the import path, in their order there."""
_claimed: set[str] = set()
"""Folders of workflows, those that were on the import path before too."""
_loaded: dict[str, _State] = {}
"""Modules that are watched, by name."""


class ImportFailed(Exception):  # noqa: N818  # its reason is part of a sentence
    """A module cannot be imported; the reason is a clause: `weather.py line 3: No module named 'x'`."""


# ---- importing ---------------------------------------------------------------------------------------------


def import_module(name: str, folder: Path | None) -> ModuleType:
    """Import a module, also from a workflow's folder; raises `ImportFailed` with the reason."""
    with _LOCK:
        if folder is not None:
            _put_on_path(os.path.realpath(folder))
            _drop_namesakes(os.path.realpath(folder))
        try:
            module = _import(name)
        except (Exception, SystemExit) as error:  # a module's code may raise anything
            raise ImportFailed(_why(name, error)) from error
        _watch(name, module)
        return module


def _import(name: str) -> ModuleType:
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError:
        importlib.invalidate_caches()  # a file that is newer than the folder's listing
        return importlib.import_module(name)


def _put_on_path(folder: str) -> None:
    """Put a workflow's folder on the import path, last but before the folders of other workflows."""
    if _hook not in sys.path_hooks:
        sys.path_hooks.insert(0, _hook)
    if _folders[:1] == [folder] and folder in sys.path:
        return
    _claim(folder)
    if folder in _folders:
        _folders.remove(folder)
        sys.path[:] = [each for each in sys.path if each != folder]
    elif folder in sys.path:
        return
    position = next((index for index, each in enumerate(sys.path) if each in _folders), len(sys.path))
    sys.path.insert(position, folder)
    _folders.insert(0, folder)


def _claim(folder: str) -> None:
    """See that the folder's modules are loaded by our finder."""
    _claimed.add(folder)
    if not isinstance(sys.path_importer_cache.get(folder), _Finder):
        sys.path_importer_cache[folder] = _Finder.over(folder)


def _drop_namesakes(folder: str) -> None:
    """Forget modules of other workflows' folders if this folder has modules of those names."""
    if len(_folders) < 2:
        return
    strange = {
        name.partition(".")[0]
        for name, state in list(_loaded.items())
        if not _inside(state.file, folder) and any(_inside(state.file, other) for other in _folders)
    }
    for top in strange:
        if PathFinder.find_spec(top, [folder]) is not None:
            drop(name for name in list(sys.modules) if name == top or name.startswith(top + "."))


def drop(names: Iterable[str]) -> None:
    """Forget modules, so that the next import loads them anew; what still uses the old ones keeps them."""
    for name in list(names):
        sys.modules.pop(name, None)
        state = _loaded.pop(name, None)
        if state is not None:
            _remove_bytecode(state.file)


def _remove_bytecode(file: str) -> None:
    """Remove the cached bytecode, which Python takes for current if the second and the length agree."""
    try:
        os.unlink(importlib.util.cache_from_source(file))
    except (OSError, NotImplementedError, ValueError):
        return


def _why(name: str, error: BaseException) -> str:
    """Say in a clause why an import failed, with the file and line where it did."""
    if isinstance(error, ModuleNotFoundError) and error.name and (name + ".").startswith(error.name + "."):
        return f"there is no module '{error.name}'"
    if isinstance(error, SyntaxError) and error.filename:
        return f"{Path(error.filename).name} line {error.lineno}: {error.msg}"
    said = str(error) or type(error).__name__
    if isinstance(error, SystemExit):
        said = "it ends the program when it is imported"
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if _is_shown(frame.filename)]
    place = f"{Path(frames[-1].filename).name} line {frames[-1].lineno}: " if frames else ""
    kind = "" if isinstance(error, SystemExit | ImportError) else f"{type(error).__name__}: "
    return f"importing it fails: {place}{kind}{' '.join(said.split())}"


def _is_shown(file: str) -> bool:
    return not file.startswith("<") and file != __file__ and not file.endswith("importlib/__init__.py")


def workflow_folder(module: str) -> str:
    """Give the workflow's folder that a loaded module lies in, for another process; empty if in none."""
    file = getattr(sys.modules.get(module), "__file__", None)
    return next((folder for folder in _folders if file and _inside(file, folder)), "")


# ---- loading from source -----------------------------------------------------------------------------------


class _SourceLoader(SourceFileLoader):
    """Compiles a module's source and remembers its hash; neither reads nor writes bytecode."""

    def get_code(self, fullname: str) -> CodeType:
        """Compile the module."""
        file = self.get_filename(fullname)
        stat = _stat(file)
        data = self.get_data(file)
        code: CodeType = self.source_to_code(data, file)
        _loaded[fullname] = _State(file, hashlib.sha256(data).hexdigest(), stat)
        return code


class _Finder(FileFinder):
    """Finds the modules of a workflow's folder."""

    @classmethod
    def over(cls, folder: str) -> _Finder:
        """Give a finder for a folder."""
        return cls(
            folder,
            (ExtensionFileLoader, EXTENSION_SUFFIXES),
            (_SourceLoader, SOURCE_SUFFIXES),
            (SourcelessFileLoader, BYTECODE_SUFFIXES),
        )


def _hook(path: str) -> PathEntryFinder:
    """Serve the folders of packages that lie in a workflow's folder."""
    real = os.path.realpath(path)
    own = any(_inside(real, folder) for folder in _claimed)
    if not own or _is_installed(real) or not os.path.isdir(real):
        raise ImportError
    return _Finder.over(path)


def _is_installed(path: str) -> bool:
    """Say whether a path belongs to an installed package, as in a `.venv` beside the workflow."""
    return not {"site-packages", "dist-packages"}.isdisjoint(Path(path).parts)


def _inside(path: str, folder: str) -> bool:
    return os.path.realpath(path).startswith(folder.rstrip(os.sep) + os.sep) or os.path.realpath(path) == folder


# ---- loading anew ------------------------------------------------------------------------------------------


def module_digest(name: str) -> str:
    """Give the hash of the source that a module was loaded from; empty if it has no source file."""
    with _LOCK:
        module = sys.modules.get(name)
        if name not in _loaded and module is not None:
            _watch(name, module)
        state = _loaded.get(name)
        return state.digest if state is not None else ""


def drop_changed() -> list[str]:
    """Forget the watched modules whose file changed, and those that import them; gives their names."""
    with _LOCK:
        changed = {name for name, state in list(_loaded.items()) if _has_changed(name, state)}
        if not changed:
            return []
        watched = [(name, state.file) for name, state in list(_loaded.items()) if name in sys.modules]
        imports = {name: _imports(name, file) for name, file in watched}
        stale = set(changed)
        while more := {name for name, named in imports.items() if named & stale} - stale:
            stale |= more
        drop(stale)
        importlib.invalidate_caches()
        return sorted(stale)


def _watch(name: str, module: ModuleType) -> None:
    """Remember what a module's file is, unless its loader did."""
    file = getattr(module, "__file__", None)
    if name in _loaded or name == "__main__" or not file or not file.endswith(tuple(SOURCE_SUFFIXES)):
        return
    stat = _stat(file)
    digest = _digest(file)
    if digest:
        _loaded[name] = _State(file, digest, stat)


def _has_changed(name: str, state: _State) -> bool:
    if name not in sys.modules or _is_installed(state.file) or _stat(state.file) == state.stat:
        return False
    if _digest(state.file) != state.digest:
        return True
    _loaded[name] = _State(state.file, state.digest, _stat(state.file))  # touched, or saved as it was
    return False


def _stat(file: str) -> tuple[int, int, int] | None:
    try:
        found = os.stat(file)
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino


def _digest(file: str) -> str:
    try:
        return hashlib.sha256(Path(file).read_bytes()).hexdigest()
    except OSError:
        return ""


def _imports(name: str, file: str) -> set[str]:
    """Give the names of the modules that a module's source imports."""
    try:
        tree = ast.parse(Path(file).read_bytes())
    except (OSError, SyntaxError, ValueError):
        return set()
    package = getattr(sys.modules.get(name), "__package__", "") or ""
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = _absolute(node, package)
            found.add(base)
            found.update(f"{base}.{alias.name}" for alias in node.names)
    return found


def _absolute(node: ast.ImportFrom, package: str) -> str:
    if not node.level:
        return node.module or ""
    parent = package.rsplit(".", node.level - 1)[0] if node.level > 1 else package
    return f"{parent}.{node.module}" if node.module else parent
