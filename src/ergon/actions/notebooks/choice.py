"""Choice: which kernel a notebook runs in."""

from __future__ import annotations

from dataclasses import dataclass

from ergon.actions.notebooks.book import Notebook, named_kernel
from ergon.errors import ActionFailed, NotebookInvalid


@dataclass(frozen=True, slots=True)
class KernelChoice:
    """A kernel that is installed."""

    name: str
    language: str
    """The language that its specification names."""
    noted: str = ""
    """The language that the notebook itself names, if it does."""


def choose_kernel(book: Notebook, asked: str, name: str) -> KernelChoice:
    """Choose the kernel that was asked for, or that the notebook names.

    Raises `NotebookInvalid` if it names none, and `ActionFailed` if the kernel is not installed.
    """
    from jupyter_client.kernelspec import NATIVE_KERNEL_NAME, KernelSpecManager, NoSuchKernel

    specs = KernelSpecManager()
    wanted = asked or named_kernel(book)
    if not wanted:
        hint = f"Say `kernel: NAME` in the step; installed are: {_installed(specs)}."
        raise NotebookInvalid(notebook=name, reason="it does not name a kernel", hint=hint)
    if wanted == "python":  # what old notebooks call it
        wanted = NATIVE_KERNEL_NAME
    try:
        spec = specs.get_kernel_spec(wanted)
    except NoSuchKernel:
        raise ActionFailed(f"There is no kernel '{wanted}'.", hint=f"Installed are: {_installed(specs)}.") from None
    metadata = book["metadata"]
    noted = metadata.get("language_info", {}).get("name") or metadata.get("kernelspec", {}).get("language") or ""
    return KernelChoice(wanted, spec.language or str(noted), str(noted))


def _installed(specs: object) -> str:
    names = sorted(specs.find_kernel_specs())  # type: ignore[attr-defined]  # KernelSpecManager is imported when used
    return ", ".join(names) or "none"
