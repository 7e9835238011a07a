"""Doors: adapters are chosen by a URL's scheme, and found by the entry points of installed packages."""

from __future__ import annotations

from typing import Any

from ergon.errors import AdapterUnknown


def adapter(group: str, port: str, url: str) -> Any:  # Any: the port's type is the caller's to say
    """Make the adapter that serves a URL's scheme; raises `AdapterUnknown`."""
    from importlib.metadata import entry_points

    scheme = url.partition(":")[0]
    points = entry_points(group=group)
    for point in points:
        if point.name == scheme:
            return point.load()(url)
    raise AdapterUnknown(port=port, url=url, known=sorted({point.name for point in points}))
