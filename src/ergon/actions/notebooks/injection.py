"""Injection: the cell that carries a notebook's parameters, where papermill puts it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any

from ergon.actions.notebooks.book import INJECTED, PARAMETERS, Cell, Notebook, new_id, tagged
from ergon.actions.notebooks.choice import KernelChoice
from ergon.errors import ActionFailed


def inject(book: Notebook, parameters: Mapping[str, object], kernel: KernelChoice, warn: Callable[[str], None]) -> None:
    """Put a cell with the parameters in the place of an earlier one, after the parameters cell, or at the top."""
    cell: Cell = {
        "cell_type": "code",
        "execution_count": None,
        "id": new_id(),
        "metadata": {"tags": [INJECTED], "papermill": {}},
        "outputs": [],
        "source": code_of(parameters, kernel),
    }
    cells, earlier = book["cells"], tagged(book, INJECTED)
    if earlier >= 0:
        cells[earlier] = cell
        return
    place = tagged(book, PARAMETERS)
    if place < 0:
        warn("The notebook has no cell tagged `parameters`, so its parameters are put at the top.")
    cells.insert(place + 1, cell)


def code_of(parameters: Mapping[str, object], kernel: KernelChoice) -> str:
    """Give the code that sets the parameters, in the kernel's language; raises `ActionFailed` if nobody knows how."""
    from papermill.exceptions import PapermillException
    from papermill.translators import papermill_translators

    logging.getLogger("papermill").addHandler(logging.NullHandler())  # what matters is said in the step's log
    translator: Any = None
    for language in (kernel.language, kernel.noted):
        try:
            translator = papermill_translators.find_translator(kernel.name, language)
            break
        except PapermillException:
            continue
    if translator is None:
        hint = f"papermill has no translator for the language '{kernel.language}'."
        raise ActionFailed(f"Parameters cannot be written for the kernel '{kernel.name}'.", hint=hint)
    try:
        code: str = translator.codify(dict(parameters), "Parameters")
    except NotImplementedError as error:
        raise ActionFailed(f"Parameters cannot be written for the kernel '{kernel.name}': {error}.") from None
    return code


def hide_sources(book: Notebook) -> None:
    """Hide the code of all cells, as papermill's report mode does."""
    for cell in book["cells"]:
        if cell["cell_type"] == "code":
            known = cell["metadata"].get("jupyter")
            cell["metadata"]["jupyter"] = {**(known if isinstance(known, dict) else {}), "source_hidden": True}
