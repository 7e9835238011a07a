"""Doors: adapters are chosen by a URL's scheme, and found by the entry points of installed packages."""

from __future__ import annotations

import importlib.metadata
from importlib.metadata import EntryPoints
from typing import Any

from ergon.errors import AdapterUnknown


def adapter(group: str, port: str, url: str) -> Any:  # Any: the port's type is the caller's to say
    """Make the adapter that serves a URL's scheme; raises `AdapterUnknown`."""
    scheme = url.partition(":")[0]
    points = _own(group)
    if scheme not in points.names:
        points = importlib.metadata.entry_points(group=group)
    for point in points.select(name=scheme):
        return point.load()(url)
    raise AdapterUnknown(port=port, url=url, known=sorted(points.names))


def _own(group: str) -> EntryPoints:
    """Give our own entry points of a group: one file is read, and not one of every installed package."""
    try:
        return importlib.metadata.distribution("jupyter-ergon").entry_points.select(group=group)
    except importlib.metadata.PackageNotFoundError:  # run from its source without being installed
        return EntryPoints()
