"""Catalog: finds actions by name: of installed packages, of this process, of the workflow's own modules."""

from __future__ import annotations

import contextlib
import difflib
import functools
import importlib.metadata
from collections.abc import Iterable, Sequence
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Final

from ergon.actions.action import Action, action_of, registry
from ergon.actions.modules import ImportFailed, drop_changed, import_module
from ergon.errors import ActionUnknown, CallableUnknown

GROUP: Final = "ergon.actions"
_OWN: Final = "jupyter-ergon"


class ActionCatalog:
    """The actions that a workflow can use.

    Entry points of the group `ergon.actions` name namespaces: `text = "mypkg.actions:ACTIONS"`, where
    `ACTIONS` is a sequence of decorated functions. Only the namespace that is asked for is imported.
    """

    def __init__(self, folder: Path | None = None) -> None:
        """Serve the workflows of a folder, whose Python files `module:function` can name."""
        self._folder = folder
        self._callables: dict[str, Action] = {}
        self._foreign: dict[str, Action] = {}

    def find(self, name: str) -> Action:
        """Give an action, importing what it needs; raises `ActionUnknown` or `CallableUnknown`."""
        if ":" in name:
            return self._callable(name)
        namespace = name.partition(".")[0]
        found = _pick(name, (_load(point) for point in _own_points().get(namespace, ())))
        found = found or registry.get(name) or self._foreign.get(name)
        if found is None and name in _broken:
            raise _broken[name]
        if found is None:
            found = _pick(name, (_load(point) for point in _all_points() if point.name == namespace))
            if found is None:
                raise ActionUnknown(name=name, suggestion=self._suggestion(name))
            self._foreign[name] = found
        return found

    def names(self) -> Sequence[str]:
        """Give the names of all actions that are installed or were imported, sorted."""
        return sorted({each.name for each in self.actions()})

    def actions(self) -> Sequence[Action]:
        """Give all actions that are installed or were imported, without namespaces that cannot be loaded."""
        found = dict(registry)
        for point in _all_points():
            with contextlib.suppress(CallableUnknown):  # `problems` tells
                found |= {each.name: each for each in _load(point)}
        return list(found.values())

    def problems(self) -> Sequence[str]:
        """Say of each namespace that cannot be loaded why."""
        said: list[str] = []
        for point in _all_points():
            try:
                _load(point)
            except CallableUnknown as error:
                said.append(error.sentence())
        return said

    def refresh(self) -> Sequence[str]:
        """Load modules anew whose file changed (S52); gives their names. Called before a run."""
        registered = {name: made.function.__module__ for name, made in registry.items()}
        stale = drop_changed()
        for module in stale:
            names = [name for name, home in registered.items() if home == module]
            if not names:
                continue
            for name in names:
                registry.pop(name, None)
            self._reload(module, names)
        return stale

    def _reload(self, module: str, names: Iterable[str]) -> None:
        """Import a module whose decorators make actions; if that fails, finding them says why."""
        try:
            import_module(module, self._folder)
        except ImportFailed as error:
            _broken.update({name: CallableUnknown(name=name, reason=str(error)) for name in names})

    # ---- module:function

    def _callable(self, name: str) -> Action:
        module, _, qualname = name.partition(":")
        if not _is_dotted(module) or not _is_dotted(qualname):
            raise CallableUnknown(name=name, reason="write it as module:function")
        try:
            found: object = import_module(module, self._folder)
        except ImportFailed as error:
            raise CallableUnknown(name=name, reason=str(error)) from error
        for part in qualname.split("."):
            found = _member(found, part, name)
        if not callable(found):
            raise CallableUnknown(name=name, reason=f"it is a {type(found).__name__}, which cannot be called")
        known = self._callables.get(name)
        if known is None or known.function is not _bare(found):
            known = self._callables[name] = action_of(found) or Action(found, name=name)
        return known

    def _suggestion(self, name: str) -> str:
        names = self.names()
        near = difflib.get_close_matches(name, names, n=1, cutoff=0.6)
        if not near:
            verb = name.rpartition(".")[2]
            near = [each for each in names if each.rpartition(".")[2] == verb][:1]
        return near[0] if near else ""


def _bare(found: object) -> object:
    made = action_of(found)
    return found if made is None else made.function


def _member(holder: object, name: str, whole: str) -> object:
    try:
        return getattr(holder, name)
    except AttributeError:
        where = getattr(holder, "__name__", str(holder))
        public = [each for each in dir(holder) if not each.startswith("_")]
        near = difflib.get_close_matches(name, public, n=1)
        more = f", but it has '{near[0]}'" if near else ""
        raise CallableUnknown(name=whole, reason=f"{where} has no '{name}'{more}") from None


def _is_dotted(text: str) -> bool:
    return bool(text) and all(part.isidentifier() for part in text.split("."))


# ---- installed packages ------------------------------------------------------------------------------------

_broken: dict[str, CallableUnknown] = {}
"""Actions whose module changed and can no longer be imported, by name."""
_namespaces: dict[EntryPoint, list[Action]] = {}


@functools.cache
def _own_points() -> dict[str, list[EntryPoint]]:
    """Give our own entry points by namespace, read from our distribution alone, which takes 1 ms."""
    try:
        points = importlib.metadata.distribution(_OWN).entry_points
    except importlib.metadata.PackageNotFoundError:  # run from its source without being installed
        return {}
    by_name: dict[str, list[EntryPoint]] = {}
    for point in points.select(group=GROUP):
        by_name.setdefault(point.name, []).append(point)
    return by_name


def _all_points() -> list[EntryPoint]:
    """Give the entry points of all installed packages, ours last: of two actions of one name ours counts."""
    own = [point for points in _own_points().values() for point in points]
    others = [point for point in importlib.metadata.entry_points(group=GROUP) if point not in own]
    return [*sorted(others, key=str), *own]


def _load(point: EntryPoint) -> list[Action]:
    """Import the actions of a namespace; raises `CallableUnknown` if that fails."""
    known = _namespaces.get(point)
    if known is None:
        try:
            listed = point.load()
        except (Exception, SystemExit) as error:  # another package's code may raise anything
            reason = f"its package cannot be loaded: {type(error).__name__}: {error}"
            raise CallableUnknown(name=point.value, reason=reason) from error
        known = _namespaces[point] = [_released(each, point) for each in listed]
    return known


def _released(thing: object, point: EntryPoint) -> Action:
    made = action_of(thing)
    if made is None:
        raise CallableUnknown(name=point.value, reason=f"it lists {thing!r}, which is no action")
    made.is_released = True
    return made


def _pick(name: str, namespaces: Iterable[list[Action]]) -> Action | None:
    return next((each for actions in namespaces for each in actions if each.name == name), None)
