"""Specs: the kernelspec that has Jupyter start its kernels from the fork server, and how each installed one starts."""

from __future__ import annotations

import json
import os
import shutil
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ergon.adapters.kernels.forked import Command, forkable, platform_forbids
from ergon.errors import NotPossible

NAME: Final = "ergon-python3"
_SPEC: Final = {
    "argv": [
        sys.executable,
        "-m",
        "ipykernel_launcher",
        "-f",
        "{connection_file}",
        "--HistoryManager.hist_file=:memory:",
    ],
    "display_name": "Python 3 (fast start)",
    "language": "python",
    "metadata": {
        "debugger": True,
        "supported_encryption": ["curve"],
        "kernel_provisioner": {"provisioner_name": "ergon"},
    },
    "kernel_protocol_version": "5.5",
}


@dataclass(frozen=True, slots=True)
class Installed:
    """A kernelspec that is installed."""

    name: str
    language: str
    folder: str
    start: str
    """How its kernels come to be for `notebook.run`."""


def install(*, prefix: str | None) -> Path:
    """Write the kernelspec: for the user, or into an environment's prefix; gives its folder. Raises `NotPossible`."""
    from jupyter_client.kernelspec import KernelSpecManager

    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "kernel.json").write_text(json.dumps(_SPEC, indent=1) + "\n", encoding="utf-8")
        try:
            made = KernelSpecManager().install_kernel_spec(folder, NAME, user=prefix is None, prefix=prefix)
        except OSError as error:
            raise NotPossible(what=f"install the kernel {NAME}", reason=str(error)) from None
    return Path(made)


def remove() -> list[Path]:
    """Remove the kernelspec wherever it is installed; gives the folders that went. Raises `NotPossible`."""
    from jupyter_core.paths import jupyter_path

    found = [Path(place) / NAME for place in jupyter_path("kernels")]
    gone = [folder for folder in found if (folder / "kernel.json").is_file()]
    for folder in gone:
        try:
            shutil.rmtree(folder)
        except OSError as error:
            raise NotPossible(what=f"remove the kernel {NAME}", reason=str(error)) from None
    return gone


def installed() -> list[Installed]:
    """List the kernelspecs that are installed."""
    from jupyter_client.kernelspec import KernelSpecManager

    manager = KernelSpecManager()
    found = []
    for name, folder in sorted(manager.find_kernel_specs().items()):
        spec = manager.get_kernel_spec(name)
        how = platform_forbids() or forkable(spec, os.environ)
        start = "forked" if isinstance(how, Command) else f"started: {how}"
        found.append(Installed(name, spec.language, folder, start))
    return found
